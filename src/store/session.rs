//! Connect sessions and what came of each of their connectors.

use sea_orm::{ActiveValue, ColumnTrait, EntityTrait, QueryFilter, Set, sea_query::OnConflict};
use vouchsafe_entity::connect_result;
use vouchsafe_entity::connect_session::{ActiveModel, Column, Entity, Model};
use vouchsafe_entity::id::{CredentialId, EnvironmentId, SessionId};
use vouchsafe_entity::json::{Needs, Object, Strings};
use vouchsafe_entity::kind::SessionStatus;
use vouchsafe_entity::millis::Millis;

use super::{Reads, StoreError, Tx, held};
use crate::domain::session::{Confirmation, ConnectResult, Progress, Session};

impl From<Model> for Session {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            user: row.user_id,
            secret_hash: row.secret_hash,
            integration: row.integration,
            needs: row.needs.0,
            allowed_origins: row.allowed_origins.0,
            return_url: row.return_url,
            credential: row.credential_id,
            confirm: row.confirm,
            locale: row.locale,
            theme: row.theme.0,
            stored_status: row.status,
            created_at: row.created_at,
            expires_at: row.expires_at,
        }
    }
}

/// Stores a new session.
pub async fn insert(tx: &Tx, environment: EnvironmentId, session: &Session) -> Result<(), StoreError> {
    let row = ActiveModel {
        environment_id: Set(environment),
        id: Set(session.id),
        user_id: Set(session.user),
        secret_hash: Set(session.secret_hash.clone()),
        integration: Set(session.integration.clone()),
        needs: Set(Needs(session.needs.clone())),
        allowed_origins: Set(Strings(session.allowed_origins.clone())),
        return_url: Set(session.return_url.clone()),
        credential_id: Set(session.credential),
        confirm: Set(session.confirm),
        locale: Set(session.locale.clone()),
        theme: Set(Object(session.theme.clone())),
        status: Set(session.stored_status),
        created_at: Set(session.created_at),
        expires_at: Set(session.expires_at),
    };
    Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// One session of an environment.
pub async fn find(
    db: &impl Reads,
    environment: EnvironmentId,
    id: SessionId,
) -> Result<Option<Session>, StoreError> {
    Ok(Entity::find_by_id((environment, id)).one(db.connection()).await?.map(Into::into))
}

/// One session by its public id alone, with its environment: what a browser presents says no more.
pub async fn find_anywhere(
    db: &impl Reads,
    id: SessionId,
) -> Result<Option<(EnvironmentId, Session)>, StoreError> {
    let found = Entity::find().filter(Column::Id.eq(id)).one(db.connection()).await?;
    Ok(found.map(|row| (row.environment_id, row.into())))
}

/// Moves an open session on; false where it was not open any more.
pub async fn set_status(
    tx: &Tx,
    environment: EnvironmentId,
    id: SessionId,
    status: SessionStatus,
) -> Result<bool, StoreError> {
    let changed = Entity::update_many()
        .set(ActiveModel { status: Set(status), ..Default::default() })
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::Id.eq(id))
        .filter(Column::Status.eq(SessionStatus::Open))
        .exec(tx.connection())
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Removes sessions that ended before `before`, with their tickets, flows and results.
pub async fn sweep(tx: &Tx, before: Millis) -> Result<(), StoreError> {
    Entity::delete_many().filter(Column::ExpiresAt.lte(before)).exec(tx.connection()).await?;
    Ok(())
}

/// What came of the connectors of a session, by key.
pub async fn results(
    db: &impl Reads,
    environment: EnvironmentId,
    id: SessionId,
) -> Result<Vec<ConnectResult>, StoreError> {
    let rows = connect_result::Entity::find()
        .filter(connect_result::Column::EnvironmentId.eq(environment))
        .filter(connect_result::Column::SessionId.eq(id))
        .all(db.connection())
        .await?;
    rows.into_iter().map(result).collect()
}

/// What came of one connector, held until the transaction ends.
pub async fn lock_result(
    tx: &Tx,
    environment: EnvironmentId,
    id: SessionId,
    connector: &str,
) -> Result<Option<ConnectResult>, StoreError> {
    let row = connect_result::Entity::find_by_id((id, connector.to_owned(), environment));
    let found = held(row).one(tx.connection()).await?;
    found.map(result).transpose()
}

fn result(row: connect_result::Model) -> Result<ConnectResult, StoreError> {
    let bad = || StoreError::Inconsistent {
        table: "connect_result",
        id: row.session_id.to_string(),
        what: "unknown state",
    };
    let confirmation = row.confirmation_hash.zip(row.confirmation_until);
    Ok(ConnectResult {
        progress: Progress::parse(&row.state).ok_or_else(bad)?,
        connector: row.connector,
        credential: row.credential_id,
        error: row.error,
        detail: row.detail,
        confirmation: confirmation.map(|(hash, until)| Confirmation {
            hash,
            until,
            sealed_code: row.sealed_code,
        }),
        updated_at: row.updated_at,
    })
}

/// Writes what came of one connector.
pub async fn save_result(
    tx: &Tx,
    environment: EnvironmentId,
    id: SessionId,
    result: &ConnectResult,
) -> Result<(), StoreError> {
    use connect_result::Column as C;
    let confirmation = result.confirmation.as_ref();
    let row = connect_result::ActiveModel {
        environment_id: Set(environment),
        session_id: Set(id),
        connector: Set(result.connector.clone()),
        state: Set(result.progress.as_str().to_owned()),
        credential_id: Set(result.credential),
        error: Set(result.error.clone()),
        detail: Set(result.detail.clone()),
        confirmation_hash: Set(confirmation.map(|c| c.hash.clone())),
        confirmation_until: Set(confirmation.map(|c| c.until)),
        sealed_code: confirmation.map_or(ActiveValue::Set(None), |c| Set(c.sealed_code.clone())),
        updated_at: Set(result.updated_at),
    };
    let replace = OnConflict::columns([C::EnvironmentId, C::SessionId, C::Connector])
        .update_columns([
            C::State,
            C::CredentialId,
            C::Error,
            C::Detail,
            C::ConfirmationHash,
            C::ConfirmationUntil,
            C::SealedCode,
            C::UpdatedAt,
        ])
        .to_owned();
    connect_result::Entity::insert(row).on_conflict(replace).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Forgets that a session has connected `credential`.
pub async fn forget_result(
    tx: &Tx,
    environment: EnvironmentId,
    id: SessionId,
    credential: CredentialId,
) -> Result<(), StoreError> {
    connect_result::Entity::delete_many()
        .filter(connect_result::Column::EnvironmentId.eq(environment))
        .filter(connect_result::Column::SessionId.eq(id))
        .filter(connect_result::Column::CredentialId.eq(credential))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// Results whose confirmation is overdue at `now`, but for those in the environments `shut`.
pub async fn unconfirmed(
    db: &impl Reads,
    now: Millis,
    shut: &[EnvironmentId],
) -> Result<Vec<(EnvironmentId, SessionId, ConnectResult)>, StoreError> {
    use sea_orm::QuerySelect as _;
    let mut query = connect_result::Entity::find()
        .filter(connect_result::Column::ConfirmationUntil.lte(now))
        .filter(connect_result::Column::State.eq(Progress::Waiting.as_str()));
    if !shut.is_empty() {
        query = query.filter(connect_result::Column::EnvironmentId.is_not_in(shut.iter().copied()));
    }
    let rows = query.limit(100).all(db.connection()).await?;
    rows.into_iter().map(|row| Ok((row.environment_id, row.session_id, result(row)?))).collect()
}
