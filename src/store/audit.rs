//! Audit events. Nothing here changes or removes one.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};
use vouchsafe_entity::audit_event::{ActiveModel, Column, Entity, Model};
use vouchsafe_entity::id::EnvironmentId;

use super::{Reads, StoreError, Tx};
use crate::domain::audit::AuditEvent;
use crate::domain::page::{Page, PageRequest};

impl From<Model> for AuditEvent {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            workspace: row.workspace_id,
            environment: row.environment_id,
            at: row.at,
            action: row.action,
            actor_type: row.actor_type,
            actor_id: row.actor_id,
            target_type: row.target_type,
            target_id: row.target_id,
            result: row.result,
            reason: row.reason,
            request_id: row.request_id,
            address: row.address,
        }
    }
}

/// Stores audit events.
pub async fn insert(tx: &Tx, events: Vec<AuditEvent>) -> Result<(), StoreError> {
    let rows = events.into_iter().map(|event| ActiveModel {
        id: Set(event.id),
        workspace_id: Set(event.workspace),
        environment_id: Set(event.environment),
        at: Set(event.at),
        action: Set(event.action),
        actor_type: Set(event.actor_type),
        actor_id: Set(event.actor_id),
        target_type: Set(event.target_type),
        target_id: Set(event.target_id),
        result: Set(event.result),
        reason: Set(event.reason),
        request_id: Set(event.request_id),
        address: Set(event.address),
    });
    Entity::insert_many(rows).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// The audit events of an environment, newest first, of one action or target where asked.
pub async fn list(
    db: &impl Reads,
    environment: EnvironmentId,
    action: Option<&str>,
    target: Option<&str>,
    page: &PageRequest,
) -> Result<Page<AuditEvent>, StoreError> {
    let mut query = Entity::find().filter(Column::EnvironmentId.eq(environment));
    if let Some(action) = action {
        query = query.filter(Column::Action.eq(action));
    }
    if let Some(target) = target {
        query = query.filter(Column::TargetId.eq(target));
    }
    if let Some(after) = &page.after {
        query = query.filter(Column::Id.lt(after.as_str()));
    }
    let rows = query.order_by_desc(Column::Id).limit(page.limit + 1).all(db.connection()).await?;
    let events = rows.into_iter().map(AuditEvent::from).collect();
    Ok(Page::of(events, page.limit, |event: &AuditEvent| event.id.to_string()))
}
