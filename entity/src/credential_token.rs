//! What the refresher writes of a credential (`refresh.md`, section 2).

use sea_orm::entity::prelude::*;

use crate::id::{ConnectorId, CredentialId, EnvironmentId};
use crate::kind::{AttemptState, BrokenCause, FailClass, Status, TokenState};
use crate::millis::Millis;
use crate::sealed::Sealed;

/// A row of `credential_token`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "credential_token")]
pub struct Model {
    /// Where it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: EnvironmentId,
    /// Whose tokens these are.
    #[sea_orm(primary_key, auto_increment = false)]
    pub credential_id: CredentialId,
    /// What it is for, as its credential says: an index finds it by this and its status. None where a hub wrote it that does
    /// not know this column.
    pub connector_id: Option<ConnectorId>,
    /// The machine.
    pub state: TokenState,
    /// The state before a claim.
    pub claimed_from: Option<TokenState>,
    /// Why it is broken.
    pub broken_cause: Option<BrokenCause>,
    /// Since when.
    pub state_since: Millis,
    /// +1 on reconnect, new value, revocation, deletion.
    pub grant_epoch: i64,
    /// +1 on every commit of tokens; the compare-and-set key.
    pub token_version: i64,
    /// Access token, refresh token, values.
    #[sea_orm(column_type = "Blob")]
    pub sealed: Option<Sealed>,
    /// The one before.
    #[sea_orm(column_type = "Blob")]
    pub prev_sealed: Option<Sealed>,
    /// End of the access token.
    pub access_expires_at: Option<Millis>,
    /// Its whole lifetime in milliseconds.
    pub access_lifetime: Option<i64>,
    /// Known end of the refresh token.
    pub refresh_expires_at: Option<Millis>,
    /// Since when the end that the app gives the grant is where it is.
    pub end_known_since: Option<Millis>,
    /// Whether it can be renewed by a refresh token.
    pub has_refresh_token: bool,
    /// Whether the client, login or key that tokens are asked for with is the user's alone.
    pub own_client: bool,
    /// When to refresh.
    pub due_at: Option<Millis>,
    /// Node and boot that may start.
    pub lease_owner: Option<String>,
    /// +1 on every claim.
    pub lease_seq: i64,
    /// End of the claim.
    pub lease_until: Option<Millis>,
    /// The version that an attempt spends.
    pub attempt_version: Option<i64>,
    /// What is known of that attempt.
    pub attempt_state: Option<AttemptState>,
    /// When the last attempt since the last success began, whether or not its outcome is known; of one that nothing renews,
    /// when it was last asked about after a 401.
    pub attempt_started_at: Option<Millis>,
    /// Of the last failure.
    pub fail_class: Option<FailClass>,
    /// Failures since the last success.
    pub fail_count: i32,
    /// No attempt before.
    pub next_try_at: Option<Millis>,
    /// First refusal.
    pub suspect_since: Option<Millis>,
    /// The status last told by an event.
    pub announced_status: Option<Status>,
    /// The number of that event.
    pub event_ordinal: i64,
}

impl ActiveModelBehavior for ActiveModel {}
