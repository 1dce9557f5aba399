//! One attempt to renew a token: pass, claim, send, journal, land (`refresh.md`, section 5).

use std::sync::Arc;
use std::time::Duration;

use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::kind::{FailClass, TokenState};
use vouchsafe_entity::millis::Millis;

use super::anew::{Anew, endpoint_anew};
use super::kept::{Kept, Spent};
use crate::domain::connector::Connector;
use crate::domain::credential::{Credential, Machine, Resting};
use crate::domain::refresh::{Claim, NotClaimed, is_minted};
use crate::domain::revocation::Remains;
use crate::domain::workspace::Tenant;
use crate::failpoint::failpoint;
use crate::oauth::TokenError;
use crate::provider::{Definition, Values};
use crate::service::material::{CURRENT, Material};
use crate::service::throttle::Pass;
use crate::service::{Error, Hub};
use crate::store::credential::Guard;
use crate::store::{self, Tx};

/// A request goes out within so long of its claim, or not at all: a machine may have slept in between.
const START_WITHIN: Duration = Duration::from_secs(10);
/// A connector whose client is refused is tried so often.
pub(in crate::service) const PROBE_EVERY: i64 = 300_000;
/// A credential whose definition is gone is looked at so often, in milliseconds.
const WITHOUT_DEFINITION: i64 = 900_000;
/// How long an attempt of another node is waited for, and how often it is looked at.
const ELSEWHERE: Duration = Duration::from_secs(25);
const LOOK: Duration = Duration::from_millis(200);

/// What a claim gives to its holder.
pub(super) struct Claimed {
    pub(super) credential: Credential,
    pub(super) material: Material,
    begun: Begun,
}

/// When something was claimed.
#[derive(Clone, Copy)]
struct Begun {
    /// The database's present moment.
    at: Millis,
    /// The same on a clock that never jumps.
    uptime: Duration,
}

/// What comes of asking for a claim.
enum Asked {
    Claimed(Box<Claimed>),
    /// Another node is at it.
    Elsewhere,
    /// Nothing is to be done now.
    Nothing,
}

/// Where an attempt goes.
pub(super) struct Course {
    connector: Arc<Connector>,
    definition: Arc<Definition>,
    pass: Pass,
}

impl Hub {
    /// Waits for a place among the calls to renew `version`; none where no call is to be made.
    pub(super) async fn approach(
        &self,
        tenant: Tenant,
        id: CredentialId,
        version: i64,
        forced: bool,
    ) -> Result<Option<Course>, Error> {
        if self.refreshes.is_closed() {
            return Ok(None);
        }
        let found = store::credential::find(&self.store, tenant.environment, id).await?;
        let Some(credential) = found.filter(|credential| credential.token.version == version) else {
            return Ok(None);
        };
        if self.may_refresh() && !self.has_key(tenant, &credential).await {
            // Nothing will be sent, so it takes nobody's place among the calls.
            if let Asked::Claimed(claimed) = self.claim(tenant, id, version, forced).await? {
                self.return_claim(tenant, &claimed.credential).await?;
            }
            return Ok(None);
        }
        self.course(tenant, &credential).await
    }

    /// One attempt to renew `version`.
    pub(super) async fn attempt(
        &self,
        course: Course,
        tenant: Tenant,
        id: CredentialId,
        version: i64,
        forced: bool,
    ) -> Result<(), Error> {
        failpoint!("refresh::before_claim");
        if self.refreshes.is_closed() {
            return Ok(());
        }
        let claimed = match self.claim(tenant, id, version, forced).await? {
            Asked::Claimed(claimed) => claimed,
            Asked::Elsewhere => {
                drop(course);
                if self.refreshes.leave_unless_awaited(id, version) {
                    return Ok(());
                }
                return self.wait_elsewhere(tenant, id, version).await;
            }
            Asked::Nothing => return Ok(()),
        };
        failpoint!("refresh::after_claim");
        let kept = match self.carry_out(tenant, &claimed, &course).await {
            Ok(Some(kept)) => kept,
            Ok(None) => {
                drop(course);
                return self.return_claim(tenant, &claimed.credential).await;
            }
            Err(error) => {
                course.pass.report(Some(error.class), self.now());
                drop(course);
                return self.commit_failure(tenant, &claimed.credential, &error).await;
            }
        };
        let read = kept.answer.read_for(&course.definition, claimed.credential.method);
        failpoint!("refresh::parsed");
        let Course { definition, pass, .. } = course;
        pass.report(read.as_ref().err().map(|error| error.class), self.now());
        // The call is over; a database that is slow to take what came holds up no other call.
        drop(pass);
        match read {
            Ok(answer) => self.land(tenant, &kept.spent, &definition, &answer).await,
            Err(error) if self.is_held(&claimed.credential, &error) => {
                // Before anything that can fail: whatever becomes of the row, what came is read again.
                self.keep_unread(kept.spent.number);
                self.commit_failure(tenant, &claimed.credential, &error).await
            }
            Err(error) => {
                self.commit_failure(tenant, &claimed.credential, &error).await?;
                self.journal_done(kept.spent.number);
                Ok(())
            }
        }
    }

