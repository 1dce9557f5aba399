//! Ends that come near, and the warnings given of them.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter, Set, sea_query,
};
use vouchsafe_entity::expiry_warning::{ActiveModel, Column, Entity};
use vouchsafe_entity::id::{CredentialId, EnvironmentId};
use vouchsafe_entity::millis::Millis;

use super::{Reads, StoreError, Tx, join_in_order, no_index, outside, statement};

const DAY: i64 = 86_400_000;
/// Since when the end of a credential is known: a date set by hand ends the whole life of a key, and what an app says
/// of its tokens counts from when it said so, however often they were renewed since.
pub(super) const KNOWN_SINCE: &str = "COALESCE(t.end_known_since, c.issued_at)";

/// How many days ahead the environments want to be warned, each number once, the smallest first.
pub async fn days_ahead(db: &impl Reads) -> Result<Vec<i32>, StoreError> {
    let connection = db.connection();
    let sql = match connection.get_database_backend() {
        DbBackend::Postgres => {
            "SELECT DISTINCT CAST(jsonb_array_elements_text(settings -> 'expiry_warning_days') AS integer) AS days \
             FROM environment ORDER BY days"
        }
        _ => {
            "SELECT DISTINCT CAST(j.value AS integer) AS days \
             FROM environment e, json_each(e.settings, '$.expiry_warning_days') j ORDER BY days"
        }
    };
    let rows = connection.query_all_raw(statement(connection, sql, [])).await?;
    rows.iter().map(|row| Ok(row.try_get("", "days")?)).collect()
}

/// A credential whose end comes near.
#[derive(Clone, Copy, Debug, FromQueryResult)]
pub struct Ending {
    /// Where it is.
    pub environment_id: EnvironmentId,
    /// Which one.
    pub id: CredentialId,
    /// Its end.
    pub end_at: Millis,
}

/// Live credentials whose end lies within `days` of `now`, in environments that want to know so early, and that nobody
/// was warned of so late. `days` must not be more than half of the time for which the end is known. What is switched
/// off, by itself or with its connector, takes no place among them, nor does what is in one of the environments `shut`.
///
/// The three parts are [`crate::domain::credential::Credential::acts_by`], each over an index.
pub async fn ending(
    db: &impl Reads,
    days: i32,
    now: Millis,
    shut: &[EnvironmentId],
    limit: i64,
) -> Result<Vec<Ending>, StoreError> {
    let connection = db.connection();
    let ahead = i64::from(days) * DAY;
    let mut values = vec![now.into(), now.plus(ahead).into(), days.into(), ahead.into(), limit.into()];
    let outside = outside("e.environment_id", shut, &mut values);
    let sql = ending_sql(connection.get_database_backend(), &outside);
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(|row| Ok(Ending::from_query_result(row, "")?)).collect()
}

pub(super) fn ending_sql(backend: DbBackend, outside: &str) -> String {
    let asked_for = match backend {
        DbBackend::Postgres => "n.settings -> 'expiry_warning_days' @> to_jsonb($3)",
        _ => {
            "EXISTS (SELECT 1 FROM json_each(n.settings, '$.expiry_warning_days') j \
             WHERE CAST(j.value AS integer) = $3)"
        }
    };
    let (join, plus) = (join_in_order(backend), no_index(backend));
    let both = format!(
        "FROM credential c JOIN credential_token t \
           ON t.environment_id = c.environment_id AND t.credential_id = c.id \
         {join} connector k ON k.environment_id = c.environment_id AND k.id = c.connector_id \
         WHERE k.enabled AND c.deactivated_at IS NULL AND t.state NOT IN ('pending', 'broken', 'deleted')"
    );
    format!(
        "SELECT e.environment_id, e.id, e.end_at FROM ( \
           SELECT c.environment_id, c.id, c.expires_at AS end_at, {KNOWN_SINCE} AS since {both} \
             AND c.expires_at > $1 AND c.expires_at <= $2 \
           UNION ALL \
           SELECT c.environment_id, c.id, t.refresh_expires_at AS end_at, {KNOWN_SINCE} AS since {both} \
             AND t.refresh_expires_at > $1 AND t.refresh_expires_at <= $2 AND {plus}c.expires_at IS NULL \
           UNION ALL \
           SELECT c.environment_id, c.id, t.access_expires_at AS end_at, {KNOWN_SINCE} AS since {both} \
             AND t.due_at > $1 AND t.due_at <= $2 AND t.access_expires_at = t.due_at AND c.method IN ('oauth2', 'api_key', 'basic') \
             AND NOT t.has_refresh_token AND {plus}c.expires_at IS NULL AND {plus}t.refresh_expires_at IS NULL \
         ) AS e JOIN environment n ON n.id = e.environment_id \
         WHERE e.end_at - e.since >= 2 * $4 AND {asked_for} {outside} AND NOT EXISTS ( \
           SELECT 1 FROM expiry_warning w WHERE w.environment_id = e.environment_id AND w.subject_id = e.id \
             AND w.end_at = e.end_at AND w.days <= $3 \
         ) ORDER BY e.end_at LIMIT $5"
    )
}

/// Notes that somebody was warned of the end of a credential or secret.
pub async fn note(
    tx: &Tx,
    environment: EnvironmentId,
    subject: &str,
    end_at: Millis,
    days: i32,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        environment_id: Set(environment),
        subject_id: Set(subject.to_owned()),
        end_at: Set(end_at),
        days: Set(days),
    };
    let latest = sea_query::OnConflict::columns([Column::EnvironmentId, Column::SubjectId])
        .update_columns([Column::EndAt, Column::Days])
        .to_owned();
    Entity::insert(row).on_conflict(latest).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Forgets warnings of what ended before `before`.
pub async fn forget(tx: &Tx, before: Millis) -> Result<(), StoreError> {
    Entity::delete_many().filter(Column::EndAt.lt(before)).exec(tx.connection()).await?;
    Ok(())
}
