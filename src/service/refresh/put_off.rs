//! Rows that no call is made for now: they wait like any other that failed, and stand in nobody's way.

use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::kind::FailClass;
use vouchsafe_entity::millis::Millis;

use super::failed::alert;
use crate::domain::credential::{Credential, Machine};
use crate::domain::refresh::{Failure, is_minted};
use crate::domain::workspace::Tenant;
use crate::service::{Code, Error, Hub};
use crate::store::credential::Guard;
use crate::store::{self, StoreError, Tx};

/// Those that wait for one host come back spread over so many milliseconds.
const SPREAD: i64 = 30_000;
/// A row that the vault can't open, or that fits no state, is tried so often, in milliseconds.
const UNOPENED: i64 = 900_000;

/// Names the credential behind which a value can't be read: the database does not say in which row it stands.
pub(super) fn tell_whose(id: CredentialId, error: &StoreError) {
    if let StoreError::Unreadable(error) = error {
        let error = error as &dyn std::error::Error;
        tracing::error!(credential.id = %id, error, "a row of this credential, or one behind it, can't be read");
    }
}

impl Hub {
    /// Writes down that nothing is sent now.
    pub(super) async fn put_off(
        &self,
        tx: Tx,
        tenant: Tenant,
        credential: &Credential,
        guard: Guard,
    ) -> Result<(), Error> {
        let token = &credential.token;
        store::credential::save_token(&tx, tenant.environment, credential.id, token, guard, None).await?;
        Ok(tx.commit().await?)
    }

    /// No call can be made before `until`: the row waits like any other that failed, and stands in nobody's way.
    pub(super) async fn postpone(
        &self,
        tenant: Tenant,
        credential: &Credential,
        class: FailClass,
        until: Millis,
    ) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        let Some(mut row) = store::credential::lock(&tx, tenant.environment, credential.id).await? else {
            return Ok(());
        };
        if row.token.version != credential.token.version {
            return Ok(());
        }
        let guard = Guard { epoch: row.token.epoch, version: row.token.version };
        row.token.own_client = self.brings_own_client(&row);
        row.token = if matches!(row.token.machine, Machine::Active | Machine::Waiting { .. }) {
            let failure = Failure::new(class, self.reuse_of(&row), is_minted(row.method));
            row.token.after_failure(&failure, self.now(), self.times, self.jitter())
        } else {
            row.token.postponed(until.plus(self.spread(SPREAD)))
        };
        self.announce(&tx, tenant, &mut row).await?;
        self.put_off(tx, tenant, &row, guard).await
    }

    /// Leaves a row alone that the vault can't open, and tells the operator.
    pub(super) async fn put_aside(
        &self,
        tx: Tx,
        tenant: Tenant,
        mut credential: Credential,
        guard: Guard,
    ) -> Result<(), Error> {
        let now = self.now();
        credential.token = credential.token.unopened(now, now.plus(UNOPENED + self.spread(SPREAD)));
        alert(&credential, FailClass::Unopened);
        self.announce_if_sealed(&tx, tenant, &mut credential).await?;
        self.put_off(tx, tenant, &credential, guard).await
    }

    /// Leaves a row alone that can't even be read.
    pub(super) async fn leave_alone(&self, tenant: Tenant, id: CredentialId) -> Result<(), Error> {
        self.leave_alone_for(UNOPENED + self.spread(SPREAD), tenant, id).await
    }

    /// Leaves a row alone for so many milliseconds.
    pub(super) async fn leave_alone_for(
        &self,
        millis: i64,
        tenant: Tenant,
        id: CredentialId,
    ) -> Result<(), Error> {
        let until = self.now().plus(millis);
        let tx = self.store.begin().await?;
        store::refresh::leave_alone(&tx, tenant.environment, id, until).await?;
        Ok(tx.commit().await?)
    }

    /// Tells of a change of status. Events are sealed too, perhaps under the very key that is missing: then it is told later,
    /// and the row goes on all the same.
    pub(super) async fn announce_if_sealed(
        &self,
        tx: &Tx,
        tenant: Tenant,
        credential: &mut Credential,
    ) -> Result<(), Error> {
        let announced = credential.token.announced;
        match self.announce(tx, tenant, credential).await {
            Err(error) if error.code() == Some(Code::KeyUnavailable) => {
                credential.token.announced = announced;
                Ok(())
            }
            told => told,
        }
    }

    /// Whether the key that sealed a credential is at hand, or can be had: another replica may have made it.
    pub(super) async fn has_key(&self, tenant: Tenant, credential: &Credential) -> bool {
        let sealed = credential.token.sealed.as_ref();
        let known = || sealed.is_some_and(|sealed| self.vault.knows(sealed));
        if known() {
            return true;
        }
        if let Err(error) = self.load_keys_of(tenant.environment).await {
            tracing::warn!(
                environment.id = %tenant.environment,
                error = &error as &dyn std::error::Error,
                "the keys of an environment could not be loaded"
            );
        }
        known()
    }
}
