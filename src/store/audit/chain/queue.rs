//! The queue of events that are in no batch yet. The database itself puts those in that come one by one.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Set};
use vouchsafe_entity::{audit_closing, audit_unsealed};

use crate::domain::audit::chain::Member;
use crate::domain::audit::{AuditEvent, Proof};
use crate::store::audit;
use crate::store::{Reads, StoreError, Tx};

/// Stores events that wait for no batch: the same transaction closes them into one, or has them [`enter`].
pub async fn pass(tx: &Tx, events: &[(&AuditEvent, Proof)]) -> Result<(), StoreError> {
    let Some((first, _)) = events.first() else { return Ok(()) };
    let closing = audit_closing::ActiveModel { id: Set(first.id) };
    audit_closing::Entity::insert(closing).exec_without_returning(tx.connection()).await?;
    audit::insert(tx, events).await?;
    audit_closing::Entity::delete_many().exec(tx.connection()).await?;
    Ok(())
}

/// Has events wait for a batch.
pub async fn enter(tx: &Tx, members: &[Member]) -> Result<(), StoreError> {
    let rows = members.iter().map(|(environment, id)| audit_unsealed::ActiveModel {
        id: Set(*id),
        environment_id: Set(*environment),
    });
    audit_unsealed::Entity::insert_many(rows).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// The events wait no more.
pub async fn leave(tx: &Tx, members: &[Member]) -> Result<(), StoreError> {
    let ids = members.iter().map(|(_, id)| *id);
    audit_unsealed::Entity::delete_many()
        .filter(audit_unsealed::Column::Id.is_in(ids))
        .exec(tx.connection())
        .await?;
    Ok(())
}
