//! Events.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, Set,
    TryInsertResult,
};
use vouchsafe_entity::event::{ActiveModel, Column, Entity, Model};
use vouchsafe_entity::id::{CredentialId, EnvironmentId, EventId};
use vouchsafe_entity::millis::Millis;

use super::{Reads, StoreError, Tx, statement};
use crate::domain::event::{EventType, StoredEvent};
use crate::domain::page::{Page, PageRequest};

/// What its cursors call this list.
const LIST: &str = "events";

fn event(row: Model) -> Result<StoredEvent, StoreError> {
    let id = row.id.to_string();
    let kind = row.kind.parse().map_err(|_| StoreError::Inconsistent {
        table: "event",
        id,
        what: "unknown type",
    })?;
    Ok(StoredEvent {
        id: row.id,
        kind,
        credential: row.credential_id,
        unique_key: row.unique_key,
        sealed: row.sealed,
        created_at: row.created_at,
    })
}

/// Stores a new event; false where it was told before.
pub async fn insert(tx: &Tx, environment: EnvironmentId, event: StoredEvent) -> Result<bool, StoreError> {
    let row = ActiveModel {
        environment_id: Set(environment),
        id: Set(event.id),
        kind: Set(event.kind.as_str().to_owned()),
        credential_id: Set(event.credential),
        unique_key: Set(event.unique_key),
        sealed: Set(event.sealed),
        created_at: Set(event.created_at),
    };
    let inserted = Entity::insert(row)
        .on_conflict_do_nothing_on([Column::EnvironmentId, Column::UniqueKey])
        .exec_without_returning(tx.connection())
        .await?;
    // The number of rows; a conflict that does nothing is no error here.
    Ok(matches!(inserted, TryInsertResult::Inserted(1..)))
}

/// One event of an environment.
pub async fn find(
    db: &impl Reads,
    environment: EnvironmentId,
    id: EventId,
) -> Result<Option<StoredEvent>, StoreError> {
    Entity::find_by_id((environment, id)).one(db.connection()).await?.map(event).transpose()
}

/// The types of events.
pub async fn kinds(
    db: &impl Reads,
    environment: EnvironmentId,
    ids: Vec<EventId>,
) -> Result<Vec<(EventId, EventType)>, StoreError> {
    let found: Vec<(EventId, String)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::Kind])
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::Id.is_in(ids))
        .into_tuple()
        .all(db.connection())
        .await?;
    let kind = |(id, word): (EventId, String)| {
        let kind = word.parse().map_err(|_| StoreError::Inconsistent {
            table: "event",
            id: id.to_string(),
            what: "unknown type",
        })?;
        Ok((id, kind))
    };
    found.into_iter().map(kind).collect()
}

/// The events of an environment after `after`, oldest first, that are not younger than `until`.
pub async fn following(
    db: &impl Reads,
    environment: EnvironmentId,
    after: EventId,
    until: Millis,
    limit: u64,
) -> Result<Vec<StoredEvent>, StoreError> {
    let rows = Entity::find()
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::Id.gt(after))
        .filter(Column::CreatedAt.lte(until))
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(db.connection())
        .await?;
    rows.into_iter().map(event).collect()
}

/// Removes at most `limit` events that are older than `before`, with their deliveries and mails; how many.
pub async fn purge(tx: &Tx, before: Millis, limit: i64) -> Result<u64, StoreError> {
    let sql = "DELETE FROM event WHERE (environment_id, id) IN \
        (SELECT environment_id, id FROM event WHERE created_at < $1 ORDER BY created_at LIMIT $2)";
    let connection = tx.connection();
    let removed = connection.execute_raw(statement(connection, sql, [before.into(), limit.into()])).await?;
    Ok(removed.rows_affected())
}

/// Which events are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventFilter {
    /// Of this type.
    pub kind: Option<EventType>,
    /// Of this credential.
    pub credential: Option<CredentialId>,
}

/// The events of an environment, newest first.
pub async fn list(
    db: &impl Reads,
    environment: EnvironmentId,
    filter: EventFilter,
    page: &PageRequest,
) -> Result<Page<StoredEvent>, StoreError> {
    let rows = listing(environment, filter, page)?.all(db.connection()).await?;
    let events = rows.into_iter().map(event).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::of(LIST, events, page.limit, |event| event.id.to_string()))
}

fn listing(
    environment: EnvironmentId,
    filter: EventFilter,
    page: &PageRequest,
) -> Result<Select<Entity>, StoreError> {
    let mut query = Entity::find().filter(Column::EnvironmentId.eq(environment));
    if let Some(kind) = filter.kind {
        query = query.filter(Column::Kind.eq(kind.as_str()));
    }
    if let Some(credential) = filter.credential {
        query = query.filter(Column::CredentialId.eq(credential));
    }
    if let Some(after) = page.after_in(LIST)? {
        query = query.filter(Column::Id.lt(after));
    }
    Ok(query.order_by_desc(Column::Id).limit(page.limit + 1))
}

/// What the events of a credential ask SQLite, for the test of its plan.
#[cfg(test)]
pub(super) fn listing_statement() -> String {
    use sea_orm::QueryTrait as _;

    let nothing = uuid::Uuid::nil();
    let filter = EventFilter { credential: Some(CredentialId::new(nothing)), kind: None };
    let page = PageRequest { limit: 50, after: None };
    let asked = listing(EnvironmentId::new(nothing), filter, &page).unwrap();
    asked.build(sea_orm::DbBackend::Sqlite).to_string()
}
