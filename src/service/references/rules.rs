//! Whether a secret may be used where a reference stands: one function for calls and settings.

use std::sync::Arc;

use vouchsafe_entity::millis::Millis;

use crate::domain::secret::{Secret, SecretEnd};
use crate::provider::{Authority, Definition, HostOwner, SettingHosts};
use crate::service::{Code, Error, Hub};

/// What a secret is used for.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct Usage<'a> {
    /// The integration that the use is for.
    pub(in crate::service) product: Option<&'a str>,
    /// The connector, and its provider's slug; none in a call to an address of the caller's.
    pub(in crate::service) app: Option<(&'a str, &'a str)>,
    /// Where the value goes.
    pub(in crate::service) destination: Destination<'a>,
}

/// Where a value goes.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) enum Destination<'a> {
    /// With a call to this host; `typed`: somebody named it, and the definition does not fix its domain.
    Call { to: &'a Authority, typed: bool },
    /// Into a setting of a connector, which goes to these.
    Setting(&'a SettingHosts),
}

impl Usage<'_> {
    /// Where the secret was to go, in words.
    pub(super) fn place(&self) -> String {
        match (self.destination, self.app) {
            (Destination::Call { to, .. }, _) => format!("a call to {}", to.host),
            (Destination::Setting(_), Some((connector, _))) => format!("the connector {connector}"),
            (Destination::Setting(_), None) => "a connector".to_owned(),
        }
    }
}

impl Hub {
    /// Whether the issuer of a secret is a provider. Calls may take one that lists no hosts to those of such an issuer,
    /// and else nowhere.
    pub fn has_issuing_provider(&self, secret: &Secret) -> bool {
        !self.issuing_providers(secret).is_empty()
    }

    /// Refuses a use that the secret is not for.
    pub(super) fn check_use(&self, secret: &Secret, usage: &Usage<'_>, now: Millis) -> Result<(), Error> {
        let key = &secret.key;
        let refuse = |code, what: String| Err(Error::refused(code, format!("The secret `{key}` {what}.")));
        match secret.end(now) {
            Some(SecretEnd::Revoked) => return refuse(Code::ReferenceRevoked, "was revoked".to_owned()),
            Some(SecretEnd::Expired) => return refuse(Code::ReferenceExpired, "has expired".to_owned()),
            None => {}
        }
        if !secret.active {
            return refuse(Code::ReferenceInactive, "is switched off".to_owned());
        }
        if !secret.scope.covers(usage.product, usage.app.map(|(connector, _)| connector)) {
            let what = "is for other integrations or connectors; see its scope".to_owned();
            return refuse(Code::ReferenceOutOfScope, what);
        }
        let issuers = self.issuing_providers(secret);
        if let Some(gone) = secret.issuer_providers.first().filter(|_| issuers.is_empty()) {
            let what =
                format!("was issued by `{gone}`, of which this hub has no definition, and goes nowhere else");
            return refuse(Code::ReferenceWrongIssuer, what);
        }
        if let Some(issuer) = issuers.first()
            && !issuers.iter().any(|issuer| is_app_of(issuer, usage))
        {
            let what = format!("was issued by {} and goes nowhere else", issuer.name());
            return refuse(Code::ReferenceWrongIssuer, what);
        }
        let hosts = match usage.destination {
            Destination::Call { to, .. } => std::slice::from_ref(to),
            Destination::Setting(hosts) => hosts.known.as_slice(),
        };
        if let Some(host) = hosts.iter().find(|host| !may_go(secret, &issuers, usage, host)) {
            let what = format!("may not go to `{}`; see its allowedHosts", host.host);
            return refuse(Code::ReferenceHostNotAllowed, what);
        }
        Ok(())
    }

    /// The providers that the issuer of a secret names or has named, of those that there are; none where it is free text.
    fn issuing_providers(&self, secret: &Secret) -> Vec<Arc<Definition>> {
        let providers = self.providers();
        let kept = secret.issuer_providers.iter().filter_map(|slug| providers.get(slug));
        let mut found: Vec<Arc<Definition>> = kept.collect();
        for named in secret.issuer.iter().flat_map(|issuer| providers.named(issuer)) {
            if !found.iter().any(|one| one.slug() == named.slug()) {
                found.push(Arc::clone(named));
            }
        }
        found
    }
}

/// Whether the use is for the app that issued the secret.
fn is_app_of(issuer: &Definition, usage: &Usage<'_>) -> bool {
    match (usage.app, usage.destination) {
        (Some((_, provider)), _) => provider == issuer.slug(),
        (None, Destination::Call { to, .. }) => issuer.host_owner(&to.host, to.port) != HostOwner::Another,
        (None, Destination::Setting(_)) => false,
    }
}

/// Whether the secret may go to a host: one that it lists. Where it lists none, a call may take it to those of its issuer,
/// and a setting to those of the connector's provider. A host that somebody types, in the connector or as a user, is
/// nobody's own unless the definition fixes its domain, also where the credential of the call may go there.
fn may_go(secret: &Secret, issuers: &[Arc<Definition>], usage: &Usage<'_>, to: &Authority) -> bool {
    if !secret.allowed_hosts.is_empty() {
        return is_listed(secret, to);
    }
    match (usage.destination, usage.app) {
        (Destination::Setting(hosts), _) => !hosts.named.contains(to),
        // The app is the issuer's, and the call goes to one of its hosts, or it would not be made.
        (Destination::Call { typed, .. }, Some(_)) => !typed && !issuers.is_empty(),
        (Destination::Call { .. }, None) => {
            issuers.iter().any(|issuer| issuer.host_owner(&to.host, to.port) == HostOwner::Provider)
        }
    }
}

fn is_listed(secret: &Secret, to: &Authority) -> bool {
    secret.allowed_hosts.iter().any(|host| host.matches(&to.host, to.port))
}
