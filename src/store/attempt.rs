//! Attempts to connect an app.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, Set};
use vouchsafe_entity::connect_attempt::{ActiveModel, Column, Entity};
use vouchsafe_entity::id::{AttemptId, CredentialId, EnvironmentId, SessionId, UserId};
use vouchsafe_entity::kind::{AttemptOutcome, Method};
use vouchsafe_entity::millis::Millis;

use super::{Reads, Sql, StoreError, Tx, few, statement};
use crate::domain::attempt::{Attempt, Ending};
use crate::domain::page::{Page, PageRequest};

/// What its cursors call this list.
const LIST: &str = "attempts";

/// Stores a new attempt.
pub async fn insert(tx: &Tx, environment: EnvironmentId, attempt: &Attempt) -> Result<(), StoreError> {
    let row = ActiveModel {
        environment_id: Set(environment),
        id: Set(attempt.id),
        session_id: Set(attempt.session),
        user_id: Set(attempt.user),
        connector: Set(attempt.connector.clone()),
        provider: Set(attempt.provider.clone()),
        method: Set(attempt.method),
        credential_id: Set(attempt.credential),
        hosted: Set(attempt.hosted),
        outcome: Set(attempt.ending.outcome),
        error: Set(attempt.ending.error.clone()),
        detail: Set(attempt.ending.detail.clone()),
        started_at: Set(attempt.started_at),
        ended_at: Set(attempt.ended_at),
    };
    Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}

fn ended(ending: &Ending, credential: Option<CredentialId>, now: Millis) -> ActiveModel {
    let mut row = ActiveModel {
        outcome: Set(ending.outcome),
        error: Set(ending.error.clone()),
        detail: Set(ending.detail.clone()),
        ended_at: Set(Some(now)),
        ..Default::default()
    };
    if credential.is_some() {
        row.credential_id = Set(credential);
    }
    row
}

/// Writes what came of an attempt, and its credential where there is one.
pub async fn end(
    tx: &Tx,
    environment: EnvironmentId,
    id: AttemptId,
    ending: &Ending,
    credential: Option<CredentialId>,
    now: Millis,
) -> Result<(), StoreError> {
    Entity::update_many()
        .set(ended(ending, credential, now))
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::Id.eq(id))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// Writes what came of the attempt that waits for the confirmation of a connector of a session.
pub async fn end_waiting(
    tx: &Tx,
    environment: EnvironmentId,
    (session, connector): (SessionId, &str),
    ending: &Ending,
    now: Millis,
) -> Result<(), StoreError> {
    Entity::update_many()
        .set(ended(ending, None, now))
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::SessionId.eq(session))
        .filter(Column::Connector.eq(connector))
        .filter(Column::Outcome.eq(AttemptOutcome::Waiting))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// Which attempts are wanted.
#[derive(Clone, Debug, Default)]
pub struct AttemptFilter {
    /// Of this user.
    pub user: Option<UserId>,
    /// Of this connector.
    pub connector: Option<String>,
    /// About this credential.
    pub credential: Option<CredentialId>,
    /// With this outcome.
    pub outcome: Option<AttemptOutcome>,
}

#[derive(FromQueryResult)]
struct Row {
    id: AttemptId,
    session_id: SessionId,
    user_id: UserId,
    username: String,
    connector: String,
    provider: String,
    method: Method,
    credential_id: Option<CredentialId>,
    /// Whether that is still there.
    is_live: bool,
    hosted: bool,
    outcome: AttemptOutcome,
    error: Option<String>,
    detail: Option<String>,
    started_at: Millis,
    ended_at: Option<Millis>,
}

impl From<Row> for Attempt {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            session: row.session_id,
            user: row.user_id,
            username: row.username,
            connector: row.connector,
            provider: row.provider,
            method: row.method,
            credential: row.credential_id.filter(|_| row.is_live),
            hosted: row.hosted,
            ending: Ending { outcome: row.outcome, error: row.error, detail: row.detail },
            started_at: row.started_at,
            ended_at: row.ended_at,
        }
    }
}

/// The attempts in an environment, newest first. A credential that was deleted is told no more.
pub async fn list(
    db: &impl Reads,
    environment: EnvironmentId,
    filter: &AttemptFilter,
    page: &PageRequest,
) -> Result<Page<Attempt>, StoreError> {
    let mut sql = Sql::default();
    let place = sql.bind(environment);
    let mut wanted = vec![format!("a.environment_id = {place}")];
    // Those of one user or credential are few, however many went as they did.
    let few = few(db.connection().get_database_backend());
    if let Some(user) = filter.user {
        wanted.push(format!("{few}(a.user_id = {})", sql.bind(user)));
    }
    if let Some(connector) = &filter.connector {
        wanted.push(format!("a.connector = {}", sql.bind(connector.as_str())));
    }
    if let Some(credential) = filter.credential {
        wanted.push(format!("{few}(a.credential_id = {})", sql.bind(credential)));
    }
    if let Some(outcome) = filter.outcome {
        wanted.push(format!("a.outcome = {}", sql.bind(outcome.as_str())));
    }
    if let Some(after) = page.after_in(LIST)? {
        wanted.push(format!("a.id < {}", sql.bind(after)));
    }
    let limit = sql.bind(i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1));
    let text = format!(
        "SELECT a.*, u.username, EXISTS (SELECT 1 FROM credential_token t \
           WHERE t.environment_id = a.environment_id AND t.credential_id = a.credential_id \
           AND t.state <> 'deleted') AS is_live FROM connect_attempt a \
         JOIN \"user\" u ON u.environment_id = a.environment_id AND u.id = a.user_id \
         WHERE {} ORDER BY a.id DESC LIMIT {limit}",
        wanted.join(" AND ")
    );
    let connection = db.connection();
    let rows = connection.query_all_raw(statement(connection, text, sql.values)).await?;
    let found = rows.iter().map(|row| Ok(Row::from_query_result(row, "")?.into()));
    let found = found.collect::<Result<Vec<Attempt>, StoreError>>()?;
    Ok(Page::of(LIST, found, page.limit, |attempt| attempt.id.to_string()))
}

/// Forgets attempts that began before `before`.
pub async fn sweep(tx: &Tx, before: Millis) -> Result<(), StoreError> {
    Entity::delete_many().filter(Column::StartedAt.lt(before)).exec(tx.connection()).await?;
    Ok(())
}
