//! What refers to secrets, so that their deletion can name it.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Set,
    Value,
};
use vouchsafe_entity::id::{ConnectorId, EnvironmentId, SecretId, WorkspaceId};
use vouchsafe_entity::secret_reference::{ActiveModel, Column, Entity};

use super::secret::places;
use super::{Reads, StoreError, Tx, statement};

/// Writes which secrets the settings of a connector refer to: key and place of each.
pub async fn replace(
    tx: &Tx,
    environment: EnvironmentId,
    connector: ConnectorId,
    references: &[(String, String)],
) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::ConnectorId.eq(connector))
        .exec(tx.connection())
        .await?;
    if references.is_empty() {
        return Ok(());
    }
    let rows = references.iter().map(|(key, place)| ActiveModel {
        environment_id: Set(environment),
        key: Set(key.clone()),
        connector_id: Set(connector),
        place: Set(place.clone()),
    });
    Entity::insert_many(rows).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// The keys that the settings of some connectors refer to: connector and key of each.
pub async fn of_connectors(
    db: &impl Reads,
    environment: EnvironmentId,
    connectors: &[ConnectorId],
) -> Result<Vec<(ConnectorId, String)>, StoreError> {
    let found = Entity::find()
        .select_only()
        .columns([Column::ConnectorId, Column::Key])
        .distinct()
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::ConnectorId.is_in(connectors.iter().copied()))
        .order_by_asc(Column::ConnectorId)
        .order_by_asc(Column::Key);
    Ok(found.into_tuple().all(db.connection()).await?)
}

/// A setting that refers to a secret.
#[derive(Debug, FromQueryResult)]
pub struct Referring {
    /// Which secret.
    pub secret_id: SecretId,
    /// The environment's name.
    pub environment: String,
    /// The connector's key.
    pub connector: String,
    /// Which of its settings.
    pub place: String,
}

/// The settings that refer to secrets in the environments that they cover; at most `limit`.
pub async fn of_secrets(
    db: &impl Reads,
    workspace: WorkspaceId,
    ids: &[SecretId],
    limit: i64,
) -> Result<Vec<Referring>, StoreError> {
    let mut values: Vec<Value> = vec![workspace.into(), limit.into()];
    let list = places(&mut values, ids.iter().map(|id| (*id).into()));
    let sql = format!(
        "SELECT e.secret_id, v.name AS environment, k.key AS connector, r.place FROM secret_environment e \
         JOIN secret_reference r ON r.environment_id = e.environment_id AND r.key = e.key \
         JOIN connector k ON k.environment_id = r.environment_id AND k.id = r.connector_id \
         JOIN environment v ON v.id = e.environment_id \
         WHERE e.workspace_id = $1 AND e.secret_id IN ({list}) ORDER BY v.name, k.key, r.place LIMIT $2"
    );
    let connection = db.connection();
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(|row| Ok(Referring::from_query_result(row, "")?)).collect()
}
