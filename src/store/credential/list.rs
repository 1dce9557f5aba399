//! Finding credentials by what a caller asks for: a page of those that fit.

use super::many;
use crate::domain::credential::Credential;
use crate::domain::page::{Page, PageRequest};
use crate::store::credential_row::SELECT;
use crate::store::{Reads, StoreError, statement};
use sea_orm::{ConnectionTrait as _, Value};
use vouchsafe_entity::id::{CredentialId, EnvironmentId, UserId};
use vouchsafe_entity::kind::Status;
use vouchsafe_entity::millis::Millis;

/// Which credentials are wanted.
#[derive(Clone, Debug, Default)]
pub struct CredentialFilter {
    /// Of this user.
    pub user: Option<UserId>,
    /// Of these connectors.
    pub connectors: Option<Vec<String>>,
    /// Shown with this status.
    pub status: Option<Status>,
    /// Somebody must act before this moment.
    pub expires_before: Option<Millis>,
}

/// The credentials of an environment, newest first.
pub async fn list(
    db: &impl Reads,
    environment: EnvironmentId,
    filter: &CredentialFilter,
    now: Millis,
    page: &PageRequest,
) -> Result<Page<Credential>, StoreError> {
    let mut query = Conditions::fitting(environment, filter, now);
    if let Some(after) = &page.after {
        let after = query.bind(after.as_str());
        query.add(format!("c.id < {after}"));
    }
    let limit = query.bind(i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1));
    let sql = format!("{SELECT} WHERE {} ORDER BY c.id DESC LIMIT {limit}", query.sql);
    let credentials = many(db, sql, query.values).await?;
    Ok(Page::of(credentials, page.limit, |credential| credential.id.to_string()))
}

/// How many credentials fit, counted up to `most`.
pub async fn count(
    db: &impl Reads,
    environment: EnvironmentId,
    filter: &CredentialFilter,
    now: Millis,
    most: u64,
) -> Result<u64, StoreError> {
    let mut query = Conditions::fitting(environment, filter, now);
    let most = query.bind(i64::try_from(most).unwrap_or(i64::MAX));
    let sql = format!("SELECT COUNT(*) AS found FROM ({SELECT} WHERE {} LIMIT {most}) AS fitting", query.sql);
    let connection = db.connection();
    let row = connection.query_one_raw(statement(connection, sql, query.values)).await?;
    let found: i64 = row.map(|row| row.try_get("", "found")).transpose()?.unwrap_or(0);
    Ok(found.unsigned_abs())
}

/// Those of `ids` that are live, newest first.
pub async fn some(
    db: &impl Reads,
    environment: EnvironmentId,
    ids: &[CredentialId],
) -> Result<Vec<Credential>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Conditions::new(environment);
    let list: Vec<_> = ids.iter().map(|id| query.bind(*id)).collect();
    query.add(format!("c.id IN ({})", list.join(", ")));
    many(db, format!("{SELECT} WHERE {} ORDER BY c.id DESC", query.sql), query.values).await
}

/// The live credentials of some users, newest first; at most a thousand.
pub async fn of_users(
    db: &impl Reads,
    environment: EnvironmentId,
    users: &[UserId],
) -> Result<Vec<Credential>, StoreError> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Conditions::new(environment);
    let list: Vec<_> = users.iter().map(|user| query.bind(*user)).collect();
    query.add(format!("c.user_id IN ({})", list.join(", ")));
    let sql = format!("{SELECT} WHERE {} ORDER BY c.id DESC LIMIT 1000", query.sql);
    many(db, sql, query.values).await
}

/// `WHERE` in the making: conditions joined by AND, with their values.
struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    fn new(environment: EnvironmentId) -> Self {
        let sql = "c.environment_id = $1 AND t.state <> 'deleted'".to_owned();
        Self { sql, values: vec![environment.into()] }
    }

    /// Those that `filter` wants.
    fn fitting(environment: EnvironmentId, filter: &CredentialFilter, now: Millis) -> Self {
        let mut query = Self::new(environment);
        if let Some(user) = filter.user {
            query.equals("c.user_id", user);
        }
        if let Some(connectors) = &filter.connectors {
            query.one_of("k.key", connectors);
        }
        if let Some(status) = filter.status {
            let now = query.bind(now);
            query.add(status_condition(status, &now));
        }
        if let Some(before) = filter.expires_before {
            let before = query.bind(before);
            query.add(format!("{ACTS_BY} < {before}"));
        }
        query
    }

    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    fn add(&mut self, condition: impl AsRef<str>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition.as_ref());
    }

    fn equals(&mut self, column: &str, value: impl Into<Value>) {
        let value = self.bind(value);
        self.add(format!("{column} = {value}"));
    }

    fn one_of(&mut self, column: &str, words: &[String]) {
        let words: Vec<_> = words.iter().map(|word| self.bind(word.as_str())).collect();
        // An empty list means that nothing fits; `IN ()` is no SQL everywhere.
        let list = if words.is_empty() { "NULL".to_owned() } else { words.join(", ") };
        self.add(format!("{column} IN ({list})"));
    }
}

/// [`Credential::acts_by`] in SQL.
const ACTS_BY: &str = "COALESCE(c.expires_at, t.refresh_expires_at, \
 CASE WHEN c.method = 'oauth2' AND NOT t.has_refresh_token THEN t.access_expires_at END)";

/// [`Credential::health`] in SQL, for filters: true for rows whose status at the moment bound as `now` is `status`.
pub(super) fn status_condition(status: Status, now: &str) -> String {
    let broken = "(t.state = 'broken' OR COALESCE(t.claimed_from, '') = 'broken')";
    let revoked = format!("({broken} AND t.broken_cause IN ('revoked_by_request', 'revoked_upstream'))");
    let ended = format!(
        "({broken} OR COALESCE(c.expires_at <= {now}, FALSE) OR (c.method IN ('oauth2', 'api_key', 'basic') \
         AND NOT t.has_refresh_token AND COALESCE(t.access_expires_at <= {now}, FALSE)))"
    );
    let off = "(c.deactivated_at IS NOT NULL OR NOT k.enabled)";
    let spent = format!(
        "COALESCE(t.access_expires_at < {now} + CASE WHEN COALESCE(t.access_lifetime, 120000) < 120000 \
         THEN t.access_lifetime / 4 ELSE 30000 END, FALSE)"
    );
    let shown = "CASE WHEN t.state = 'refreshing' THEN t.claimed_from ELSE t.state END";
    let troubled = format!(
        "({spent} AND {shown} <> 'pending' AND (k.failing_since IS NOT NULL OR {shown} IN ('waiting', 'unknown', 'suspect')))"
    );
    let pending = format!("({shown} = 'pending')");
    match status {
        Status::Revoked => revoked,
        Status::Expired => format!("({ended} AND NOT {revoked})"),
        Status::Inactive => format!("(NOT {ended} AND {off})"),
        Status::Error => format!("(NOT {ended} AND NOT {off} AND {troubled})"),
        Status::Pending => format!("(NOT {ended} AND NOT {off} AND {pending})"),
        Status::Active => format!("(NOT {ended} AND NOT {off} AND NOT {troubled} AND NOT {pending})"),
    }
}
