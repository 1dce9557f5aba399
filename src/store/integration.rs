//! Integrations.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, Set, Value, sea_query::OnConflict,
};
use vouchsafe_entity::id::EnvironmentId;
use vouchsafe_entity::integration::{ActiveModel, Column, Entity, Model};
use vouchsafe_entity::json::Needs;

use super::secret::places;
use super::{Reads, StoreError, Tx, held, statement};
use crate::domain::integration::Integration;
use crate::domain::page::{Page, PageRequest};

/// What its cursors call this list.
const LIST: &str = "integrations";

impl From<Model> for Integration {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            slug: row.slug,
            name: row.name,
            description: row.description,
            connectors: row.connectors.0,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// One integration by slug.
pub async fn by_slug(
    db: &impl Reads,
    environment: EnvironmentId,
    slug: &str,
) -> Result<Option<Integration>, StoreError> {
    let found = Entity::find()
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::Slug.eq(slug))
        .one(db.connection())
        .await?;
    Ok(found.map(Into::into))
}

/// The same, and nobody else changes it until the transaction ends.
pub async fn lock(
    tx: &Tx,
    environment: EnvironmentId,
    slug: &str,
) -> Result<Option<Integration>, StoreError> {
    let of = Entity::find().filter(Column::EnvironmentId.eq(environment)).filter(Column::Slug.eq(slug));
    let found = held(of).one(tx.connection()).await?;
    Ok(found.map(Into::into))
}

/// Which of `slugs` are taken.
pub async fn taken(
    db: &impl Reads,
    environment: EnvironmentId,
    slugs: &[&str],
) -> Result<Vec<String>, StoreError> {
    Ok(Entity::find()
        .select_only()
        .column(Column::Slug)
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::Slug.is_in(slugs.iter().copied()))
        .into_tuple()
        .all(db.connection())
        .await?)
}

/// The integrations of an environment, by slug.
pub async fn list(
    db: &impl Reads,
    environment: EnvironmentId,
    page: &PageRequest,
) -> Result<Page<Integration>, StoreError> {
    let mut query = Entity::find().filter(Column::EnvironmentId.eq(environment));
    if let Some(after) = page.after_in(LIST)? {
        query = query.filter(Column::Slug.gt(after));
    }
    let rows = query.order_by_asc(Column::Slug).limit(page.limit + 1).all(db.connection()).await?;
    let integrations = rows.into_iter().map(Integration::from).collect();
    Ok(Page::of(LIST, integrations, page.limit, |integration: &Integration| integration.slug.clone()))
}

/// The first few integrations of an environment that need one of some connectors, by slug.
pub async fn with_connectors(
    db: &impl Reads,
    environment: EnvironmentId,
    keys: &[&str],
    most: u64,
) -> Result<Vec<Integration>, StoreError> {
    let connection = db.connection();
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut values: Vec<Value> = vec![environment.into(), most.into()];
    let list = places(&mut values, keys.iter().map(|key| (*key).into()));
    let needs = match connection.get_database_backend() {
        DbBackend::Postgres => {
            format!(
                "SELECT 1 FROM jsonb_array_elements(connectors) AS need WHERE need->>'connector' IN ({list})"
            )
        }
        _ => {
            format!("SELECT 1 FROM json_each(connectors) AS need WHERE need.value->>'connector' IN ({list})")
        }
    };
    let sql = format!(
        "SELECT * FROM integration WHERE environment_id = $1 AND EXISTS ({needs}) ORDER BY slug LIMIT $2"
    );
    let rows = connection.query_all_raw(statement(connection, sql, values));
    rows.await?.iter().map(|row| Ok(Model::from_query_result(row, "")?.into())).collect()
}

/// Stores or replaces an integration.
pub async fn save(tx: &Tx, environment: EnvironmentId, integration: &Integration) -> Result<(), StoreError> {
    let row = ActiveModel {
        environment_id: Set(environment),
        id: Set(integration.id),
        slug: Set(integration.slug.clone()),
        name: Set(integration.name.clone()),
        description: Set(integration.description.clone()),
        connectors: Set(Needs(integration.connectors.clone())),
        created_at: Set(integration.created_at),
        updated_at: Set(integration.updated_at),
    };
    let replace = OnConflict::columns([Column::EnvironmentId, Column::Id])
        .update_columns([Column::Name, Column::Description, Column::Connectors, Column::UpdatedAt])
        .to_owned();
    Entity::insert(row).on_conflict(replace).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Removes an integration; false where there is none.
pub async fn delete(tx: &Tx, environment: EnvironmentId, slug: &str) -> Result<bool, StoreError> {
    let gone = Entity::delete_many()
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::Slug.eq(slug))
        .exec(tx.connection())
        .await?;
    Ok(gone.rows_affected == 1)
}
