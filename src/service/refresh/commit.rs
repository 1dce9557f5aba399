//! Writing down the tokens that an attempt got, by comparing the version that was spent, never the lease.

use std::sync::Arc;
use std::time::Duration;

use vouchsafe_entity::kind::Method;

use super::hub_actor;
use super::kept::Spent;
use super::unread::Until;
use crate::domain::credential::Credential;
use crate::domain::event::EventType;
use crate::domain::refresh::{Landing, Reuse, is_minted};
use crate::domain::revocation::Remains;
use crate::domain::workspace::Tenant;
use crate::failpoint::failpoint;
use crate::oauth::TokenAnswer;
use crate::provider::{self, Definition, RevokeScope};
use crate::service::audit::Target;
use crate::service::material::{CURRENT, Material, PREVIOUS, place};
use crate::service::{Code, Error, Hub};
use crate::store::credential::Guard;
use crate::store::refresh::Orphan;
use crate::store::{self, StoreError, Tx};

pub(super) const FIRST_WAIT: Duration = Duration::from_millis(50);
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// The data keys are read so often for a row that does not open: another hub may have made one since.
const KEYS_READ: u8 = 3;
/// Nobody else writes what a transaction holds. If it happens all the same, the tokens are not dropped for it: read again,
/// the row says where they belong.
const MOVED: &str = "a held credential has moved";
/// So often at most, where the answer is in the journal and a sweep reads it again.
const MOVES: u8 = 6;
/// So often an answer out of the journal is offered to a database that refuses it.
const REFUSALS: u8 = 4;
const ORPHAN: (&str, &str) = ("orphan_token", "sealed");

