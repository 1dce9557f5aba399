//! The sealed value of a credential: set, replaced, and when it is due.

use super::accept::Accepted;
use crate::domain::actor::Actor;
use crate::domain::credential::{Credential, Machine};
use crate::domain::refresh::{Lifetimes, due_at, is_minted};
use crate::provider::{FieldSource, Refresh};
use crate::service::material::CURRENT;
use crate::service::{Error, Hub};
use serde_json::{Map, Value};
use std::time::Duration;
use vouchsafe_entity::millis::Millis;

impl Hub {
    /// Seals accepted values into a credential at its present epoch and version, and dates its tokens.
    pub(in crate::service) fn set_value(
        &self,
        actor: &Actor,
        credential: &mut Credential,
        accepted: &Accepted,
    ) -> Result<(), Error> {
        let at = (credential.token.epoch, credential.token.version);
        let before = credential.grant_end();
        let sealed = self.seal_material(actor.tenant, CURRENT, credential.id, at, &accepted.material)?;
        credential.token.sealed = Some(sealed);
        credential.token.has_refresh_token = accepted.material.refresh_token.is_some();
        if !accepted.scopes.is_empty() {
            credential.scopes.clone_from(&accepted.scopes);
        }
        if accepted.minted {
            let lifetimes = (accepted.expires_in, accepted.refresh_expires_in);
            self.date_tokens(credential, lifetimes, accepted.sent_at);
        } else if is_minted(credential.method) {
            // Stored unchecked: the first read asks for its token.
            credential.token.access_expires_at = Some(self.now());
            credential.token.access_lifetime = Some(0);
            credential.token.due_at = Some(self.now());
        } else {
            credential.token.due_at = credential.looked_at_by();
        }
        credential.settle_end(before, credential.issued_at);
        credential.token.own_client = self.brings_own_client(credential);
        Ok(())
    }

    /// Sets when tokens end that came at `sent_at` and when to renew them. An answer may tell how many seconds they
    /// live: the access token, then the refresh token.
    pub(in crate::service) fn date_tokens(
        &self,
        credential: &mut Credential,
        (expires_in, refresh_expires_in): (Option<u64>, Option<u64>),
        sent_at: Millis,
    ) {
        let in_millis_of =
            |seconds: u64| i64::try_from(seconds).ok().map(|seconds| seconds.saturating_mul(1_000));
        let lifetime = expires_in.and_then(in_millis_of);
        let told = refresh_expires_in.and_then(in_millis_of);
        let by_consent = self.refresh_policy(credential, |policy| policy.lifetime).flatten().map(in_millis);
        let by_use = self.refresh_policy(credential, |policy| policy.idle_expiry).flatten().map(in_millis);
        let by_use = by_use.into_iter().chain(told).min();
        let ends =
            [by_consent.map(|time| credential.issued_at.plus(time)), by_use.map(|time| sent_at.plus(time))];
        let token = &mut credential.token;
        token.access_lifetime = lifetime;
        token.access_expires_at = lifetime.map(|lifetime| sent_at.plus(lifetime));
        token.refresh_expires_at = ends.into_iter().flatten().min().filter(|_| token.has_refresh_token);
        credential.token.due_at = self.due_of(credential, sent_at, told);
    }

    /// When somebody must look at the tokens that came at `sent_at`: to renew them, or to write down their end. `told` is
    /// how many milliseconds the refresh token lives, where the app said so.
    pub(in crate::service) fn due_of(
        &self,
        credential: &Credential,
        sent_at: Millis,
        told: Option<i64>,
    ) -> Option<Millis> {
        if !credential.is_renewable() {
            return credential.looked_at_by();
        }
        let policy = |read: fn(&Refresh) -> Option<Duration>| {
            self.refresh_policy(credential, read).flatten().map(in_millis)
        };
        let lifetimes = Lifetimes {
            access: credential.token.access_lifetime,
            early: policy(|policy| policy.early),
            idle_expiry: policy(|policy| policy.idle_expiry).into_iter().chain(told).min(),
            unused: credential.is_idle(self.now()),
        };
        Some(due_at(sent_at, lifetimes, self.jitter()))
    }

    fn refresh_policy<T>(&self, credential: &Credential, read: impl Fn(&Refresh) -> T) -> Option<T> {
        self.providers().get(&credential.provider)?.refresh().map(read)
    }

    /// A random number from 0 to 1.
    pub(in crate::service) fn jitter(&self) -> f64 {
        f64::from(u32::from_be_bytes(self.random.bytes())) / f64::from(u32::MAX)
    }

    /// Tests a new value for a key that is there.
    pub(super) async fn tested_replacement(
        &self,
        actor: &Actor,
        current: &Credential,
        data: &Map<String, Value>,
        verify: bool,
    ) -> Result<Accepted, Error> {
        let connector = self.connector_of(actor.environment(), current).await?;
        let definition = self.definition_of(&connector)?;
        let values = definition
            .validate_fields(current.method, data, FieldSource::User)
            .map_err(|errors| Error::fields("/data", errors))?;
        self.accept(actor, &connector, &definition, current.method, &values, verify).await
    }

    /// Puts an accepted value in the place of the old one: a new grant of the same credential.
    pub(super) fn replace_value(
        &self,
        actor: &Actor,
        credential: &mut Credential,
        accepted: &Accepted,
    ) -> Result<(), Error> {
        self.renew_grant(credential);
        credential.issued_at = self.now();
        credential.account.clone_from(&accepted.account);
        credential.variables.clone_from(&accepted.variables);
        if credential.expires_at.is_some_and(|end| end <= self.now()) {
            credential.expires_at = None;
        }
        self.set_value(actor, credential, accepted)
    }

    /// Ends the grant that was there: late answers to it can't land any more. Whoever brings another dates it.
    pub(in crate::service) fn renew_grant(&self, credential: &mut Credential) {
        let now = self.now();
        credential.updated_at = now;
        let token = &mut credential.token;
        token.machine = Machine::Active;
        token.state_since = now;
        token.epoch += 1;
        token.version += 1;
        token.attempt = None;
        token.tried_at = None;
        token.fail_class = None;
        token.fail_count = 0;
    }
}

fn in_millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
