//! The end of a workspace (`security.md`, section 4): that of each of its environments, as [`super::delete`] has it, and
//! with them of its own data keys, its members and the invitations into it.

use vouchsafe_entity::id::WorkspaceId;

use super::delete::{said, unlocked};
use crate::domain::data_key::KeyOwner;
use crate::domain::role::Action;
use crate::domain::workspace::Contents;
use crate::service::audit::Target;
use crate::service::members::SignedIn;
use crate::service::{Code, Error, Hub};
use crate::store::{self, Tx};

const LAST: &str = "This is the last workspace of its hub, which always has one. Make another one first.";
const HOLDS_GRANTS: &str = "There are credentials in this workspace, or apps are still to be told of some that ended. \
    Delete the credentials first, so that their apps are told; or force it, and every grant stays with its app until \
    somebody ends it there.";

impl Hub {
    /// Whether a member may delete their workspace, for a page that offers it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn may_delete_workspace(&self, who: &SignedIn) -> Result<bool, Error> {
        Ok(who.may(Action::ManageWorkspace)
            && store::workspace::has_other(&self.store, who.workspace.id).await?)
    }

    /// What would go with the workspace of a member, for whoever may delete it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Code::Forbidden`], [`Code::InUse`].
    pub async fn get_workspace_contents(&self, who: &SignedIn) -> Result<Contents, Error> {
        self.permit_member(who, Action::ManageWorkspace).await?;
        if !store::workspace::has_other(&self.store, who.workspace.id).await? {
            return Err(Error::refused(Code::InUse, LAST));
        }
        Ok(store::environment::contents_of_all(&self.store, who.workspace.id).await?)
    }

    /// Deletes the workspace of a member with all that is in it, them included. No app is told, so credentials are in the
    /// way of it, unless `force` says that their grants may stay.
    ///
    /// # Errors
    /// [`Code::InUse`], [`Code::Forbidden`], [`Code::StepUpRequired`], [`Code::AuthenticatorRequired`],
    /// [`Error::NotFound`].
    pub async fn delete_workspace_for_member(&self, who: &SignedIn, force: bool) -> Result<(), Error> {
        self.permit_member(who, Action::ManageWorkspace).await?;
        self.seat_proven(&who.seat())?;
        unlocked(|| self.try_deleting_for(who, force)).await
    }

    async fn try_deleting_for(&self, who: &SignedIn, force: bool) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        let id = who.workspace.id;
        let what = self.end_workspace(&tx, id, force).await?;
        self.stay_as_they_were(&tx, who).await?;
        self.record_member(&tx, who, "workspace.delete", Target::new("workspace", id), Some(what)).await?;
        self.bury_workspace(tx, id).await
    }

    /// The same of the workspace of that name, by the operator.
    ///
    /// # Errors
    /// [`Code::InUse`], [`Error::NotFound`].
    pub async fn delete_workspace(&self, name: &str, force: bool) -> Result<(), Error> {
        let id = store::workspace::by_name(&self.store, name).await?.ok_or(Error::NotFound)?.id;
        unlocked(|| self.try_deleting_by_operator(id, force)).await
    }

    async fn try_deleting_by_operator(&self, id: WorkspaceId, force: bool) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        let what = self.end_workspace(&tx, id, force).await?;
        let target = Target::new("workspace", id);
        let event = self.operator_event(id, "workspace.delete", target, Some(what));
        self.insert_audit(&tx, &[event]).await?;
        self.bury_workspace(tx, id).await
    }

    /// Ends the environments of a workspace, each of which nobody deletes meanwhile; what the audit log says of it.
    async fn end_workspace(&self, tx: &Tx, id: WorkspaceId, force: bool) -> Result<String, Error> {
        let all = store::workspace::lock_all(tx).await?;
        let workspace = all.iter().find(|workspace| workspace.id == id).ok_or(Error::NotFound)?;
        if all.len() == 1 {
            return Err(Error::refused(Code::InUse, LAST));
        }
        let environments = store::environment::lock_all(tx, id).await?;
        let contents = store::environment::contents_of_all(tx, id).await?;
        if contents.holds_grants() && !force {
            return Err(Error::refused(Code::InUse, HOLDS_GRANTS));
        }
        for (environment, _) in environments {
            self.end_environment(tx, environment).await?;
        }
        Ok(said(&workspace.name, &contents))
    }

    /// Ends what a workspace has of its own, and lets go of all that was known of it.
    async fn bury_workspace(&self, tx: Tx, id: WorkspaceId) -> Result<(), Error> {
        store::workspace::delete(&tx, id, self.now()).await?;
        store::data_key::delete_all(&tx, KeyOwner::Workspace(id)).await?;
        tx.commit().await?;
        self.note_wiped();
        self.forget_tenants();
        self.load_keys_for(KeyOwner::Workspace(id)).await
    }
}