    /// Connector, definition and a place among the calls; none where no call may be made now.
    async fn course(&self, tenant: Tenant, credential: &Credential) -> Result<Option<Course>, Error> {
        if !self.may_refresh() || !self.journal_takes() {
            return Ok(None);
        }
        let connector = self.connector_of(tenant.environment, credential).await?;
        let failing = connector.failing.filter(|_| !self.brings_own_client(credential));
        if let Some(failing) = failing.filter(|failing| self.now() < failing.probe_at) {
            // Its definition was changed since its tokens came, and nothing else keeps it from being due.
            if credential.token.own_client {
                self.postpone(tenant, credential, FailClass::NotSent, failing.probe_at).await?;
            }
            return Ok(None);
        }
        let Ok(definition) = self.definition_of(&connector) else {
            let until = self.now().plus(WITHOUT_DEFINITION);
            self.postpone(tenant, credential, FailClass::Local, until).await?;
            return Ok(None);
        };
        let host = token_host(&definition, &connector, credential);
        let now = || self.now();
        let passed = tokio::select! {
            biased;
            () = self.refreshes.closed() => return Ok(None),
            passed = self.throttle.pass(definition.slug(), &host, definition.limits(), now) => passed,
        };
        let pass = match passed {
            Ok(pass) => pass,
            Err(until) => {
                self.postpone(tenant, credential, FailClass::NotSent, until).await?;
                return Ok(None);
            }
        };
        Ok(Some(Course { connector: connector.into(), definition, pass }))
    }

    /// Claims a version, in one short transaction that opens its sealed object and writes it back: key, disk and
    /// database are proven before anything is spent.
    async fn claim(
        &self,
        tenant: Tenant,
        id: CredentialId,
        version: i64,
        forced: bool,
    ) -> Result<Asked, Error> {
        let tx = self.store.begin().await?;
        // Where nobody waits for it here, whoever holds the row is left to it: replicas look at the same page.
        let (found, otherwise) = if self.refreshes.is_awaited(id, version) {
            (store::credential::lock(&tx, tenant.environment, id).await?, Asked::Nothing)
        } else {
            (store::credential::lock_free(&tx, tenant.environment, id).await?, Asked::Elsewhere)
        };
        let Some(mut credential) = found else {
            return Ok(otherwise);
        };
        let now = self.database_now(&tx).await?;
        let ended =
            credential.broken_cause(now).is_some() && !matches!(credential.token.machine, Machine::Broken(_));
        if !credential.is_renewable() || ended {
            return Ok(Asked::Nothing);
        }
        let begun = Begun { at: now, uptime: self.clock.uptime() };
        let owner = self.owner();
        let claim = Claim {
            version,
            owner: &owner,
            now,
            times: self.times,
            reuse: self.reuse_of(&credential),
            forced,
        };
        let guard = Guard { epoch: credential.token.epoch, version };
        credential.token = match credential.token.clone().claim(&claim) {
            Ok(token) => token,
            Err(NotClaimed::Held(_)) => return Ok(Asked::Elsewhere),
            Err(NotClaimed::Quarantined(until)) => {
                credential.token = credential.token.quarantined(until, now);
                self.announce(&tx, tenant, &mut credential).await?;
                self.put_off(tx, tenant, &credential, guard).await?;
                return Ok(Asked::Nothing);
            }
            Err(NotClaimed::Moved | NotClaimed::NotBefore(_) | NotClaimed::Ended) => {
                return Ok(Asked::Nothing);
            }
        };
        Box::pin(self.prove_claim(tx, tenant, credential, guard, begun)).await
    }

    /// Writes a claim that the machine allows, unless its provider or its connector is to be left alone now, or its
    /// sealed object doesn't open.
    async fn prove_claim(
        &self,
        tx: Tx,
        tenant: Tenant,
        mut credential: Credential,
        guard: Guard,
        begun: Begun,
    ) -> Result<Asked, Error> {
        let (id, now) = (credential.id, begun.at);
        if let Machine::Refreshing { from: Resting::Suspect { since }, .. } = credential.token.machine
            && let Some(until) = self.paused_until(&tx, &credential.provider, now).await?
        {
            let next_try_at = until.plus(self.spread(60_000));
            credential.token.machine = Machine::Suspect { since, next_try_at };
            credential.token.attempt = None;
            self.put_off(tx, tenant, &credential, guard).await?;
            return Ok(Asked::Nothing);
        }
        let Ok(material) = self.open_material(tenant, &credential) else {
            self.put_aside(tx, tenant, credential, guard).await?;
            return Ok(Asked::Nothing);
        };
        let probes = credential.connector_failing && !self.brings_own_client(&credential);
        if probes && !Self::takes_probe(&tx, tenant, &credential, now).await? {
            return Ok(Asked::Nothing);
        }
        let at = (guard.epoch, guard.version);
        credential.token.sealed = Some(self.seal_material(tenant, CURRENT, id, at, &material)?);
        if !store::credential::save_token(&tx, tenant.environment, id, &credential.token, guard, None).await?
        {
            return Ok(Asked::Nothing);
        }
        tx.commit().await?;
        Ok(Asked::Claimed(Box::new(Claimed { credential, material, begun })))
    }

