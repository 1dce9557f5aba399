//! Webhook endpoints.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Set,
    Unchanged,
};
use vouchsafe_entity::id::{EnvironmentId, EventId, WebhookEndpointId};
use vouchsafe_entity::json::Strings;
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::webhook_endpoint::{ActiveModel, Column, Entity, Model};

use super::{Reads, StoreError, Tx, held, statement};
use crate::domain::event::EventType;
use crate::domain::page::{Page, PageRequest};
use crate::domain::webhook::WebhookEndpoint;

/// What its cursors call this list.
const LIST: &str = "webhook_endpoints";

impl TryFrom<Model> for WebhookEndpoint {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let id = row.id.to_string();
        let parse =
            |kinds: Strings| kinds.0.iter().map(|word| word.parse()).collect::<Result<Vec<EventType>, _>>();
        let events = row.events.map(parse).transpose();
        Ok(Self {
            id: row.id,
            url: row.url,
            events: events.map_err(|_| StoreError::Inconsistent {
                table: "webhook_endpoint",
                id,
                what: "unknown type of event",
            })?,
            description: row.description,
            enabled: row.enabled,
            disabled_reason: row.disabled_reason,
            sealed: row.sealed,
            version: row.version,
            failing_since: row.failing_since,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

fn row(environment: EnvironmentId, endpoint: &WebhookEndpoint) -> ActiveModel {
    let words = |kinds: &Vec<EventType>| Strings(kinds.iter().map(|kind| kind.as_str().to_owned()).collect());
    ActiveModel {
        environment_id: Unchanged(environment),
        id: Unchanged(endpoint.id),
        url: Set(endpoint.url.clone()),
        events: Set(endpoint.events.as_ref().map(words)),
        description: Set(endpoint.description.clone()),
        enabled: Set(endpoint.enabled),
        disabled_reason: Set(endpoint.disabled_reason),
        sealed: Set(endpoint.sealed.clone()),
        version: Set(endpoint.version),
        failing_since: Set(endpoint.failing_since),
        created_at: Set(endpoint.created_at),
        updated_at: Set(endpoint.updated_at),
        ..Default::default()
    }
}

/// Stores a new endpoint.
pub async fn insert(
    tx: &Tx,
    environment: EnvironmentId,
    endpoint: &WebhookEndpoint,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        environment_id: Set(environment),
        id: Set(endpoint.id),
        replay_after: Set(None),
        replay_since: Set(None),
        replay_until: Set(None),
        ..row(environment, endpoint)
    };
    Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Writes a changed endpoint. A replay under way goes on.
pub async fn update(
    tx: &Tx,
    environment: EnvironmentId,
    endpoint: &WebhookEndpoint,
) -> Result<(), StoreError> {
    Entity::update(row(environment, endpoint)).exec(tx.connection()).await?;
    Ok(())
}

/// Removes an endpoint with its deliveries; false where there is none.
pub async fn delete(tx: &Tx, environment: EnvironmentId, id: WebhookEndpointId) -> Result<bool, StoreError> {
    Ok(Entity::delete_by_id((environment, id)).exec(tx.connection()).await?.rows_affected == 1)
}

/// One endpoint of an environment.
pub async fn find(
    db: &impl Reads,
    environment: EnvironmentId,
    id: WebhookEndpointId,
) -> Result<Option<WebhookEndpoint>, StoreError> {
    Entity::find_by_id((environment, id)).one(db.connection()).await?.map(TryInto::try_into).transpose()
}

/// The same, held until the transaction ends so that nobody else changes it.
pub async fn lock(
    tx: &Tx,
    environment: EnvironmentId,
    id: WebhookEndpointId,
) -> Result<Option<WebhookEndpoint>, StoreError> {
    let row = held(Entity::find_by_id((environment, id)));
    let found = row.one(tx.connection()).await?;
    found.map(TryInto::try_into).transpose()
}

/// The endpoints of an environment, newest first.
pub async fn list(
    db: &impl Reads,
    environment: EnvironmentId,
    page: &PageRequest,
) -> Result<Page<WebhookEndpoint>, StoreError> {
    let mut query = Entity::find().filter(Column::EnvironmentId.eq(environment));
    if let Some(after) = page.after_in(LIST)? {
        query = query.filter(Column::Id.lt(after));
    }
    let rows = query.order_by_desc(Column::Id).limit(page.limit + 1).all(db.connection()).await?;
    let endpoints = rows.into_iter().map(TryInto::try_into).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::of(LIST, endpoints, page.limit, |endpoint: &WebhookEndpoint| endpoint.id.to_string()))
}

/// The first few that the hub itself switched off. An environment has few.
pub async fn switched_off(
    db: &impl Reads,
    environment: EnvironmentId,
    most: u64,
) -> Result<Vec<WebhookEndpoint>, StoreError> {
    let rows = Entity::find()
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::DisabledReason.is_not_null())
        .order_by_desc(Column::Id)
        .limit(most)
        .all(db.connection())
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The first few that are switched on and have taken nothing since a failure. An environment has few.
pub async fn failing(
    db: &impl Reads,
    environment: EnvironmentId,
    most: u64,
) -> Result<Vec<WebhookEndpoint>, StoreError> {
    let rows = Entity::find()
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::Enabled.eq(true))
        .filter(Column::FailingSince.is_not_null())
        .order_by_desc(Column::Id)
        .limit(most)
        .all(db.connection())
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The first `limit` that are switched on and have taken nothing since `moment` at the latest. There are few endpoints.
pub async fn failing_since(db: &impl Reads, moment: Millis, limit: u64) -> Result<Vec<Key>, StoreError> {
    let keys = Entity::find()
        .select_only()
        .columns([Column::EnvironmentId, Column::Id])
        .filter(Column::Enabled.eq(true))
        .filter(Column::FailingSince.lte(moment))
        .order_by_asc(Column::FailingSince)
        .limit(limit);
    Ok(keys.into_tuple().all(db.connection()).await?)
}

/// How many endpoints an environment has.
pub async fn count(db: &impl Reads, environment: EnvironmentId) -> Result<u64, StoreError> {
    use sea_orm::PaginatorTrait as _;
    Ok(Entity::find().filter(Column::EnvironmentId.eq(environment)).count(db.connection()).await?)
}

/// Those that are switched on. An environment has few.
pub async fn listening(
    db: &impl Reads,
    environment: EnvironmentId,
) -> Result<Vec<WebhookEndpoint>, StoreError> {
    let rows = Entity::find()
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::Enabled.eq(true))
        .all(db.connection())
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Notes that an endpoint took something.
pub async fn note_success(
    tx: &Tx,
    environment: EnvironmentId,
    id: WebhookEndpointId,
) -> Result<(), StoreError> {
    let sql = "UPDATE webhook_endpoint SET failing_since = NULL \
        WHERE environment_id = $1 AND id = $2 AND failing_since IS NOT NULL";
    let connection = tx.connection();
    connection.execute_raw(statement(connection, sql, [environment.into(), id.into()])).await?;
    Ok(())
}

/// A replay of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replay {
    /// It has come to this event.
    pub after: EventId,
    /// It begins with events of this moment.
    pub since: Millis,
    /// It ends with events of this moment.
    pub until: Millis,
}

/// The replay of an endpoint, where one is under way.
pub async fn replay(
    db: &impl Reads,
    environment: EnvironmentId,
    id: WebhookEndpointId,
) -> Result<Option<Replay>, StoreError> {
    let row = Entity::find_by_id((environment, id)).one(db.connection()).await?;
    Ok(row.and_then(|row| {
        Some(Replay { after: row.replay_after?, since: row.replay_since?, until: row.replay_until? })
    }))
}

/// Writes how far a replay is; none = it is over.
pub async fn save_replay(
    tx: &Tx,
    environment: EnvironmentId,
    id: WebhookEndpointId,
    replay: Option<Replay>,
) -> Result<(), StoreError> {
    Entity::update_many()
        .set(ActiveModel {
            replay_after: Set(replay.map(|replay| replay.after)),
            replay_since: Set(replay.map(|replay| replay.since)),
            replay_until: Set(replay.map(|replay| replay.until)),
            ..Default::default()
        })
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::Id.eq(id))
        .exec(tx.connection())
        .await?;
    tx.note_post();
    Ok(())
}

