//! Invitations to become a member.

use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};
use vouchsafe_entity::id::{InvitationId, MemberId, WorkspaceId};
use vouchsafe_entity::invitation::{ActiveModel, Column, Entity, Model};
use vouchsafe_entity::kind::Role;
use vouchsafe_entity::millis::Millis;

use super::{Reads, StoreError, Tx};
use crate::domain::member::Invitation;

impl From<Model> for Invitation {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            workspace: row.workspace_id,
            email: row.email,
            role: row.role,
            hash: row.hash,
            invited_by: row.invited_by,
            created_at: row.created_at,
            expires_at: row.expires_at,
        }
    }
}

/// Stores a new invitation.
pub async fn insert(tx: &Tx, invitation: &Invitation) -> Result<(), StoreError> {
    let row = ActiveModel {
        workspace_id: Set(invitation.workspace),
        id: Set(invitation.id),
        email: Set(invitation.email.clone()),
        role: Set(invitation.role),
        hash: Set(invitation.hash.clone()),
        invited_by: Set(invitation.invited_by),
        created_at: Set(invitation.created_at),
        expires_at: Set(invitation.expires_at),
    };
    Entity::insert(row).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// The invitation whose link has this hash.
pub async fn by_hash(db: &impl Reads, hash: &str) -> Result<Option<Invitation>, StoreError> {
    Ok(Entity::find().filter(Column::Hash.eq(hash)).one(db.connection()).await?.map(Into::into))
}

/// The latest open invitation for `email`, into whatever workspace.
pub async fn by_email(db: &impl Reads, email: &str, now: Millis) -> Result<Option<Invitation>, StoreError> {
    let open = Condition::all().add(Column::Email.eq(email)).add(Column::ExpiresAt.gt(now));
    Ok(Entity::find().filter(open).order_by_desc(Column::Id).one(db.connection()).await?.map(Into::into))
}

/// Uses an invitation up; false where somebody was quicker.
pub async fn take(tx: &Tx, workspace: WorkspaceId, id: InvitationId) -> Result<bool, StoreError> {
    Ok(Entity::delete_by_id((workspace, id)).exec(tx.connection()).await?.rows_affected == 1)
}

/// The invitations of a workspace that nobody has taken, the latest first; at most `most`.
pub async fn list(
    db: &impl Reads,
    workspace: WorkspaceId,
    now: Millis,
    most: u64,
) -> Result<Vec<Invitation>, StoreError> {
    let open = Condition::all().add(Column::WorkspaceId.eq(workspace)).add(Column::ExpiresAt.gt(now));
    let query = Entity::find().filter(open).order_by_desc(Column::Id).limit(most);
    Ok(query.all(db.connection()).await?.into_iter().map(Into::into).collect())
}

/// Whether somebody holds an open invitation to own a workspace.
pub async fn any_owner(db: &impl Reads, workspace: WorkspaceId, now: Millis) -> Result<bool, StoreError> {
    let open = Condition::all()
        .add(Column::WorkspaceId.eq(workspace))
        .add(Column::Role.eq(Role::Owner))
        .add(Column::ExpiresAt.gt(now));
    Ok(Entity::find().filter(open).one(db.connection()).await?.is_some())
}

/// Takes back those for `email`, or the operator's links where there is none: a newer one takes their place.
pub async fn replace(tx: &Tx, workspace: WorkspaceId, email: Option<&str>) -> Result<(), StoreError> {
    let whose = email.map_or_else(|| Column::Email.is_null(), |email| Column::Email.eq(email));
    let older = Condition::all().add(Column::WorkspaceId.eq(workspace)).add(whose);
    Entity::delete_many().filter(older).exec(tx.connection()).await?;
    Ok(())
}

/// Takes back those that a member made, of these roles; how many.
pub async fn withdraw_of(
    tx: &Tx,
    workspace: WorkspaceId,
    member: MemberId,
    roles: Vec<Role>,
) -> Result<u64, StoreError> {
    let theirs = Condition::all().add(Column::WorkspaceId.eq(workspace)).add(Column::InvitedBy.eq(member));
    let gone = Entity::delete_many().filter(theirs.add(Column::Role.is_in(roles)));
    Ok(gone.exec(tx.connection()).await?.rows_affected)
}

/// Forgets those whose time is over.
pub async fn sweep(tx: &Tx, now: Millis) -> Result<(), StoreError> {
    Entity::delete_many().filter(Column::ExpiresAt.lte(now)).exec(tx.connection()).await?;
    Ok(())
}
