//! Environments. One that was deleted is found by nothing but [`deleted`].

mod gone;

pub use gone::{TABLES, contents, contents_of_all, delete, deleted, lock_all, note_emptied, remove_page};

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Set,
};
use vouchsafe_entity::environment::{ActiveModel, Column, Entity};
use vouchsafe_entity::id::{EnvironmentId, WorkspaceId};
use vouchsafe_entity::json::Settings;
use vouchsafe_entity::kind::WorkspaceState;
use vouchsafe_entity::millis::Millis;

use super::{Reads, StoreError, Tx, held, statement};
use crate::domain::workspace::{Environment, Tenant};

/// An environment with what is asked of its workspace.
#[derive(FromQueryResult)]
struct Found {
    workspace_id: WorkspaceId,
    workspace_name: String,
    state: WorkspaceState,
    name: String,
    settings: Settings,
    created_at: Millis,
    updated_at: Millis,
}

const FIND: &str = "SELECT e.workspace_id, w.name AS workspace_name, w.state, e.name, e.settings, e.created_at, \
    e.updated_at FROM environment e JOIN workspace w ON w.id = e.workspace_id \
    WHERE e.id = $1 AND e.deleted_at IS NULL";

const BESIDE: &str = "SELECT e.name FROM environment e WHERE e.workspace_id = $1 AND e.id <> $2 \
    AND e.deleted_at IS NULL AND EXISTS (SELECT 1 FROM credential c WHERE c.environment_id = e.id) \
    ORDER BY e.id LIMIT 1";

/// Stores a new environment.
pub async fn insert(tx: &Tx, environment: &Environment) -> Result<(), StoreError> {
    let row = ActiveModel {
        id: Set(environment.id),
        workspace_id: Set(environment.workspace),
        name: Set(environment.name.clone()),
        settings: Set(environment.settings.clone()),
        created_at: Set(environment.created_at),
        updated_at: Set(environment.updated_at),
        deleted_at: Set(None),
        emptied_at: Set(None),
    };
    Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// An environment and its workspace's subscription.
pub async fn find(db: &impl Reads, id: EnvironmentId) -> Result<Option<(Environment, Tenant)>, StoreError> {
    let connection = db.connection();
    let row = connection.query_one_raw(statement(connection, FIND, [id.into()])).await?;
    let row = row.map(|row| Found::from_query_result(&row, "")).transpose()?;
    Ok(row.map(|row| {
        let tenant = Tenant { workspace: row.workspace_id, environment: id, state: row.state };
        let environment = Environment {
            id,
            workspace: row.workspace_id,
            workspace_name: row.workspace_name,
            name: row.name,
            settings: row.settings,
            created_at: row.created_at,
            updated_at: row.updated_at,
        };
        (environment, tenant)
    }))
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
        .filter(Column::DeletedAt.is_null())
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
        .filter(Column::DeletedAt.is_null())
        .order_by_asc(Column::Name)
        .all(db.connection())
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

/// The names of all environments with their workspaces, by name.
pub async fn names(db: &impl Reads) -> Result<Vec<(WorkspaceId, String)>, StoreError> {
    let query = Entity::find()
        .filter(Column::DeletedAt.is_null())
        .select_only()
        .column(Column::WorkspaceId)
        .column(Column::Name);
    Ok(query.order_by_asc(Column::Name).into_tuple().all(db.connection()).await?)
}

/// The name of another environment of the workspace in which somebody has connected something, the oldest.
pub async fn in_use_beside(
    db: &impl Reads,
    workspace: WorkspaceId,
    environment: EnvironmentId,
) -> Result<Option<String>, StoreError> {
    let values = [workspace.into(), environment.into()];
    let found = db.connection().query_one_raw(statement(db.connection(), BESIDE, values)).await?;
    Ok(found.map(|row| row.try_get("", "name")).transpose()?)
}

/// Whether all of these are there; nobody deletes one of them until the transaction ends.
pub async fn stay(tx: &Tx, ids: &[EnvironmentId]) -> Result<bool, StoreError> {
    let there = Entity::find().select_only().column(Column::Id).filter(Column::DeletedAt.is_null());
    let there = there.filter(Column::Id.is_in(ids.iter().copied())).order_by_asc(Column::Id);
    let found: Vec<EnvironmentId> = there.lock_shared().into_tuple().all(tx.connection()).await?;
    Ok(ids.iter().all(|id| found.contains(id)))
}

/// The settings of an environment and when they last changed; nobody else changes them until the transaction ends.
pub async fn lock_settings(tx: &Tx, id: EnvironmentId) -> Result<Option<(Settings, Millis)>, StoreError> {
    let row = held(Entity::find_by_id(id).filter(Column::DeletedAt.is_null()));
    Ok(row.one(tx.connection()).await?.map(|row| (row.settings, row.updated_at)))
}

/// Writes settings that `tx` holds.
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