impl Hub {
    /// Writes new tokens where they belong. It is retried until the database takes it: the answer may be the only
    /// live grant.
    pub(super) async fn land(
        &self,
        tenant: Tenant,
        spent: &Spent,
        definition: &Definition,
        answer: &TokenAnswer,
    ) -> Result<(), Error> {
        let mut wait = FIRST_WAIT;
        let (mut keys_read, mut moves, mut refusals) = (0, 0_u8, 0_u8);
        loop {
            failpoint!("refresh::before_commit");
            match self.try_landing(tenant, spent, definition, answer).await {
                Err(Error::Store(error @ StoreError::Database(_)))
                    if !spent.replayed || refusals < REFUSALS =>
                {
                    refusals = refusals.saturating_add(1);
                    tracing::error!(
                        credential.id = %spent.id,
                        error = &error as &dyn std::error::Error,
                        "new tokens could not be written yet"
                    );
                }
                Err(Error::Internal(MOVED)) if spent.number.is_none() || moves < MOVES => {
                    moves = moves.saturating_add(1);
                    tracing::error!(credential.id = %spent.id, "a held credential has moved: it is read again");
                }
                // What no journal holds waits here for as long as it takes.
                Err(error)
                    if error.code() == Some(Code::KeyUnavailable)
                        && (keys_read < KEYS_READ || spent.number.is_none()) =>
                {
                    let read = self.load_keys_of(tenant.environment).await;
                    if !matches!(read, Err(Error::Store(StoreError::Database(_)))) {
                        keys_read = KEYS_READ.min(keys_read + 1);
                    }
                }
                Err(
                    error @ (Error::Internal(MOVED)
                    | Error::Store(StoreError::Inconsistent { .. } | StoreError::Unreadable(_))),
                ) => {
                    // A sweep lands them once somebody has mended the row; what no journal holds waits for that here.
                    if spent.number.is_some() {
                        self.keep_unread(tenant.environment, spent, Until::Mended);
                        return Err(error);
                    }
                    tracing::error!(
                        credential.id = %spent.id,
                        error = &error as &dyn std::error::Error,
                        "new tokens that no journal holds do not fit their row: mend it"
                    );
                }
                // The start and the other entries wait for this one: whoever replays it says what comes next.
                Err(error @ Error::Store(StoreError::Database(_))) => return Err(error),
                Err(error) => {
                    if spent.number.is_some() {
                        self.hold_unread(tenant, spent, Until::Mended).await?;
                    }
                    return Err(error);
                }
                Ok(()) => break,
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        failpoint!("refresh::after_commit");
        self.journal_done(spent.number);
        Ok(())
    }

    async fn try_landing(
        &self,
        tenant: Tenant,
        spent: &Spent,
        definition: &Definition,
        answer: &TokenAnswer,
    ) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        let Some(row) = store::credential::lock_any(&tx, tenant.environment, spent.id).await? else {
            // Gone with its user or connector.
            if let Some((connector, remains)) = &spent.remains {
                let material = Material::of_answer(answer);
                self.give_back_by(&tx, tenant, connector, remains.clone(), &material).await?;
                tx.commit().await?;
            }
            return Ok(());
        };
        match row.token.landing(spent.epoch, spent.version) {
            Landing::Current => self.write_tokens(tx, tenant, row, spent, definition, answer).await,
            // Written by this very answer, of whose commit nobody heard; or the app gave the same tokens twice.
            Landing::Superseded if self.holds(tenant, &row, answer) => Ok(()),
            Landing::Superseded => {
                let material = self.succeeding(tenant, &row, definition, answer)?;
                self.keep_orphan(&tx, tenant, &row, spent, &material).await?;
                tracing::warn!(credential.id = %row.id, "two answers came for one version; one is kept aside");
                Ok(tx.commit().await?)
            }
            // Revoked elsewhere than token by token, it would end the new grant as well.
            Landing::OldGrant
                if definition.refresh().is_none_or(|policy| policy.revoke_scope != RevokeScope::Token) =>
            {
                Ok(())
            }
            Landing::OldGrant | Landing::Gone => {
                let mut material = Material::of_answer(answer);
                for (name, value) in &row.variables {
                    material.set(name, value.as_str().into());
                }
                let remains = Remains { epoch: spent.epoch, ..Remains::of(&row) };
                self.give_back(&tx, tenant, remains, &material).await?;
                tracing::warn!(credential.id = %row.id, "new tokens came for a grant that has ended");
                Ok(tx.commit().await?)
            }
        }
    }

    /// What a credential holds after `answer`: what a refresh does not repeat stays as it was.
    fn succeeding(
        &self,
        tenant: Tenant,
        row: &Credential,
        definition: &Definition,
        answer: &TokenAnswer,
    ) -> Result<Material, Error> {
        let mut material = self.open_material(tenant, row)?;
        if let Ok(captured) = definition.captures(row.method, provider::Captured::Token(answer.raw.expose()))
        {
            for (name, value) in captured {
                material.set(&name, value);
            }
        }
        material.take(answer);
        Ok(material)
    }

    async fn write_tokens(
        &self,
        tx: Tx,
        tenant: Tenant,
        mut row: Credential,
        spent: &Spent,
        definition: &Definition,
        answer: &TokenAnswer,
    ) -> Result<(), Error> {
        let environment = tenant.environment;
        let guard = Guard { epoch: spent.epoch, version: spent.version };
        let (before, known_end) = (self.open_material(tenant, &row)?, row.grant_end());
        let at = (spent.epoch, spent.version);
        let previous = self.seal_material(tenant, PREVIOUS, row.id, at, &before)?;
        let material = self.succeeding(tenant, &row, definition, answer)?;
        row.token = row.token.renewed(self.now());
        let at = (row.token.epoch, row.token.version);
        row.token.sealed = Some(self.seal_material(tenant, CURRENT, row.id, at, &material)?);
        row.token.has_refresh_token = material.refresh_token.is_some();
        if let Some(scopes) = &answer.scopes {
            row.scopes.clone_from(scopes);
        }
        row.last_refreshed_at = Some(self.now());
        row.updated_at = self.now();
        // A refresh token that stays, and of which nothing is said anew, ends when it was said to.
        let stays = answer.refresh_token.is_none() && answer.refresh_expires_in.is_none();
        let known = row.token.refresh_expires_at.filter(|_| stays);
        self.date_tokens(&mut row, (answer.expires_in, answer.refresh_expires_in), spent.sent_at);
        row.token.refresh_expires_at = row.token.refresh_expires_at.or(known);
        row.settle_end(known_end, spent.sent_at);
        row.token.own_client = self.brings_own_client(&row);
        if row.connector_failing && !row.token.own_client {
            self.connector_recovered(&tx, tenant, &mut row).await?;
        }
        self.announce(&tx, tenant, &mut row).await?;
        store::credential::update(&tx, environment, &row).await?;
        if !store::credential::save_token(&tx, environment, row.id, &row.token, guard, Some(previous)).await?
        {
            return Err(Error::internal(MOVED));
        }
        let outcome = self.here(format!("version {} to {}", spent.version, row.token.version));
        let target = Target::new("credential", row.id);
        self.record(&tx, &hub_actor(tenant), "credential.refreshed", target, Some(outcome)).await?;
        failpoint!("refresh::in_commit");
        tx.commit().await?;
        metrics::counter!("vouchsafe_refreshes_total", "outcome" => "ok").increment(1);
        Ok(())
    }

    async fn keep_orphan(
        &self,
        tx: &Tx,
        tenant: Tenant,
        row: &Credential,
        spent: &Spent,
        material: &Material,
    ) -> Result<(), Error> {
        let id = self.ids.next().to_string();
        let sealed = self.vault.seal(&place(tenant, ORPHAN, &id, (spent.epoch, 0)), &material.parts())?;
        let orphan = Orphan { id, epoch: spent.epoch, sealed, got_at: self.now() };
        Ok(store::refresh::keep_orphan(tx, tenant.environment, row.id, orphan).await?)
    }

    /// What the audit log says of an attempt, with the node that made it.
    pub(super) fn here(&self, outcome: String) -> String {
        match &self.journal {
            Some(journal) => format!("{outcome}, node {}", journal.node()),
            None => outcome,
        }
    }

    /// Puts the newest answer that lost a race in the place of the refused one: perhaps it is the one that lives.
    pub(super) async fn promote_orphan(
        &self,
        tx: &Tx,
        tenant: Tenant,
        row: &mut Credential,
    ) -> Result<bool, Error> {
        let (environment, epoch) = (tenant.environment, row.token.epoch);
        let Some(orphan) = store::refresh::take_orphan(tx, environment, row.id, epoch).await? else {
            return Ok(false);
        };
        let at = place(tenant, ORPHAN, &orphan.id, (orphan.epoch, 0));
        let material: Material = self.vault.open(&at, &orphan.sealed)?;
        let guard = Guard { epoch, version: row.token.version };
        row.token = row.token.clone().renewed(self.now());
        let at = (row.token.epoch, row.token.version);
        row.token.sealed = Some(self.seal_material(tenant, CURRENT, row.id, at, &material)?);
        row.token.has_refresh_token = material.refresh_token.is_some();
        row.token.due_at = Some(self.now());
        let target = Target::new("credential", row.id);
        self.record(tx, &hub_actor(tenant), "credential.orphan_promoted", target, None).await?;
        Ok(store::credential::save_token(tx, environment, row.id, &row.token, guard, None).await?)
    }

    async fn connector_recovered(&self, tx: &Tx, tenant: Tenant, row: &mut Credential) -> Result<(), Error> {
        row.connector_failing = false;
        if store::connector::end_failing(tx, tenant.environment, row.connector_id).await? {
            self.tell_of_connector(tx, tenant, row, EventType::ConnectorRecovered, None).await?;
        }
        Ok(())
    }

    /// Whether the client or key that tokens are asked for with is the user's alone: what the app says of it says nothing
    /// of the connector.
    pub(in crate::service) fn brings_own_client(&self, credential: &Credential) -> bool {
        let own = |definition: Arc<Definition>| definition.takes_own_client(credential.method);
        is_minted(credential.method) && self.providers().get(&credential.provider).is_none_or(own)
    }

    /// What the provider of a credential does with a token that is sent twice.
    pub(super) fn reuse_of(&self, credential: &Credential) -> Reuse {
        if credential.method != Method::OAuth2 {
            return Reuse::Static;
        }
        let definition = self.providers().get(&credential.provider);
        let stated =
            definition.as_ref().and_then(|definition| definition.refresh()).map(|policy| policy.reuse);
        match stated {
            Some(provider::Reuse::Static) => Reuse::Static,
            Some(provider::Reuse::Grace(window)) => {
                Reuse::Grace(i64::try_from(window.as_millis()).unwrap_or(i64::MAX))
            }
            Some(provider::Reuse::Reject | provider::Reuse::Strict | provider::Reuse::Unknown) | None => {
                Reuse::Strict
            }
        }
    }
}
