//! Secrets and the environments that they cover.

mod due;
mod issuer;
mod list;

#[cfg(test)]
pub(super) use due::ending_sql;
pub use due::{ending, notice_again, noticeable, purgeable};
pub use issuer::{issuers_of_none, keep_issuers};
#[cfg(test)]
pub(super) use list::statements;
pub use list::{SecretFilter, SecretName, list, names};

use sea_orm::{
    ActiveValue, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, Set, Value,
};
use vouchsafe_entity::id::{EnvironmentId, SecretId, WorkspaceId};
use vouchsafe_entity::json::Strings;
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::secret::{ActiveModel, Column, Entity, Model};
use vouchsafe_entity::secret_environment::{self, Column as Place};

use super::{Reads, StoreError, Tx, statement};
use crate::domain::secret::{Secret, SecretScope};

const SELECT: &str = "SELECT s.* FROM secret_environment e \
 JOIN secret s ON s.workspace_id = e.workspace_id AND s.id = e.secret_id";

fn secret(row: Model) -> Result<Secret, StoreError> {
    let bad = |what| StoreError::Inconsistent { table: "secret", id: row.id.to_string(), what };
    let hosts = row.allowed_hosts.0.iter().map(|host| host.parse()).collect::<Result<_, _>>();
    let told_days = row.told_days.map(u16::try_from).transpose();
    Ok(Secret {
        workspace: row.workspace_id,
        key: row.key,
        name: row.name,
        description: row.description,
        kind: row.kind,
        issuer: row.issuer,
        issuer_providers: row.issuer_providers.map_or_else(Vec::new, |slugs| slugs.0),
        visibility: row.visibility,
        scopes: row.scopes,
        scope: SecretScope { products: row.products.0, apps: row.apps.0 },
        allowed_hosts: hosts.map_err(|_| bad("unreadable host"))?,
        active: row.active,
        revoked_at: row.revoked_at,
        expires_at: row.expires_at,
        issued_at: row.issued_at,
        last_used_at: row.last_used_at,
        sealed: row.sealed,
        version: row.version,
        notice_at: row.notice_at,
        told_days: told_days.map_err(|_| bad("days below zero"))?,
        created_at: row.created_at,
        updated_at: row.updated_at,
        id: row.id,
    })
}

fn row(secret: &Secret) -> ActiveModel {
    ActiveModel {
        workspace_id: Set(secret.workspace),
        id: Set(secret.id),
        key: Set(secret.key.clone()),
        name: Set(secret.name.clone()),
        description: Set(secret.description.clone()),
        kind: Set(secret.kind),
        issuer: Set(secret.issuer.clone()),
        issuer_lower: Set(secret.issuer.as_deref().map(str::to_lowercase)),
        issuer_providers: Set(Some(secret.issuer_providers.clone())
            .filter(|all| !all.is_empty())
            .map(Strings)),
        visibility: Set(secret.visibility),
        scopes: Set(secret.scopes.clone()),
        products: Set(Strings(secret.scope.products.clone())),
        apps: Set(Strings(secret.scope.apps.clone())),
        allowed_hosts: Set(Strings(secret.allowed_hosts.iter().map(ToString::to_string).collect())),
        active: Set(secret.active),
        revoked_at: Set(secret.revoked_at),
        expires_at: Set(secret.expires_at),
        issued_at: Set(secret.issued_at),
        last_used_at: Set(secret.last_used_at),
        sealed: Set(secret.sealed.clone()),
        version: Set(secret.version),
        notice_at: Set(secret.notice_at),
        told_days: Set(secret.told_days.and_then(|days| i16::try_from(days).ok())),
        created_at: Set(secret.created_at),
        updated_at: Set(secret.updated_at),
    }
}

async fn many(db: &impl Reads, sql: String, values: Vec<Value>) -> Result<Vec<Secret>, StoreError> {
    let connection = db.connection();
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(|row| secret(Model::from_query_result(row, "")?)).collect()
}

/// `$n, $m, …` for the values that are added to `values`.
pub(super) fn places(values: &mut Vec<Value>, added: impl IntoIterator<Item = Value>) -> String {
    let mut places = Vec::new();
    for value in added {
        values.push(value);
        places.push(format!("${}", values.len()));
    }
    // An empty list means that nothing fits; `IN ()` is no SQL everywhere.
    if places.is_empty() { "NULL".to_owned() } else { places.join(", ") }
}

/// The secret that `key` stands for in an environment.
pub async fn by_key(
    db: &impl Reads,
    environment: EnvironmentId,
    key: &str,
) -> Result<Option<Secret>, StoreError> {
    let sql = format!("{SELECT} WHERE e.environment_id = $1 AND e.key = $2");
    Ok(many(db, sql, vec![environment.into(), key.into()]).await?.pop())
}

/// The same, held until the transaction ends so that nobody else changes it.
pub async fn lock(tx: &Tx, environment: EnvironmentId, key: &str) -> Result<Option<Secret>, StoreError> {
    // SQLite needs no lock: a writing transaction is alone.
    let lock = if tx.is_postgres() { " FOR UPDATE OF s" } else { "" };
    let sql = format!("{SELECT} WHERE e.environment_id = $1 AND e.key = $2{lock}");
    Ok(many(tx, sql, vec![environment.into(), key.into()]).await?.pop())
}

