//! A mail on its way to somebody who should connect again.

use sea_orm::entity::prelude::*;

use crate::id::{EnvironmentId, EventId, MailId};
use crate::kind::MailStatus;
use crate::millis::Millis;
use crate::sealed::Sealed;

/// A row of `mail`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "mail")]
pub struct Model {
    /// Where it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: EnvironmentId,
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: MailId,
    /// What it tells of.
    pub event_id: EventId,
    /// Address and content; it carries a link.
    #[sea_orm(column_type = "Blob")]
    pub sealed: Sealed,
    /// How far it is.
    pub status: MailStatus,
    /// Tries so far.
    pub attempts: i32,
    /// When to try; none once it is over. A claim moves it to the claim's end.
    pub due_at: Option<Millis>,
    /// What went wrong last.
    pub error: Option<String>,
    /// When it was written.
    pub created_at: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
