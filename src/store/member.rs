//! Members of workspaces.

use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};
use secrecy::ExposeSecret;
use vouchsafe_entity::id::{MemberId, WorkspaceId};
use vouchsafe_entity::kind::Role;
use vouchsafe_entity::member::{ActiveModel, Column, Entity, Model, PasswordHash};
use vouchsafe_entity::millis::Millis;

use super::{Reads, StoreError, Tx};
use crate::domain::member::Member;
use crate::domain::page::{Page, PageRequest};

/// What its cursors call this list.
const LIST: &str = "members";

impl From<Model> for Member {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            workspace: row.workspace_id,
            email: row.email,
            name: row.name,
            role: row.role,
            password: row.password.map(|hash| hash.0.into()),
            totp: row.totp,
            totp_next: row.totp_next,
            totp_step: row.totp_step,
            subject: row.subject,
            signed_in_at: row.signed_in_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

fn row(member: &Member) -> ActiveModel {
    ActiveModel {
        workspace_id: Set(member.workspace),
        id: Set(member.id),
        email: Set(member.email.clone()),
        name: Set(member.name.clone()),
        role: Set(member.role),
        password: Set(member.password.as_ref().map(|hash| PasswordHash(hash.expose_secret().to_owned()))),
        totp: Set(member.totp.clone()),
        totp_next: Set(member.totp_next.clone()),
        totp_step: Set(member.totp_step),
        subject: Set(member.subject.clone()),
        signed_in_at: Set(member.signed_in_at),
        created_at: Set(member.created_at),
        updated_at: Set(member.updated_at),
    }
}

/// Stores a new member.
pub async fn insert(tx: &Tx, member: &Member) -> Result<(), StoreError> {
    Entity::insert(row(member)).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Writes a changed member.
pub async fn update(tx: &Tx, member: &Member) -> Result<(), StoreError> {
    Entity::update(row(member)).exec(tx.connection()).await?;
    Ok(())
}

/// One member of a workspace.
pub async fn find(
    db: &impl Reads,
    workspace: WorkspaceId,
    id: MemberId,
) -> Result<Option<Member>, StoreError> {
    Ok(Entity::find_by_id((workspace, id)).one(db.connection()).await?.map(Into::into))
}

/// Those of a workspace that have one of `ids`.
pub async fn of_ids(
    db: &impl Reads,
    workspace: WorkspaceId,
    ids: &[MemberId],
) -> Result<Vec<Member>, StoreError> {
    let found = Entity::find()
        .filter(Column::WorkspaceId.eq(workspace))
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(db.connection())
        .await?;
    Ok(found.into_iter().map(Into::into).collect())
}

/// What some members are called.
pub async fn names(
    db: &impl Reads,
    workspace: WorkspaceId,
    ids: &[MemberId],
) -> Result<Vec<(MemberId, String)>, StoreError> {
    Ok(Entity::find()
        .select_only()
        .column(Column::Id)
        .column(Column::Name)
        .filter(Column::WorkspaceId.eq(workspace))
        .filter(Column::Id.is_in(ids.iter().copied()))
        .into_tuple()
        .all(db.connection())
        .await?)
}

/// The same, held until the transaction ends.
pub async fn lock(tx: &Tx, workspace: WorkspaceId, id: MemberId) -> Result<Option<Member>, StoreError> {
    let found = Entity::find_by_id((workspace, id)).lock_exclusive().one(tx.connection()).await?;
    Ok(found.map(Into::into))
}

/// The member who signs in as `email`, in whatever workspace.
pub async fn by_email(db: &impl Reads, email: &str) -> Result<Option<Member>, StoreError> {
    Ok(Entity::find().filter(Column::Email.eq(email)).one(db.connection()).await?.map(Into::into))
}

/// The member whom an identity provider knows as `subject`.
pub async fn by_subject(db: &impl Reads, subject: &str) -> Result<Option<Member>, StoreError> {
    Ok(Entity::find().filter(Column::Subject.eq(subject)).one(db.connection()).await?.map(Into::into))
}

/// The members of a workspace, those who joined first first.
pub async fn list(
    db: &impl Reads,
    workspace: WorkspaceId,
    page: &PageRequest,
) -> Result<Page<Member>, StoreError> {
    let mut query = Entity::find().filter(Column::WorkspaceId.eq(workspace));
    if let Some(after) = page.after_in(LIST)? {
        query = query.filter(Column::Id.gt(after));
    }
    let rows = query.order_by_asc(Column::Id).limit(page.limit + 1).all(db.connection()).await?;
    let members = rows.into_iter().map(Member::from).collect();
    Ok(Page::of(LIST, members, page.limit, |member: &Member| member.id.to_string()))
}

/// Holds the owners of a workspace until the transaction ends; their ids.
pub async fn lock_owners(tx: &Tx, workspace: WorkspaceId) -> Result<Vec<MemberId>, StoreError> {
    let owners = Condition::all().add(Column::WorkspaceId.eq(workspace)).add(Column::Role.eq(Role::Owner));
    let rows = Entity::find().filter(owners).lock_exclusive().all(tx.connection()).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// The owners of a workspace, those who joined first first; at most `limit`.
pub async fn owners(db: &impl Reads, workspace: WorkspaceId, limit: u64) -> Result<Vec<Member>, StoreError> {
    let owners = Condition::all().add(Column::WorkspaceId.eq(workspace)).add(Column::Role.eq(Role::Owner));
    let rows =
        Entity::find().filter(owners).order_by_asc(Column::Id).limit(limit).all(db.connection()).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Whether a workspace has a member yet.
pub async fn any(db: &impl Reads, workspace: WorkspaceId) -> Result<bool, StoreError> {
    let found = Entity::find().filter(Column::WorkspaceId.eq(workspace)).one(db.connection()).await?;
    Ok(found.is_some())
}

/// Takes a code's step where it is later than the last; false where a code of this step was used.
pub async fn spend_step(
    tx: &Tx,
    workspace: WorkspaceId,
    id: MemberId,
    step: i64,
) -> Result<bool, StoreError> {
    let unused = Condition::any().add(Column::TotpStep.is_null()).add(Column::TotpStep.lt(step));
    let changed = Entity::update_many()
        .set(ActiveModel { totp_step: Set(Some(step)), ..Default::default() })
        .filter(Column::WorkspaceId.eq(workspace))
        .filter(Column::Id.eq(id))
        .filter(unused)
        .exec(tx.connection())
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Notes a sign-in.
pub async fn note_sign_in(
    tx: &Tx,
    workspace: WorkspaceId,
    id: MemberId,
    now: Millis,
) -> Result<(), StoreError> {
    Entity::update_many()
        .set(ActiveModel { signed_in_at: Set(Some(now)), ..Default::default() })
        .filter(Column::WorkspaceId.eq(workspace))
        .filter(Column::Id.eq(id))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// Removes a member with their sessions; false where there is none.
pub async fn delete(tx: &Tx, workspace: WorkspaceId, id: MemberId) -> Result<bool, StoreError> {
    Ok(Entity::delete_by_id((workspace, id)).exec(tx.connection()).await?.rows_affected == 1)
}
