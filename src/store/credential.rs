//! Credentials and their tokens.

mod by_end;
mod by_status;
mod ends;
mod known;
mod list;
mod purge;
mod served;
mod turning;
mod worst_first;

pub use ends::{Owner, bury, bury_all, lock_many, lock_owner, lock_page};
pub use known::{Mark, marks};
pub use list::{
    CredentialFilter, count, ending_soon, list, list_found, list_whole, newest_of_user, of_each_user,
    revoked_at_app, some,
};
pub use purge::{drop_orphans, drop_tombstones, expired_keys, forget_orphans, wipe_ended};
pub(super) use served::Kept;
pub use served::served;
pub use turning::{Key, Turned, ended, run_out, run_out_behind, turned};
pub use worst_first::list_worst_first;
#[cfg(test)]
pub(super) use {list::status_statements, turning::statements};

use sea_orm::{ActiveValue, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, Set, Value};
use vouchsafe_entity::credential::{ActiveModel, Column, Entity};
use vouchsafe_entity::credential_token::{self, ActiveModel as TokenModel, Column as TokenColumn};
use vouchsafe_entity::id::{ConnectorId, CredentialId, EnvironmentId, UserId};
use vouchsafe_entity::json::{Object, Strings, Texts};
use vouchsafe_entity::kind::TokenState;
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

use super::credential_row::{SELECT, read};
use super::{Reads, StoreError, Tx, statement};
use crate::domain::credential::{Credential, Machine, Resting, Token};

const BY_ID: &str = " WHERE c.environment_id = $1 AND c.id = $2 AND t.state <> 'deleted'";

/// One credential, whole.
pub async fn find(
    db: &impl Reads,
    environment: EnvironmentId,
    id: CredentialId,
) -> Result<Option<Credential>, StoreError> {
    one(db, format!("{SELECT}{BY_ID}"), [environment.into(), id.into()]).await
}

/// The same, held until the transaction ends so that nobody else changes it.
pub async fn lock(
    tx: &Tx,
    environment: EnvironmentId,
    id: CredentialId,
) -> Result<Option<Credential>, StoreError> {
    // SQLite needs no lock: a writing transaction is alone.
    let lock = if tx.is_postgres() { " FOR UPDATE OF c, t" } else { "" };
    one(tx, format!("{SELECT}{BY_ID}{lock}"), [environment.into(), id.into()]).await
}

/// As [`lock`] where nobody else holds it: none otherwise, as where there is none.
pub async fn lock_free(
    tx: &Tx,
    environment: EnvironmentId,
    id: CredentialId,
) -> Result<Option<Credential>, StoreError> {
    let lock = if tx.is_postgres() { " FOR UPDATE OF c, t SKIP LOCKED" } else { "" };
    one(tx, format!("{SELECT}{BY_ID}{lock}"), [environment.into(), id.into()]).await
}

/// As [`lock`], ended or not: a late answer finds its tombstone.
pub async fn lock_any(
    tx: &Tx,
    environment: EnvironmentId,
    id: CredentialId,
) -> Result<Option<Credential>, StoreError> {
    let lock = if tx.is_postgres() { " FOR UPDATE OF c, t" } else { "" };
    let sql = format!("{SELECT} WHERE c.environment_id = $1 AND c.id = $2{lock}");
    one(tx, sql, [environment.into(), id.into()]).await
}

/// One credential, ended or not: a late answer finds its tombstone.
pub async fn find_any(
    db: &impl Reads,
    environment: EnvironmentId,
    id: CredentialId,
) -> Result<Option<Credential>, StoreError> {
    let sql = format!("{SELECT} WHERE c.environment_id = $1 AND c.id = $2");
    one(db, sql, [environment.into(), id.into()]).await
}

