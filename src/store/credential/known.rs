//! Whether a credential is there, deleted ones until their row goes: what comes from another hub is not made twice.

use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};
use vouchsafe_entity::credential::{Column, Entity};
use vouchsafe_entity::id::{ConnectorId, EnvironmentId, UserId};

use crate::store::{Reads, StoreError};

/// What tells one credential from another where no id does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mark {
    /// Whose it is.
    pub user: UserId,
    /// What it is for.
    pub connector: ConnectorId,
    /// The account at the provider.
    pub account: Option<String>,
    /// The name, where no account is known; else empty.
    pub name: String,
}

impl Mark {
    /// That of a credential with this account and name.
    pub fn new(user: UserId, connector: ConnectorId, account: Option<String>, name: &str) -> Self {
        let name = if account.is_some() { String::new() } else { name.to_owned() };
        Self { user, connector, account, name }
    }
}

/// The marks of all credentials of some users. A user has few.
pub async fn marks(
    db: &impl Reads,
    environment: EnvironmentId,
    users: &[UserId],
) -> Result<Vec<Mark>, StoreError> {
    let found: Vec<(UserId, ConnectorId, Option<String>, String)> = Entity::find()
        .select_only()
        .columns([Column::UserId, Column::ConnectorId, Column::AccountId, Column::Name])
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::UserId.is_in(users.iter().copied()))
        .into_tuple()
        .all(db.connection())
        .await?;
    let mark =
        |(user, connector, account, name): (_, _, _, String)| Mark::new(user, connector, account, &name);
    Ok(found.into_iter().map(mark).collect())
}
