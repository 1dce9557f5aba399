//! What the refresher asks of the database beside the tokens themselves: which are due, which were left behind, what
//! lost a race, and how many refusals came of late.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QueryResult, QuerySelect, RuntimeErr, Set, sea_query::OnConflict,
};
use vouchsafe_entity::id::{ConnectorId, CredentialId, EnvironmentId, WorkspaceId};
use vouchsafe_entity::kind::FailClass;
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;
use vouchsafe_entity::{credential_token, orphan_token, provider_pause, refresh_failure};

use super::{Direct, Reads, Store, StoreError, Tx, statement};

/// A credential whose time has come.
#[derive(Debug, FromQueryResult)]
pub struct DueCredential {
    /// Where it is.
    pub environment_id: EnvironmentId,
    /// Which one.
    pub credential_id: CredentialId,
    /// By which connector.
    pub connector_id: ConnectorId,
    /// The version to spend.
    pub token_version: i64,
    /// Its state, as it is stored: a word that nobody knows is no reason to renew nothing.
    pub state: String,
    /// How it was given, as it is stored.
    pub method: String,
    /// Whether a refresh token is there.
    pub has_refresh_token: bool,
}

/// What is under way already, and would only keep its place before others.
#[derive(Clone, Debug, Default)]
pub struct PassedOver {
    /// These credentials.
    pub credentials: Vec<CredentialId>,
    /// All of these connectors, but for what nobody confirmed.
    pub connectors: Vec<ConnectorId>,
}

/// The order of the joins is that of the words; see [`super::join_in_order`].
pub(super) const DUE: &str = "SELECT t.environment_id, t.credential_id, t.token_version, t.state, t.has_refresh_token, \
    c.method, c.connector_id \
    FROM environment e \
    CROSS JOIN credential_token t ON t.environment_id = e.id AND t.credential_id IN ( \
        SELECT d.credential_id FROM credential_token d \
        CROSS JOIN credential dc ON dc.environment_id = d.environment_id AND dc.id = d.credential_id \
        CROSS JOIN connector k ON k.environment_id = dc.environment_id AND k.id = dc.connector_id \
        WHERE d.environment_id = e.id AND d.due_at <= $1 AND d.state <> 'deleted' \
        AND (d.state <> 'broken' OR d.broken_cause = 'grant_refused') \
        AND COALESCE(d.next_try_at, 0) <= $1 AND COALESCE(d.lease_until, 0) <= $1 \
        AND (k.probe_at IS NULL OR k.probe_at <= $1 OR d.own_client OR d.state = 'pending') \
        AND d.credential_id NOT IN (SELECT value FROM json_each($4)) \
        AND (d.state = 'pending' OR k.id NOT IN (SELECT value FROM json_each($5))) \
        ORDER BY d.due_at LIMIT $2) \
    CROSS JOIN credential c ON c.environment_id = t.environment_id AND c.id = t.credential_id \
    ORDER BY t.due_at LIMIT $3";
/// The same in words that a server can only follow row by row of the index: left to choose, it joins whole tables for
/// each of them while it doesn't know yet how large they have become.
const DUE_AT_SERVER: &str = "SELECT l.environment_id, l.credential_id, l.token_version, l.state, l.has_refresh_token, \
    (SELECT c.method FROM credential c WHERE c.environment_id = l.environment_id AND c.id = l.credential_id) AS method, \
    (SELECT c.connector_id FROM credential c WHERE c.environment_id = l.environment_id AND c.id = l.credential_id) \
    AS connector_id \
    FROM environment e CROSS JOIN LATERAL ( \
        SELECT d.* FROM credential_token d \
        WHERE d.environment_id = e.id AND d.due_at <= $1 AND d.state <> 'deleted' \
        AND (d.state <> 'broken' OR d.broken_cause = 'grant_refused') \
        AND COALESCE(d.next_try_at, 0) <= $1 AND COALESCE(d.lease_until, 0) <= $1 \
        AND d.credential_id <> ALL($4) \
        AND (d.state = 'pending' OR COALESCE(( \
            SELECT CASE WHEN k.id = ANY($5) THEN 9223372036854775807 WHEN d.own_client THEN 0 ELSE k.probe_at END \
            FROM credential c \
            JOIN connector k ON k.environment_id = c.environment_id AND k.id = c.connector_id \
            WHERE c.environment_id = d.environment_id AND c.id = d.credential_id), 0) <= $1) \
        ORDER BY d.due_at LIMIT $2) l \
    ORDER BY l.due_at LIMIT $3";

