//! End users.

use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set, TryInsertResult, sea_query,
};
use sea_query::{Expr, ExprTrait as _, LikeExpr};
use vouchsafe_entity::id::{EnvironmentId, UserId};
use vouchsafe_entity::json::Strings;
use vouchsafe_entity::user::{ActiveModel, Column, Entity, Model};

use super::{Reads, StoreError, Tx, held};
use crate::domain::page::{Page, PageRequest};
use crate::domain::user::User;

/// What its cursors call this list.
const LIST: &str = "users";

impl From<Model> for User {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            username: row.username,
            full_name: row.full_name,
            email: row.email,
            organization: row.organization,
            tags: row.tags.0,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

fn row(environment: EnvironmentId, user: &User) -> ActiveModel {
    ActiveModel {
        environment_id: Set(environment),
        id: Set(user.id),
        username: Set(user.username.clone()),
        full_name: Set(user.full_name.clone()),
        email: Set(user.email.clone()),
        organization: Set(user.organization.clone()),
        search_text: Set(search_text(user)),
        tags: Set(Strings(user.tags.clone())),
        created_at: Set(user.created_at),
        updated_at: Set(user.updated_at),
    }
}

/// What a search looks into. No part of it has a line break.
fn search_text(user: &User) -> String {
    let others = [&user.full_name, &user.email, &user.organization].map(Option::as_deref);
    let parts = std::iter::once(user.username.as_str()).chain(others.map(Option::unwrap_or_default));
    parts.collect::<Vec<&str>>().join("\n").to_lowercase()
}

/// One user by our id.
pub async fn find(
    db: &impl Reads,
    environment: EnvironmentId,
    id: UserId,
) -> Result<Option<User>, StoreError> {
    Ok(Entity::find_by_id((environment, id)).one(db.connection()).await?.map(Into::into))
}

/// The same, and nobody else changes them until the transaction ends.
pub async fn lock(tx: &Tx, environment: EnvironmentId, id: UserId) -> Result<Option<User>, StoreError> {
    let row = held(Entity::find_by_id((environment, id)));
    Ok(row.one(tx.connection()).await?.map(Into::into))
}

/// One user by the embedder's name.
pub async fn by_username(
    db: &impl Reads,
    environment: EnvironmentId,
    username: &str,
) -> Result<Option<User>, StoreError> {
    let found = Entity::find()
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::Username.eq(username))
        .one(db.connection())
        .await?;
    Ok(found.map(Into::into))
}

/// Those of `usernames` that are there.
pub async fn named(
    db: &impl Reads,
    environment: EnvironmentId,
    usernames: &[&str],
) -> Result<Vec<User>, StoreError> {
    let rows = Entity::find()
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::Username.is_in(usernames.iter().copied()))
        .all(db.connection())
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Which of `usernames` are taken.
pub async fn taken(
    db: &impl Reads,
    environment: EnvironmentId,
    usernames: &[String],
) -> Result<Vec<String>, StoreError> {
    Ok(Entity::find()
        .select_only()
        .column(Column::Username)
        .filter(Column::EnvironmentId.eq(environment))
        .filter(Column::Username.is_in(usernames.iter().map(String::as_str)))
        .into_tuple()
        .all(db.connection())
        .await?)
}

/// The users of an environment, newest first, those with `search` in username, name, address or organization alone.
pub async fn list(
    db: &impl Reads,
    environment: EnvironmentId,
    search: Option<&str>,
    page: &PageRequest,
) -> Result<Page<User>, StoreError> {
    let mut query = Entity::find().filter(Column::EnvironmentId.eq(environment));
    if let Some(search) = search {
        let pattern = format!("%{}%", escape_like(&search.to_lowercase()));
        query = query.filter(Expr::col(Column::SearchText).like(LikeExpr::new(pattern).escape('\\')));
    }
    if let Some(after) = page.after_in(LIST)? {
        query = query.filter(Column::Id.lt(after));
    }
    let rows = query.order_by_desc(Column::Id).limit(page.limit + 1).all(db.connection()).await?;
    let users = rows.into_iter().map(User::from).collect();
    Ok(Page::of(LIST, users, page.limit, |user: &User| user.id.to_string()))
}

/// `text` as a pattern of `LIKE … ESCAPE '\'` that fits itself alone.
pub(super) fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// Stores a new user.
pub async fn insert(tx: &Tx, environment: EnvironmentId, user: &User) -> Result<(), StoreError> {
    Entity::insert(row(environment, user)).exec_without_returning(tx.connection()).await?;
    Ok(())
}

/// Stores a new user; false where somebody has the username, who stays as they are.
pub async fn ensure(tx: &Tx, environment: EnvironmentId, user: &User) -> Result<bool, StoreError> {
    let inserted = Entity::insert(row(environment, user))
        .on_conflict_do_nothing_on([Column::EnvironmentId, Column::Username])
        .exec_without_returning(tx.connection())
        .await?;
    Ok(matches!(inserted, TryInsertResult::Inserted(1..)))
}

/// Stores new users.
pub async fn insert_many(tx: &Tx, environment: EnvironmentId, users: &[User]) -> Result<(), StoreError> {
    // Two that store the same usernames in different orders would wait for each other.
    let mut users: Vec<&User> = users.iter().collect();
    users.sort_unstable_by_key(|user| user.username.as_str());
    // PostgreSQL takes 65,535 values in a statement.
    for chunk in users.chunks(1_000) {
        let rows = chunk.iter().map(|user| row(environment, user));
        Entity::insert_many(rows).exec_without_returning(tx.connection()).await?;
    }
    Ok(())
}

/// Writes a changed user whom `tx` holds.
pub async fn update(tx: &Tx, environment: EnvironmentId, user: &User) -> Result<(), StoreError> {
    Entity::update(row(environment, user)).exec(tx.connection()).await?;
    Ok(())
}

/// Removes a user and everything of theirs; false where there is none.
pub async fn delete(tx: &Tx, environment: EnvironmentId, id: UserId) -> Result<bool, StoreError> {
    Ok(Entity::delete_by_id((environment, id)).exec(tx.connection()).await?.rows_affected == 1)
}
