//! Credentials of connectors that few have: each of them is looked at, which is less than to go through all of a status
//! for the few that fit.

use super::by_end::FEW;
use super::list::{Conditions, CredentialFilter};
use crate::store::{Reads, StoreError, join_in_order, statement};
use sea_orm::{ConnectionTrait as _, DbBackend};
use vouchsafe_entity::id::EnvironmentId;

/// Whether `filter` wants a status of connectors that have so few credentials.
pub(super) async fn are_few(
    db: &impl Reads,
    environment: EnvironmentId,
    filter: &CredentialFilter,
) -> Result<bool, StoreError> {
    let Some(connectors) = &filter.connectors else { return Ok(false) };
    if filter.user.is_some() || filter.expires_before.is_some() || filter.status.is_none() {
        return Ok(false);
    }
    let connection = db.connection();
    let mut query = Conditions::new(environment);
    let ids = query.ids_of(connection.get_database_backend(), connectors, FEW + 1);
    let sql = format!("SELECT COUNT(*) AS found FROM ({ids}) AS few");
    let row = connection.query_one_raw(statement(connection, sql, query.values)).await?;
    let found: i64 = row.map(|row| row.try_get("", "found")).transpose()?.unwrap_or(0);
    Ok(found <= FEW)
}

impl Conditions {
    /// Lets an index find all that these connectors have, who have few.
    pub(super) fn of_connectors(&mut self, db: &impl Reads, connectors: &[String]) {
        let ids = self.ids_of(db.connection().get_database_backend(), connectors, FEW);
        self.add(format!("c.id IN ({ids})"));
    }

    /// The ids of `most` credentials of these connectors.
    fn ids_of(&mut self, backend: DbBackend, connectors: &[String], most: i64) -> String {
        let keys = self.words(connectors);
        let most = self.bind(most);
        let join = join_in_order(backend);
        format!(
            "SELECT c.id FROM connector k {join} credential c \
             ON c.environment_id = k.environment_id AND c.connector_id = k.id \
             WHERE k.environment_id = $1 AND k.key IN ({keys}) LIMIT {most}"
        )
    }
}

/// What such a list asks SQLite first, for the test of its plan.
#[cfg(test)]
pub(super) fn plan() -> String {
    let mut query = Conditions::new(EnvironmentId::new(uuid::Uuid::nil()));
    query.ids_of(DbBackend::Sqlite, &["crm".to_owned()], FEW)
}
