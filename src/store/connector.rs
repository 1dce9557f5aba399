//! Connectors.

mod failing;

pub use failing::{begin_failing, end_failing, probe_soon, refused, take_probe};

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait as _, DbBackend, EntityTrait, FromQueryResult, QueryFilter,
    QueryOrder, QuerySelect, Set, TryInsertResult, sea_query,
};
use sea_query::{Expr, ExprTrait as _, OnConflict, Query};
use vouchsafe_entity::connector::{ActiveModel, Column, Entity, Model};
use vouchsafe_entity::credential_token;
use vouchsafe_entity::id::{ConnectorId, EnvironmentId};
use vouchsafe_entity::json::{Strings, Texts};
use vouchsafe_entity::kind::{Method, TokenState};
use vouchsafe_entity::{credential, millis::Millis};

use super::{Reads, Sql, StoreError, Tx, held, join_in_order, no_index, statement};
use crate::domain::connector::{Connector, Failing};
use crate::domain::page::{Page, PageRequest};

/// What its cursors call this list.
const LIST: &str = "connectors";

fn connector(row: Model) -> Result<Connector, StoreError> {
    let bad = |what| StoreError::Inconsistent { table: "connector", id: row.id.to_string(), what };
    let methods =
        row.methods.map(|words| words.0.iter().map(|word| word.parse()).collect::<Result<Vec<Method>, _>>());
    Ok(Connector {
        key: row.key,
        provider: row.provider,
        enabled: row.enabled,
        explicit: row.explicit,
        methods: methods.transpose().map_err(|_| bad("unknown method"))?,
        client_id: row.client_id,
        has_client_secret: row.has_client_secret,
        scopes: row.scopes.0,
        authorization_params: row.authorization_params.0,
        variables: row.variables.0,
        secret_variables: row.secret_variables.0,
        sealed: row.sealed,
        version: row.version,
        failing: row.failing_since.zip(row.probe_at).map(|(since, probe_at)| Failing { since, probe_at }),
        created_at: Some(row.created_at),
        updated_at: Some(row.updated_at),
        id: row.id,
    })
}

fn row(environment: EnvironmentId, connector: &Connector, now: Millis) -> ActiveModel {
    let words = |methods: &Vec<Method>| Strings(methods.iter().map(ToString::to_string).collect());
    ActiveModel {
        environment_id: Set(environment),
        id: Set(connector.id),
        key: Set(connector.key.clone()),
        provider: Set(connector.provider.clone()),
        enabled: Set(connector.enabled),
        explicit: Set(connector.explicit),
        methods: Set(connector.methods.as_ref().map(words)),
        client_id: Set(connector.client_id.clone()),
        scopes: Set(Strings(connector.scopes.clone())),
        authorization_params: Set(Texts(connector.authorization_params.clone())),
        variables: Set(Texts(connector.variables.clone())),
        sealed: Set(connector.sealed.clone()),
        has_client_secret: Set(connector.has_client_secret),
        secret_variables: Set(Strings(connector.secret_variables.clone())),
        version: Set(connector.version),
        created_at: Set(connector.created_at.unwrap_or(now)),
        updated_at: Set(now),
        turned_at: Set((!connector.enabled).then_some(now)),
        ..Default::default()
    }
}

/// The oldest connector of a provider.
pub async fn by_provider(
    db: &impl Reads,
    environment: EnvironmentId,
    provider: &str,
) -> Result<Option<Connector>, StoreError> {
    let of = Column::EnvironmentId.eq(environment).and(Column::Provider.eq(provider));
    let found = Entity::find().filter(of).order_by_asc(Column::CreatedAt).one(db.connection()).await?;
    found.map(connector).transpose()
}

/// One connector by key.
pub async fn by_key(
    db: &impl Reads,
    environment: EnvironmentId,
    key: &str,
) -> Result<Option<Connector>, StoreError> {
    let found = Entity::find()
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::Key.eq(key))
        .one(db.connection())
        .await?;
    found.map(connector).transpose()
}

