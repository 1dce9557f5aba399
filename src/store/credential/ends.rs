//! Many credentials that end together: those of a user or a connector, and those whose time is over.

use super::{every, many};
use crate::domain::credential::Credential;
use crate::store::credential_row::SELECT;
use crate::store::{Reads, StoreError, Tx, statement};
use sea_orm::{ConnectionTrait, Value};
use vouchsafe_entity::id::{ConnectorId, CredentialId, EnvironmentId, UserId};
use vouchsafe_entity::millis::Millis;

/// Who goes, with all their credentials.
#[derive(Clone, Copy, Debug)]
pub enum Owner {
    /// A user.
    User(UserId),
    /// A connector.
    Connector(ConnectorId),
}

impl Owner {
    const fn column(self) -> &'static str {
        match self {
            Self::User(_) => "user_id",
            Self::Connector(_) => "connector_id",
        }
    }

    const fn table(self) -> &'static str {
        match self {
            Self::User(_) => "\"user\"",
            Self::Connector(_) => "connector",
        }
    }

    fn id(self) -> Value {
        match self {
            Self::User(id) => id.into(),
            Self::Connector(id) => id.into(),
        }
    }
}

/// Holds the owner until the transaction ends, so that nobody gives them another credential; false where there is none.
pub async fn lock_owner(tx: &Tx, environment: EnvironmentId, owner: Owner) -> Result<bool, StoreError> {
    let lock = if tx.is_postgres() { " FOR UPDATE" } else { "" };
    let sql = format!("SELECT 1 AS found FROM {} WHERE environment_id = $1 AND id = $2{lock}", owner.table());
    let connection = tx.connection();
    let found = statement(connection, sql, [environment.into(), owner.id()]);
    Ok(connection.query_one_raw(found).await?.is_some())
}

/// Up to `limit` live credentials of an owner, held until the transaction ends. None may be left out: its owner goes, and
/// nobody would find what is still to be told to its app.
pub async fn lock_page(
    tx: &Tx,
    environment: EnvironmentId,
    owner: Owner,
    limit: u64,
) -> Result<Vec<Credential>, StoreError> {
    let lock = if tx.is_postgres() { " FOR UPDATE OF c, t" } else { "" };
    let sql = format!(
        "{SELECT} WHERE c.environment_id = $1 AND c.{} = $2 AND t.state <> 'deleted' ORDER BY c.id LIMIT $3{lock}",
        owner.column()
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    every(tx, sql, vec![environment.into(), owner.id(), limit.into()]).await
}

/// Those of `ids` that are live, held until the transaction ends.
pub async fn lock_many(
    tx: &Tx,
    environment: EnvironmentId,
    ids: &[CredentialId],
) -> Result<Vec<Credential>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let lock = if tx.is_postgres() { " FOR UPDATE OF c, t" } else { "" };
    let (values, list) = in_list(environment, ids);
    let sql = format!(
        "{SELECT} WHERE c.environment_id = $1 AND c.id IN ({list}) AND t.state <> 'deleted' ORDER BY c.id{lock}"
    );
    many(tx, sql, values).await
}

/// The values of a statement that names the environment as `$1` and `ids` from `$2` on.
fn in_list(environment: EnvironmentId, ids: &[CredentialId]) -> (Vec<Value>, String) {
    let mut values: Vec<Value> = vec![environment.into()];
    values.extend(ids.iter().map(|id| Value::from(*id)));
    let list: Vec<String> = (2..=values.len()).map(|at| format!("${at}")).collect();
    (values, list.join(", "))
}

/// Makes tombstones of credentials that the transaction holds: a new epoch, no tokens, no lease, no attempt, one event
/// more.
pub async fn bury(
    tx: &Tx,
    environment: EnvironmentId,
    ids: &[CredentialId],
    now: Millis,
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let (mut values, list) = in_list(environment, ids);
    values.push(now.into());
    let bury = burial(&format!("${}", values.len()));
    let sql =
        format!("{bury} WHERE environment_id = $1 AND credential_id IN ({list}) AND state <> 'deleted'");
    let connection = tx.connection();
    connection.execute_raw(statement(connection, sql, values)).await?;
    Ok(())
}

/// The same for all credentials of an environment, held or not.
pub async fn bury_all(tx: &Tx, environment: EnvironmentId, now: Millis) -> Result<(), StoreError> {
    let sql = format!("{} WHERE environment_id = $1 AND state <> 'deleted'", burial("$2"));
    let connection = tx.connection();
    connection.execute_raw(statement(connection, sql, [environment.into(), now.into()])).await?;
    Ok(())
}

/// What makes tombstones of tokens at `now`, which stands for a bound value.
fn burial(now: &str) -> String {
    format!(
        "UPDATE credential_token SET state = 'deleted', state_since = {now}, claimed_from = NULL, \
         broken_cause = NULL, grant_epoch = grant_epoch + 1, token_version = token_version + 1, sealed = NULL, \
         prev_sealed = NULL, access_expires_at = NULL, access_lifetime = NULL, refresh_expires_at = NULL, \
         end_known_since = NULL, has_refresh_token = FALSE, due_at = NULL, lease_owner = NULL, lease_until = NULL, \
         attempt_version = NULL, attempt_state = NULL, attempt_started_at = NULL, fail_class = NULL, \
         fail_count = 0, next_try_at = NULL, suspect_since = NULL, event_ordinal = event_ordinal + 1"
    )
}
