//! Sessions of members.

use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};
use vouchsafe_entity::id::{MemberId, MemberSessionId, WorkspaceId};
use vouchsafe_entity::member_session::{ActiveModel, Column, Entity, Model};
use vouchsafe_entity::millis::Millis;

use super::{Reads, StoreError, Tx};
use crate::domain::member::{IDLE, LONGEST, MemberSession};

impl From<Model> for MemberSession {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            workspace: row.workspace_id,
            member: row.member_id,
            hash: row.hash,
            stage: row.stage,
            address: row.address,
            agent: row.agent,
            created_at: row.created_at,
            seen_at: row.seen_at,
            proven_at: row.proven_at,
        }
    }
}

/// Stores a new session.
pub async fn insert(tx: &Tx, session: &MemberSession) -> Result<(), StoreError> {
    let row = ActiveModel {
        workspace_id: Set(session.workspace),
        id: Set(session.id),
        member_id: Set(session.member),
        hash: Set(session.hash.clone()),
        stage: Set(session.stage),
        address: Set(session.address.clone()),
        agent: Set(session.agent.clone()),
        created_at: Set(session.created_at),
        seen_at: Set(session.seen_at),
        proven_at: Set(session.proven_at),
    };
    Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// The session whose cookie has this hash.
pub async fn by_hash(db: &impl Reads, hash: &str) -> Result<Option<MemberSession>, StoreError> {
    Ok(Entity::find().filter(Column::Hash.eq(hash)).one(db.connection()).await?.map(Into::into))
}

/// One session of a workspace.
pub async fn find(
    db: &impl Reads,
    workspace: WorkspaceId,
    id: MemberSessionId,
) -> Result<Option<MemberSession>, StoreError> {
    Ok(Entity::find_by_id((workspace, id)).one(db.connection()).await?.map(Into::into))
}

/// The sessions of a member, the latest first; at most 100.
pub async fn list(
    db: &impl Reads,
    workspace: WorkspaceId,
    member: MemberId,
) -> Result<Vec<MemberSession>, StoreError> {
    let rows = Entity::find()
        .filter(of(workspace, member))
        .order_by_desc(Column::SeenAt)
        .limit(100)
        .all(db.connection())
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

fn of(workspace: WorkspaceId, member: MemberId) -> Condition {
    Condition::all().add(Column::WorkspaceId.eq(workspace)).add(Column::MemberId.eq(member))
}

/// Notes that a session was seen.
pub async fn touch(
    tx: &Tx,
    workspace: WorkspaceId,
    id: MemberSessionId,
    now: Millis,
) -> Result<(), StoreError> {
    change(tx, workspace, id, ActiveModel { seen_at: Set(now), ..Default::default() }).await
}

/// Notes that the member proved who they are.
pub async fn prove(
    tx: &Tx,
    workspace: WorkspaceId,
    id: MemberSessionId,
    now: Millis,
) -> Result<(), StoreError> {
    let row = ActiveModel { proven_at: Set(Some(now)), seen_at: Set(now), ..Default::default() };
    change(tx, workspace, id, row).await
}

/// Writes what is set of `row`.
async fn change(
    tx: &Tx,
    workspace: WorkspaceId,
    id: MemberSessionId,
    row: ActiveModel,
) -> Result<(), StoreError> {
    Entity::update_many()
        .set(row)
        .filter(Column::WorkspaceId.eq(workspace))
        .filter(Column::Id.eq(id))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// Ends one session of a member; false where there is none.
pub async fn end(
    tx: &Tx,
    workspace: WorkspaceId,
    member: MemberId,
    id: MemberSessionId,
) -> Result<bool, StoreError> {
    let one = of(workspace, member).add(Column::Id.eq(id));
    Ok(Entity::delete_many().filter(one).exec(tx.connection()).await?.rows_affected == 1)
}

/// Ends the sessions of a member, all or all but one; how many.
pub async fn end_all(
    tx: &Tx,
    workspace: WorkspaceId,
    member: MemberId,
    but: Option<MemberSessionId>,
) -> Result<u64, StoreError> {
    let mut ended = of(workspace, member);
    if let Some(kept) = but {
        ended = ended.add(Column::Id.ne(kept));
    }
    Ok(Entity::delete_many().filter(ended).exec(tx.connection()).await?.rows_affected)
}

/// Forgets sessions that have ended.
pub async fn sweep(tx: &Tx, now: Millis) -> Result<(), StoreError> {
    let over = Condition::any()
        .add(Column::SeenAt.lte(now.plus(-IDLE)))
        .add(Column::CreatedAt.lte(now.plus(-LONGEST)));
    Entity::delete_many().filter(over).exec(tx.connection()).await?;
    Ok(())
}
