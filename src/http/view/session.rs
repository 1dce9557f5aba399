//! Connect sessions on the wire.

use secrecy::SecretString;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::kind::Confirm;

use super::Time;
use crate::http::Problem;
use crate::http::extract::Object;
use crate::secret::PlainToken;
use crate::service::connect::{CreatedSession, NewSession, ResultView, SessionUser, SessionView};
use crate::service::users::NewUser;

/// The user of a session, made if new.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct SessionUserIn {
    /// Your name for the user, unique in the environment.
    #[schema(example = "u-17", min_length = 1, max_length = 200)]
    username: String,
    /// For display.
    #[schema(example = "Jo Smith", min_length = 1, max_length = 200)]
    full_name: Option<String>,
    /// For display and events.
    #[schema(example = "jo@acme.test", max_length = 254)]
    email: Option<String>,
}

impl From<SessionUserIn> for NewUser {
    fn from(user: SessionUserIn) -> Self {
        Self {
            username: user.username,
            full_name: user.full_name,
            email: user.email,
            organization: None,
            tags: Vec::new(),
        }
    }
}

/// A session to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct SessionIn {
    /// For whom: `user_…` or the embedder's username, which is made if new. This or `user`.
    #[schema(example = "u-17")]
    user_id: Option<String>,
    /// For whom, with more of what is known; made if new.
    #[schema(value_type = Option<SessionUserIn>)]
    user: Option<Object<SessionUserIn>>,
    /// The feature it is for. This or `connectors`; neither = every enabled connector.
    #[schema(example = "orders-to-sheets")]
    integration: Option<String>,
    /// The connectors it is for.
    connectors: Option<Vec<String>>,
    /// Exact origins that may frame the modal; left out = those of the environment.
    #[schema(example = json!(["https://app.acme.test"]))]
    allowed_origins: Option<Vec<String>>,
    /// Where a redirect comes back to; its origin must be one of the allowed ones.
    return_url: Option<String>,
    /// The credential to reconnect.
    credential_id: Option<String>,
    /// Seconds that the session lives.
    #[schema(minimum = 60, maximum = 3600, default = 1800)]
    expires_in: Option<i64>,
    /// `browser` or `backend`: whether the back end confirms each new credential. With `backend` the code to confirm
    /// with comes to the page that opened the modal, in the result, or to `returnUrl`. A page that is served with
    /// `Cross-Origin-Opener-Policy: same-origin` is cut off from the window of the sign-in and never gets it there: send
    /// `same-origin-allow-popups` instead, or let the sign-in run as a redirect and take the code from `returnUrl`.
    #[schema(value_type = Option<String>)]
    confirm: Option<Confirm>,
    /// Language of the pages.
    #[schema(example = "de")]
    locale: Option<String>,
    /// Overrides of the environment's theme.
    #[schema(value_type = Option<Object>)]
    theme: Option<Map<String, Value>>,
}

impl TryFrom<SessionIn> for NewSession {
    type Error = Problem;

    fn try_from(session: SessionIn) -> Result<Self, Problem> {
        let user = match (session.user_id, session.user) {
            (Some(name), None) => SessionUser::Named(name),
            (None, Some(Object(user))) => SessionUser::New(user.into()),
            (Some(_), Some(_)) => {
                return Err(Problem::invalid_at("/user", "exclusive", "Send userId or user, not both."));
            }
            (None, None) => {
                return Err(Problem::invalid_at("/userId", "required", "Say for whom: userId or user."));
            }
        };
        let unknown = |_| Problem::invalid_at("/credentialId", "unknown", "There is no such credential.");
        let credential =
            session.credential_id.map(|id| id.parse::<CredentialId>().map_err(unknown)).transpose()?;
        Ok(Self {
            user,
            integration: session.integration,
            connectors: session.connectors,
            allowed_origins: session.allowed_origins,
            return_url: session.return_url,
            credential,
            expires_in: session.expires_in,
            confirm: session.confirm,
            locale: session.locale,
            theme: session.theme,
        })
    }
}

/// A session with what is shown this once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct NewSessionOut {
    /// Its id, public.
    #[schema(example = "cs_01jz0000000000000000000000")]
    session_id: String,
    /// For the modal: the id, a dot and a secret.
    #[serde(serialize_with = "expose")]
    #[schema(value_type = String)]
    token: PlainToken,
    /// The hosted link; null where the back end must confirm and no address to return to is known.
    connect_url: Option<String>,
    /// When it ends.
    expires_at: Time,
}

impl From<CreatedSession> for NewSessionOut {
    fn from(made: CreatedSession) -> Self {
        Self {
            session_id: made.session.id.to_string(),
            token: made.token,
            connect_url: made.connect_url,
            expires_at: made.session.expires_at.into(),
        }
    }
}

fn expose<S: Serializer>(token: &PlainToken, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.expose())
}

/// A session as it stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct SessionOut {
    /// Its id.
    #[schema(example = "cs_01jz0000000000000000000000")]
    session_id: String,
    /// `open`, `completed`, `expired` or `cancelled`.
    #[schema(value_type = String, example = "completed")]
    status: &'static str,
    /// What came of its connectors so far.
    results: Vec<ResultOut>,
    /// When it ends.
    expires_at: Time,
}

/// What came of one connector.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct ResultOut {
    /// The connector's key.
    connector: String,
    /// What was connected.
    credential_id: Option<String>,
    /// `started`, `waiting` (for confirmation), `completed` or `failed`.
    status: String,
    /// A code, where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "access_denied")]
    error: Option<String>,
}

impl From<SessionView> for SessionOut {
    fn from(view: SessionView) -> Self {
        let result = |result: ResultView| ResultOut {
            connector: result.connector,
            credential_id: result.credential.map(|id| id.to_string()),
            status: result.status,
            error: result.error,
        };
        Self {
            session_id: view.session.id.to_string(),
            status: view.status.as_str(),
            results: view.results.into_iter().map(result).collect(),
            expires_at: view.session.expires_at.into(),
        }
    }
}

/// What the back end shows to confirm.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct ConfirmationIn {
    /// The user of the back end's own session, by either name.
    pub(in crate::http) user_id: String,
    /// The code that the finished browser was given.
    #[schema(value_type = String)]
    pub(in crate::http) confirmation_code: SecretString,
}
