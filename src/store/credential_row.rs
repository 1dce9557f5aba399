//! How a credential's rows (what people edit, tokens, user, connector) read as one value.

use sea_orm::{FromQueryResult, QueryResult};
use vouchsafe_entity::id::{ConnectorId, CredentialId, UserId};
use vouchsafe_entity::json::{Object, Strings, Texts};
use vouchsafe_entity::kind::{AttemptState, BrokenCause, FailClass, Method, Status, TokenState};
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

use super::StoreError;
use crate::domain::credential::{Account, Attempt, Credential, Machine, Resting, Token};

macro_rules! acts_by {
    () => {
        "COALESCE(c.expires_at, t.refresh_expires_at, \
         CASE WHEN c.method IN ('oauth2', 'api_key', 'basic') AND NOT t.has_refresh_token THEN t.access_expires_at END)"
    };
}

/// [`Credential::acts_by`] in SQL.
pub(super) const ACTS_BY: &str = acts_by!();

/// The four tables, joined by their keys.
pub(super) const SELECT: &str = concat!(
    "SELECT ",
    acts_by!(),
    r#" AS acts_by, c.id, c.user_id, u.username, u.email AS user_email, c.connector_id,
 k.key AS connector, k.enabled AS connector_enabled,
 k.failing_since IS NOT NULL AS connector_failing, c.provider, c.method, c.name, c.account_id, c.account_label,
 c.variables, c.scopes, c.metadata, c.deactivated_at, c.expires_at, c.issued_at, c.last_used_at,
 c.last_refreshed_at, c.created_at, c.updated_at,
 t.state, t.claimed_from, t.broken_cause, t.state_since, t.grant_epoch, t.token_version, t.sealed,
 t.access_expires_at, t.access_lifetime, t.refresh_expires_at, t.end_known_since, t.has_refresh_token,
 t.own_client, t.due_at, t.lease_owner,
 t.lease_seq, t.lease_until, t.attempt_version, t.attempt_state, t.attempt_started_at, t.fail_class,
 t.fail_count, t.next_try_at, t.suspect_since, t.announced_status, t.event_ordinal
 FROM credential c
 JOIN credential_token t ON t.environment_id = c.environment_id AND t.credential_id = c.id
 JOIN connector k ON k.environment_id = c.environment_id AND k.id = c.connector_id
 JOIN "user" u ON u.environment_id = c.environment_id AND u.id = c.user_id"#
);

#[expect(clippy::struct_excessive_bools, reason = "each is a column")]
#[derive(FromQueryResult)]
struct Row {
    id: CredentialId,
    user_id: UserId,
    username: String,
    user_email: Option<String>,
    connector_id: ConnectorId,
    connector: String,
    connector_enabled: bool,
    connector_failing: bool,
    provider: String,
    method: Method,
    name: String,
    account_id: Option<String>,
    account_label: Option<String>,
    variables: Texts,
    scopes: Strings,
    metadata: Object,
    deactivated_at: Option<Millis>,
    expires_at: Option<Millis>,
    issued_at: Millis,
    last_used_at: Option<Millis>,
    last_refreshed_at: Option<Millis>,
    created_at: Millis,
    updated_at: Millis,
    state: TokenState,
    claimed_from: Option<TokenState>,
    broken_cause: Option<BrokenCause>,
    state_since: Millis,
    grant_epoch: i64,
    token_version: i64,
    sealed: Option<Sealed>,
    access_expires_at: Option<Millis>,
    access_lifetime: Option<i64>,
    refresh_expires_at: Option<Millis>,
    end_known_since: Option<Millis>,
    has_refresh_token: bool,
    own_client: bool,
    due_at: Option<Millis>,
    lease_owner: Option<String>,
    lease_seq: i64,
    lease_until: Option<Millis>,
    attempt_version: Option<i64>,
    attempt_state: Option<AttemptState>,
    attempt_started_at: Option<Millis>,
    fail_class: Option<FailClass>,
    fail_count: i32,
    next_try_at: Option<Millis>,
    suspect_since: Option<Millis>,
    announced_status: Option<Status>,
    event_ordinal: i64,
}

/// A row of [`SELECT`] as a credential.
pub(super) fn read(row: &QueryResult) -> Result<Credential, StoreError> {
    match Row::from_query_result(row, "") {
        Ok(row) => row.try_into(),
        Err(_) => Err(StoreError::Inconsistent {
            table: "credential",
            id: row.try_get("", "id").unwrap_or_default(),
            what: "a value that no column of its kind has",
        }),
    }
}

