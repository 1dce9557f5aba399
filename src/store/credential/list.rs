//! Finding credentials by what a caller asks for: a page of those that fit.

use super::by_status::{of_status, status_condition};
use super::{Found, by_end, every, found, many};
use crate::domain::credential::Credential;
use crate::domain::page::{Page, PageRequest};
use crate::store::credential_row::{ACTS_BY, SELECT};
use crate::store::expiry::KNOWN_SINCE;
use crate::store::{Reads, StoreError, join_in_order, statement};
use sea_orm::{ConnectionTrait as _, DbBackend, Value};
use vouchsafe_entity::id::{ConnectorId, CredentialId, EnvironmentId, UserId};
use vouchsafe_entity::kind::Status;
use vouchsafe_entity::millis::Millis;

/// What its cursors call this list.
pub(super) const LIST: &str = "credentials";

/// More connectors than so many are not looked for one by one.
const MOST_CONNECTORS: usize = 16;

/// So many that end soonest, of each kind of end, are looked at.
const SOONEST: u64 = 500;

/// Which credentials are wanted.
#[derive(Clone, Debug, Default)]
pub struct CredentialFilter {
    /// Of this user.
    pub user: Option<UserId>,
    /// Of these connectors.
    pub connectors: Option<Vec<ConnectorId>>,
    /// Shown with this status.
    pub status: Option<Status>,
    /// Somebody must act before this moment.
    pub expires_before: Option<Millis>,
}

/// The credentials of an environment, newest first; those upon which somebody must act before a moment, the soonest first.
pub async fn list(
    db: &impl Reads,
    environment: EnvironmentId,
    filter: &CredentialFilter,
    now: Millis,
    page: &PageRequest,
) -> Result<Page<Credential>, StoreError> {
    // One that is left out has its place all the same: more may follow.
    let page = list_found(db, environment, filter, now, page).await?;
    let items = page.items.into_iter().filter_map(|row| row.credential).collect();
    Ok(Page { items, next_cursor: page.next_cursor })
}

/// As [`list`], with the rows that can't be read in their places.
pub async fn list_found(
    db: &impl Reads,
    environment: EnvironmentId,
    filter: &CredentialFilter,
    now: Millis,
    page: &PageRequest,
) -> Result<Page<Found>, StoreError> {
    if filter.expires_before.is_some() {
        return by_end::list(db, environment, filter, now, page).await;
    }
    let (sql, values) = page_of(db, environment, filter, now, page)?;
    let rows = found(db, sql, values).await?;
    Ok(Page::of(LIST, rows, page.limit, |row| row.id.clone()))
}

/// All credentials of an environment, newest first, for whoever may leave none out: a row that can't be read is an error.
pub async fn list_whole(
    db: &impl Reads,
    environment: EnvironmentId,
    now: Millis,
    page: &PageRequest,
) -> Result<Page<Credential>, StoreError> {
    let (sql, values) = page_of(db, environment, &CredentialFilter::default(), now, page)?;
    let credentials = every(db, sql, values).await?;
    Ok(Page::of(LIST, credentials, page.limit, |credential| credential.id.to_string()))
}

fn page_of(
    db: &impl Reads,
    environment: EnvironmentId,
    filter: &CredentialFilter,
    now: Millis,
    page: &PageRequest,
) -> Result<(String, Vec<Value>), StoreError> {
    let mut query = Conditions::fitting(environment, filter, now);
    if let Some(after) = page.after_in(LIST)? {
        let after = query.bind(after);
        query.add(format!("c.id < {after}"));
    }
    let limit = query.bind(i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1));
    query.narrow(db, filter, &limit);
    let sql = format!("{SELECT} WHERE {} ORDER BY c.id DESC LIMIT {limit}", query.sql);
    Ok((sql, query.values))
}

/// How many credentials fit, counted up to `most`.
pub async fn count(
    db: &impl Reads,
    environment: EnvironmentId,
    filter: &CredentialFilter,
    now: Millis,
    most: u64,
) -> Result<u64, StoreError> {
    let query = Conditions::fitting(environment, filter, now);
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let whatever_end = by_end::whatever_end(filter);
    if filter.expires_before.is_some() && by_end::are_few(db, environment, &whatever_end, now).await? {
        return counted(db, query, &whatever_end, most.min(by_end::FEW)).await;
    }
    counted(db, query, filter, most).await
}

