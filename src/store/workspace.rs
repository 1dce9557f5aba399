//! Workspaces. Nothing finds one that was deleted; its row stays beside its audit events.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, Select, Set};
use vouchsafe_entity::id::WorkspaceId;
use vouchsafe_entity::json::WorkspaceSettings;
use vouchsafe_entity::kind::WorkspaceState;
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::workspace::{ActiveModel, Column, Entity, Model};
use vouchsafe_entity::{invitation, member, secret};

use super::{Reads, StoreError, Tx, held};
use crate::domain::workspace::Workspace;

impl From<Model> for Workspace {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            name: row.name,
            state: row.state,
            settings: row.settings,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Stores a new workspace.
pub async fn insert(tx: &Tx, workspace: &Workspace) -> Result<(), StoreError> {
    let row = ActiveModel {
        id: Set(workspace.id),
        name: Set(workspace.name.clone()),
        state: Set(workspace.state),
        settings: Set(workspace.settings),
        created_at: Set(workspace.created_at),
        updated_at: Set(workspace.updated_at),
        deleted_at: Set(None),
    };
    Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Those that are there.
fn there() -> Select<Entity> {
    Entity::find().filter(Column::DeletedAt.is_null())
}

/// The workspace named `name`.
pub async fn by_name(db: &impl Reads, name: &str) -> Result<Option<Workspace>, StoreError> {
    Ok(there().filter(Column::Name.eq(name)).one(db.connection()).await?.map(Into::into))
}

/// Whether there is another one beside `id`.
pub async fn has_other(db: &impl Reads, id: WorkspaceId) -> Result<bool, StoreError> {
    Ok(there().filter(Column::Id.ne(id)).one(db.connection()).await?.is_some())
}

/// The workspace with this id.
pub async fn find(db: &impl Reads, id: WorkspaceId) -> Result<Option<Workspace>, StoreError> {
    Ok(there().filter(Column::Id.eq(id)).one(db.connection()).await?.map(Into::into))
}

/// The same, which nobody else changes or deletes until the transaction ends.
pub async fn lock(tx: &Tx, id: WorkspaceId) -> Result<Option<Workspace>, StoreError> {
    let row = held(there().filter(Column::Id.eq(id)));
    Ok(row.one(tx.connection()).await?.map(Into::into))
}

/// All workspaces, none of which anybody else changes until the transaction ends.
pub async fn lock_all(tx: &Tx) -> Result<Vec<Workspace>, StoreError> {
    let rows = held(there().order_by_asc(Column::Id)).all(tx.connection()).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Writes settings.
pub async fn save_settings(
    tx: &Tx,
    id: WorkspaceId,
    settings: WorkspaceSettings,
    now: Millis,
) -> Result<(), StoreError> {
    Entity::update_many()
        .set(ActiveModel { settings: Set(settings), updated_at: Set(now), ..Default::default() })
        .filter(Column::Id.eq(id))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// All workspaces, by name.
pub async fn all(db: &impl Reads) -> Result<Vec<Workspace>, StoreError> {
    let rows = there().order_by_asc(Column::Name).all(db.connection()).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Changes the subscription of the workspace named `name`; false where there is none.
pub async fn set_state(tx: &Tx, name: &str, state: WorkspaceState, now: Millis) -> Result<bool, StoreError> {
    let changed = Entity::update_many()
        .set(ActiveModel { state: Set(state), updated_at: Set(now), ..Default::default() })
        .filter(Column::Name.eq(name))
        .filter(Column::DeletedAt.is_null())
        .exec(tx.connection())
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Deletes a workspace that `tx` holds, with its secrets, its members, their sessions and the invitations into it. Its
/// environments are for [`crate::store::environment::delete`].
pub async fn delete(tx: &Tx, id: WorkspaceId, now: Millis) -> Result<(), StoreError> {
    let connection = tx.connection();
    secret::Entity::delete_many().filter(secret::Column::WorkspaceId.eq(id)).exec(connection).await?;
    invitation::Entity::delete_many().filter(invitation::Column::WorkspaceId.eq(id)).exec(connection).await?;
    member::Entity::delete_many().filter(member::Column::WorkspaceId.eq(id)).exec(connection).await?;
    Entity::update_many()
        .set(ActiveModel { updated_at: Set(now), deleted_at: Set(Some(now)), ..Default::default() })
        .filter(Column::Id.eq(id))
        .exec(connection)
        .await?;
    Ok(())
}