impl TryFrom<Row> for Credential {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let machine = machine(&row)?;
        let attempt = match (row.attempt_version, row.attempt_state, row.attempt_started_at) {
            (Some(version), Some(state), Some(started_at)) => Some(Attempt { version, state, started_at }),
            // Of an attempt that is over, its time alone is kept.
            (None, None, _) => None,
            _ => return Err(inconsistent(&row, "half an attempt")),
        };
        let account =
            row.account_id.map(|id| Account { label: row.account_label.unwrap_or_else(|| id.clone()), id });
        Ok(Self {
            id: row.id,
            user: row.user_id,
            username: row.username,
            user_email: row.user_email,
            connector_id: row.connector_id,
            connector: row.connector,
            connector_enabled: row.connector_enabled,
            connector_failing: row.connector_failing,
            key_missing: false,
            provider: row.provider,
            method: row.method,
            name: row.name,
            account,
            variables: row.variables.0,
            scopes: row.scopes.0,
            metadata: row.metadata.0,
            deactivated_at: row.deactivated_at,
            expires_at: row.expires_at,
            issued_at: row.issued_at,
            last_used_at: row.last_used_at,
            last_refreshed_at: row.last_refreshed_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
            token: Token {
                machine,
                state_since: row.state_since,
                epoch: row.grant_epoch,
                version: row.token_version,
                sealed: row.sealed,
                access_expires_at: row.access_expires_at,
                access_lifetime: row.access_lifetime,
                refresh_expires_at: row.refresh_expires_at,
                end_known_since: row.end_known_since,
                has_refresh_token: row.has_refresh_token,
                own_client: row.own_client,
                due_at: row.due_at,
                lease_seq: row.lease_seq,
                attempt,
                tried_at: row.attempt_started_at,
                fail_class: row.fail_class,
                fail_count: row.fail_count,
                announced: row.announced_status,
                event_ordinal: row.event_ordinal,
            },
        })
    }
}

fn machine(row: &Row) -> Result<Machine, StoreError> {
    let next_try = || row.next_try_at.ok_or_else(|| inconsistent(row, "no time of the next try"));
    Ok(match row.state {
        TokenState::Pending => Machine::Pending,
        TokenState::Active => Machine::Active,
        TokenState::Refreshing => match (resting(row)?, row.lease_owner.clone(), row.lease_until) {
            (Some(from), Some(owner), Some(until)) => Machine::Refreshing { from, owner, until },
            _ => return Err(inconsistent(row, "a claim without a lease")),
        },
        TokenState::Waiting => Machine::Waiting { next_try_at: next_try()? },
        TokenState::Unknown => Machine::Unknown { next_try_at: next_try()? },
        TokenState::Suspect => Machine::Suspect {
            since: row.suspect_since.ok_or_else(|| inconsistent(row, "a suspicion without a beginning"))?,
            next_try_at: next_try()?,
        },
        TokenState::Broken => {
            Machine::Broken(row.broken_cause.ok_or_else(|| inconsistent(row, "broken without a cause"))?)
        }
        TokenState::Deleted => Machine::Deleted,
    })
}

/// What a claim was taken from.
fn resting(row: &Row) -> Result<Option<Resting>, StoreError> {
    Ok(match row.claimed_from {
        Some(TokenState::Active) => Some(Resting::Active),
        Some(TokenState::Waiting) => Some(Resting::Waiting),
        Some(TokenState::Unknown) => Some(Resting::Unknown),
        Some(TokenState::Suspect) => Some(Resting::Suspect { since: suspect_since(row)? }),
        Some(TokenState::Broken) => Some(Resting::Broken(broken_cause(row)?)),
        Some(TokenState::Pending | TokenState::Refreshing | TokenState::Deleted) | None => None,
    })
}

fn suspect_since(row: &Row) -> Result<Millis, StoreError> {
    row.suspect_since.ok_or_else(|| inconsistent(row, "a suspicion without a beginning"))
}

fn broken_cause(row: &Row) -> Result<BrokenCause, StoreError> {
    row.broken_cause.ok_or_else(|| inconsistent(row, "broken without a cause"))
}

fn inconsistent(row: &Row, what: &'static str) -> StoreError {
    StoreError::Inconsistent { table: "credential_token", id: row.id.to_string(), what }
}