/// Those of `keys` that have a row.
pub async fn by_keys(
    db: &impl Reads,
    environment: EnvironmentId,
    keys: &[String],
) -> Result<Vec<Connector>, StoreError> {
    let rows = Entity::find()
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::Key.is_in(keys.iter().map(String::as_str)))
        .all(db.connection())
        .await?;
    rows.into_iter().map(connector).collect()
}

/// One connector by id.
pub async fn find(
    db: &impl Reads,
    environment: EnvironmentId,
    id: ConnectorId,
) -> Result<Option<Connector>, StoreError> {
    Entity::find_by_id((environment, id)).one(db.connection()).await?.map(connector).transpose()
}

/// The same, and nobody else changes it until the transaction ends.
pub async fn lock(
    tx: &Tx,
    environment: EnvironmentId,
    id: ConnectorId,
) -> Result<Option<Connector>, StoreError> {
    let row = held(Entity::find_by_id((environment, id)));
    row.one(tx.connection()).await?.map(connector).transpose()
}

/// The connectors of some providers that somebody PUT: provider and key.
pub async fn of_providers(
    db: &impl Reads,
    environment: EnvironmentId,
    providers: &[&str],
) -> Result<Vec<(String, String)>, StoreError> {
    let found = Entity::find()
        .select_only()
        .columns([Column::Provider, Column::Key])
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::Provider.is_in(providers.iter().copied()))
        .filter(Column::Explicit.eq(true))
        .order_by_asc(Column::Key);
    Ok(found.into_tuple().all(db.connection()).await?)
}

/// All connectors of an environment that have a row, by key; at most `limit`.
pub async fn all(
    db: &impl Reads,
    environment: EnvironmentId,
    limit: u64,
) -> Result<Vec<Connector>, StoreError> {
    let rows = Entity::find()
        .filter(Column::EnvironmentId.eq(environment))
        .order_by_asc(Column::Key)
        .limit(limit)
        .all(db.connection())
        .await?;
    rows.into_iter().map(connector).collect()
}

/// The connectors that were PUT or have credentials, by key.
pub async fn list(
    db: &impl Reads,
    environment: EnvironmentId,
    page: &PageRequest,
) -> Result<Page<Connector>, StoreError> {
    let in_use = Query::select()
        .expr(Expr::val(1))
        .from(credential::Entity)
        .inner_join(
            credential_token::Entity,
            Expr::col((credential_token::Entity, credential_token::Column::EnvironmentId))
                .equals((credential::Entity, credential::Column::EnvironmentId))
                .and(
                    Expr::col((credential_token::Entity, credential_token::Column::CredentialId))
                        .equals((credential::Entity, credential::Column::Id)),
                ),
        )
        // What was deleted leaves a row behind.
        .and_where(
            Expr::col((credential_token::Entity, credential_token::Column::State)).ne(TokenState::Deleted),
        )
        .and_where(Expr::col((credential::Entity, credential::Column::EnvironmentId)).eq(environment))
        .and_where(
            Expr::col((credential::Entity, credential::Column::ConnectorId)).equals((Entity, Column::Id)),
        )
        .to_owned();
    let mut query = Entity::find()
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Condition::any().add(Column::Explicit.eq(true)).add(Expr::exists(in_use)));
    if let Some(after) = page.after_in(LIST)? {
        query = query.filter(Column::Key.gt(after));
    }
    let rows = query.order_by_asc(Column::Key).limit(page.limit + 1).all(db.connection()).await?;
    let connectors = rows.into_iter().map(connector).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::of(LIST, connectors, page.limit, |connector| connector.key.clone()))
}

#[derive(FromQueryResult)]
struct Count {
    connector_id: ConnectorId,
    n: i64,
}

