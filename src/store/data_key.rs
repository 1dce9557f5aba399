//! Wrapped data keys, and what each has done.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait as _, EntityTrait, QueryFilter, QueryOrder, Set};
use vouchsafe_entity::data_key::{ActiveModel, Column, Entity, Model};
use vouchsafe_entity::data_key_use;
use vouchsafe_entity::id::DataKeyId;
use vouchsafe_entity::millis::Millis;

use super::{Reads, Sql, StoreError, Tx, statement};
use crate::domain::data_key::{KeyOwner, KeyPurpose, KeyUse, Resealing, WrappedKey};

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

/// What is another whenever a data key came, was replaced or went, or the last one left an earlier master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    keys: i64,
    retired: i64,
    newest: i64,
    masters: i64,
}

/// The stamp of all data keys; cheaper than they are.
pub async fn stamp(db: &impl Reads) -> Result<Stamp, StoreError> {
    const SQL: &str = "SELECT COUNT(*) AS keys, COUNT(retired_at) AS retired, \
        COALESCE(MAX(created_at), 0) AS newest, COUNT(DISTINCT master_key) AS masters FROM data_key";
    let connection = db.connection();
    let row = connection.query_one_raw(statement(connection, SQL, [])).await?;
    let Some(row) = row else { return Ok(Stamp { keys: 0, retired: 0, newest: 0, masters: 0 }) };
    Ok(Stamp {
        keys: row.try_get("", "keys")?,
        retired: row.try_get("", "retired")?,
        newest: row.try_get("", "newest")?,
        masters: row.try_get("", "masters")?,
    })
}

/// From `now` on these only open.
pub async fn retire(tx: &Tx, ids: &[DataKeyId], now: Millis) -> Result<(), StoreError> {
    Entity::update_many()
        .set(ActiveModel { retired_at: Set(Some(now)), ..Default::default() })
        .filter(Column::Id.is_in(ids.iter().copied()))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// Forgets a data key for good; false where it is gone.
pub async fn delete(tx: &Tx, id: DataKeyId) -> Result<bool, StoreError> {
    Ok(Entity::delete_by_id(id).exec(tx.connection()).await?.rows_affected == 1)
}

/// Forgets all data keys of one owner for good.
pub async fn delete_all(tx: &Tx, owner: KeyOwner) -> Result<(), StoreError> {
    hold(tx).await?;
    Entity::delete_many().filter(Column::Owner.eq(owner.to_string())).exec(tx.connection()).await?;
    Ok(())
}

/// What data keys have done; one that has done nothing yet is not there.
pub async fn uses(db: &impl Reads) -> Result<HashMap<DataKeyId, KeyUse>, StoreError> {
    let rows = data_key_use::Entity::find().all(db.connection()).await?;
    let done = |row: &data_key_use::Model| KeyUse { sealings: row.sealings, emptied_at: row.emptied_at };
    Ok(rows.iter().map(|row| (row.id, done(row))).collect())
}

/// How far sealing anew is for `owners` that have something left under a data key that was replaced; none where all is
/// sealed anew.
pub async fn resealing(db: &impl Reads, owners: [KeyOwner; 2]) -> Result<Option<Resealing>, StoreError> {
    const SQL: &str = "WITH old AS (SELECT k.owner, k.retired_at FROM data_key k \
        LEFT JOIN data_key_use u ON u.id = k.id \
        WHERE k.owner IN ($1, $2) AND k.purpose = $3 AND k.retired_at IS NOT NULL AND u.emptied_at IS NULL) \
        SELECT (SELECT MIN(retired_at) FROM old) AS since, \
        COALESCE(done, 0) AS done, COALESCE(total, 0) AS total FROM \
        (SELECT CAST(SUM(u.taken_over) AS BIGINT) AS done, CAST(SUM(u.to_take_over) AS BIGINT) AS total \
        FROM data_key k JOIN data_key_use u ON u.id = k.id \
        WHERE k.owner IN (SELECT owner FROM old) AND k.purpose = $3 AND k.retired_at IS NULL) AS present";
    let connection = db.connection();
    let [one, other] = owners.map(|owner| owner.to_string().into());
    let values = [one, other, KeyPurpose::Records.as_str().into()];
    let Some(row) = connection.query_one_raw(statement(connection, SQL, values)).await? else {
        return Ok(None);
    };
    let since: Option<Millis> = row.try_get("", "since")?;
    let [done, total] = ["done", "total"].map(|name| row.try_get::<i64>("", name));
    let (done, total) = (done?.unsigned_abs(), total?.unsigned_abs());
    Ok(since.map(|since| Resealing {
        since,
        done,
        total: Some(total).filter(|total| *total > 0 && *total >= done),
    }))
}

/// Notes how many values a data key that begins to seal is to take over.
pub async fn note_to_take_over(tx: &Tx, id: DataKeyId, values: u64) -> Result<(), StoreError> {
    let row = data_key_use::ActiveModel {
        id: Set(id),
        sealings: Set(0),
        emptied_at: Set(None),
        taken_over: Set(0),
        to_take_over: Set(i64::try_from(values).unwrap_or(i64::MAX)),
    };
    let replace = OnConflict::column(data_key_use::Column::Id)
        .update_column(data_key_use::Column::ToTakeOver)
        .to_owned();
    data_key_use::Entity::insert(row).on_conflict(replace).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Notes that a data key has sealed `more` values that one before it had sealed.
pub async fn note_taken_over(tx: &Tx, id: DataKeyId, more: u64) -> Result<(), StoreError> {
    let more = i64::try_from(more).unwrap_or(i64::MAX);
    data_key_use::Entity::update_many()
        .col_expr(data_key_use::Column::TakenOver, Expr::col(data_key_use::Column::TakenOver).add(more))
        .filter(data_key_use::Column::Id.eq(id))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// Counts `more` sealings for each of the data keys before they happen; how many each has now.
pub async fn count(tx: &Tx, ids: &[DataKeyId], more: i64) -> Result<Vec<(DataKeyId, i64)>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::default();
    let more = sql.bind(more);
    let ids: Vec<String> = ids.iter().map(|id| sql.bind(*id)).collect();
    // In one order, so that replicas never wait for each other in a circle.
    sql.text = format!(
        "INSERT INTO data_key_use (id, sealings) SELECT id, CAST({more} AS BIGINT) FROM data_key WHERE id IN ({}) \
         ORDER BY id ON CONFLICT (id) DO UPDATE SET sealings = data_key_use.sealings + excluded.sealings \
         RETURNING id, sealings",
        ids.join(", ")
    );
    let connection = tx.connection();
    let rows = connection.query_all_raw(statement(connection, sql.text, sql.values)).await?;
    rows.iter().map(|row| Ok((row.try_get("", "id")?, row.try_get("", "sealings")?))).collect()
}

/// Notes since when nothing is sealed under data keys that are there; none = something is.
pub async fn note_emptied(tx: &Tx, ids: &[DataKeyId], since: Option<Millis>) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let rows = ids.iter().map(|id| data_key_use::ActiveModel {
        id: Set(*id),
        sealings: Set(0),
        emptied_at: Set(since),
        taken_over: Set(0),
        to_take_over: Set(0),
    });
    let replace = OnConflict::column(data_key_use::Column::Id)
        .update_column(data_key_use::Column::EmptiedAt)
        .to_owned();
    data_key_use::Entity::insert_many(rows)
        .on_conflict(replace)
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}
