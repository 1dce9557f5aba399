//! Which deployment the database belongs to, and where the database itself is.

use sea_orm::sea_query::OnConflict;
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, Set, Value};
use vouchsafe_entity::adoption::{ActiveModel, Column, Entity, Model};
use vouchsafe_entity::id::{CredentialId, EnvironmentId};
use vouchsafe_entity::millis::Millis;

use super::{Reads, Store, StoreError, Tx, statement};
use crate::domain::adoption::{Adoption, Home};

/// The only row.
const ROW: i32 = 1;

impl From<Model> for Adoption {
    fn from(row: Model) -> Self {
        Self { home: Home { public_url: row.public_url, place: row.place }, adopted_at: row.adopted_at }
    }
}

fn row(home: &Home, now: Millis) -> ActiveModel {
    ActiveModel {
        id: Set(ROW),
        public_url: Set(home.public_url.clone()),
        place: Set(home.place.clone()),
        adopted_at: Set(now),
    }
}

/// The deployment that the database belongs to, where it belongs to one.
pub async fn find(db: &impl Reads) -> Result<Option<Adoption>, StoreError> {
    Ok(Entity::find_by_id(ROW).one(db.connection()).await?.map(Into::into))
}

/// Gives a database that belongs to nobody to `home`.
pub async fn claim(tx: &Tx, home: &Home, now: Millis) -> Result<(), StoreError> {
    Entity::insert(row(home, now))
        .on_conflict_do_nothing_on([Column::Id])
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

/// Gives the database to `home`, whoever had it.
pub async fn save(tx: &Tx, home: &Home, now: Millis) -> Result<(), StoreError> {
    let replace = OnConflict::column(Column::Id)
        .update_columns([Column::PublicUrl, Column::Place, Column::AdoptedAt])
        .to_owned();
    Entity::insert(row(home, now)).on_conflict(replace).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Where the database is, as its server tells it: cluster, database and this very table, all of which a restored or
/// copied one has anew. None for SQLite, where a file beside it says so.
pub async fn place(store: &Store) -> Result<Option<String>, StoreError> {
    const TABLE: &str = "SELECT current_database() || '/' || CAST((SELECT oid FROM pg_database \
        WHERE datname = current_database()) AS TEXT) || '/' || CAST(CAST('adoption' AS regclass) AS oid) AS place";
    const CLUSTER: &str = "SELECT CAST(system_identifier AS TEXT) AS place FROM pg_control_system()";
    #[derive(FromQueryResult)]
    struct Place {
        place: String,
    }
    let connection = store.connection();
    if connection.get_database_backend() != DbBackend::Postgres {
        return Ok(None);
    }
    let one = async |sql: &str| -> Result<String, StoreError> {
        let row = connection.query_one_raw(statement(connection, sql, [])).await?;
        let row = row.map(|row| Place::from_query_result(&row, "")).transpose()?;
        Ok(row.map(|row| row.place).unwrap_or_default())
    };
    let table = one(TABLE).await?;
    let cluster = match one(CLUSTER).await {
        Ok(cluster) => cluster,
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the database server does not say which cluster it is; a copy in another one may go unnoticed"
            );
            "unknown".to_owned()
        }
    };
    Ok(Some(format!("{cluster}/{table}")))
}

/// A place in the order of credentials.
pub type Mark = (EnvironmentId, CredentialId);

/// Marks up to `limit` rotating grants beyond `after` as suspect: their refresh tokens may be older than the
/// provider's. Those of `unchanging` providers, which never change a refresh token, stay as they are. Gives how many
/// were marked and where to go on; none at the end.
pub async fn suspect(
    tx: &Tx,
    unchanging: &[String],
    after: Option<Mark>,
    limit: u64,
    now: Millis,
) -> Result<(usize, Option<Mark>), StoreError> {
    #[derive(FromQueryResult)]
    struct Marked {
        environment_id: EnvironmentId,
        credential_id: CredentialId,
    }
    let mut values: Vec<Value> = vec![now.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()];
    let mut condition = String::new();
    if let Some((environment, credential)) = after {
        values.extend([environment.into(), credential.into()]);
        condition.push_str(" AND (t.environment_id, t.credential_id) > ($3, $4)");
    }
    if !unchanging.is_empty() {
        let from = values.len();
        values.extend(unchanging.iter().map(|slug| Value::from(slug.as_str())));
        let names: Vec<String> = (from + 1..=values.len()).map(|at| format!("${at}")).collect();
        condition.extend([" AND c.provider NOT IN (", &names.join(", "), ")"]);
    }
    // The claim of a node elsewhere goes; one of this deployment commits by version, whatever the state is.
    let sql = format!(
        "UPDATE credential_token SET state = 'suspect', state_since = $1, suspect_since = $1, \
         next_try_at = COALESCE(next_try_at, $1), claimed_from = NULL, lease_owner = NULL, lease_until = NULL, \
         attempt_version = NULL, attempt_state = NULL, attempt_started_at = NULL \
         WHERE (environment_id, credential_id) IN (SELECT t.environment_id, t.credential_id FROM credential_token t \
         JOIN credential c ON c.environment_id = t.environment_id AND c.id = t.credential_id \
         WHERE t.state IN ('active', 'refreshing', 'waiting') AND t.has_refresh_token{condition} \
         ORDER BY t.environment_id, t.credential_id LIMIT $2) RETURNING environment_id, credential_id"
    );
    let connection = tx.connection();
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let marked = rows
        .iter()
        .map(|row| Marked::from_query_result(row, ""))
        .map(|row| row.map(|row| (row.environment_id.to_string(), row.credential_id.to_string(), row)))
        .collect::<Result<Vec<_>, _>>()?;
    let count = marked.len();
    // The order of the database is that of the ids as text.
    let last = marked.into_iter().max_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    Ok((count, last.map(|(_, _, row)| (row.environment_id, row.credential_id))))
}
