//! Hub API keys.

use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};
use vouchsafe_entity::api_key::{ActiveModel, Column, Entity, Model};
use vouchsafe_entity::id::{ApiKeyId, EnvironmentId};
use vouchsafe_entity::json::Strings;
use vouchsafe_entity::millis::Millis;

use super::{Reads, StoreError, Tx, environment, held};
use crate::domain::api_key::ApiKey;
use crate::domain::page::{Page, PageRequest};
use crate::domain::scope::Scopes;
use crate::domain::workspace::Tenant;

/// What its cursors call this list.
const LIST: &str = "api_keys";

fn api_key(row: Model, tenant: Tenant) -> Result<ApiKey, StoreError> {
    let bad = |what| StoreError::Inconsistent { table: "api_key", id: row.id.to_string(), what };
    let cidrs = row.allowed_cidrs.0.iter().map(|text| text.parse()).collect::<Result<_, _>>();
    Ok(ApiKey {
        tenant,
        name: row.name,
        prefix: row.prefix,
        scopes: Scopes::parse(&row.scopes.0).map_err(|_| bad("unknown scope"))?,
        active: row.active,
        expires_at: row.expires_at,
        allowed_cidrs: cidrs.map_err(|_| bad("unreadable address range"))?,
        rate_limit: row.rate_limit.and_then(|n| u32::try_from(n).ok()),
        hash: row.hash,
        previous: row.previous_hash.zip(row.previous_until),
        last_used_at: row.last_used_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
        id: row.id,
    })
}

fn row(key: &ApiKey) -> ActiveModel {
    ActiveModel {
        environment_id: Set(key.tenant.environment),
        id: Set(key.id),
        name: Set(key.name.clone()),
        hash: Set(key.hash.clone()),
        prefix: Set(key.prefix.clone()),
        scopes: Set(Strings(key.scopes.words().to_vec())),
        active: Set(key.active),
        expires_at: Set(key.expires_at),
        allowed_cidrs: Set(Strings(key.allowed_cidrs.iter().map(ToString::to_string).collect())),
        rate_limit: Set(key.rate_limit.and_then(|n| i32::try_from(n).ok())),
        previous_hash: Set(key.previous.as_ref().map(|(hash, _)| hash.clone())),
        previous_until: Set(key.previous.as_ref().map(|(_, until)| *until)),
        last_used_at: Set(key.last_used_at),
        created_at: Set(key.created_at),
        updated_at: Set(key.updated_at),
    }
}

/// The key whose HMAC, present or before the last rotation, is `hash`.
pub async fn by_hash(db: &impl Reads, hash: &str) -> Result<Option<ApiKey>, StoreError> {
    let either = Condition::any().add(Column::Hash.eq(hash)).add(Column::PreviousHash.eq(hash));
    let Some(row) = Entity::find().filter(either).one(db.connection()).await? else {
        return Ok(None);
    };
    match environment::find(db, row.environment_id).await? {
        Some((_, tenant)) => api_key(row, tenant).map(Some),
        None => Ok(None),
    }
}

/// One key of an environment.
pub async fn find(db: &impl Reads, tenant: Tenant, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
    let found = Entity::find_by_id((tenant.environment, id)).one(db.connection()).await?;
    found.map(|row| api_key(row, tenant)).transpose()
}

/// The same, and nobody else changes it until the transaction ends.
pub async fn lock(tx: &Tx, tenant: Tenant, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
    let row = held(Entity::find_by_id((tenant.environment, id)));
    row.one(tx.connection()).await?.map(|row| api_key(row, tenant)).transpose()
}

/// One key anywhere, for the operator.
pub async fn find_anywhere(db: &impl Reads, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
    let Some(row) = Entity::find().filter(Column::Id.eq(id)).one(db.connection()).await? else {
        return Ok(None);
    };
    match environment::find(db, row.environment_id).await? {
        Some((_, tenant)) => api_key(row, tenant).map(Some),
        None => Ok(None),
    }
}

/// What some keys of an environment are called.
pub async fn names(
    db: &impl Reads,
    environment: EnvironmentId,
    ids: &[ApiKeyId],
) -> Result<Vec<(ApiKeyId, String)>, StoreError> {
    Ok(Entity::find()
        .select_only()
        .column(Column::Id)
        .column(Column::Name)
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::Id.is_in(ids.iter().copied()))
        .into_tuple()
        .all(db.connection())
        .await?)
}

/// The keys of an environment, newest first.
pub async fn list(db: &impl Reads, tenant: Tenant, page: &PageRequest) -> Result<Page<ApiKey>, StoreError> {
    let mut query = Entity::find().filter(Column::EnvironmentId.eq(tenant.environment));
    if let Some(after) = page.after_in(LIST)? {
        query = query.filter(Column::Id.lt(after));
    }
    let rows = query.order_by_desc(Column::Id).limit(page.limit + 1).all(db.connection()).await?;
    let keys = rows.into_iter().map(|row| api_key(row, tenant)).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::of(LIST, keys, page.limit, |key| key.id.to_string()))
}

/// How many keys an environment has.
pub async fn count(db: &impl Reads, environment: EnvironmentId) -> Result<u64, StoreError> {
    use sea_orm::PaginatorTrait as _;
    Ok(Entity::find().filter(Column::EnvironmentId.eq(environment)).count(db.connection()).await?)
}

/// Stores a new key.
pub async fn insert(tx: &Tx, key: &ApiKey) -> Result<(), StoreError> {
    Entity::insert(row(key)).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Writes a changed key that `tx` holds.
pub async fn update(tx: &Tx, key: &ApiKey) -> Result<(), StoreError> {
    Entity::update(row(key)).exec(tx.connection()).await?;
    Ok(())
}

/// Removes a key; false where there is none.
pub async fn delete(tx: &Tx, environment: EnvironmentId, id: ApiKeyId) -> Result<bool, StoreError> {
    Ok(Entity::delete_by_id((environment, id)).exec(tx.connection()).await?.rows_affected == 1)
}

/// Notes when keys were last used.
pub async fn touch(tx: &Tx, ids: Vec<ApiKeyId>, now: Millis) -> Result<(), StoreError> {
    Entity::update_many()
        .set(ActiveModel { last_used_at: Set(Some(now)), ..Default::default() })
        .filter(Column::Id.is_in(ids))
        .exec(tx.connection())
        .await?;
    Ok(())
}
