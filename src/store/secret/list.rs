//! Finding secrets by what a caller asks for: a page of those that fit.

use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Value};
use vouchsafe_entity::id::EnvironmentId;
use vouchsafe_entity::kind::{SecretType, Visibility};
use vouchsafe_entity::millis::Millis;

use super::{SELECT, many};
use crate::domain::page::{Page, PageRequest};
use crate::domain::secret::{Secret, SecretState};
use crate::store::user::escape_like;
use crate::store::{Reads, StoreError, join_in_order, no_index, statement};

/// What its cursors call this list.
const LIST: &str = "secrets";

/// So many secrets of an environment are not looked at one by one.
const MANY: i64 = 500;

/// Which secrets are wanted.
#[derive(Clone, Debug, Default)]
pub struct SecretFilter {
    /// Switched on, or off.
    pub active: Option<bool>,
    /// Issued by this third party.
    pub issuer: Option<String>,
    /// Of this type.
    pub kind: Option<SecretType>,
    /// Covering the environment of this name too.
    pub environment: Option<String>,
    /// Ending before this moment, or ended.
    pub expires_before: Option<Millis>,
    /// With this in the key, in letters of either case.
    pub search: Option<String>,
    /// Shown by a reveal, or never.
    pub visibility: Option<Visibility>,
    /// Standing so at present.
    pub state: Option<SecretState>,
    /// Without those that have expired or were revoked.
    pub leave_out_ended: bool,
}

/// A secret by its names alone.
#[derive(Clone, Debug, FromQueryResult)]
pub struct SecretName {
    /// Its name in references.
    pub key: String,
    /// Its label.
    pub name: String,
}

/// A key has only ASCII.
const KEY_LIKE: &str = " AND LOWER(e.key) LIKE {} ESCAPE '\\'";

fn pattern(search: &str) -> Value {
    format!("%{}%", escape_like(&search.to_lowercase())).into()
}

/// The secrets of an environment, by key.
pub async fn list(
    db: &impl Reads,
    environment: EnvironmentId,
    filter: &SecretFilter,
    now: Millis,
    page: &PageRequest,
) -> Result<Page<Secret>, StoreError> {
    let after = page.after_in(LIST)?;
    let backend = db.connection().get_database_backend();
    let by_index = is_indexed(filter) && has_many(db, environment).await?;
    let (sql, values) = page_of((backend, by_index), environment, filter, now, (after, page.limit));
    let secrets = many(db, sql, values).await?;
    Ok(Page::of(LIST, secrets, page.limit, |secret| secret.key.clone()))
}

/// Whether an index finds what is asked for, of which there may be few.
fn is_indexed(filter: &SecretFilter) -> bool {
    let ended = [SecretState::Inactive, SecretState::Expired, SecretState::Revoked].map(Some);
    filter.issuer.is_some()
        || filter.kind.is_some()
        || filter.visibility.is_some()
        || filter.active == Some(false)
        || ended.contains(&filter.state)
}

/// Whether an environment has so many secrets that they are not looked at one by one.
async fn has_many(db: &impl Reads, environment: EnvironmentId) -> Result<bool, StoreError> {
    let sql = "SELECT COUNT(*) AS found FROM \
        (SELECT 1 FROM secret_environment e WHERE e.environment_id = $1 LIMIT $2) AS first_of_them";
    let connection = db.connection();
    let row = connection.query_one_raw(statement(connection, sql, [environment.into(), MANY.into()])).await?;
    let found: i64 = row.map(|row| row.try_get("", "found")).transpose()?.unwrap_or(0);
    Ok(found >= MANY)
}

/// Where to begin: at the secrets of an environment in their order, or, where few of many may fit, at those of its
/// workspace that do, `by_index`; and the key that is in order there.
fn tables(backend: DbBackend, by_index: bool, filter: &SecretFilter) -> (String, String) {
    if !by_index {
        return (format!("{SELECT} WHERE e.environment_id = $1"), "e.key".to_owned());
    }
    let join = join_in_order(backend);
    let sql = format!(
        "SELECT s.* FROM secret s {join} secret_environment e ON e.key = s.key AND e.secret_id = s.id \
         WHERE s.workspace_id = (SELECT v.workspace_id FROM environment v WHERE v.id = $1) AND e.environment_id = $1"
    );
    // Those that have ended are few: sorting them is less than to go through all in their order.
    let sign = if filter.state == Some(SecretState::Expired) { no_index(backend) } else { "" };
    (sql, format!("{sign}s.key"))
}