async fn one(
    db: &impl Reads,
    sql: String,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<Credential>, StoreError> {
    let connection = db.connection();
    let row = connection.query_one_raw(statement(connection, sql, values)).await?;
    row.as_ref().map(read).transpose()
}

/// A row that was found.
#[derive(Debug)]
pub struct Found {
    /// As it is stored.
    pub id: String,
    /// When somebody must act.
    acts_by: Option<Millis>,
    /// None where the row fits no credential, of which the operator has been told.
    pub credential: Option<Credential>,
}

async fn found(db: &impl Reads, sql: String, values: Vec<Value>) -> Result<Vec<Found>, StoreError> {
    let connection = db.connection();
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let found = rows.iter().map(|row| -> Result<Found, StoreError> {
        let credential = match read(row) {
            Err(error) if error.tells_of_row() => None,
            whole => Some(whole?),
        };
        // A row that can't be read may have an end that can't.
        let acts_by = row.try_get("", "acts_by").unwrap_or_default();
        Ok(Found { id: row.try_get("", "id")?, acts_by, credential })
    });
    found.collect()
}

/// Those that can be read: one that a foreign hand has broken is no reason to show none.
async fn many(db: &impl Reads, sql: String, values: Vec<Value>) -> Result<Vec<Credential>, StoreError> {
    Ok(found(db, sql, values).await?.into_iter().filter_map(|found| found.credential).collect())
}

/// All of them, or none.
async fn every(db: &impl Reads, sql: String, values: Vec<Value>) -> Result<Vec<Credential>, StoreError> {
    let connection = db.connection();
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(read).collect()
}

/// The live credentials of a user for some connectors, newest first. A user has few, and none may be left out: who connects
/// an app again would have it twice, and what one of them holds could be given back as nobody's.
pub async fn of_user(
    db: &impl Reads,
    environment: EnvironmentId,
    user: UserId,
    connector: Option<ConnectorId>,
) -> Result<Vec<Credential>, StoreError> {
    let mut sql = format!("{SELECT} WHERE c.environment_id = $1 AND c.user_id = $2 AND t.state <> 'deleted'");
    let mut values: Vec<Value> = vec![environment.into(), user.into()];
    if let Some(connector) = connector {
        sql.push_str(" AND c.connector_id = $3");
        values.push(connector.into());
    }
    sql.push_str(" ORDER BY c.id DESC LIMIT 1000");
    every(db, sql, values).await
}

/// Stores a new credential.
pub async fn insert(tx: &Tx, environment: EnvironmentId, credential: &Credential) -> Result<(), StoreError> {
    Entity::insert(credential_row(environment, credential)).exec_without_returning(tx.connection()).await?;
    let mut tokens = token_row(&credential.token);
    tokens.environment_id = Set(environment);
    tokens.credential_id = Set(credential.id);
    tokens.connector_id = Set(Some(credential.connector_id));
    tokens.prev_sealed = Set(None);
    credential_token::Entity::insert(tokens).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Writes what people edit of a credential.
pub async fn update(tx: &Tx, environment: EnvironmentId, credential: &Credential) -> Result<(), StoreError> {
    let mut row = credential_row(environment, credential);
    // The page of use writes this column by itself.
    row.last_used_at = ActiveValue::NotSet;
    Entity::update(row).exec(tx.connection()).await?;
    Ok(())
}

fn credential_row(environment: EnvironmentId, credential: &Credential) -> ActiveModel {
    ActiveModel {
        environment_id: Set(environment),
        id: Set(credential.id),
        user_id: Set(credential.user),
        connector_id: Set(credential.connector_id),
        provider: Set(credential.provider.clone()),
        method: Set(credential.method),
        name: Set(credential.name.clone()),
        account_id: Set(credential.account.as_ref().map(|account| account.id.clone())),
        account_label: Set(credential.account.as_ref().map(|account| account.label.clone())),
        variables: Set(Texts(credential.variables.clone())),
        scopes: Set(Strings(credential.scopes.clone())),
        metadata: Set(Object(credential.metadata.clone())),
        deactivated_at: Set(credential.deactivated_at),
        expires_at: Set(credential.expires_at),
        issued_at: Set(credential.issued_at),
        last_used_at: Set(credential.last_used_at),
        last_refreshed_at: Set(credential.last_refreshed_at),
        created_at: Set(credential.created_at),
        updated_at: Set(credential.updated_at),
    }
}

/// The version of tokens that a write builds on.
#[derive(Clone, Copy, Debug)]
pub struct Guard {
    /// The grant.
    pub epoch: i64,
    /// The version.
    pub version: i64,
}

/// Writes the machine and the tokens, if grant and version are still those of `guard`; false where they are not.
/// Lease and owner are not asked: the late answer of a holder whose lease ran out is the only live token.
/// `previous` is the sealed object of the version before, sealed anew for its column.
pub async fn save_token(
    tx: &Tx,
    environment: EnvironmentId,
    id: CredentialId,
    token: &Token,
    guard: Guard,
    previous: Option<Sealed>,
) -> Result<bool, StoreError> {
    let mut row = token_row(token);
    // A new grant has nothing before it.
    if previous.is_some() || token.sealed.is_none() || token.epoch != guard.epoch {
        row.prev_sealed = Set(previous);
    }
    let changed = credential_token::Entity::update_many()
        .set(row)
        .filter(TokenColumn::EnvironmentId.eq(environment))
        .filter(TokenColumn::CredentialId.eq(id))
        .filter(TokenColumn::GrantEpoch.eq(guard.epoch))
        .filter(TokenColumn::TokenVersion.eq(guard.version))
        .filter(TokenColumn::State.ne(TokenState::Deleted))
        .exec(tx.connection())
        .await?;
    Ok(changed.rows_affected == 1)
}

fn token_row(token: &Token) -> TokenModel {
    let (resting, lease_owner, lease_until) = match &token.machine {
        Machine::Refreshing { from, owner, until } => (Some(*from), Some(owner.clone()), Some(*until)),
        _ => (None, None, None),
    };
    let broken_cause = match (&token.machine, resting) {
        (&Machine::Broken(cause), _) | (_, Some(Resting::Broken(cause))) => Some(cause),
        _ => None,
    };
    let suspect_since = match (&token.machine, resting) {
        (&Machine::Suspect { since, .. }, _) | (_, Some(Resting::Suspect { since })) => Some(since),
        _ => None,
    };
    TokenModel {
        state: Set(token.machine.state()),
        claimed_from: Set(resting.map(Resting::state)),
        broken_cause: Set(broken_cause),
        state_since: Set(token.state_since),
        grant_epoch: Set(token.epoch),
        token_version: Set(token.version),
        sealed: Set(token.sealed.clone()),
        access_expires_at: Set(token.access_expires_at),
        access_lifetime: Set(token.access_lifetime),
        refresh_expires_at: Set(token.refresh_expires_at),
        end_known_since: Set(token.end_known_since),
        has_refresh_token: Set(token.has_refresh_token),
        own_client: Set(token.own_client),
        due_at: Set(token.due_at),
        lease_owner: Set(lease_owner),
        lease_seq: Set(token.lease_seq),
        lease_until: Set(lease_until),
        attempt_version: Set(token.attempt.map(|attempt| attempt.version)),
        attempt_state: Set(token.attempt.map(|attempt| attempt.state)),
        attempt_started_at: Set(token.attempt.map(|attempt| attempt.started_at).or(token.tried_at)),
        fail_class: Set(token.fail_class),
        fail_count: Set(token.fail_count),
        next_try_at: Set(token.next_try_at()),
        suspect_since: Set(suspect_since),
        announced_status: Set(token.announced),
        event_ordinal: Set(token.event_ordinal),
        ..Default::default()
    }
}

/// Notes that a credential which nothing renews is asked about at `now`; false where it was within `millis` before.
pub async fn take_turn(
    tx: &Tx,
    environment: EnvironmentId,
    id: CredentialId,
    guard: Guard,
    now: Millis,
    millis: i64,
) -> Result<bool, StoreError> {
    let last = TokenColumn::AttemptStartedAt;
    // One that is long to come was noted before a clock was set back.
    let long_ago =
        Condition::any().add(last.is_null()).add(last.lte(now.plus(-millis))).add(last.gt(now.plus(millis)));
    let changed = credential_token::Entity::update_many()
        .set(TokenModel { attempt_started_at: Set(Some(now)), ..Default::default() })
        .filter(TokenColumn::EnvironmentId.eq(environment))
        .filter(TokenColumn::CredentialId.eq(id))
        .filter(TokenColumn::GrantEpoch.eq(guard.epoch))
        .filter(TokenColumn::TokenVersion.eq(guard.version))
        .filter(long_ago)
        .exec(tx.connection())
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Notes when credentials were last used.
pub async fn touch(
    tx: &Tx,
    environment: EnvironmentId,
    ids: Vec<CredentialId>,
    now: Millis,
) -> Result<(), StoreError> {
    Entity::update_many()
        .set(ActiveModel { last_used_at: Set(Some(now)), ..Default::default() })
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::Id.is_in(ids))
        .exec(tx.connection())
        .await?;
    Ok(())
}