/// How many credentials each of `ids` has; those without any are left out. All are counted in an index, and what was
/// deleted of late, which is little, is taken off again.
pub async fn count_credentials(
    db: &impl Reads,
    environment: EnvironmentId,
    ids: Vec<ConnectorId>,
) -> Result<Vec<(ConnectorId, i64)>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let connection = db.connection();
    let sql = counted(connection.get_database_backend(), environment, ids);
    let rows = connection.query_all_raw(statement(connection, sql.text, sql.values)).await?;
    let counts = rows.iter().map(|row| Count::from_query_result(row, ""));
    counts.map(|count| count.map(|count| (count.connector_id, count.n)).map_err(Into::into)).collect()
}

fn counted(backend: DbBackend, environment: EnvironmentId, ids: Vec<ConnectorId>) -> Sql {
    let (join, plus) = (join_in_order(backend), no_index(backend));
    let mut sql = Sql::default();
    let here = sql.bind(environment);
    let ids: Vec<String> = ids.into_iter().map(|id| sql.bind(id)).collect();
    let ids = ids.join(", ");
    sql.text = format!(
        "SELECT connector_id, CAST(SUM(n) AS bigint) AS n FROM ( \
           SELECT connector_id, COUNT(*) AS n FROM credential \
           WHERE environment_id = {here} AND connector_id IN ({ids}) GROUP BY connector_id \
           UNION ALL \
           SELECT c.connector_id, -COUNT(*) AS n FROM credential_token t \
           {join} credential c ON c.environment_id = t.environment_id AND c.id = t.credential_id \
           WHERE t.state = 'deleted' AND {plus}t.environment_id = {here} AND c.connector_id IN ({ids}) \
           GROUP BY c.connector_id \
         ) AS counted GROUP BY connector_id HAVING SUM(n) > 0"
    );
    sql
}

/// How many credentials each of `ids` has, where more than `most` are told as one more; those without any are left out.
/// No more than that are looked at.
pub async fn count_credentials_up_to(
    db: &impl Reads,
    environment: EnvironmentId,
    ids: Vec<ConnectorId>,
    most: u32,
) -> Result<Vec<(ConnectorId, i64)>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let connection = db.connection();
    let sql = counted_up_to(environment, ids, most);
    let rows = connection.query_all_raw(statement(connection, sql.text, sql.values)).await?;
    let counts = rows.iter().map(|row| Ok(Count::from_query_result(row, "")?));
    let counts = counts.collect::<Result<Vec<_>, StoreError>>()?;
    Ok(counts.into_iter().filter(|count| count.n > 0).map(|count| (count.connector_id, count.n)).collect())
}

/// How many credentials each of `ids` has, with those that were deleted of late, where more than `most` are told as one
/// more. An index alone is looked at.
pub async fn rows_up_to(
    db: &impl Reads,
    environment: EnvironmentId,
    ids: &[ConnectorId],
    most: u32,
) -> Result<Vec<(ConnectorId, i64)>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let connection = db.connection();
    let mut sql = Sql::default();
    let here = sql.bind(environment);
    let limit = sql.bind(i64::from(most) + 1);
    let ids: Vec<String> = ids.iter().map(|id| sql.bind(*id)).collect();
    sql.text = format!(
        "SELECT k.id AS connector_id, (SELECT COUNT(*) FROM (SELECT 1 FROM credential c \
           WHERE c.environment_id = k.environment_id AND c.connector_id = k.id LIMIT {limit}) AS found) AS n \
         FROM connector k WHERE k.environment_id = {here} AND k.id IN ({})",
        ids.join(", ")
    );
    let rows = connection.query_all_raw(statement(connection, sql.text, sql.values)).await?;
    let counts = rows.iter().map(|row| Count::from_query_result(row, ""));
    counts.map(|count| count.map(|count| (count.connector_id, count.n)).map_err(Into::into)).collect()
}

