//! First answers to requests that carry an `Idempotency-Key`.

use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, Set, TryInsertResult};
use vouchsafe_entity::id::EnvironmentId;
use vouchsafe_entity::idempotent_answer::{ActiveModel, Column, Entity};
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

use super::{Reads, StoreError, Tx};

/// What is known of a key.
#[derive(Debug)]
pub enum Known {
    /// Nothing: this request is the first, and is noted as under way.
    First,
    /// The first request is under way.
    UnderWay,
    /// The first request had another body.
    OtherBody,
    /// It was answered.
    Answered {
        /// HTTP status.
        status: i16,
        /// Headers and body.
        sealed: Sealed,
    },
}

/// Notes a request as under way until `expires_at`, or says what came of the first.
pub async fn begin(
    tx: &Tx,
    environment: EnvironmentId,
    key_hash: &str,
    request_hash: &str,
    now: Millis,
    expires_at: Millis,
) -> Result<Known, StoreError> {
    Entity::delete_many()
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::KeyHash.eq(key_hash))
        .filter(Column::ExpiresAt.lte(now))
        .exec(tx.connection())
        .await?;
    let row = ActiveModel {
        environment_id: Set(environment),
        key_hash: Set(key_hash.to_owned()),
        request_hash: Set(request_hash.to_owned()),
        status: Set(None),
        sealed: Set(None),
        created_at: Set(now),
        expires_at: Set(expires_at),
    };
    let inserted = Entity::insert(row)
        .on_conflict_do_nothing_on([Column::EnvironmentId, Column::KeyHash])
        .exec_without_returning(tx.connection())
        .await?;
    // The number of rows; a conflict that does nothing is no error here.
    if matches!(inserted, TryInsertResult::Inserted(1..)) {
        return Ok(Known::First);
    }
    let found = Entity::find_by_id((environment, key_hash.to_owned())).one(tx.connection()).await?;
    Ok(match found {
        Some(row) if row.request_hash != request_hash => Known::OtherBody,
        Some(row) => match (row.status, row.sealed) {
            (Some(status), Some(sealed)) => Known::Answered { status, sealed },
            _ => Known::UnderWay,
        },
        None => Known::First,
    })
}

/// The request that was noted under `key_hash` at `began`, while nothing came of it and nobody took over.
fn under_way(environment: EnvironmentId, key_hash: &str, began: Millis) -> Condition {
    Condition::all()
        .add(Column::EnvironmentId.eq(environment))
        .add(Column::KeyHash.eq(key_hash))
        .add(Column::CreatedAt.eq(began))
        .add(Column::Status.is_null())
}

/// Keeps the answer to the request that began at `began`, until `expires_at`.
pub async fn finish(
    tx: &Tx,
    environment: EnvironmentId,
    key_hash: &str,
    began: Millis,
    (status, sealed): (i16, Sealed),
    expires_at: Millis,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        status: Set(Some(status)),
        sealed: Set(Some(sealed)),
        expires_at: Set(expires_at),
        ..Default::default()
    };
    let found = under_way(environment, key_hash, began);
    Entity::update_many().set(row).filter(found).exec(tx.connection()).await?;
    Ok(())
}

/// Forgets the request that began at `began`, so that it can be sent again.
pub async fn forget(
    tx: &Tx,
    environment: EnvironmentId,
    key_hash: &str,
    began: Millis,
) -> Result<(), StoreError> {
    Entity::delete_many().filter(under_way(environment, key_hash, began)).exec(tx.connection()).await?;
    Ok(())
}

/// Forgets what is older than its time.
pub async fn sweep(tx: &Tx, now: Millis) -> Result<(), StoreError> {
    Entity::delete_many().filter(Column::ExpiresAt.lte(now)).exec(tx.connection()).await?;
    Ok(())
}
