//! Deliveries: the outbox (those that are pending) and the log of attempts (the others).

mod claim;

pub use claim::{Claims, claim, is_anything_due};

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, Set,
};
use vouchsafe_entity::delivery::{ActiveModel, Column, Entity, Model};
use vouchsafe_entity::id::{DeliveryId, EnvironmentId, EventId, WebhookEndpointId};
use vouchsafe_entity::kind::DeliveryStatus;
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

use super::{Reads, StoreError, Tx, statement};
use crate::domain::page::{Page, PageRequest};
use crate::domain::webhook::{ClaimedDelivery, Delivery, Outcome};

/// What its cursors call this list.
const LIST: &str = "deliveries";

impl From<Model> for Delivery {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            endpoint: row.webhook_endpoint_id,
            event: row.event_id,
            attempt: row.attempt,
            status: row.status,
            due_at: row.due_at,
            started_at: row.started_at,
            duration_ms: row.duration_ms,
            answer_status: row.answer_status,
            error: row.error,
            sealed_answer: row.sealed_answer,
            created_at: row.created_at,
        }
    }
}

/// Puts deliveries into the outbox. Those who send are woken once the transaction lasts.
pub async fn insert(tx: &Tx, environment: EnvironmentId, deliveries: &[Delivery]) -> Result<(), StoreError> {
    if deliveries.is_empty() {
        return Ok(());
    }
    let rows = deliveries.iter().map(|delivery| ActiveModel {
        environment_id: Set(environment),
        id: Set(delivery.id),
        webhook_endpoint_id: Set(delivery.endpoint),
        event_id: Set(delivery.event),
        attempt: Set(delivery.attempt),
        status: Set(delivery.status),
        due_at: Set(delivery.due_at),
        lease_until: Set(None),
        started_at: Set(delivery.started_at),
        duration_ms: Set(delivery.duration_ms),
        answer_status: Set(delivery.answer_status),
        error: Set(delivery.error.clone()),
        sealed_answer: Set(delivery.sealed_answer.clone()),
        created_at: Set(delivery.created_at),
    });
    Entity::insert_many(rows).exec_without_returning(tx.connection()).await?;
    tx.note_post();
    Ok(())
}

/// One delivery of an environment.
pub async fn find(
    db: &impl Reads,
    environment: EnvironmentId,
    id: DeliveryId,
) -> Result<Option<Delivery>, StoreError> {
    Ok(Entity::find_by_id((environment, id)).one(db.connection()).await?.map(Delivery::from))
}

/// The deliveries to an endpoint, newest first; those of one status where asked.
pub async fn to_endpoint(
    db: &impl Reads,
    environment: EnvironmentId,
    endpoint: WebhookEndpointId,
    status: Option<DeliveryStatus>,
    page: &PageRequest,
) -> Result<Page<Delivery>, StoreError> {
    let mut query = Entity::find()
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::WebhookEndpointId.eq(endpoint));
    if let Some(status) = status {
        query = query.filter(Column::Status.eq(status));
    }
    newest(db, query, page).await
}

/// The attempts to tell of an event, newest first.
pub async fn of_event(
    db: &impl Reads,
    environment: EnvironmentId,
    event: EventId,
    page: &PageRequest,
) -> Result<Page<Delivery>, StoreError> {
    let query =
        Entity::find().filter(Column::EnvironmentId.eq(environment)).filter(Column::EventId.eq(event));
    newest(db, query, page).await
}

/// Whoever is told of an event, or was.
pub async fn told_of(
    db: &impl Reads,
    environment: EnvironmentId,
    event: EventId,
) -> Result<Vec<WebhookEndpointId>, StoreError> {
    let told = Entity::find()
        .select_only()
        .column(Column::WebhookEndpointId)
        .distinct()
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::EventId.eq(event));
    Ok(told.into_tuple().all(db.connection()).await?)
}

