//! End users.

use vouchsafe_entity::id::UserId;
use vouchsafe_entity::millis::Millis;

/// An end user.
#[derive(Clone, Debug)]
pub struct User {
    /// Our id.
    pub id: UserId,
    /// The embedder's name for them, unique in the environment.
    pub username: String,
    /// For display.
    pub full_name: Option<String>,
    /// For display and events.
    pub email: Option<String>,
    /// For display.
    pub organization: Option<String>,
    /// The embedder's words.
    pub tags: Vec<String>,
    /// When they were made.
    pub created_at: Millis,
    /// When they last changed.
    pub updated_at: Millis,
}

impl User {
    /// What to call them on a page: the address they would recognise, else a name.
    pub fn display_name(&self) -> &str {
        self.email.as_deref().or(self.full_name.as_deref()).unwrap_or(&self.username)
    }
}
