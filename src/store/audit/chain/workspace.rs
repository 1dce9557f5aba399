//! The chain of one workspace.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};
use vouchsafe_entity::audit_batch::{Column, Entity};
use vouchsafe_entity::id::WorkspaceId;

use super::{Counts, batch};
use crate::domain::audit::chain::Batch;
use crate::store::audit::HUB;
use crate::store::{Reads, StoreError, statement};

/// The batches of a workspace after its batch `n`, in order.
pub async fn batches_after(
    db: &impl Reads,
    workspace: WorkspaceId,
    n: i64,
    limit: u64,
) -> Result<Vec<Batch>, StoreError> {
    let rows = Entity::find().filter(Column::WorkspaceId.eq(workspace)).filter(Column::N.gt(n));
    let rows = rows.order_by_asc(Column::N).limit(limit);
    rows.all(db.connection()).await?.iter().map(batch).collect()
}

/// The number of the last batch of a workspace; 0 where there is none.
pub async fn last(db: &impl Reads, workspace: WorkspaceId) -> Result<i64, StoreError> {
    let last = Entity::find().select_only().column(Column::N).filter(Column::WorkspaceId.eq(workspace));
    let last = last.order_by_desc(Column::N).limit(1);
    Ok(last.into_tuple().one(db.connection()).await?.unwrap_or(0))
}

/// How many events of a workspace there are, and how many there should be. As of one moment.
pub async fn counts(db: &impl Reads, workspace: WorkspaceId) -> Result<(i64, i64), StoreError> {
    let sql = "SELECT (SELECT COUNT(*) FROM audit_event WHERE environment_id IN \
            (SELECT id FROM environment WHERE workspace_id = $1)) \
        + (SELECT COUNT(*) FROM audit_event WHERE environment_id = $2 AND workspace_id = $1) AS found, \
        (SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM audit_batch \
            WHERE workspace_id = $1 AND members IS NOT NULL) \
        + (SELECT COUNT(*) FROM audit_unsealed u JOIN audit_event e \
            ON e.environment_id = u.environment_id AND e.id = u.id WHERE e.workspace_id = $1) AS due";
    let connection = db.connection();
    let row = connection.query_one_raw(statement(connection, sql, [workspace.into(), HUB.into()])).await?;
    let counts = row.map(|row| Counts::from_query_result(&row, "")).transpose()?;
    Ok(counts.map_or((0, 0), |counts| (counts.found, counts.due)))
}
