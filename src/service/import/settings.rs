//! What an environment is made of before anybody connects: secrets, connectors, integrations; and its users.

use std::collections::HashSet;

use vouchsafe_entity::id::{IntegrationId, UserId};

use super::line::{ConnectorLine, IntegrationLine, SecretLine, UserLine};
use super::{Importing, Numbered};
use crate::domain::connector::Connector;
use crate::service::audit::Target;
use crate::service::connectors::{NewConnector, ensure_placed};
use crate::service::integrations::NewIntegration;
use crate::service::secrets::NewSecret;
use crate::service::users::NewUser;
use crate::service::validate::Checker;
use crate::service::{Code, Error};
use crate::store;

impl Importing<'_> {
    pub(super) async fn secrets(&mut self, lines: Vec<Numbered<SecretLine>>) -> Result<(), Error> {
        let (hub, environment, now) = (self.hub, self.actor.environment(), self.hub.now());
        let keys: Vec<&str> = lines.iter().map(|(_, line)| line.key.as_str()).collect();
        if keys.is_empty() {
            return Ok(());
        }
        if !store::environment::stay(&self.tx, &[environment]).await? {
            return Err(Error::NotFound);
        }
        let there = store::secret::by_keys(&self.tx, environment, &keys).await?;
        let mut there: HashSet<String> = there.into_iter().map(|secret| secret.key).collect();
        let days = hub.warning_days(&self.tx, &[environment]).await?;
        let mut events = Vec::new();
        for (number, line) in lines {
            if !there.insert(line.key.clone()) {
                self.done.secrets.there += 1;
                continue;
            }
            let end = Checker::default().moment("", line.expires_at.as_deref());
            if end.is_some_and(|end| end <= now) {
                self.done.ended += 1;
                continue;
            }
            let (active, mut issuers) = (line.active, line.issuer_providers.clone());
            let new = NewSecret::from(line);
            let (mut secret, end) = match hub.checked_secret(self.actor, &new, now) {
                Ok(checked) => checked,
                Err(error) => {
                    self.refuse(number, "secret", error)?;
                    continue;
                }
            };
            secret.set_end(end, now, &days);
            secret.active = active;
            issuers.retain(|slug| !secret.issuer_providers.contains(slug));
            secret.issuer_providers.extend(issuers);
            secret.sealed = Some(hub.seal_secret(&secret, &new.value)?);
            store::secret::insert(&self.tx, &secret, &[environment]).await?;
            let what = Some(format!("{}, {}, {}", secret.key, secret.kind, secret.visibility));
            events.push(self.event("secret.create", Target::new("secret", secret.id), what));
            self.done.secrets.new += 1;
        }
        hub.insert_audit(&self.tx, &events).await
    }

    pub(super) async fn connectors(&mut self, lines: Vec<Numbered<ConnectorLine>>) -> Result<(), Error> {
        let environment = self.actor.environment();
        let keys: Vec<String> = lines.iter().map(|(_, line)| line.key.clone()).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let found = store::connector::by_keys(&self.tx, environment, &keys).await?;
        // One that nobody has set up yet takes the settings of the file.
        let (there, bare): (Vec<Connector>, Vec<Connector>) =
            found.into_iter().partition(|connector| connector.explicit);
        let mut there: HashSet<String> = there.into_iter().map(|connector| connector.key).collect();
        let mut events = Vec::new();
        for (number, line) in lines {
            let key = line.key.clone();
            if !there.insert(key.clone()) {
                self.done.connectors.there += 1;
                continue;
            }
            let before = bare.iter().find(|connector| connector.key == key);
            let (connector, references) = match self.checked_connector(&key, line.into(), before) {
                Ok(checked) => checked,
                Err(error) => {
                    self.refuse(number, "connector", error)?;
                    self.refused.insert(("connector", key));
                    continue;
                }
            };
            store::connector::save(&self.tx, environment, &connector, self.hub.now()).await?;
            store::secret_reference::replace(&self.tx, environment, connector.id, &references).await?;
            let what = Some(format!("provider {}", connector.provider));
            events.push(self.event("connector.put", Target::new("connector", key), what));
            self.done.connectors.new += 1;
        }
        self.hub.insert_audit(&self.tx, &events).await
    }

    /// A reference may be to a secret that can't be used just now, as in the hub that it comes from.
    fn checked_connector(
        &self,
        key: &str,
        new: NewConnector,
        before: Option<&Connector>,
    ) -> Result<(Connector, Vec<(String, String)>), Error> {
        let settled = before.is_some_and(|before| before.provider != new.provider);
        let definition = self.hub.checked_definition(key, &new, settled)?;
        ensure_placed(&new, &definition)?;
        self.hub.built_connector(self.actor, key, new, before, &definition)
    }

    pub(super) async fn integrations(&mut self, lines: Vec<Numbered<IntegrationLine>>) -> Result<(), Error> {
        let (hub, environment) = (self.hub, self.actor.environment());
        let slugs: Vec<&str> = lines.iter().map(|(_, line)| line.slug.as_str()).collect();
        if slugs.is_empty() {
            return Ok(());
        }
        let there = store::integration::taken(&self.tx, environment, &slugs).await?;
        let mut there: HashSet<String> = there.into_iter().collect();
        let new: Vec<(usize, String, NewIntegration)> =
            lines.into_iter().map(|(number, line)| (number, line.slug.clone(), line.into())).collect();
        let keys: Vec<String> = new.iter().flat_map(|(_, _, new)| new.connector_keys()).collect();
        let known = hub.connectors_in(&self.tx, self.actor, &keys).await?;
        let providers = hub.providers();
        let mut events = Vec::new();
        for (number, slug, new) in new {
            if !there.insert(slug.clone()) {
                self.done.integrations.there += 1;
                continue;
            }
            if let Err(error) = new.check(&slug, &known, &providers) {
                self.refuse(number, "integration", error)?;
                continue;
            }
            let integration = new.into_integration(IntegrationId::new(hub.ids.next()), &slug, hub.now());
            store::integration::save(&self.tx, environment, &integration).await?;
            events.push(self.event("integration.put", Target::new("integration", slug), None));
            self.done.integrations.new += 1;
        }
        hub.insert_audit(&self.tx, &events).await
    }

    pub(super) async fn users(&mut self, lines: Vec<Numbered<UserLine>>) -> Result<(), Error> {
        let environment = self.actor.environment();
        let usernames: Vec<String> = lines.iter().map(|(_, line)| line.username.clone()).collect();
        if usernames.is_empty() {
            return Ok(());
        }
        let ids: Vec<UserId> = lines.iter().filter_map(|(_, line)| line.user_id).collect();
        let there = store::user::taken(&self.tx, environment, &usernames).await?;
        let mut there: HashSet<String> = there.into_iter().collect();
        let taken = store::taken_ids(&self.tx, environment, &ids).await?;
        let mut taken: HashSet<UserId> = taken.into_iter().collect();
        let mut users = Vec::new();
        for (number, line) in lines {
            if !there.insert(line.username.clone()) {
                self.done.users.there += 1;
                continue;
            }
            let (id, new) = (line.user_id, NewUser::from(line));
            let mut checker = Checker::default();
            new.check(&mut checker, "");
            if id.is_some_and(|id| !taken.insert(id)) {
                checker.add("/userId", Code::UsernameTaken.as_str(), "Another user has this id.");
            }
            if let Err(error) = checker.finish() {
                self.refuse(number, "user", error)?;
                self.refused.insert(("user", new.username));
                continue;
            }
            let mut user = new.into_user(self.hub);
            user.id = id.unwrap_or(user.id);
            users.push(user);
        }
        if users.is_empty() {
            return Ok(());
        }
        store::user::insert_many(&self.tx, environment, &users).await?;
        self.done.users.new += users.len();
        let made = Some(format!("{} users", users.len()));
        let event = self.event("user.create", Target { kind: "user", id: None }, made);
        self.hub.insert_audit(&self.tx, &[event]).await
    }
}
