//! What happened in environments, counted by the day.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use vouchsafe_entity::activity::{Column, Entity};
use vouchsafe_entity::id::EnvironmentId;
use vouchsafe_entity::millis::Millis;

use super::{Reads, StoreError, Tx, statement};
use crate::domain::activity::Activity;

const ADD: &str = "INSERT INTO activity (environment_id, day, kind, count) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (environment_id, day, kind) DO UPDATE SET count = activity.count + excluded.count";

/// How often things happened, by environment, day and kind.
pub type Counts = BTreeMap<(EnvironmentId, Millis, &'static str), i64>;

/// Adds to what was counted. One replica at a time does so, or they would wait for each other's days.
pub async fn add(tx: &Tx, counts: Counts) -> Result<(), StoreError> {
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
