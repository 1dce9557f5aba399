//! Ids that are taken: what comes from another hub brings its own.

use sea_orm::{ColumnTrait as _, EntityTrait, QueryFilter as _, QuerySelect as _, TryGetable, Value};
use vouchsafe_entity::id::{CredentialId, EnvironmentId, UserId};
use vouchsafe_entity::{credential, user};

use super::{Reads, StoreError};

/// An id that a row of an environment may bring with it.
pub trait OwnId: Copy + Into<Value> + TryGetable {
    /// The rows.
    type Rows: EntityTrait;
    /// Where it stands.
    const ID: <Self::Rows as EntityTrait>::Column;
    /// Where their environment stands.
    const ENVIRONMENT: <Self::Rows as EntityTrait>::Column;
}

impl OwnId for UserId {
    type Rows = user::Entity;
    const ID: user::Column = user::Column::Id;
    const ENVIRONMENT: user::Column = user::Column::EnvironmentId;
}

impl OwnId for CredentialId {
    type Rows = credential::Entity;
    const ID: credential::Column = credential::Column::Id;
    const ENVIRONMENT: credential::Column = credential::Column::EnvironmentId;
}

/// Which of `ids` are taken in an environment, by rows that were deleted too as long as they are there.
pub async fn taken_ids<I: OwnId>(
    db: &impl Reads,
    environment: EnvironmentId,
    ids: &[I],
) -> Result<Vec<I>, StoreError> {
    Ok(I::Rows::find()
        .select_only()
        .column(I::ID)
        .filter(I::ENVIRONMENT.eq(environment))
        .filter(I::ID.is_in(ids.iter().copied()))
        .into_tuple::<I>()
        .all(db.connection())
        .await?)
}
