//! The end of an environment (`security.md`, section 4): its data keys go first, in the moment in which nothing finds it
//! any more, so that nobody opens what it held; its rows go after that, page by page.

use vouchsafe_entity::id::EnvironmentId;
use vouchsafe_entity::millis::Millis;

use crate::domain::actor::Actor;
use crate::domain::audit::AuditEvent;
use crate::domain::data_key::KeyOwner;
use crate::domain::role::Action;
use crate::domain::workspace::Contents;
use crate::service::audit::Target;
use crate::service::steps::EnvironmentSteps;
use crate::service::{Code, Error, Hub};
use crate::store::{self, Tx};

/// Rows of one transaction.
const PAGE: u64 = 500;
/// An environment is gone through again for so long: what began before may yet write in it.
const SETTLED_SECONDS: i64 = 900;

/// Somebody else may stand in the way so often, less one.
const TRIES: u8 = 3;

const LAST: &str =
    "This is the last environment of its workspace, which always has one. Make another one first.";
const HOLDS_GRANTS: &str = "There are credentials in this environment, or apps are still to be told of some that ended. \
    Delete the credentials first, so that their apps are told; or force it, and every grant stays with its app until \
    somebody ends it there.";

impl Hub {
    /// What would go with the actor's environment, for whoever may delete it.
    ///
    /// # Errors
    /// [`Code::Forbidden`], [`Code::InUse`].
    pub async fn get_environment_contents(&self, actor: &Actor) -> Result<Contents, Error> {
        self.permit(actor, Action::DeleteEnvironment).await?;
        if store::environment::of_workspace(&self.store, actor.workspace()).await?.len() == 1 {
            return Err(Error::refused(Code::InUse, LAST));
        }
        Ok(store::environment::contents(&self.store, actor.environment()).await?)
    }

    /// Deletes the actor's environment with all that is in it. No app is told: what would tell it is sealed under the
    /// keys that go. So credentials are in the way of it, unless `force` says that their grants may stay.
    ///
    /// # Errors
    /// [`Code::InUse`], [`Code::Forbidden`], [`Code::StepUpRequired`], [`Code::AuthenticatorRequired`],
    /// [`Error::NotFound`].
    pub async fn delete_environment(&self, actor: &Actor, force: bool) -> Result<(), Error> {
        self.permit(actor, Action::DeleteEnvironment).await?;
        self.proven(actor)?;
        unlocked(|| self.try_deleting(actor, force)).await
    }

    async fn try_deleting(&self, actor: &Actor, force: bool) -> Result<(), Error> {
        let id = actor.environment();
        let tx = self.store.begin().await?;
        let there = store::environment::lock_all(&tx, actor.workspace()).await?;
        let (_, name) = there.iter().find(|(other, _)| *other == id).ok_or(Error::NotFound)?;
        if there.len() == 1 {
            return Err(Error::refused(Code::InUse, LAST));
        }
        let contents = store::environment::contents(&tx, id).await?;
        if contents.holds_grants() && !force {
            return Err(Error::refused(Code::InUse, HOLDS_GRANTS));
        }
        self.end_environment(&tx, id).await?;
        // No page shows the events of an environment that is gone, so this one is its workspace's.
        let event = AuditEvent {
            environment: None,
            ..self.audit_event(
                actor,
                "environment.delete",
                Target::new("environment", id),
                "ok",
                Some(said(name, &contents)),
            )
        };
        self.insert_audit(&tx, &[event]).await?;
        tx.commit().await?;
        self.note_wiped();
        self.forget_tenants();
        self.load_keys_for(KeyOwner::Environment(id)).await
    }

    /// What nothing may find or open of an environment from the moment of its end on.
    pub(super) async fn end_environment(&self, tx: &Tx, id: EnvironmentId) -> Result<(), Error> {
        store::environment::delete(tx, id, self.now()).await?;
        store::credential::bury_all(tx, id, self.now()).await?;
        Ok(store::data_key::delete_all(tx, KeyOwner::Environment(id)).await?)
    }

    /// Removes what is left of environments that were deleted.
    ///
    /// # Errors
    /// The first; the other environments had their turn unless the database is away.
    pub async fn empty_environments(&self) -> Result<(), Error> {
        let mut steps = EnvironmentSteps::default();
        for (id, deleted_at) in store::environment::deleted(&self.store).await? {
            steps.pass(id, self.empty_environment(id, deleted_at).await)?;
        }
        steps.end()
    }

    async fn empty_environment(&self, id: EnvironmentId, deleted_at: Millis) -> Result<(), Error> {
        for table in store::environment::TABLES {
            while self.remove_page(id, table).await? == PAGE {}
        }
        // By this hub, or by a command that ended before the journal was empty.
        self.note_wiped();
        if self.now() >= deleted_at.plus_seconds(SETTLED_SECONDS) {
            let tx = self.store.begin().await?;
            store::environment::note_emptied(&tx, id, self.now()).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    async fn remove_page(&self, id: EnvironmentId, table: &'static str) -> Result<u64, Error> {
        let tx = self.store.begin().await?;
        let gone = store::environment::remove_page(&tx, id, table, PAGE).await?;
        tx.commit().await?;
        Ok(gone)
    }
}

/// Tries `work` again where it and somebody else waited for each other: it holds more rows than anything else does.
pub(super) async fn unlocked<W>(work: impl Fn() -> W) -> Result<(), Error>
where
    W: Future<Output = Result<(), Error>>,
{
    let mut tries = 1;
    loop {
        match work().await {
            Err(Error::Store(error)) if error.is_deadlock() && tries < TRIES => tries += 1,
            done => return done,
        }
    }
}

/// What the audit log says of an environment or a workspace that goes.
pub(super) fn said(name: &str, contents: &Contents) -> String {
    let told = if contents.holds_grants() { "; no app was told" } else { "" };
    format!("{name} with {}{told}", contents.in_words().join(", "))
}