async fn newest(
    db: &impl Reads,
    mut query: Select<Entity>,
    page: &PageRequest,
) -> Result<Page<Delivery>, StoreError> {
    if let Some(after) = page.after_in(LIST)? {
        query = query.filter(Column::Id.lt(after));
    }
    let rows = query.order_by_desc(Column::Id).limit(page.limit + 1).all(db.connection()).await?;
    let deliveries = rows.into_iter().map(Delivery::from).collect();
    Ok(Page::of(LIST, deliveries, page.limit, |delivery: &Delivery| delivery.id.to_string()))
}

/// How many deliveries to an endpoint wait, counted up to `most`.
pub async fn waiting(
    db: &impl Reads,
    environment: EnvironmentId,
    endpoint: WebhookEndpointId,
    most: i64,
) -> Result<i64, StoreError> {
    let sql = "SELECT count(*) AS n FROM (SELECT 1 FROM delivery \
        WHERE environment_id = $1 AND webhook_endpoint_id = $2 AND due_at IS NOT NULL LIMIT $3) AS waiting";
    let connection = db.connection();
    let values = [environment.into(), endpoint.into(), most.into()];
    let row = connection.query_one_raw(statement(connection, sql, values)).await?;
    Ok(row.map(|row| row.try_get("", "n")).transpose()?.unwrap_or(0))
}

/// Writes what came of a claimed delivery; false where the claim was over and somebody else's by then.
pub async fn finish(
    tx: &Tx,
    claimed: &ClaimedDelivery,
    outcome: &Outcome,
    started_at: Millis,
    now: Millis,
    sealed_answer: Option<Sealed>,
) -> Result<bool, StoreError> {
    let status = if outcome.is_success() { DeliveryStatus::Succeeded } else { DeliveryStatus::Failed };
    let changed = Entity::update_many()
        .set(ActiveModel {
            status: Set(status),
            due_at: Set(None),
            lease_until: Set(None),
            started_at: Set(Some(started_at)),
            duration_ms: Set(Some(now.since(started_at))),
            answer_status: Set(outcome.status.and_then(|status| i16::try_from(status).ok())),
            error: Set(outcome.error.clone()),
            sealed_answer: Set(sealed_answer),
            ..Default::default()
        })
        .filter(held(claimed))
        .exec(tx.connection())
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Gives a claimed delivery back, to be claimed again at once.
pub async fn give_back(tx: &Tx, claimed: &ClaimedDelivery, now: Millis) -> Result<(), StoreError> {
    Entity::update_many()
        .set(ActiveModel { due_at: Set(Some(now)), lease_until: Set(None), ..Default::default() })
        .filter(held(claimed))
        .exec(tx.connection())
        .await?;
    Ok(())
}

fn held(claimed: &ClaimedDelivery) -> Condition {
    Condition::all()
        .add(Column::EnvironmentId.eq(claimed.environment))
        .add(Column::Id.eq(claimed.id))
        .add(Column::Status.eq(DeliveryStatus::Pending))
        .add(Column::LeaseUntil.eq(claimed.lease_until))
}

/// Which of the deliveries that wait are called off.
#[derive(Clone, Copy, Debug)]
pub enum Waiting {
    /// Those to an endpoint.
    To(WebhookEndpointId),
    /// Those that tell of an event.
    Of(EventId),
}

/// Calls off deliveries that wait; those under way go on.
pub async fn cancel(
    tx: &Tx,
    environment: EnvironmentId,
    which: Waiting,
    error: &str,
    now: Millis,
) -> Result<(), StoreError> {
    let named = match which {
        Waiting::To(endpoint) => Column::WebhookEndpointId.eq(endpoint),
        Waiting::Of(event) => Column::EventId.eq(event),
    };
    Entity::update_many()
        .set(ActiveModel {
            status: Set(DeliveryStatus::Cancelled),
            due_at: Set(None),
            lease_until: Set(None),
            error: Set(Some(error.to_owned())),
            ..Default::default()
        })
        .filter(Column::EnvironmentId.eq(environment))
        .filter(named)
        .filter(Column::DueAt.is_not_null())
        .filter(Condition::any().add(Column::LeaseUntil.is_null()).add(Column::LeaseUntil.lte(now)))
        .exec(tx.connection())
        .await?;
    Ok(())
}
