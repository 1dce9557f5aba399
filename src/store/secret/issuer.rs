//! Issuers of secrets, and the providers that are kept beside them.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Set};
use vouchsafe_entity::json::Strings;
use vouchsafe_entity::secret::{ActiveModel, Column, Entity};

use crate::store::{Reads, StoreError, Tx, statement};

/// Up to `most` issuers behind `after`, in order, of secrets beside which no provider is kept; of all workspaces.
pub async fn issuers_of_none(db: &impl Reads, after: &str, most: i64) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT DISTINCT s.issuer FROM secret s WHERE s.issuer_providers IS NULL AND s.issuer > $1 \
        ORDER BY s.issuer LIMIT $2";
    let connection = db.connection();
    let rows = connection.query_all_raw(statement(connection, sql, [after.into(), most.into()])).await?;
    rows.iter().map(|row| Ok(row.try_get("", "issuer")?)).collect()
}

/// Keeps the providers `slugs` beside those of `issuers` that have none yet.
pub async fn keep_issuers(tx: &Tx, issuers: Vec<String>, slugs: Vec<String>) -> Result<(), StoreError> {
    Entity::update_many()
        .set(ActiveModel { issuer_providers: Set(Some(Strings(slugs))), ..Default::default() })
        .filter(Column::IssuerProviders.is_null())
        .filter(Column::Issuer.is_in(issuers))
        .exec(tx.connection())
        .await?;
    Ok(())
}
