//! Tries to sign in, by account, browser or address. In the database, so that replicas agree.

use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, Set};
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sign_in_bucket::{ActiveModel, Column, Entity};

use super::{Reads, StoreError, Tx};
use crate::domain::sign_in::Tries;

/// The tries counted under `key`, held until the transaction ends.
pub async fn lock(tx: &Tx, key: &str) -> Result<Tries, StoreError> {
    // A row to hold, so that two first tries come one after the other.
    let empty = ActiveModel {
        key: Set(key.to_owned()),
        tries: Set(0),
        wait_until: Set(Millis(0)),
        tried_at: Set(Millis(0)),
    };
    Entity::insert(empty)
        .on_conflict_do_nothing_on([Column::Key])
        .exec_without_returning(tx.connection())
        .await?;
    let found = Entity::find_by_id(key.to_owned()).lock_exclusive().one(tx.connection()).await?;
    Ok(found.map_or(Tries::NONE, |row| Tries {
        count: row.tries,
        wait_until: row.wait_until,
        last: row.tried_at,
    }))
}

/// Writes the tries counted under `key`.
pub async fn save(tx: &Tx, key: &str, tries: Tries) -> Result<(), StoreError> {
    let row = ActiveModel {
        key: Set(key.to_owned()),
        tries: Set(tries.count),
        wait_until: Set(tries.wait_until),
        tried_at: Set(tries.last),
    };
    let newer = OnConflict::column(Column::Key)
        .update_columns([Column::Tries, Column::WaitUntil, Column::TriedAt])
        .to_owned();
    Entity::insert(row).on_conflict(newer).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Forgets what was counted under `keys`.
pub async fn forget(tx: &Tx, keys: &[String]) -> Result<(), StoreError> {
    Entity::delete_many().filter(Column::Key.is_in(keys)).exec(tx.connection()).await?;
    Ok(())
}

/// Forgets what was last tried before `before`.
pub async fn sweep(tx: &Tx, before: Millis) -> Result<(), StoreError> {
    Entity::delete_many().filter(Column::TriedAt.lt(before)).exec(tx.connection()).await?;
    Ok(())
}
