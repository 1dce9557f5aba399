//! Wrapped data keys.

use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait as _, EntityTrait, QueryFilter, QueryOrder, Set};
use vouchsafe_entity::data_key::{ActiveModel, Column, Entity, Model};

use super::{Reads, StoreError, Tx};
use crate::domain::data_key::{KeyOwner, WrappedKey};

/// Rows of one statement.
const AT_ONCE: usize = 500;

fn wrapped(row: Model) -> Result<WrappedKey, StoreError> {
    let bad = |what| StoreError::Inconsistent { table: "data_key", id: row.id.to_string(), what };
    Ok(WrappedKey {
        id: row.id,
        owner: row.owner.parse().map_err(|_| bad("unknown owner"))?,
        purpose: row.purpose.parse().map_err(|_| bad("unknown purpose"))?,
        master_key: row.master_key,
        wrapped: row.wrapped,
        created_at: row.created_at,
        retired_at: row.retired_at,
    })
}

fn row(key: &WrappedKey) -> ActiveModel {
    ActiveModel {
        id: Set(key.id),
        owner: Set(key.owner.to_string()),
        purpose: Set(key.purpose.as_str().to_owned()),
        master_key: Set(key.master_key.clone()),
        wrapped: Set(key.wrapped.clone()),
        created_at: Set(key.created_at),
        retired_at: Set(key.retired_at),
    }
}

/// Stores a new data key.
pub async fn insert(tx: &Tx, key: &WrappedKey) -> Result<(), StoreError> {
    Entity::insert(row(key)).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Stores another wrapping of data keys that are there.
pub async fn rewrap(tx: &Tx, keys: &[WrappedKey]) -> Result<(), StoreError> {
    let replace =
        OnConflict::column(Column::Id).update_columns([Column::MasterKey, Column::Wrapped]).to_owned();
    for some in keys.chunks(AT_ONCE) {
        Entity::insert_many(some.iter().map(row))
            .on_conflict(replace.clone())
            .exec_without_returning(tx.connection())
            .await?;
    }
    Ok(())
}

/// All data keys, oldest first.
pub async fn all(db: &impl Reads) -> Result<Vec<WrappedKey>, StoreError> {
    let rows = Entity::find().order_by_asc(Column::Id).all(db.connection()).await?;
    rows.into_iter().map(wrapped).collect()
}

/// The data keys of one owner, held until the transaction ends so that nobody else adds one.
pub async fn lock(tx: &Tx, owner: KeyOwner) -> Result<Vec<WrappedKey>, StoreError> {
    hold(tx).await?;
    of_owner(tx, owner).await
}

/// All data keys, held in the same way.
pub async fn lock_all(tx: &Tx) -> Result<Vec<WrappedKey>, StoreError> {
    hold(tx).await?;
    all(tx).await
}

async fn hold(tx: &Tx) -> Result<(), StoreError> {
    // SQLite needs no lock: a writing transaction is alone.
    if tx.is_postgres() {
        tx.connection().execute_unprepared("LOCK TABLE data_key IN SHARE ROW EXCLUSIVE MODE").await?;
    }
    Ok(())
}

/// The data keys of one owner, oldest first.
pub async fn of_owner(db: &impl Reads, owner: KeyOwner) -> Result<Vec<WrappedKey>, StoreError> {
    let rows = Entity::find()
        .filter(Column::Owner.eq(owner.to_string()))
        .order_by_asc(Column::Id)
        .all(db.connection())
        .await?;
    rows.into_iter().map(wrapped).collect()
}