/// For each environment the `each` credentials that wait longest, `limit` in all: to be renewed, to be ended because
/// nothing renews them, or to be given back because nobody confirmed them. A full environment starves no other, and what is
/// `passed_over` keeps no place.
pub async fn due(
    store: &Store,
    now: Millis,
    each: u64,
    limit: u64,
    passed_over: &PassedOver,
) -> Result<Vec<DueCredential>, StoreError> {
    let credentials: Vec<String> = passed_over.credentials.iter().map(ToString::to_string).collect();
    let connectors: Vec<String> = passed_over.connectors.iter().map(ToString::to_string).collect();
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let (each, limit) = (number(each), number(limit));
    let rows: Result<Vec<QueryResult>, sqlx::Error> = match &store.direct {
        Direct::Sqlite(pool) => {
            let [credentials, connectors] =
                [credentials, connectors].map(|ids| serde_json::Value::from(ids).to_string());
            let query = sqlx::query(DUE).bind(now.0).bind(each).bind(limit);
            let rows = query.bind(credentials).bind(connectors).fetch_all(pool).await;
            rows.map(|rows| rows.into_iter().map(Into::into).collect())
        }
        Direct::Postgres(pool) => {
            // Nor is a plan kept from when there was little to look through.
            let query = sqlx::query(DUE_AT_SERVER).persistent(false);
            let query = query.bind(now.0).bind(each).bind(limit).bind(credentials).bind(connectors);
            let rows = query.fetch_all(pool).await;
            rows.map(|rows| rows.into_iter().map(Into::into).collect())
        }
    };
    let rows = rows.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())))?;
    Ok(rows.iter().filter_map(due_row).collect())
}

/// One that can't be read keeps nobody else's from being renewed.
fn due_row(row: &QueryResult) -> Option<DueCredential> {
    let Ok(due) = DueCredential::from_query_result(row, "") else {
        let id = row.try_get("", "credential_id").unwrap_or_default();
        let what = "a value that no column of its kind has";
        StoreError::Inconsistent { table: "credential_token", id, what }.tells_of_row();
        return None;
    };
    Some(due)
}

/// Puts off a credential that is due, whatever its state: nobody looks at it before `until`. One that somebody holds stays
/// due.
pub async fn leave_alone(
    tx: &Tx,
    environment: EnvironmentId,
    id: CredentialId,
    until: Millis,
) -> Result<(), StoreError> {
    use credential_token::{ActiveModel, Column};
    if tx.is_postgres() {
        let sql = "SELECT credential_id FROM credential_token \
            WHERE environment_id = $1 AND credential_id = $2 FOR UPDATE SKIP LOCKED";
        let connection = tx.connection();
        let free = statement(connection, sql, [environment.into(), id.into()]);
        if connection.query_one_raw(free).await?.is_none() {
            return Ok(());
        }
    }
    credential_token::Entity::update_many()
        .set(ActiveModel { due_at: Set(Some(until)), ..Default::default() })
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::CredentialId.eq(id))
        .filter(Column::DueAt.lt(until))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// Credentials claimed by `node` in another of its runs than `boot`.
pub async fn left_behind(
    db: &impl Reads,
    node: &str,
    boot: &str,
) -> Result<Vec<(EnvironmentId, CredentialId)>, StoreError> {
    #[derive(FromQueryResult)]
    struct Left {
        environment_id: EnvironmentId,
        credential_id: CredentialId,
    }
    // Owners are `node/boot`, and `0` comes after `/`.
    let sql = "SELECT environment_id, credential_id FROM credential_token \
        WHERE lease_owner >= $1 AND lease_owner < $2 AND lease_owner <> $3 AND lease_owner IS NOT NULL LIMIT 1000";
    let connection = db.connection();
    let values = [format!("{node}/").into(), format!("{node}0").into(), format!("{node}/{boot}").into()];
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let left = rows.iter().map(|row| Left::from_query_result(row, ""));
    left.map(|row| row.map(|row| (row.environment_id, row.credential_id)).map_err(Into::into)).collect()
}

