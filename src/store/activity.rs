//! What happened in environments, counted by the day.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use vouchsafe_entity::activity::{Column, Entity};
use vouchsafe_entity::id::EnvironmentId;
use vouchsafe_entity::millis::Millis;

use super::{Reads, StoreError, Tx, statement};
use crate::domain::activity::{Activity, counted, day_of};
use crate::domain::audit::AuditEvent;

const ADD: &str = "INSERT INTO activity (environment_id, day, kind, count) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (environment_id, day, kind) DO UPDATE SET count = activity.count + excluded.count";

/// Counts audit events that are being written.
pub(super) async fn add(tx: &Tx, events: &[AuditEvent]) -> Result<(), StoreError> {
    // In one order everywhere, so that replicas do not wait for each other in a circle.
    let mut counts: BTreeMap<(EnvironmentId, Millis, &'static str), i64> = BTreeMap::new();
    for event in events {
        if let (Some(environment), Some(kind)) = (event.environment, counted(event)) {
            *counts.entry((environment, day_of(event.at), kind.as_str())).or_default() += 1;
        }
    }
    for ((environment, day, kind), count) in counts {
        let values = [environment.into(), day.into(), kind.into(), count.into()];
        tx.connection().execute_raw(statement(tx.connection(), ADD, values)).await?;
    }
    Ok(())
}

/// What happened in an environment since `from`, by day.
pub async fn since(
    db: &impl Reads,
    environment: EnvironmentId,
    from: Millis,
) -> Result<Vec<Activity>, StoreError> {
    let rows = Entity::find()
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::Day.gte(from))
        .order_by_asc(Column::Day)
        .all(db.connection())
        .await?;
    Ok(rows.into_iter().map(|row| Activity { day: row.day, kind: row.kind, count: row.count }).collect())
}

/// Forgets days before `before`.
pub async fn drop_before(tx: &Tx, before: Millis) -> Result<(), StoreError> {
    Entity::delete_many().filter(Column::Day.lt(before)).exec(tx.connection()).await?;
    Ok(())
}
