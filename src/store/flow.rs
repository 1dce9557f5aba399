//! Tickets and flows. What is single use is consumed in one statement.

use sea_orm::{
    ColumnTrait, Condition, EntityTrait, NotSet, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Set,
};
use vouchsafe_entity::id::{ConnectorId, EnvironmentId, FlowId, SessionId, UserId};
use vouchsafe_entity::json::Strings;
use vouchsafe_entity::kind::Binding;
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;
use vouchsafe_entity::{connect_ticket, flow, spent_token};

use super::{Reads, StoreError, Tx};
use crate::domain::flow::{Flow, SPENT_SECONDS, Spent, Ticket};

/// Stores a new ticket.
pub async fn insert_ticket(tx: &Tx, ticket: Ticket) -> Result<(), StoreError> {
    let row = connect_ticket::ActiveModel {
        hash: Set(ticket.hash),
        environment_id: Set(ticket.environment),
        session_id: Set(ticket.session),
        connector: Set(ticket.connector),
        nonce_hash: Set(ticket.nonce_hash),
        sealed: Set(ticket.sealed),
        hosted: Set(ticket.hosted),
        expires_at: Set(ticket.expires_at),
    };
    connect_ticket::Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Takes a ticket, once.
pub async fn take_ticket(tx: &Tx, hash: &str) -> Result<Option<Ticket>, StoreError> {
    let taken = connect_ticket::Entity::delete_many()
        .filter(connect_ticket::Column::Hash.eq(hash))
        .exec_with_returning(tx.connection())
        .await?;
    let Some(row) = taken.into_iter().next() else {
        return Ok(None);
    };
    insert_spent(tx, &row.hash, (row.environment_id, row.session_id), None, row.expires_at).await?;
    Ok(Some(Ticket {
        hash: row.hash,
        environment: row.environment_id,
        session: row.session_id,
        connector: row.connector,
        nonce_hash: row.nonce_hash,
        sealed: row.sealed,
        hosted: row.hosted,
        expires_at: row.expires_at,
    }))
}

impl From<flow::Model> for Flow {
    fn from(row: flow::Model) -> Self {
        Self {
            id: row.id,
            environment: row.environment_id,
            session: row.session_id,
            connector: row.connector_id,
            user: row.user_id,
            credential: row.credential_id,
            cookie_hash: row.cookie_hash,
            nonce_hash: row.nonce_hash,
            state_hash: row.state_hash,
            sealed: row.sealed,
            scopes: row.scopes.0,
            redirect_uri: row.redirect_uri,
            binding: row.binding,
            hosted: row.hosted,
            redirect: row.redirect,
            created_at: row.created_at,
            expires_at: row.expires_at,
        }
    }
}

/// Stores a new flow.
pub async fn insert(tx: &Tx, flow: &Flow) -> Result<(), StoreError> {
    let row = flow::ActiveModel {
        id: Set(flow.id),
        environment_id: Set(flow.environment),
        session_id: Set(flow.session),
        connector_id: Set(flow.connector),
        user_id: Set(flow.user),
        credential_id: Set(flow.credential),
        cookie_hash: Set(flow.cookie_hash.clone()),
        nonce_hash: Set(flow.nonce_hash.clone()),
        state_hash: Set(flow.state_hash.clone()),
        sealed: Set(flow.sealed.clone()),
        scopes: Set(Strings(flow.scopes.clone())),
        redirect_uri: Set(flow.redirect_uri.clone()),
        binding: Set(flow.binding),
        hosted: Set(flow.hosted),
        redirect: Set(flow.redirect),
        created_at: Set(flow.created_at),
        expires_at: Set(flow.expires_at),
    };
    flow::Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// One flow. Whose browser holds it is for the caller to ask.
pub async fn find(db: &impl Reads, id: FlowId) -> Result<Option<Flow>, StoreError> {
    let found = flow::Entity::find_by_id(id).one(db.connection()).await?;
    Ok(found.map(Into::into))
}

/// Binds a flow and gives it its `state`, and perhaps another content, once; false where it was sent on already.
pub async fn send_on(
    tx: &Tx,
    id: FlowId,
    cookie_hash: &str,
    binding: Binding,
    (state_hash, sealed): (&str, Option<Sealed>),
) -> Result<bool, StoreError> {
    let changed = flow::Entity::update_many()
        .set(flow::ActiveModel {
            binding: Set(Some(binding)),
            state_hash: Set(Some(state_hash.to_owned())),
            nonce_hash: Set(None),
            sealed: sealed.map_or(NotSet, Set),
            ..Default::default()
        })
        .filter(flow::Column::Id.eq(id))
        .filter(flow::Column::CookieHash.eq(cookie_hash))
        .filter(flow::Column::StateHash.is_null())
        .exec(tx.connection())
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Takes the flow of a callback, once: only where `state`, cookie and connector agree.
pub async fn take(
    tx: &Tx,
    state_hash: &str,
    cookie_hashes: &[String],
    connector: ConnectorId,
) -> Result<Option<Flow>, StoreError> {
    let taken = flow::Entity::delete_many()
        .filter(flow::Column::StateHash.eq(state_hash))
        .filter(flow::Column::CookieHash.is_in(cookie_hashes.iter().map(String::as_str)))
        .filter(flow::Column::ConnectorId.eq(connector))
        .exec_with_returning(tx.connection())
        .await?;
    let Some(row) = taken.into_iter().next() else {
        return Ok(None);
    };
    let session = (row.environment_id, row.session_id);
    insert_spent(tx, state_hash, session, Some(row.id), row.expires_at).await?;
    Ok(Some(row.into()))
}

async fn insert_spent(
    tx: &Tx,
    hash: &str,
    (environment, session): (EnvironmentId, SessionId),
    flow: Option<FlowId>,
    expires_at: Millis,
) -> Result<(), StoreError> {
    let row = spent_token::ActiveModel {
        hash: Set(hash.to_owned()),
        environment_id: Set(environment),
        session_id: Set(session),
        flow_id: Set(flow),
        expires_at: Set(expires_at.plus_seconds(SPENT_SECONDS)),
    };
    spent_token::Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// What became of a ticket or `state` that is not there any more, where it was used.
pub async fn spent(db: &impl Reads, hash: &str) -> Result<Option<Spent>, StoreError> {
    let found = spent_token::Entity::find_by_id(hash).one(db.connection()).await?;
    Ok(found.map(|row| Spent { session: row.session_id, flow: row.flow_id }))
}

/// The flow that a `state` belongs to, without taking it: so that a refusal can be told to its owner.
pub async fn by_state(
    db: &impl Reads,
    state_hash: &str,
) -> Result<Option<(EnvironmentId, Flow)>, StoreError> {
    let found =
        flow::Entity::find().filter(flow::Column::StateHash.eq(state_hash)).one(db.connection()).await?;
    Ok(found.map(|row| (row.environment_id, row.into())))
}

/// Removes a flow; false where it is gone.
pub async fn delete(tx: &Tx, id: FlowId) -> Result<bool, StoreError> {
    Ok(flow::Entity::delete_by_id(id).exec(tx.connection()).await?.rows_affected == 1)
}

/// Flows that came back and hold a grant until somebody decides.
fn holds_a_grant() -> Condition {
    Condition::all().add(flow::Column::StateHash.is_null()).add(flow::Column::Binding.is_not_null())
}

/// Flows that hold a grant nobody decided about until `now`: the first `limit` behind `after`.
pub async fn undecided(
    db: &impl Reads,
    now: Millis,
    after: Option<FlowId>,
    limit: u64,
) -> Result<Vec<Flow>, StoreError> {
    let held = flow::Entity::find()
        .filter(flow::Column::ExpiresAt.lte(now))
        .filter(holds_a_grant())
        .apply_if(after, |query, after| query.filter(flow::Column::Id.gt(after)))
        .order_by_asc(flow::Column::Id)
        .limit(limit)
        .all(db.connection())
        .await?;
    Ok(held.into_iter().map(Into::into).collect())
}

/// Takes the flows that hold a grant for a user, once.
pub async fn take_held_of(
    tx: &Tx,
    environment: EnvironmentId,
    user: UserId,
) -> Result<Vec<Flow>, StoreError> {
    let taken = flow::Entity::delete_many()
        .filter(flow::Column::EnvironmentId.eq(environment))
        .filter(flow::Column::UserId.eq(user))
        .filter(holds_a_grant())
        .exec_with_returning(tx.connection())
        .await?;
    Ok(taken.into_iter().map(Into::into).collect())
}

/// Removes tickets and flows whose time is over, used ones too. A flow that holds a grant stays until the app is told
/// that nobody wants it.
pub async fn sweep(tx: &Tx, now: Millis) -> Result<(), StoreError> {
    connect_ticket::Entity::delete_many()
        .filter(connect_ticket::Column::ExpiresAt.lte(now))
        .exec(tx.connection())
        .await?;
    flow::Entity::delete_many()
        .filter(flow::Column::ExpiresAt.lte(now))
        .filter(holds_a_grant().not())
        .exec(tx.connection())
        .await?;
    spent_token::Entity::delete_many()
        .filter(spent_token::Column::ExpiresAt.lte(now))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// A flow that holds a grant for `credential` until its session is confirmed.
pub async fn awaiting_confirmation(
    db: &impl Reads,
    session: SessionId,
    credential: vouchsafe_entity::id::CredentialId,
) -> Result<Option<Flow>, StoreError> {
    let found = flow::Entity::find()
        .filter(flow::Column::SessionId.eq(session))
        .filter(flow::Column::CredentialId.eq(credential))
        .filter(holds_a_grant())
        .one(db.connection())
        .await?;
    Ok(found.map(Into::into))
}
