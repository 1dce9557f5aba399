//! Finding secrets by what a caller asks for: a page of those that fit.

use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use vouchsafe_entity::id::EnvironmentId;
use vouchsafe_entity::kind::{SecretType, Visibility};
use vouchsafe_entity::millis::Millis;

use super::{SELECT, many};
use crate::domain::page::{Page, PageRequest};
use crate::domain::secret::{Secret, SecretState};
use crate::store::user::escape_like;
use crate::store::{Reads, StoreError, statement};

/// What its cursors call this list.
const LIST: &str = "secrets";

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
    let mut sql = format!("{SELECT} WHERE e.environment_id = $1");
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
    if let Some(after) = page.after_in(LIST)? {
        also(" AND e.key > {}", after.into());
    }
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1);
    also(" ORDER BY e.key LIMIT {}", limit.into());
    let secrets = many(db, sql, values).await?;
    Ok(Page::of(LIST, secrets, page.limit, |secret| secret.key.clone()))
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