/// A count for each connector that stops by itself. Whether a credential was deleted is asked one by one: a join might
/// begin with all tokens.
fn counted_up_to(environment: EnvironmentId, ids: Vec<ConnectorId>, most: u32) -> Sql {
    let mut sql = Sql::default();
    let here = sql.bind(environment);
    let limit = sql.bind(i64::from(most) + 1);
    let ids: Vec<String> = ids.into_iter().map(|id| sql.bind(id)).collect();
    sql.text = format!(
        "SELECT k.id AS connector_id, (SELECT COUNT(*) FROM ( \
           SELECT 1 FROM credential c WHERE c.environment_id = k.environment_id AND c.connector_id = k.id \
           AND (SELECT t.state FROM credential_token t WHERE t.environment_id = c.environment_id \
           AND t.credential_id = c.id) <> 'deleted' LIMIT {limit}) AS found) AS n \
         FROM connector k WHERE k.environment_id = {here} AND k.id IN ({})",
        ids.join(", ")
    );
    sql
}

/// What the counts of a page of connectors ask, for the test of their plans: one that stops, and a whole one, which finds
/// by this index what was deleted.
#[cfg(test)]
pub(super) fn counting_statements() -> (String, (String, &'static str)) {
    let nothing = uuid::Uuid::nil();
    let (here, ids) = (EnvironmentId::new(nothing), vec![ConnectorId::new(nothing); 2]);
    let whole = counted(DbBackend::Sqlite, here, ids.clone()).text;
    (counted_up_to(here, ids, 100).text, (whole, "idx_credential_token_tombstone"))
}

/// Whoever switches a connector leaves a mark, for what stands behind it is told of that one by one.
const TURNED: &str = "CASE WHEN connector.enabled <> excluded.enabled THEN excluded.updated_at \
    ELSE connector.turned_at END";

/// Stores or replaces a connector.
pub async fn save(
    tx: &Tx,
    environment: EnvironmentId,
    connector: &Connector,
    now: Millis,
) -> Result<(), StoreError> {
    let replace = OnConflict::columns([Column::EnvironmentId, Column::Id])
        .update_columns([
            Column::Provider,
            Column::Enabled,
            Column::Explicit,
            Column::Methods,
            Column::ClientId,
            Column::Scopes,
            Column::AuthorizationParams,
            Column::Variables,
            Column::Sealed,
            Column::HasClientSecret,
            Column::SecretVariables,
            Column::Version,
            Column::UpdatedAt,
        ])
        .value(Column::TurnedAt, Expr::cust(TURNED))
        .to_owned();
    Entity::insert(row(environment, connector, now))
        .on_conflict(replace)
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

/// Makes sure that a connector has a row: one that exists by default, so that credentials can point to it, or a new
/// one. False where there is one, which stays as it is.
pub async fn ensure(
    tx: &Tx,
    environment: EnvironmentId,
    connector: &Connector,
    now: Millis,
) -> Result<bool, StoreError> {
    // Its id follows from its key: of two at once the second meets one index or the other.
    let inserted = Entity::insert(row(environment, connector, now))
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .try_insert()
        .exec_without_returning(tx.connection())
        .await?;
    Ok(matches!(inserted, TryInsertResult::Inserted(1..)))
}

/// Forgets that connectors were switched at `before` or earlier: all that stands behind them has been told, but for the
/// environments `shut`.
pub async fn forget_turned(tx: &Tx, before: Millis, shut: &[EnvironmentId]) -> Result<(), StoreError> {
    let row = ActiveModel { turned_at: Set(None), ..Default::default() };
    let mut forgotten = Entity::update_many().set(row).filter(Column::TurnedAt.lte(before));
    if !shut.is_empty() {
        forgotten = forgotten.filter(Column::EnvironmentId.is_not_in(shut.iter().copied()));
    }
    forgotten.exec(tx.connection()).await?;
    Ok(())
}

/// Removes a connector with all its credentials.
pub async fn delete(tx: &Tx, environment: EnvironmentId, id: ConnectorId) -> Result<(), StoreError> {
    Entity::delete_by_id((environment, id)).exec(tx.connection()).await?;
    Ok(())
}
