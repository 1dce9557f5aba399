//! End users: made, found by either name, changed, deleted with everything of theirs.

use std::collections::{HashMap, HashSet};

use vouchsafe_entity::id::UserId;

use super::audit::Target;
use super::credentials::DeletionStep;
use super::validate::Checker;
use super::{Code, Error, Hub, Violation};
use crate::domain::actor::Actor;
use crate::domain::page::{Page, PageRequest};
use crate::domain::role::Action;
use crate::domain::user::User;
use crate::store::credential::Owner;
use crate::store::{self, StoreError, Tx};

/// A user to be made.
#[derive(Clone, Debug, Default)]
pub struct NewUser {
    /// The embedder's name.
    pub username: String,
    /// For display.
    pub full_name: Option<String>,
    /// For display and events.
    pub email: Option<String>,
    /// For display.
    pub organization: Option<String>,
    /// The embedder's words.
    pub tags: Vec<String>,
}

/// Changes of a user; what is none stays. The inner none clears.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// The embedder's name.
    pub username: Option<String>,
    /// For display.
    pub full_name: Option<Option<String>>,
    /// For display and events.
    pub email: Option<Option<String>>,
    /// For display.
    pub organization: Option<Option<String>>,
    /// The embedder's words.
    pub tags: Option<Vec<String>>,
}

/// What came of a batch: the users that were made, and the positions of the others with what is wrong.
#[derive(Debug)]
pub struct Batch {
    /// Made.
    pub users: Vec<User>,
    /// Not made.
    pub invalid: Vec<(usize, Violation)>,
}

impl NewUser {
    pub(super) fn check(&self, checker: &mut Checker, base: &str) {
        let at = |name: &str| format!("{base}/{name}");
        Self::check_username(checker, &at("username"), &self.username);
        checker.optional_text(&at("fullName"), self.full_name.as_deref(), 200);
        checker.email(&at("email"), self.email.as_deref());
        checker.optional_text(&at("organization"), self.organization.as_deref(), 200);
        checker.words(&at("tags"), &self.tags, 50);
    }

    /// A username must name its user in a path, and not read as an id of ours.
    pub(super) fn check_username(checker: &mut Checker, pointer: &str, username: &str) {
        checker.text(pointer, username, 200);
        let ours = username.starts_with("user_") && username.parse::<UserId>().is_ok();
        checker.ensure(!ours, pointer, "reserved", "This reads like an id of the hub.");
        // Clients that follow the URL standard take these out of a path, however they are written.
        let step = matches!(username, "." | "..");
        checker.ensure(!step, pointer, "reserved", "This reads like a step in a path.");
    }

    pub(super) fn into_user(self, hub: &Hub) -> User {
        let now = hub.now();
        User {
            id: UserId::new(hub.ids.next()),
            username: self.username,
            full_name: self.full_name,
            email: self.email,
            organization: self.organization,
            tags: self.tags,
            created_at: now,
            updated_at: now,
        }
    }
}

fn username_taken() -> Error {
    Error::refused_at(Code::UsernameTaken, "/username", "Another user has this username.")
}

impl Hub {
    /// Makes a user.
    ///
    /// # Errors
    /// [`Code::UsernameTaken`].
    pub async fn create_user(&self, actor: &Actor, new: NewUser) -> Result<User, Error> {
        self.permit(actor, Action::EditUsers).await?;
        let mut checker = Checker::default();
        new.check(&mut checker, "");
        checker.finish()?;
        let user = new.into_user(self);
        let tx = self.store.begin().await?;
        match store::user::insert(&tx, actor.environment(), &user).await {
            Err(StoreError::Taken) => return Err(username_taken()),
            other => other?,
        }
        self.record(&tx, actor, "user.create", Target::new("user", user.id), None).await?;
        tx.commit().await?;
        Ok(user)
    }

    /// Makes many users; those with mistakes are told apart and the rest is made.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty or too large batch.
    pub async fn create_users(&self, actor: &Actor, new: Vec<NewUser>) -> Result<Batch, Error> {
        self.permit(actor, Action::EditUsers).await?;
        if new.is_empty() || new.len() > 1_000 {
            return Err(Error::invalid("/users", "invalid_length", "Send 1 to 1,000 users."));
        }
        loop {
            if let Some(batch) = self.try_to_create(actor, new.clone()).await? {
                return Ok(batch);
            }
        }
    }

