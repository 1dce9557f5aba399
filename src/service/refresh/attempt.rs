//! One attempt to renew a token: pass, claim, send, journal, land (`refresh.md`, section 5).

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::kind::{FailClass, TokenState};

use super::anew::{Anew, endpoint_anew};
use super::claim::{Asked, Claimed};
use super::kept::{Kept, Spent};
use super::unread::{Owner, Until};
use crate::domain::connector::Connector;
use crate::domain::credential::Credential;
use crate::domain::refresh::{Reuse, is_minted};
use crate::domain::revocation::Remains;
use crate::domain::workspace::Tenant;
use crate::failpoint::failpoint;
use crate::oauth::TokenError;
use crate::provider::{Definition, Values};
use crate::service::throttle::Pass;
use crate::service::{Error, Hub};
use crate::store;

/// A request goes out within so long of its claim, or not at all: a machine may have slept in between.
const START_WITHIN: Duration = Duration::from_secs(10);
/// A credential whose definition is gone is looked at so often, in milliseconds.
const WITHOUT_DEFINITION: i64 = 900_000;
/// The same of one whose answer could not be kept, should nobody be able to read it, and that failed otherwise before.
const WITHOUT_ROOM: i64 = 900_000;
/// How long an attempt of another node is waited for, and how often it is looked at.
const ELSEWHERE: Duration = Duration::from_secs(25);
const LOOK: Duration = Duration::from_millis(200);

/// Where an attempt goes.
pub(super) struct Course {
    connector: Arc<Connector>,
    definition: Arc<Definition>,
    pass: Pass,
}

impl Hub {
    /// Waits until `until` for a place among the calls to renew `version`; none where no call is to be made.
    pub(super) async fn approach(
        &self,
        tenant: Tenant,
        id: CredentialId,
        version: i64,
        forced: bool,
        until: Instant,
    ) -> Result<Option<Course>, Error> {
        if self.refreshes.is_closed() {
            return Ok(None);
        }
        let found = store::credential::find(&self.store, tenant.environment, id).await?;
        let Some(credential) = found.filter(|credential| credential.token.version == version) else {
            return Ok(None);
        };
        if self.is_spent(id, version).await? {
            return Ok(None);
        }
        if self.may_refresh() && !self.has_key(tenant, &credential).await {
            // Nothing will be sent, so it takes nobody's place among the calls.
            if let Asked::Claimed(claimed) = self.claim(tenant, id, version, forced).await? {
                self.return_claim(tenant, claimed.credential).await?;
            }
            return Ok(None);
        }
        self.course(tenant, &credential, until).await
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
        // The line may have been long.
        if self.refreshes.is_closed() || self.is_spent(id, version).await? {
            return Ok(());
        }
        let claimed = match self.claim_or_leave(tenant, id, version, forced).await? {
            Asked::Claimed(claimed) => claimed,
            Asked::Elsewhere | Asked::PassedOver => {
                drop(course);
                return self.wait_elsewhere(tenant, id, version).await;
            }
            Asked::Nothing => return Ok(()),
        };
        failpoint!("refresh::after_claim");
        let kept = match self.carry_out(tenant, &claimed, &course).await {
            Ok(Some(kept)) => kept,
            Ok(None) => {
                drop(course);
                return self.return_claim(tenant, claimed.credential).await;
            }
            Err(error) => {
                course.pass.report(Some(error.class), self.now());
                drop(course);
                let written =
                    self.commit_failure(tenant, &claimed.credential, &error, Some(claimed.begun)).await;
                if written.is_err() && error.class == FailClass::NotSent {
                    self.note_unheard(tenant, claimed.credential);
                }
                return written;
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
                self.keep_unread(tenant.environment, &kept.spent, Until::Defined);
                self.commit_failure(tenant, &claimed.credential, &error, Some(claimed.begun)).await?;
                self.set_aside(&kept.spent);
                Ok(())
            }
            Err(error) => {
                let written =
                    self.commit_failure(tenant, &claimed.credential, &error, Some(claimed.begun)).await;
                if written.is_ok() {
                    self.journal_done(kept.spent.number);
                } else {
                    self.keep_unread(tenant.environment, &kept.spent, Until::Mended);
                }
                written
            }
        }
    }

    /// Connector, definition and a place among the calls; none where no call may be made now.
    async fn course(
        &self,
        tenant: Tenant,
        credential: &Credential,
        until: Instant,
    ) -> Result<Option<Course>, Error> {
        // What is minted anew is never written down.
        if !self.may_refresh() || !(is_minted(credential.method) || self.journal_takes()) {
            return Ok(None);
        }
        if !self.may_hear(tenant, credential) {
            return self.wait_for_room(tenant, credential).await;
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
            // Nothing was claimed: it is as due as it was, and takes its place in the line again.
            () = tokio::time::sleep_until(until) => return Ok(None),
            passed = self.throttle.pass(definition.slug(), &host, definition.limits(), now) => passed,
        };
        let pass = match passed {
            Ok(pass) => pass,
            Err(closed_until) => {
                self.postpone(tenant, credential, FailClass::NotSent, closed_until).await?;
                return Ok(None);
            }
        };
        // Those before it in the line may have taken what room there was.
        if !self.may_hear(tenant, credential) {
            drop(pass);
            return self.wait_for_room(tenant, credential).await;
        }
        Ok(Some(Course { connector: connector.into(), definition, pass }))
    }

    /// Whether an answer could be kept that nobody can read. What is minted anew, or stays the same, is asked for again.
    fn may_hear(&self, tenant: Tenant, credential: &Credential) -> bool {
        let owner = Owner { environment: tenant.environment, connector: Some(credential.connector_id) };
        is_minted(credential.method)
            || self.reuse_of(credential) == Reuse::Static
            || self.unread.has_room(owner)
    }

    async fn wait_for_room(&self, tenant: Tenant, credential: &Credential) -> Result<Option<Course>, Error> {
        let until = self.now().plus(WITHOUT_ROOM);
        self.postpone(tenant, credential, FailClass::NotSent, until).await?;
        Ok(None)
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
                connector: Some(credential.connector_id),
                number,
                replayed: false,
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