/// How many fit `query`, which says what `filter` does or more, counted up to `most`.
pub(super) async fn counted(
    db: &impl Reads,
    mut query: Conditions,
    filter: &CredentialFilter,
    most: i64,
) -> Result<u64, StoreError> {
    let most = query.bind(most);
    query.narrow(db, filter, &most);
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

/// Active credentials that somebody must act upon after `now` and before `until`, the soonest first. As with warnings,
/// the end of tokens counts only in the second half of the time for which it is known: what is renewed often has it
/// always near, and never comes to it. Each of the three parts of [`Credential::acts_by`] is looked for over an index.
pub async fn ending_soon(
    db: &impl Reads,
    environment: EnvironmentId,
    (now, until): (Millis, Millis),
    limit: u64,
) -> Result<Vec<Credential>, StoreError> {
    let filter = CredentialFilter {
        status: Some(Status::Active),
        expires_before: Some(until),
        ..CredentialFilter::default()
    };
    let mut query = Conditions::fitting(environment, &filter, now);
    let (from, until) = (query.now.clone(), query.bind(until));
    let limit = query.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let soonest = |id: &str, table: &str, end: &str| {
        format!(
            "SELECT id FROM (SELECT {id} AS id FROM {table} WHERE environment_id = $1 AND {end} > {from} \
             AND {end} < {until} ORDER BY {end} LIMIT {SOONEST}) AS soonest"
        )
    };
    let ids = [
        soonest("id", "credential", "expires_at"),
        soonest("credential_id", "credential_token", "refresh_expires_at"),
        // What nothing renews is looked at when its access token ends.
        soonest("credential_id", "credential_token", "due_at"),
    ];
    query.add(format!("c.id IN ({})", ids.join(" UNION ")));
    let late = format!("{ACTS_BY} - {from} <= {from} - {KNOWN_SINCE}");
    query.add(format!("(+c.expires_at IS NOT NULL OR {late})"));
    let sql = format!("{SELECT} WHERE {} ORDER BY {ACTS_BY}, c.id LIMIT {limit}", query.sql);
    many(db, sql, query.values).await
}

/// The newest that were revoked at the app, at most `most`. Those that were revoked here somebody wanted so.
pub async fn revoked_at_app(
    db: &impl Reads,
    environment: EnvironmentId,
    most: u64,
) -> Result<Vec<Credential>, StoreError> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    many(db, revoked_at_app_sql(), vec![environment.into(), most.into()]).await
}

/// The cause is written out, so that the index of these alone fits. What is deleted has none.
fn revoked_at_app_sql() -> String {
    format!(
        "{SELECT} WHERE c.environment_id = $1 AND c.id IN (SELECT t.credential_id FROM credential_token t \
         WHERE t.environment_id = $1 AND t.broken_cause = 'revoked_upstream' \
         ORDER BY t.credential_id DESC LIMIT $2) ORDER BY c.id DESC"
    )
}

/// Up to `most` live credentials of each of some users, newest first. Which of theirs an index says, so that one who has
/// given very many takes no longer than the others.
pub async fn of_each_user(
    db: &impl Reads,
    environment: EnvironmentId,
    users: &[UserId],
    most: u64,
) -> Result<Vec<Credential>, StoreError> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let join = join_in_order(db.connection().get_database_backend());
    let mut query = Conditions::new(environment);
    let most = query.bind(i64::try_from(most).unwrap_or(i64::MAX));
    let each: Vec<_> = users
        .iter()
        .map(|user| {
            let user = query.bind(*user);
            format!(
                "SELECT id FROM (SELECT c.id FROM credential c {join} credential_token t \
                 ON t.environment_id = c.environment_id AND t.credential_id = c.id \
                 WHERE c.environment_id = $1 AND c.user_id = {user} AND t.state <> 'deleted' \
                 ORDER BY c.connector_id LIMIT {most}) AS own"
            )
        })
        .collect();
    query.add(format!("c.id IN ({})", each.join(" UNION ALL ")));
    many(db, format!("{SELECT} WHERE {} ORDER BY c.id DESC", query.sql), query.values).await
}

/// The newest `most` credentials that a user has given, with those of them that were deleted lately.
pub async fn newest_of_user(
    db: &impl Reads,
    environment: EnvironmentId,
    user: UserId,
    most: u64,
) -> Result<Vec<Credential>, StoreError> {
    let sql = format!("{SELECT} WHERE c.environment_id = $1 AND c.user_id = $2 ORDER BY c.id DESC LIMIT $3");
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    many(db, sql, vec![environment.into(), user.into(), most.into()]).await
}

/// `WHERE` in the making: conditions joined by AND, with their values.
pub(super) struct Conditions {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
    /// How the present moment is bound, where a status is wanted.
    now: String,
    /// How the end is bound at which a page of those that end begins; empty for the first.
    pub(super) from: String,
}

impl Conditions {
    pub(super) fn new(environment: EnvironmentId) -> Self {
        let sql = "c.environment_id = $1 AND t.state <> 'deleted'".to_owned();
        Self { sql, values: vec![environment.into()], now: String::new(), from: String::new() }
    }