    /// None where somebody else made one of them meanwhile, who is told apart the next time.
    async fn try_to_create(&self, actor: &Actor, new: Vec<NewUser>) -> Result<Option<Batch>, Error> {
        let usernames: Vec<String> = new.iter().map(|user| user.username.clone()).collect();
        let tx = self.store.begin().await?;
        let mut taken: HashSet<String> =
            store::user::taken(&tx, actor.environment(), &usernames).await?.into_iter().collect();
        let mut batch = Batch { users: Vec::new(), invalid: Vec::new() };
        for (at, new) in new.into_iter().enumerate() {
            let mut checker = Checker::default();
            new.check(&mut checker, &format!("/users/{at}"));
            if let Err(Error::Invalid(mut violations)) = checker.finish() {
                batch.invalid.push((at, violations.swap_remove(0)));
            } else if !taken.insert(new.username.clone()) {
                let pointer = format!("/users/{at}/username");
                let code = Code::UsernameTaken.as_str();
                batch.invalid.push((at, Violation::new(pointer, code, "Another user has this username.")));
            } else {
                batch.users.push(new.into_user(self));
            }
        }
        if !batch.users.is_empty() {
            match store::user::insert_many(&tx, actor.environment(), &batch.users).await {
                Err(StoreError::Taken) => return Ok(None),
                other => other?,
            }
            let made = |user: &User| {
                self.audit_event(actor, "user.create", Target::new("user", user.id), "ok", None)
            };
            self.insert_audit(&tx, &batch.users.iter().map(made).collect::<Vec<_>>()).await?;
        }
        tx.commit().await?;
        Ok(Some(batch))
    }

    /// The user that a caller names by our id or by theirs.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_user(&self, actor: &Actor, name: &str) -> Result<User, Error> {
        self.permit(actor, Action::ViewUsers).await?;
        self.user_named(actor, name).await?.ok_or(Error::NotFound)
    }

    pub(super) async fn user_named(&self, actor: &Actor, name: &str) -> Result<Option<User>, Error> {
        Self::user_in(&self.store, actor, name).await
    }

    /// The same, asked of `db`.
    pub(super) async fn user_in(
        db: &impl store::Reads,
        actor: &Actor,
        name: &str,
    ) -> Result<Option<User>, Error> {
        let environment = actor.environment();
        if let Ok(id) = name.parse::<UserId>() {
            return Ok(store::user::find(db, environment, id).await?);
        }
        Ok(store::user::by_username(db, environment, name).await?)
    }

    /// The users of the actor's environment, newest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_users(
        &self,
        actor: &Actor,
        search: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<User>, Error> {
        self.permit(actor, Action::ViewUsers).await?;
        Ok(store::user::list(&self.store, actor.environment(), search, page).await?)
    }

    /// Changes what was sent of a user.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Code::UsernameTaken`].
    pub async fn update_user(&self, actor: &Actor, name: &str, change: UserChange) -> Result<User, Error> {
        self.permit(actor, Action::EditUsers).await?;
        let id = self.get_user(actor, name).await?.id;
        let tx = self.store.begin().await?;
        let before = store::user::lock(&tx, actor.environment(), id).await?.ok_or(Error::NotFound)?;
        let new = NewUser {
            username: change.username.unwrap_or(before.username),
            full_name: change.full_name.unwrap_or(before.full_name),
            email: change.email.unwrap_or(before.email),
            organization: change.organization.unwrap_or(before.organization),
            tags: change.tags.unwrap_or(before.tags),
        };
        let mut checker = Checker::default();
        new.check(&mut checker, "");
        checker.finish()?;
        let user = User { id, created_at: before.created_at, ..new.into_user(self) };
        match store::user::update(&tx, actor.environment(), &user).await {
            Err(StoreError::Taken) => return Err(username_taken()),
            other => other?,
        }
        self.record(&tx, actor, "user.update", Target::new("user", user.id), None).await?;
        tx.commit().await?;
        Ok(user)
    }

    /// Whether the actor may make and change users, for a page that offers it.
    ///
    /// # Errors
    /// [`Code::Forbidden`], [`Error::NotFound`].
    pub async fn may_edit_users(&self, actor: &Actor) -> Result<(), Error> {
        self.permit(actor, Action::EditUsers).await
    }

    /// Whether the actor may delete users, for a page that asks before it is done.
    ///
    /// # Errors
    /// [`Code::Forbidden`], [`Error::NotFound`].
    pub async fn may_delete_users(&self, actor: &Actor) -> Result<(), Error> {
        self.permit(actor, Action::DeleteUsers).await
    }

    /// Deletes a user with their credentials; the worker tells the apps, where they can be told.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_user(&self, actor: &Actor, name: &str) -> Result<(), Error> {
        self.permit(actor, Action::DeleteUsers).await?;
        let user = self.get_user(actor, name).await?;
        self.delete_all_of(actor, Owner::User(user.id), &mut HashMap::new(), async |tx| {
            self.remove_user(tx, actor, user.id).await
        })
        .await
    }

    /// A step of the same; the last one removes the user.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_user_step(&self, actor: &Actor, id: UserId) -> Result<DeletionStep, Error> {
        self.permit(actor, Action::DeleteUsers).await?;
        self.delete_next_of(actor, Owner::User(id), async |tx| self.remove_user(tx, actor, id).await).await
    }

    async fn remove_user(&self, tx: &Tx, actor: &Actor, id: UserId) -> Result<(), Error> {
        self.drop_held_of(tx, actor.tenant, id).await?;
        store::user::delete(tx, actor.environment(), id).await?;
        self.record(tx, actor, "user.delete", Target::new("user", id), None).await
    }
}
