//! The read behind every token and every call to an app: one constant statement over two primary keys, with no column
//! that serving does not need. It goes to the driver directly: what the object mapper does around a query costs more than
//! this one.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use sea_orm::{DbErr, RuntimeErr};
use sqlx::types::Json;
use vouchsafe_entity::id::{CredentialId, EnvironmentId};
use vouchsafe_entity::kind::TokenState;
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

use crate::domain::credential::{Condition, ServedCredential};
use crate::store::writes::Moment;
use crate::store::{Direct, Store, StoreError};

const SERVED: &str = "SELECT c.connector_id, c.method, c.expires_at, c.last_used_at, c.scopes, \
 t.grant_epoch, t.token_version, t.sealed, t.access_expires_at, t.access_lifetime, t.has_refresh_token, \
 t.own_client, t.due_at \
 FROM credential c \
 JOIN credential_token t ON t.environment_id = c.environment_id AND t.credential_id = c.id \
 WHERE c.environment_id = $1 AND c.id = $2 AND t.state = 'active' AND c.deactivated_at IS NULL";

/// In the order of [`SERVED`].
type Columns = (
    String,
    String,
    Option<i64>,
    Option<i64>,
    Json<Vec<String>>,
    i64,
    i64,
    Option<Vec<u8>>,
    Option<i64>,
    Option<i64>,
    bool,
    bool,
    Option<i64>,
);

/// Rows kept at once.
const MOST: u64 = 10_000;
/// Commands run beside the hub write too, of credentials that are served only where all of an environment are revoked.
const AGE: Duration = Duration::from_secs(5);

/// Rows read lately, each with the moment at which it was so.
#[derive(Clone)]
pub(in crate::store) struct Kept(Cache<(EnvironmentId, CredentialId), (Moment, Arc<ServedCredential>)>);

impl Default for Kept {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MOST).time_to_live(AGE).build())
    }
}

/// A credential to be served, where nothing keeps it from that: it is switched on, and nothing is under way with its
/// tokens. None says only that [`super::find`] must be asked. Where nobody else writes, a row is kept until something
/// is written, and is as it would be read.
pub async fn served(
    store: &Store,
    environment: EnvironmentId,
    id: CredentialId,
) -> Result<Option<Arc<ServedCredential>>, StoreError> {
    let Some(writes) = &store.writes else {
        return Ok(read(store, environment, id).await?.map(Arc::new));
    };
    let key = (environment, id);
    if let Some((moment, kept)) = store.kept.0.get(&key)
        && writes.still(moment)
    {
        return Ok(Some(kept));
    }
    let before = writes.moment();
    let found = read(store, environment, id).await?.map(Arc::new);
    if let (Some(before), Some(found)) = (before, &found)
        && writes.moment() == Some(before)
    {
        store.kept.0.insert(key, (before, Arc::clone(found)));
    }
    Ok(found)
}

async fn read(
    store: &Store,
    environment: EnvironmentId,
    id: CredentialId,
) -> Result<Option<ServedCredential>, StoreError> {
    let (place, row) = (environment.to_string(), id.to_string());
    let found: Result<Option<Columns>, sqlx::Error> = match &store.direct {
        Direct::Sqlite(pool) => sqlx::query_as(SERVED).bind(place).bind(row).fetch_optional(pool).await,
        Direct::Postgres(pool) => sqlx::query_as(SERVED).bind(place).bind(row).fetch_optional(pool).await,
    };
    let found = found.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())))?;
    found.map(|columns| credential(id, columns)).transpose()
}

fn credential(id: CredentialId, columns: Columns) -> Result<ServedCredential, StoreError> {
    let inconsistent = |what| StoreError::Inconsistent { table: "credential", id: id.to_string(), what };
    let (
        connector,
        method,
        expires_at,
        last_used_at,
        Json(scopes),
        epoch,
        version,
        sealed,
        ends,
        lifetime,
        renews,
        own_client,
        due,
    ) = columns;
    Ok(ServedCredential {
        id,
        connector: connector.parse().map_err(|_| inconsistent("an unreadable connector"))?,
        condition: Condition {
            method: method.parse().map_err(|_| inconsistent("an unknown method"))?,
            deactivated_at: None,
            expires_at: expires_at.map(Millis),
            shown: TokenState::Active,
            broken: None,
            next_try_at: None,
            fail_class: None,
            // Whoever serves it opens it, and says so.
            key_missing: false,
            access_expires_at: ends.map(Millis),
            access_lifetime: lifetime,
            has_refresh_token: renews,
            own_client,
            due_at: due.map(Millis),
        },
        scopes,
        last_used_at: last_used_at.map(Millis),
        epoch,
        version,
        sealed: sealed.map(Sealed::new),
    })
}
