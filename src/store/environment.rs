//! Environments.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, Set};
use vouchsafe_entity::environment::{ActiveModel, Column, Entity, Model};
use vouchsafe_entity::id::{EnvironmentId, WorkspaceId};
use vouchsafe_entity::json::Settings;
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::workspace;

use super::{Reads, StoreError, Tx};
use crate::domain::workspace::{Environment, Tenant};

fn environment(row: Model, workspace: &workspace::Model) -> Environment {
    Environment {
        id: row.id,
        workspace: row.workspace_id,
        workspace_name: workspace.name.clone(),
        name: row.name,
        settings: row.settings,
        created_at: row.created_at,
    }
}

/// Stores a new environment.
pub async fn insert(tx: &Tx, environment: &Environment) -> Result<(), StoreError> {
    let row = ActiveModel {
        id: Set(environment.id),
        workspace_id: Set(environment.workspace),
        name: Set(environment.name.clone()),
        settings: Set(environment.settings.clone()),
        created_at: Set(environment.created_at),
        updated_at: Set(environment.created_at),
    };
    Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// An environment and its workspace's subscription.
pub async fn find(db: &impl Reads, id: EnvironmentId) -> Result<Option<(Environment, Tenant)>, StoreError> {
    let Some(row) = Entity::find_by_id(id).one(db.connection()).await? else {
        return Ok(None);
    };
    let Some(workspace) = workspace::Entity::find_by_id(row.workspace_id).one(db.connection()).await? else {
        return Err(StoreError::Inconsistent {
            table: "environment",
            id: id.to_string(),
            what: "no workspace",
        });
    };
    let tenant = Tenant { workspace: workspace.id, environment: id, state: workspace.state };
    Ok(Some((environment(row, &workspace), tenant)))
}

/// The environment named `name` of a workspace.
pub async fn by_name(
    db: &impl Reads,
    workspace: WorkspaceId,
    name: &str,
) -> Result<Option<EnvironmentId>, StoreError> {
    let found = Entity::find()
        .filter(Column::WorkspaceId.eq(workspace))
        .filter(Column::Name.eq(name))
        .one(db.connection())
        .await?;
    Ok(found.map(|row| row.id))
}

/// The environments of a workspace, by name.
pub async fn of_workspace(
    db: &impl Reads,
    workspace: WorkspaceId,
) -> Result<Vec<(EnvironmentId, String)>, StoreError> {
    let rows = Entity::find()
        .filter(Column::WorkspaceId.eq(workspace))
        .order_by_asc(Column::Name)
        .all(db.connection())
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

/// Writes settings.
pub async fn save_settings(
    tx: &Tx,
    id: EnvironmentId,
    settings: Settings,
    now: Millis,
) -> Result<(), StoreError> {
    Entity::update_many()
        .set(ActiveModel { settings: Set(settings), updated_at: Set(now), ..Default::default() })
        .filter(Column::Id.eq(id))
        .exec(tx.connection())
        .await?;
    Ok(())
}
