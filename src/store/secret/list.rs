//! Finding secrets by what a caller asks for: a page of those that fit.

use sea_orm::Value;
use vouchsafe_entity::id::EnvironmentId;
use vouchsafe_entity::kind::SecretType;
use vouchsafe_entity::millis::Millis;

use super::{SELECT, many};
use crate::domain::page::{Page, PageRequest};
use crate::domain::secret::Secret;
use crate::store::{Reads, StoreError};

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
}

/// The secrets of an environment, by key.
pub async fn list(
    db: &impl Reads,
    environment: EnvironmentId,
    filter: &SecretFilter,
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
        also(" AND LOWER(s.issuer) = {}", issuer.to_lowercase().into());
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
    if let Some(after) = &page.after {
        also(" AND e.key > {}", after.as_str().into());
    }
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1);
    also(" ORDER BY e.key LIMIT {}", limit.into());
    let secrets = many(db, sql, values).await?;
    Ok(Page::of(secrets, page.limit, |secret| secret.key.clone()))
}