/// What a page asks, with its values.
fn page_of(
    (backend, by_index): (DbBackend, bool),
    environment: EnvironmentId,
    filter: &SecretFilter,
    now: Millis,
    (after, limit): (Option<&str>, u64),
) -> (String, Vec<Value>) {
    let (mut sql, key) = tables(backend, by_index, filter);
    let mut values: Vec<Value> = vec![environment.into()];
    let mut also = |condition: &str, value: Value| {
        values.push(value);
        sql.push_str(&condition.replace("{}", &format!("${}", values.len())));
    };
    if let Some(active) = filter.active {
        also(" AND s.active = {}", active.into());
    }
    if let Some(issuer) = &filter.issuer {
        also(" AND s.issuer_lower = {}", issuer.to_lowercase().into());
    }
    if let Some(kind) = filter.kind {
        also(" AND s.type = {}", kind.as_str().into());
    }
    if let Some(name) = &filter.environment {
        also(
            " AND EXISTS (SELECT 1 FROM secret_environment o JOIN environment v ON v.id = o.environment_id \
             WHERE o.workspace_id = s.workspace_id AND o.secret_id = s.id AND v.name = {})",
            name.as_str().into(),
        );
    }
    if let Some(before) = filter.expires_before {
        also(" AND s.expires_at < {}", before.into());
    }
    if let Some(search) = &filter.search {
        also(KEY_LIKE, pattern(search));
    }
    if let Some(visibility) = filter.visibility {
        also(" AND s.visibility = {}", visibility.as_str().into());
    }
    match filter.state {
        Some(SecretState::Active) => also(" AND s.active = {}", true.into()),
        Some(SecretState::Inactive) => also(" AND s.active = {}", false.into()),
        Some(SecretState::Expired) => also(" AND s.revoked_at IS NULL AND s.expires_at <= {}", now.into()),
        // Every condition has a value: this one holds for all moments.
        Some(SecretState::Revoked) => also(" AND s.revoked_at <= {}", now.into()),
        None => {}
    }
    let lives = matches!(filter.state, Some(SecretState::Active | SecretState::Inactive));
    if lives || filter.leave_out_ended {
        also(" AND s.revoked_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > {})", now.into());
    }
    if let Some(after) = after {
        also(&format!(" AND {key} > {{}}"), after.into());
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    also(&format!(" ORDER BY {key} LIMIT {{}}"), limit.into());
    (sql, values)
}

/// The names of the secrets of an environment, by key, those with `search` in the key alone.
pub async fn names(
    db: &impl Reads,
    environment: EnvironmentId,
    search: Option<&str>,
    page: &PageRequest,
) -> Result<Page<SecretName>, StoreError> {
    let mut sql = "SELECT s.key, s.name FROM secret_environment e \
         JOIN secret s ON s.workspace_id = e.workspace_id AND s.id = e.secret_id WHERE e.environment_id = $1"
        .to_owned();
    let mut values: Vec<Value> = vec![environment.into()];
    let mut also = |condition: &str, value: Value| {
        values.push(value);
        sql.push_str(&condition.replace("{}", &format!("${}", values.len())));
    };
    if let Some(search) = search {
        also(KEY_LIKE, pattern(search));
    }
    if let Some(after) = page.after_in(LIST)? {
        also(" AND e.key > {}", after.into());
    }
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1);
    also(" ORDER BY e.key LIMIT {}", limit.into());
    let connection = db.connection();
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let names = rows.iter().map(|row| SecretName::from_query_result(row, "")).collect::<Result<_, _>>()?;
    Ok(Page::of(LIST, names, page.limit, |secret: &SecretName| secret.key.clone()))
}

/// What a list asks SQLite that wants what few are, with the index that finds them, for the test of their plans.
#[cfg(test)]
pub(in crate::store) fn statements() -> Vec<(&'static str, String)> {
    let any = SecretFilter::default;
    let wanted = [
        ("idx_secret_workspace_id_type_key", SecretFilter { kind: Some(SecretType::ApiKey), ..any() }),
        (
            "idx_secret_workspace_id_issuer_lower_key",
            SecretFilter { issuer: Some("Acme".to_owned()), ..any() },
        ),
        (
            "idx_secret_workspace_id_visibility_key",
            SecretFilter { visibility: Some(Visibility::Masked), ..any() },
        ),
        ("idx_secret_workspace_id_active_key", SecretFilter { active: Some(false), ..any() }),
        ("idx_secret_workspace_id_active_key", SecretFilter { state: Some(SecretState::Inactive), ..any() }),
        ("idx_secret_revoked", SecretFilter { state: Some(SecretState::Revoked), ..any() }),
        ("idx_secret_ends", SecretFilter { state: Some(SecretState::Expired), ..any() }),
    ];
    let nowhere = EnvironmentId::new(uuid::Uuid::nil());
    let sql = |filter| page_of((DbBackend::Sqlite, true), nowhere, &filter, Millis(0), (Some("A"), 50)).0;
    wanted.map(|(index, filter)| (index, sql(filter))).to_vec()
}