    /// Whether it is this credential's turn to ask for all of its connector.
    async fn takes_probe(
        tx: &Tx,
        tenant: Tenant,
        credential: &Credential,
        now: Millis,
    ) -> Result<bool, Error> {
        let next = now.plus(PROBE_EVERY);
        let (environment, connector) = (tenant.environment, credential.connector_id);
        Ok(store::connector::take_probe(tx, environment, connector, now, next).await?)
    }

    /// Sends the request and writes its answer down, unread. None where it is too late to begin.
    async fn carry_out(
        &self,
        tenant: Tenant,
        claimed: &Claimed,
        course: &Course,
    ) -> Result<Option<Kept>, TokenError> {
        let credential = &claimed.credential;
        let anew = Anew {
            tenant,
            connector: &course.connector,
            definition: &course.definition,
            method: credential.method,
            material: &claimed.material,
            scopes: &credential.scopes,
        };
        let values = self.values_anew(&anew).await.map_err(|error| not_built(credential.id, &error))?;
        #[cfg(feature = "failpoints")]
        crate::failpoint::reach("refresh::after_open").map_err(|_| TokenError::local())?;
        let since_claim = self.clock.uptime().saturating_sub(claimed.begun.uptime);
        if since_claim > START_WITHIN || self.refreshes.is_closed() {
            return Ok(None);
        }
        let sent_at = claimed.begun.at.plus(i64::try_from(since_claim.as_millis()).unwrap_or(0));
        let sent = self.send_anew(&anew, &values, sent_at.into()).await;
        let answer = sent.map_err(|error| not_built(credential.id, &error))??;
        let number = if answer.is_success() && !is_minted(credential.method) {
            self.keep(tenant, credential, sent_at, &answer).await
        } else {
            None
        };
        let (id, token) = (credential.id, &credential.token);
        Ok(Some(Kept {
            spent: Spent {
                id,
                epoch: token.epoch,
                version: token.version,
                sent_at,
                number,
                remains: Some((Arc::clone(&course.connector), Remains::of(credential))),
            },
            answer,
        }))
    }

    /// Waits until another node's attempt is over.
    async fn wait_elsewhere(&self, tenant: Tenant, id: CredentialId, version: i64) -> Result<(), Error> {
        let over = async {
            loop {
                tokio::time::sleep(LOOK).await;
                let found = store::credential::find(&self.store, tenant.environment, id).await?;
                let under_way = found.is_some_and(|credential| {
                    credential.token.version == version
                        && credential.token.machine.state() == TokenState::Refreshing
                });
                if !under_way {
                    return Ok(());
                }
            }
        };
        tokio::select! {
            () = self.refreshes.closed() => Ok(()),
            over = tokio::time::timeout(ELSEWHERE, over) => over.unwrap_or(Ok(())),
        }
    }

    /// The present moment on the database's clock, asked inside a claim.
    pub(super) async fn database_now(&self, tx: &Tx) -> Result<Millis, Error> {
        let there = store::refresh::database_now(tx).await?;
        let ahead = there.map_or(0, |there| self.clock.behind(there.into()).num_milliseconds());
        Ok(self.now().plus(ahead))
    }
}

/// The host that tokens come from, as far as it shows without opening anything.
fn token_host(definition: &Definition, connector: &Connector, credential: &Credential) -> String {
    let mut values = Values::new();
    for (name, value) in connector.variables.iter().chain(&credential.variables) {
        values.set(name.as_str(), value.as_str());
    }
    let endpoint = endpoint_anew(definition, credential.method, &values);
    endpoint.ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

/// A value that the request needs can't be had. What a reference is refused for is in the audit log.
fn not_built(id: CredentialId, error: &Error) -> TokenError {
    tracing::warn!(
        credential.id = %id,
        error = error as &dyn std::error::Error,
        "a token request lacks one of its values"
    );
    TokenError::local()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::refresh::LONGEST_ATTEMPT;
    use crate::egress::Class;

    #[test]
    fn a_request_is_over_before_anybody_may_take_its_holder_for_silent() {
        let longest = START_WITHIN + Class::Token.timeout();
        assert!(longest < Duration::from_millis(LONGEST_ATTEMPT.unsigned_abs()));
    }
}