/// The database's own present moment; none on SQLite, whose clock is the machine's.
pub async fn database_now(db: &impl Reads) -> Result<Option<Millis>, StoreError> {
    #[derive(FromQueryResult)]
    struct Now {
        now: i64,
    }
    let connection = db.connection();
    if connection.get_database_backend() != DbBackend::Postgres {
        return Ok(None);
    }
    let sql = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint AS now";
    let row = connection.query_one_raw(statement(connection, sql, [])).await?;
    let now = row.map(|row| Now::from_query_result(&row, "")).transpose()?;
    Ok(now.map(|row| Millis(row.now)))
}

/// An answer that lost a race.
#[derive(Clone, Debug)]
pub struct Orphan {
    /// Names it beside others of the credential.
    pub id: String,
    /// The grant that it belongs to.
    pub epoch: i64,
    /// The tokens.
    pub sealed: Sealed,
    /// When they came.
    pub got_at: Millis,
}

/// Keeps an answer that lost a race.
pub async fn keep_orphan(
    tx: &Tx,
    environment: EnvironmentId,
    credential: CredentialId,
    orphan: Orphan,
) -> Result<(), StoreError> {
    let row = orphan_token::ActiveModel {
        environment_id: Set(environment),
        credential_id: Set(credential),
        id: Set(orphan.id),
        grant_epoch: Set(orphan.epoch),
        sealed: Set(orphan.sealed),
        got_at: Set(orphan.got_at),
        superseded_at: Set(None),
    };
    orphan_token::Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Takes the newest answer that lost a race in the grant `epoch` of a credential.
pub async fn take_orphan(
    tx: &Tx,
    environment: EnvironmentId,
    credential: CredentialId,
    epoch: i64,
) -> Result<Option<Orphan>, StoreError> {
    use orphan_token::Column;
    let newest = orphan_token::Entity::find()
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::CredentialId.eq(credential))
        .filter(Column::GrantEpoch.eq(epoch))
        .order_by_desc(Column::Id)
        .one(tx.connection())
        .await?;
    let Some(row) = newest else { return Ok(None) };
    let key = (environment, credential, row.id.clone());
    orphan_token::Entity::delete_by_id(key).exec(tx.connection()).await?;
    Ok(Some(Orphan { id: row.id, epoch: row.grant_epoch, sealed: row.sealed, got_at: row.got_at }))
}

/// A refusal of a grant.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// A UUID, ordered by time.
    pub id: String,
    /// The provider's slug.
    pub provider: String,
    /// Whose credential.
    pub workspace: WorkspaceId,
    /// In which environment.
    pub environment: EnvironmentId,
    /// Which credential.
    pub credential: CredentialId,
    /// Refused or revoked.
    pub class: FailClass,
    /// When.
    pub at: Millis,
}

/// Counts a refusal.
pub async fn note_refusal(tx: &Tx, refusal: Refusal) -> Result<(), StoreError> {
    let row = refresh_failure::ActiveModel {
        id: Set(refusal.id),
        provider: Set(refusal.provider),
        workspace_id: Set(refusal.workspace),
        environment_id: Set(refusal.environment),
        credential_id: Set(refusal.credential),
        class: Set(refusal.class),
        at: Set(refusal.at),
    };
    refresh_failure::Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Grants of a provider that were refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromQueryResult)]
pub struct Burst {
    /// Different credentials.
    pub credentials: i64,
    /// In so many workspaces.
    pub workspaces: i64,
}