/// An endpoint by its key.
pub type Key = (EnvironmentId, WebhookEndpointId);

/// Up to `limit` endpoints with a replay under way and fewer than `most` deliveries that wait, in turn: those that come
/// after `last` first.
pub async fn replaying(
    db: &impl Reads,
    last: Option<Key>,
    most: i64,
    limit: i64,
) -> Result<Vec<Key>, StoreError> {
    #[derive(FromQueryResult)]
    struct Found {
        environment_id: EnvironmentId,
        id: WebhookEndpointId,
    }
    let sql = "SELECT w.environment_id, w.id FROM webhook_endpoint w WHERE w.replay_after IS NOT NULL AND $3 > ( \
          SELECT count(*) FROM (SELECT 1 FROM delivery d WHERE d.environment_id = w.environment_id \
            AND d.webhook_endpoint_id = w.id AND d.due_at IS NOT NULL LIMIT $3) AS waiting \
        ) ORDER BY CASE WHEN (w.environment_id, w.id) > ($1, $2) THEN 0 ELSE 1 END, w.environment_id, w.id LIMIT $4";
    let [environment, endpoint] = last.map_or_else(Default::default, |(environment, endpoint)| {
        [environment.to_string(), endpoint.to_string()]
    });
    let connection = db.connection();
    let values = [environment.into(), endpoint.into(), most.into(), limit.into()];
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let found = rows.iter().map(|row| Found::from_query_result(row, ""));
    found.map(|row| row.map(|row| (row.environment_id, row.id)).map_err(Into::into)).collect()
}
