//! Attempts to connect an app.

use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter, Set};
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
    let connection = db.connection();
    let sql = list_sql(connection.get_database_backend(), environment, filter, page)?;
    let rows = connection.query_all_raw(statement(connection, sql.text, sql.values)).await?;
    let found = rows.iter().map(|row| Ok(Row::from_query_result(row, "")?.into()));
    let found = found.collect::<Result<Vec<Attempt>, StoreError>>()?;
    Ok(Page::of(LIST, found, page.limit, |attempt| attempt.id.to_string()))
}

fn list_sql(
    backend: DbBackend,
    environment: EnvironmentId,
    filter: &AttemptFilter,
    page: &PageRequest,
) -> Result<Sql, StoreError> {
    let mut sql = Sql::default();
    let place = sql.bind(environment);
    let mut wanted = vec![format!("a.environment_id = {place}")];
    // Those of one user or credential are few, however many went as they did.
    let few = few(backend);
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
    sql.text = format!(
        "SELECT a.*, u.username, EXISTS (SELECT 1 FROM credential_token t \
           WHERE t.environment_id = a.environment_id AND t.credential_id = a.credential_id \
           AND t.state <> 'deleted') AS is_live FROM connect_attempt a \
         JOIN \"user\" u ON u.environment_id = a.environment_id AND u.id = a.user_id \
         WHERE {} ORDER BY a.id DESC LIMIT {limit}",
        wanted.join(" AND ")
    );
    Ok(sql)
}

/// What the attempts about one user and one credential ask SQLite, for the test of their plans, each by what must find them.
#[cfg(test)]
pub(super) fn statements() -> [(&'static str, String); 2] {
    let nothing = uuid::Uuid::nil();
    let asked = |filter: &AttemptFilter| {
        let page = PageRequest { limit: 50, after: None };
        list_sql(DbBackend::Sqlite, EnvironmentId::new(nothing), filter, &page).unwrap().text
    };
    let outcome = Some(AttemptOutcome::Failed);
    let of_user = AttemptFilter { user: Some(UserId::new(nothing)), outcome, ..AttemptFilter::default() };
    let credential = Some(CredentialId::new(nothing));
    [
        ("idx_connect_attempt_environment_id_user_id_id", asked(&of_user)),
        (
            "idx_connect_attempt_environment_id_credential_id_id",
            asked(&AttemptFilter { credential, outcome, ..AttemptFilter::default() }),
        ),
    ]
}

/// Forgets attempts that began before `before`.
pub async fn sweep(tx: &Tx, before: Millis) -> Result<(), StoreError> {
    Entity::delete_many().filter(Column::StartedAt.lt(before)).exec(tx.connection()).await?;
    Ok(())
}