/// The refusals of `provider` since `since`.
pub async fn refusals(db: &impl Reads, provider: &str, since: Millis) -> Result<Burst, StoreError> {
    let sql = "SELECT COUNT(DISTINCT credential_id) AS credentials, COUNT(DISTINCT workspace_id) AS workspaces \
        FROM refresh_failure WHERE provider = $1 AND at >= $2";
    let connection = db.connection();
    let row = connection.query_one_raw(statement(connection, sql, [provider.into(), since.into()])).await?;
    Ok(row.map(|row| Burst::from_query_result(&row, "")).transpose()?.unwrap_or_default())
}

/// The grants of `provider` whose refusal nobody has confirmed yet.
pub async fn suspects(db: &impl Reads, provider: &str) -> Result<Burst, StoreError> {
    let sql = "SELECT COUNT(*) AS credentials, COUNT(DISTINCT e.workspace_id) AS workspaces FROM credential c \
        JOIN credential_token t ON t.environment_id = c.environment_id AND t.credential_id = c.id \
        JOIN environment e ON e.id = c.environment_id \
        WHERE c.provider = $1 AND (t.state = 'suspect' OR t.claimed_from = 'suspect')";
    let connection = db.connection();
    let row = connection.query_one_raw(statement(connection, sql, [provider.into()])).await?;
    Ok(row.map(|row| Burst::from_query_result(&row, "")).transpose()?.unwrap_or_default())
}

/// How many credentials of `provider` may be refused.
pub async fn live_credentials(db: &impl Reads, provider: &str) -> Result<i64, StoreError> {
    #[derive(FromQueryResult)]
    struct Count {
        live: i64,
    }
    let sql = "SELECT COUNT(*) AS live FROM credential c \
        JOIN credential_token t ON t.environment_id = c.environment_id AND t.credential_id = c.id \
        WHERE c.provider = $1 AND t.state NOT IN ('broken', 'deleted')";
    let connection = db.connection();
    let row = connection.query_one_raw(statement(connection, sql, [provider.into()])).await?;
    Ok(row.map(|row| Count::from_query_result(&row, "")).transpose()?.map_or(0, |count| count.live))
}

/// A time in which no refusal of a provider counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// When it began.
    pub since: Millis,
    /// When it ends.
    pub until: Millis,
}

/// The pause of `provider`, over or not.
pub async fn pause(db: &impl Reads, provider: &str) -> Result<Option<Pause>, StoreError> {
    let row = provider_pause::Entity::find_by_id(provider).one(db.connection()).await?;
    Ok(row.map(|row| Pause { since: row.since, until: row.until }))
}

/// The same for whoever may begin one: only one at a time gets it, and sees what the one before has written.
pub async fn lock_pause(tx: &Tx, provider: &str) -> Result<Option<Pause>, StoreError> {
    use provider_pause::{Column, Entity};
    let none = Millis(0);
    let row = provider_pause::ActiveModel {
        provider: Set(provider.to_owned()),
        since: Set(none),
        until: Set(none),
    };
    let there = OnConflict::column(Column::Provider).do_nothing().to_owned();
    Entity::insert(row).on_conflict(there).exec_without_returning(tx.connection()).await?;
    let mut query = Entity::find_by_id(provider);
    if tx.is_postgres() {
        query = query.lock_exclusive();
    }
    let row = query.one(tx.connection()).await?;
    Ok(row.map(|row| Pause { since: row.since, until: row.until }))
}

/// Begins a pause of `provider`, or makes one longer.
pub async fn set_pause(tx: &Tx, provider: &str, pause: Pause) -> Result<(), StoreError> {
    use provider_pause::Column;
    let row = provider_pause::ActiveModel {
        provider: Set(provider.to_owned()),
        since: Set(pause.since),
        until: Set(pause.until),
    };
    let replace =
        OnConflict::column(Column::Provider).update_columns([Column::Since, Column::Until]).to_owned();
    provider_pause::Entity::insert(row).on_conflict(replace).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Forgets refusals from before `before`.
pub async fn sweep(tx: &Tx, before: Millis) -> Result<(), StoreError> {
    use refresh_failure::Column;
    refresh_failure::Entity::delete_many().filter(Column::At.lt(before)).exec(tx.connection()).await?;
    Ok(())
}
