//! Mails on their way.

use sea_orm::sea_query::{LockBehavior, LockType};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set,
};
use vouchsafe_entity::id::{EnvironmentId, EventId, MailId};
use vouchsafe_entity::kind::MailStatus;
use vouchsafe_entity::mail::{ActiveModel, Column, Entity};
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

use super::{Reads, Sql, StoreError, Tx, statement};
use crate::domain::mail::ClaimedMail;

/// Puts a mail into the queue.
pub async fn insert(
    tx: &Tx,
    environment: EnvironmentId,
    id: MailId,
    event: EventId,
    sealed: Sealed,
    now: Millis,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        environment_id: Set(environment),
        id: Set(id),
        event_id: Set(event),
        sealed: Set(sealed),
        status: Set(MailStatus::Pending),
        attempts: Set(0),
        due_at: Set(Some(now)),
        error: Set(None),
        created_at: Set(now),
    };
    Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Whether a mail is due at `now`. It asks the readers, so that nothing is locked while there is nothing to do.
pub async fn is_anything_due(db: &impl Reads, now: Millis) -> Result<bool, StoreError> {
    let connection = db.connection();
    let sql = "SELECT 1 AS due FROM mail WHERE due_at <= $1 LIMIT 1";
    Ok(connection.query_one_raw(statement(connection, sql, [now.into()])).await?.is_some())
}

/// Claims mails that are due at `now` until `lease_until`.
pub async fn claim(
    tx: &Tx,
    now: Millis,
    lease_until: Millis,
    limit: u64,
) -> Result<Vec<ClaimedMail>, StoreError> {
    let due = Entity::find()
        .filter(Column::DueAt.lte(now))
        .order_by_asc(Column::DueAt)
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(tx.connection())
        .await?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::default();
    let until = sql.bind(lease_until);
    let rows = sql.rows(due.iter().map(|mail| (mail.environment_id, mail.id)));
    let text = format!(
        "UPDATE mail SET due_at = {until}, attempts = attempts + 1 WHERE (environment_id, id) IN {rows}"
    );
    let connection = tx.connection();
    connection.execute_raw(statement(connection, text, sql.values)).await?;
    let claimed = due.into_iter().map(|mail| ClaimedMail {
        environment: mail.environment_id,
        id: mail.id,
        event: mail.event_id,
        sealed: mail.sealed,
        attempts: mail.attempts.saturating_add(1),
        lease_until,
    });
    Ok(claimed.collect())
}

/// Writes what came of a claimed mail: it is sent, or tried again at `next_try`, or given up.
pub async fn finish(
    tx: &Tx,
    claimed: &ClaimedMail,
    error: Option<String>,
    next_try: Option<Millis>,
) -> Result<(), StoreError> {
    let status = match (&error, next_try) {
        (None, _) => MailStatus::Sent,
        (Some(_), Some(_)) => MailStatus::Pending,
        (Some(_), None) => MailStatus::Failed,
    };
    let held = Condition::all()
        .add(Column::EnvironmentId.eq(claimed.environment))
        .add(Column::Id.eq(claimed.id))
        .add(Column::DueAt.eq(claimed.lease_until));
    Entity::update_many()
        .set(ActiveModel {
            status: Set(status),
            due_at: Set(next_try),
            error: Set(error),
            ..Default::default()
        })
        .filter(held)
        .exec(tx.connection())
        .await?;
    Ok(())
}