/// One secret by id, held until the transaction ends.
pub async fn lock_by_id(tx: &Tx, workspace: WorkspaceId, id: SecretId) -> Result<Option<Secret>, StoreError> {
    let lock = if tx.is_postgres() { " FOR UPDATE" } else { "" };
    let sql = format!("SELECT s.* FROM secret s WHERE s.workspace_id = $1 AND s.id = $2{lock}");
    Ok(many(tx, sql, vec![workspace.into(), id.into()]).await?.pop())
}

/// The secrets that `keys` stand for in an environment, with one query.
pub async fn by_keys(
    db: &impl Reads,
    environment: EnvironmentId,
    keys: &[&str],
) -> Result<Vec<Secret>, StoreError> {
    let mut values = vec![environment.into()];
    let list = places(&mut values, keys.iter().map(|key| (*key).into()));
    many(db, format!("{SELECT} WHERE e.environment_id = $1 AND e.key IN ({list})"), values).await
}

/// The same, held until the transaction ends so that nobody changes or removes them; who else only reads them may hold
/// them too.
pub async fn hold(tx: &Tx, environment: EnvironmentId, keys: &[&str]) -> Result<Vec<Secret>, StoreError> {
    // SQLite needs no lock: a writing transaction is alone.
    let lock = if tx.is_postgres() { " FOR KEY SHARE OF s" } else { "" };
    let mut values = vec![environment.into()];
    let list = places(&mut values, keys.iter().map(|key| (*key).into()));
    let sql = format!("{SELECT} WHERE e.environment_id = $1 AND e.key IN ({list}) ORDER BY s.id{lock}");
    many(tx, sql, values).await
}

/// Whether some environment of the workspace has a secret of that key.
pub async fn is_anywhere(db: &impl Reads, workspace: WorkspaceId, key: &str) -> Result<bool, StoreError> {
    let sql = "SELECT 1 AS one FROM secret s WHERE s.workspace_id = $1 AND s.key = $2 LIMIT 1";
    let connection = db.connection();
    let found = connection.query_one_raw(statement(connection, sql, [workspace.into(), key.into()])).await?;
    Ok(found.is_some())
}

/// An environment that a secret covers.
#[derive(Debug, FromQueryResult)]
pub struct Covered {
    /// The secret.
    pub secret_id: SecretId,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// Its name.
    pub name: String,
}

/// The environments that `ids` cover, by name.
pub async fn environments_of(
    db: &impl Reads,
    workspace: WorkspaceId,
    ids: &[SecretId],
) -> Result<Vec<Covered>, StoreError> {
    let mut values = vec![workspace.into()];
    let list = places(&mut values, ids.iter().map(|id| (*id).into()));
    let sql = format!(
        "SELECT e.secret_id, e.environment_id, v.name FROM secret_environment e \
         JOIN environment v ON v.id = e.environment_id \
         WHERE e.workspace_id = $1 AND e.secret_id IN ({list}) ORDER BY v.name"
    );
    let connection = db.connection();
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(|row| Ok(Covered::from_query_result(row, "")?)).collect()
}

/// Stores a new secret; [`StoreError::Taken`] where one of the environments has its key.
pub async fn insert(tx: &Tx, secret: &Secret, environments: &[EnvironmentId]) -> Result<(), StoreError> {
    Entity::insert(row(secret)).exec_without_returning(tx.connection()).await?;
    cover(tx, secret, environments).await
}

async fn cover(tx: &Tx, secret: &Secret, environments: &[EnvironmentId]) -> Result<(), StoreError> {
    let rows = environments.iter().map(|environment| secret_environment::ActiveModel {
        environment_id: Set(*environment),
        key: Set(secret.key.clone()),
        workspace_id: Set(secret.workspace),
        secret_id: Set(secret.id),
    });
    secret_environment::Entity::insert_many(rows).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Writes a changed secret.
pub async fn update(tx: &Tx, secret: &Secret) -> Result<(), StoreError> {
    let mut row = row(secret);
    // The page of use writes this column by itself.
    row.last_used_at = ActiveValue::NotSet;
    Entity::update(row).exec(tx.connection()).await?;
    Ok(())
}

/// Replaces the environments of a secret; [`StoreError::Taken`] where one of them has its key.
pub async fn set_environments(
    tx: &Tx,
    secret: &Secret,
    environments: &[EnvironmentId],
) -> Result<(), StoreError> {
    secret_environment::Entity::delete_many()
        .filter(Place::WorkspaceId.eq(secret.workspace))
        .filter(Place::SecretId.eq(secret.id))
        .exec(tx.connection())
        .await?;
    cover(tx, secret, environments).await
}

/// Removes a secret.
pub async fn delete(tx: &Tx, workspace: WorkspaceId, id: SecretId) -> Result<(), StoreError> {
    Entity::delete_by_id((workspace, id)).exec(tx.connection()).await?;
    Ok(())
}

/// Notes when secrets were last used.
pub async fn touch(
    tx: &Tx,
    workspace: WorkspaceId,
    ids: Vec<SecretId>,
    now: Millis,
) -> Result<(), StoreError> {
    Entity::update_many()
        .set(ActiveModel { last_used_at: Set(Some(now)), ..Default::default() })
        .filter(Column::WorkspaceId.eq(workspace))
        .filter(Column::Id.is_in(ids))
        .exec(tx.connection())
        .await?;
    Ok(())
}
