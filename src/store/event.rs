//! Events.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};
use vouchsafe_entity::event::{ActiveModel, Column, Entity, Model};
use vouchsafe_entity::id::{CredentialId, EnvironmentId};

use super::{Reads, StoreError, Tx};
use crate::domain::event::{EventType, StoredEvent};
use crate::domain::page::{Page, PageRequest};

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

/// Stores a new event.
pub async fn insert(tx: &Tx, environment: EnvironmentId, event: StoredEvent) -> Result<(), StoreError> {
    let row = ActiveModel {
        environment_id: Set(environment),
        id: Set(event.id),
        kind: Set(event.kind.as_str().to_owned()),
        credential_id: Set(event.credential),
        unique_key: Set(event.unique_key),
        sealed: Set(event.sealed),
        created_at: Set(event.created_at),
    };
    Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
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
    let mut query = Entity::find().filter(Column::EnvironmentId.eq(environment));
    if let Some(kind) = filter.kind {
        query = query.filter(Column::Kind.eq(kind.as_str()));
    }
    if let Some(credential) = filter.credential {
        query = query.filter(Column::CredentialId.eq(credential));
    }
    if let Some(after) = &page.after {
        query = query.filter(Column::Id.lt(after.as_str()));
    }
    let rows = query.order_by_desc(Column::Id).limit(page.limit + 1).all(db.connection()).await?;
    let events = rows.into_iter().map(event).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::of(events, page.limit, |event| event.id.to_string()))
}