    /// Those that `filter` wants.
    pub(super) fn fitting(environment: EnvironmentId, filter: &CredentialFilter, now: Millis) -> Self {
        let mut query = Self::new(environment);
        if let Some(user) = filter.user {
            query.equals("c.user_id", user);
        }
        if let Some(connectors) = &filter.connectors {
            query.one_of("c.connector_id", connectors);
        }
        if let Some(status) = filter.status {
            let now = query.bind(now);
            query.add(status_condition(status, &now));
            query.now = now;
        }
        if let Some(before) = filter.expires_before {
            let before = query.bind(before);
            query.add(format!("{ACTS_BY} < {before}"));
        }
        query
    }

    /// Lets an index find those that end, or those of a status: the first `limit` of them are looked at, and not all that
    /// there are. The credentials of one user are few.
    pub(super) fn narrow(&mut self, db: &impl Reads, filter: &CredentialFilter, limit: &str) {
        let backend = db.connection().get_database_backend();
        let ids = match (filter.user, filter.expires_before, filter.status) {
            (None, Some(before), _) => {
                let before = self.bind(before);
                by_end::soonest(backend, &self.sql, (&self.from, &before), limit)
            }
            (None, None, Some(status)) => {
                let connectors = self.some_connectors(filter);
                of_status(backend, status, (&self.sql, &connectors), &self.now, limit)
            }
            (None, None, None) => match self.some_connectors(filter) {
                connectors if connectors.is_empty() => return,
                connectors => of_connectors(backend, &self.sql, &connectors, limit),
            },
            _ => return,
        };
        self.add(format!("c.id IN ({ids})"));
    }

    pub(super) fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    pub(super) fn add(&mut self, condition: impl AsRef<str>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition.as_ref());
    }

    fn equals(&mut self, column: &str, value: impl Into<Value>) {
        let value = self.bind(value);
        self.add(format!("{column} = {value}"));
    }

    fn one_of(&mut self, column: &str, ids: &[ConnectorId]) {
        if ids.is_empty() {
            // Nothing fits; `IN ()` is no SQL everywhere.
            self.add("FALSE");
            return;
        }
        let list: Vec<_> = ids.iter().map(|id| self.bind(*id)).collect();
        self.add(format!("{column} IN ({})", list.join(", ")));
    }

    /// The connectors that are wanted, where they are so few that each can be looked for by itself.
    fn some_connectors(&mut self, filter: &CredentialFilter) -> Vec<String> {
        let wanted = filter.connectors.iter().filter(|connectors| connectors.len() <= MOST_CONNECTORS);
        wanted.flatten().map(|id| self.bind(*id)).collect()
    }
}

/// The ids of the newest `limit` credentials of each of some connectors that `fit`.
fn of_connectors(backend: DbBackend, fit: &str, connectors: &[String], limit: &str) -> String {
    let join = join_in_order(backend);
    let newest = connectors.iter().map(|connector| {
        format!(
            "SELECT id FROM (SELECT c.id FROM credential c {join} credential_token t \
             ON t.environment_id = c.environment_id AND t.credential_id = c.id \
             WHERE c.connector_id = {connector} AND {fit} ORDER BY c.id DESC LIMIT {limit}) AS newest"
        )
    });
    newest.collect::<Vec<_>>().join(" UNION ")
}

/// What a list by status, by end or of a user asks SQLite, and the overview of what was revoked at the app, for the test of their
/// plans.
#[cfg(test)]
pub(in crate::store) fn status_statements() -> Vec<String> {
    let environment = EnvironmentId::new(uuid::Uuid::nil());
    let backend = DbBackend::Sqlite;
    let connectors = ["$4".to_owned(), "$5".to_owned()];
    let statement = |status: &Status| {
        let filter = CredentialFilter { status: Some(*status), ..CredentialFilter::default() };
        let query = Conditions::fitting(environment, &filter, Millis(0));
        [&connectors[..0], &connectors[..1], &connectors]
            .map(|connectors| of_status(backend, *status, (&query.sql, connectors), &query.now, "$3"))
    };
    let of_user =
        CredentialFilter { user: Some(UserId::new(uuid::Uuid::nil())), ..CredentialFilter::default() };
    let of_user = Conditions::fitting(environment, &of_user, Millis(0));
    let of_user = format!("{SELECT} WHERE {} ORDER BY c.id DESC LIMIT 51", of_user.sql);
    let of_connectors = of_connectors(backend, &Conditions::new(environment).sql, &connectors, "$3");
    Status::ALL
        .iter()
        .flat_map(statement)
        .chain([revoked_at_app_sql(), of_user, by_end::statement(), of_connectors])
        .collect()
}
