//! A new environment of a workspace, with a data key of its own: made at the command line, or by a member.

use vouchsafe_entity::id::{EnvironmentId, WorkspaceId};

use super::ensure_name;
use crate::domain::actor::{Actor, Author, Origin};
use crate::domain::data_key::KeyOwner;
use crate::domain::role::Action;
use crate::domain::workspace::{Tenant, is_reserved};
use crate::service::audit::Target;
use crate::service::members::SignedIn;
use crate::service::{Error, Hub};
use crate::store;

impl Hub {
    /// Makes an environment in the workspace of that name.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub async fn create_environment(&self, workspace: &str, name: &str) -> Result<EnvironmentId, Error> {
        let workspace = store::workspace::by_name(&self.store, workspace).await?.ok_or(Error::NotFound)?;
        self.make_environment(workspace.id, name, Author::Operator, Origin::default()).await
    }

    /// Whether a member may make an environment in their workspace, for a page that offers it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`crate::service::Code::AuthenticatorRequired`].
    pub async fn may_create_environments(&self, who: &SignedIn) -> Result<(), Error> {
        self.permit_member(who, Action::CreateEnvironment).await
    }

    /// Makes an environment in the workspace of a member.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`crate::service::Code::AuthenticatorRequired`].
    pub async fn create_environment_for_member(
        &self,
        who: &SignedIn,
        name: &str,
    ) -> Result<EnvironmentId, Error> {
        self.permit_member(who, Action::CreateEnvironment).await?;
        self.make_environment(who.workspace.id, name, Author::Member(who.seat()), who.origin.clone()).await
    }

    async fn make_environment(
        &self,
        workspace: WorkspaceId,
        name: &str,
        author: Author,
        origin: Origin,
    ) -> Result<EnvironmentId, Error> {
        ensure_name(name)?;
        if is_reserved(name) {
            let message = "The dashboard has a page of this name. Choose another, such as staging.";
            return Err(Error::invalid("/name", "reserved", message));
        }
        let tx = self.store.begin().await?;
        // Nobody deletes it meanwhile.
        let workspace = store::workspace::lock(&tx, workspace).await?.ok_or(Error::NotFound)?;
        let environment = self.insert_environment(&tx, &workspace, name).await?;
        let tenant = Tenant { workspace: workspace.id, environment, state: workspace.state };
        let actor = Actor { author, tenant, origin };
        let target = Target::new("environment", environment);
        self.record(&tx, &actor, "environment.create", target, Some(name.to_owned())).await?;
        tx.commit().await?;
        self.load_keys_for(KeyOwner::Environment(environment)).await?;
        Ok(environment)
    }
}
