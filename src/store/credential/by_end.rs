//! Credentials in the order in which somebody must act upon them. That moment is worked out of two tables, so no index is
//! in this order: each of its three parts is looked for over an index of its own.

use super::list::{Conditions, CredentialFilter, counted};
use super::{Found, found};
use crate::domain::page::{OtherList, Page, PageRequest};
use crate::store::credential_row::{ACTS_BY, SELECT};
use crate::store::{Reads, StoreError, join_in_order, no_index};
use sea_orm::DbBackend;
use vouchsafe_entity::id::EnvironmentId;
use vouchsafe_entity::millis::Millis;

/// What its cursors call this list.
const LIST: &str = "credentials_by_end";
/// So many are looked at one by one.
pub(super) const FEW: i64 = 500;

/// Those that fit `filter`, the soonest first.
pub(super) async fn list(
    db: &impl Reads,
    environment: EnvironmentId,
    filter: &CredentialFilter,
    now: Millis,
    page: &PageRequest,
) -> Result<Page<Found>, StoreError> {
    let whatever_end = whatever_end(filter);
    let few = are_few(db, environment, &whatever_end, now).await?;
    let mut query = Conditions::fitting(environment, filter, now);
    if let Some(after) = page.after_in(LIST)? {
        let (end, id) = place(after).ok_or(OtherList)?;
        let (end, id) = (query.bind(end), query.bind(id));
        query.add(format!("({ACTS_BY}, c.id) > ({end}, {id})"));
        query.from = end;
    }
    let limit = query.bind(i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1));
    if !few {
        query.narrow(db, filter, &limit);
    } else if whatever_end.status.is_some() {
        let all = query.bind(FEW);
        query.narrow(db, &whatever_end, &all);
    }
    let sql = format!("{SELECT} WHERE {} ORDER BY acts_by, c.id LIMIT {limit}", query.sql);
    let rows = found(db, sql, query.values).await?;
    Ok(Page::of(LIST, rows, page.limit, |row| {
        let end = row.acts_by.map_or(0, |end| end.0);
        format!("{end}:{}", row.id)
    }))
}

/// The same filter without the end.
pub(super) fn whatever_end(filter: &CredentialFilter) -> CredentialFilter {
    CredentialFilter { expires_before: None, ..filter.clone() }
}

/// Whether those that fit whatever their end are so few that each can be looked at: less than to go through all that end
/// for the few of them that fit.
pub(super) async fn are_few(
    db: &impl Reads,
    environment: EnvironmentId,
    whatever_end: &CredentialFilter,
    now: Millis,
) -> Result<bool, StoreError> {
    let rest = whatever_end.status.is_some() || whatever_end.connectors.is_some();
    if whatever_end.user.is_some() || !rest {
        return Ok(false);
    }
    let query = Conditions::fitting(environment, whatever_end, now);
    Ok(counted(db, query, whatever_end, FEW + 1).await? <= FEW.unsigned_abs())
}

/// Where a sort key lies: the end, and the id of what has it.
fn place(key: &str) -> Option<(i64, &str)> {
    let (end, id) = key.split_once(':')?;
    Some((end.parse().ok()?, id))
}

/// The ids of the `limit` credentials that `fit` and end soonest, not before `from`, where that is no empty word, and
/// before `before`; `fit` says both too.
pub(super) fn soonest(backend: DbBackend, fit: &str, (from, before): (&str, &str), limit: &str) -> String {
    let (join, plus) = (join_in_order(backend), no_index(backend));
    let connector =
        format!("{join} connector k ON k.environment_id = c.environment_id AND k.id = c.connector_id");
    let credentials = format!(
        "credential c {join} credential_token t ON t.environment_id = c.environment_id AND t.credential_id = c.id \
         {connector}"
    );
    let tokens = format!(
        "credential_token t {join} credential c ON c.environment_id = t.environment_id AND c.id = t.credential_id \
         {connector}"
    );
    let undated = format!("{plus}c.expires_at IS NULL");
    let unrenewed = format!(
        "NOT t.has_refresh_token AND c.method IN ('oauth2', 'api_key', 'basic') AND {undated} \
         AND {plus}t.refresh_expires_at IS NULL"
    );
    let ways = [
        (&credentials, "c.environment_id", "c.expires_at", "c.id", "TRUE"),
        (&tokens, "t.environment_id", "t.refresh_expires_at", "t.credential_id", &undated),
        (&tokens, "t.environment_id", "t.access_expires_at", "t.credential_id", &unrenewed),
    ];
    let soonest = ways.map(|(tables, environment, end, id, which)| {
        let begin = if from.is_empty() { String::new() } else { format!("AND {end} >= {from} ") };
        format!(
            "SELECT id FROM (SELECT c.id FROM {tables} WHERE {environment} = $1 AND {end} < {before} {begin}\
             AND {which} AND {fit} ORDER BY {end}, {id} LIMIT {limit}) AS soonest"
        )
    });
    soonest.join(" UNION ")
}

/// What such a list asks SQLite, for the test of its plan.
#[cfg(test)]
pub(super) fn statement() -> String {
    let filter = CredentialFilter { expires_before: Some(Millis(1)), ..CredentialFilter::default() };
    let query = Conditions::fitting(EnvironmentId::new(uuid::Uuid::nil()), &filter, Millis(0));
    soonest(DbBackend::Sqlite, &query.sql, ("", "$2"), "$3")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sort_key_is_an_end_and_an_id() {
        assert_eq!(place("1700000000000:cred_1"), Some((1_700_000_000_000, "cred_1")));
        assert_eq!((place("cred_1"), place("soon:cred_1")), (None, None));
    }
}
