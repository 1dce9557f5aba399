//! Connectors whose client the app refuses: since when, and when one of their credentials may try again.

use sea_orm::sea_query::ExprTrait as _;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};
use vouchsafe_entity::connector::{ActiveModel, Column, Entity};
use vouchsafe_entity::id::{ConnectorId, EnvironmentId};
use vouchsafe_entity::millis::Millis;

use super::connector;
use crate::domain::connector::{Connector, Failing};
use crate::store::{Reads, StoreError, Tx};

/// The app refuses the connector's client since now; false where that was known.
pub async fn begin_failing(
    tx: &Tx,
    environment: EnvironmentId,
    id: ConnectorId,
    failing: Failing,
) -> Result<bool, StoreError> {
    let row = ActiveModel {
        failing_since: Set(Some(failing.since)),
        probe_at: Set(Some(failing.probe_at)),
        ..Default::default()
    };
    let of = Column::EnvironmentId.eq(environment).and(Column::Id.eq(id)).and(Column::FailingSince.is_null());
    Ok(Entity::update_many().set(row).filter(of).exec(tx.connection()).await?.rows_affected == 1)
}

/// Takes the one probe that is allowed at `now`, and sets when the next is; false where it is not yet time.
pub async fn take_probe(
    tx: &Tx,
    environment: EnvironmentId,
    id: ConnectorId,
    now: Millis,
    next: Millis,
) -> Result<bool, StoreError> {
    let row = ActiveModel { probe_at: Set(Some(next)), ..Default::default() };
    let of = Column::EnvironmentId.eq(environment).and(Column::Id.eq(id)).and(Column::ProbeAt.lte(now));
    Ok(Entity::update_many().set(row).filter(of).exec(tx.connection()).await?.rows_affected == 1)
}

/// Lets a failing connector be tried at `now`: its client was changed.
pub async fn probe_soon(
    tx: &Tx,
    environment: EnvironmentId,
    id: ConnectorId,
    now: Millis,
) -> Result<(), StoreError> {
    let row = ActiveModel { probe_at: Set(Some(now)), ..Default::default() };
    let of = Column::EnvironmentId.eq(environment).and(Column::Id.eq(id)).and(Column::ProbeAt.is_not_null());
    Entity::update_many().set(row).filter(of).exec(tx.connection()).await?;
    Ok(())
}

/// The app takes the connector's client again; false where it never refused it.
pub async fn end_failing(tx: &Tx, environment: EnvironmentId, id: ConnectorId) -> Result<bool, StoreError> {
    let row = ActiveModel { failing_since: Set(None), probe_at: Set(None), ..Default::default() };
    let of =
        Column::EnvironmentId.eq(environment).and(Column::Id.eq(id)).and(Column::FailingSince.is_not_null());
    Ok(Entity::update_many().set(row).filter(of).exec(tx.connection()).await?.rows_affected == 1)
}

/// The first connectors that are on and whose client the app refuses, by key; at most `most`.
pub async fn refused(
    db: &impl Reads,
    environment: EnvironmentId,
    most: u64,
) -> Result<Vec<Connector>, StoreError> {
    let rows = Entity::find()
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::Enabled.eq(true))
        .filter(Column::FailingSince.is_not_null())
        .order_by_asc(Column::Key)
        .limit(most)
        .all(db.connection())
        .await?;
    rows.into_iter().map(connector).collect()
}
