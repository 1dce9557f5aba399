//! The hashes of the provider definitions that were in force last.

use std::collections::HashMap;

use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Set};
use vouchsafe_entity::provider_definition::{ActiveModel, Column, Entity};

use super::{Reads, StoreError, Tx};

/// Every hash, by slug.
pub async fn all(db: &impl Reads) -> Result<HashMap<String, String>, StoreError> {
    let rows = Entity::find().all(db.connection()).await?;
    Ok(rows.into_iter().map(|row| (row.slug, row.hash)).collect())
}

/// The same, held until the transaction ends so that nobody else changes them.
pub async fn lock(tx: &Tx) -> Result<HashMap<String, String>, StoreError> {
    // SQLite needs no lock: a writing transaction is alone.
    if tx.is_postgres() {
        tx.connection()
            .execute_unprepared("LOCK TABLE provider_definition IN SHARE ROW EXCLUSIVE MODE")
            .await?;
    }
    all(tx).await
}

/// Stores hashes by slug, in the place of those that are there.
pub async fn save(tx: &Tx, hashes: Vec<(&str, &str)>) -> Result<(), StoreError> {
    if hashes.is_empty() {
        return Ok(());
    }
    let rows = hashes
        .into_iter()
        .map(|(slug, hash)| ActiveModel { slug: Set(slug.to_owned()), hash: Set(hash.to_owned()) });
    let replace = OnConflict::column(Column::Slug).update_column(Column::Hash).to_owned();
    Entity::insert_many(rows).on_conflict(replace).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Forgets definitions that are not there any more.
pub async fn remove(tx: &Tx, slugs: Vec<&str>) -> Result<(), StoreError> {
    if slugs.is_empty() {
        return Ok(());
    }
    Entity::delete_many().filter(Column::Slug.is_in(slugs)).exec(tx.connection()).await?;
    Ok(())
}
