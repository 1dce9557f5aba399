//! What a change of a connector is about: the names of its settings and never their values, which may be secret.

use std::collections::BTreeSet;

use super::NewConnector;
use crate::domain::connector::Connector;

/// The secrets that somebody sends for a connector, by name.
pub(super) struct Sent {
    client_secret: bool,
    variables: Vec<String>,
}

impl Sent {
    /// What `new` may set or remove of what is sealed.
    pub(super) fn in_new(new: &NewConnector) -> Self {
        Self {
            client_secret: new.client_secret.is_some(),
            variables: new.variables.keys().cloned().collect(),
        }
    }

    /// What the audit log says of the change from `before` to `after`. A secret that was sent counts as another one.
    pub(super) fn told(&self, before: &Connector, after: &Connector) -> String {
        let names = self.changed(before, after);
        let provider = &after.provider;
        if names.is_empty() {
            return format!("provider {provider}");
        }
        format!("provider {provider}: {}", names.join(", "))
    }

    fn changed(&self, before: &Connector, after: &Connector) -> Vec<String> {
        let has_secret = before.has_client_secret || after.has_client_secret;
        let settings = [
            ("provider", before.provider != after.provider),
            ("enabled", before.enabled != after.enabled),
            ("methods", before.methods != after.methods),
            ("clientId", before.client_id != after.client_id),
            ("clientSecret", self.client_secret && has_secret),
            ("scopes", before.scopes != after.scopes),
            ("authorizationParams", before.authorization_params != after.authorization_params),
        ];
        let settings = settings.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned());
        let variables = self.changed_variables(before, after);
        settings.chain(variables.into_iter().map(|name| format!("variables.{name}"))).collect()
    }

    fn changed_variables<'a>(&self, before: &'a Connector, after: &'a Connector) -> BTreeSet<&'a String> {
        let plain = before.variables.keys().chain(after.variables.keys());
        let plain = plain.filter(|name| before.variables.get(*name) != after.variables.get(*name));
        let secret = before.secret_variables.iter().chain(&after.secret_variables);
        let secret = secret.filter(|name| {
            self.variables.contains(name)
                || before.secret_variables.contains(name) != after.secret_variables.contains(name)
        });
        plain.chain(secret).collect()
    }
}

#[cfg(test)]
mod tests {
    use vouchsafe_entity::id::EnvironmentId;

    use super::*;

    #[test]
    fn a_change_is_told_by_names_alone() {
        let environment = EnvironmentId::new(uuid::Uuid::from_u128(1));
        let before = Connector {
            variables: [("region".to_owned(), "eu-value".to_owned())].into(),
            secret_variables: vec!["kept".to_owned(), "sent".to_owned(), "gone".to_owned()],
            ..Connector::by_default(environment, "crm")
        };
        let nothing = Sent { client_secret: true, variables: Vec::new() };
        assert_eq!(nothing.told(&before, &before), "provider crm", "there was no secret to remove");

        let after = Connector {
            enabled: false,
            client_id: Some("id-value".to_owned()),
            has_client_secret: true,
            scopes: vec!["scope-value".to_owned()],
            variables: [("region".to_owned(), "us-value".to_owned()), ("new".to_owned(), "x".to_owned())]
                .into(),
            secret_variables: vec!["kept".to_owned(), "sent".to_owned()],
            ..before.clone()
        };
        let sent = Sent { client_secret: true, variables: vec!["region".to_owned(), "sent".to_owned()] };
        assert_eq!(
            sent.told(&before, &after),
            "provider crm: enabled, clientId, clientSecret, scopes, variables.gone, variables.new, \
             variables.region, variables.sent"
        );
    }
}
