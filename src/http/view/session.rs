//! Connect sessions on the wire.

use secrecy::SecretString;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use vouchsafe_entity::id::CredentialId;
use vouchsafe_entity::kind::{Confirm, SessionStatus};

use super::{ConfirmWord, SessionStatusWord, Time};
use crate::http::Problem;
use crate::http::extract::MaybeId;
use crate::service::connect::{
    CreatedSession, NewSession, PlainSessionToken, ResultView, SessionUser, SessionView,
};
use crate::service::users::NewUser;

/// A connect session to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct SessionIn {
    /// For whom, by `user_…` or username; a username that is new makes a user. This or `user`.
    #[schema(example = "u-17")]
    user_id: Option<String>,
    /// For whom, with details. This or `userId`.
    user: Option<SessionUserIn>,
    /// What it is for. This or `connectors`; neither = every enabled connector.
    integration: Option<String>,
    /// What is to be connected.
    connectors: Option<Vec<String>>,
    /// Exact origins that may frame the modal; left out = the environment's.
    allowed_origins: Option<Vec<String>>,
    /// Where a redirect comes back to.
    return_url: Option<String>,
    /// The credential to reconnect.
    #[schema(value_type = Option<String>)]
    credential_id: Option<MaybeId<CredentialId>>,
    /// Seconds, 60 to 3600.
    #[schema(minimum = 60, maximum = 3600, default = 1800)]
    expires_in: Option<i64>,
    /// Who confirms; left out = as the binding demands.
    #[schema(value_type = Option<ConfirmWord>)]
    confirm: Option<Confirm>,
    /// Language of the pages.
    #[schema(example = "en")]
    locale: Option<String>,
    /// Overrides of the environment's theme.
    theme: Option<Map<String, Value>>,
}

/// The user of a connect session.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SessionUserIn {
    /// Your name for the user.
    #[schema(example = "u-17")]
    username: String,
    /// For display.
    full_name: Option<String>,
    /// For display and events.
    email: Option<String>,
}

impl TryFrom<SessionIn> for NewSession {
    type Error = Problem;

    fn try_from(session: SessionIn) -> Result<Self, Problem> {
        let user = match (session.user_id, session.user) {
            (Some(name), None) => SessionUser::Named(name),
            (None, Some(user)) => SessionUser::New(NewUser {
                username: user.username,
                full_name: user.full_name,
                email: user.email,
                ..NewUser::default()
            }),
            (Some(_), Some(_)) => {
                return Err(Problem::invalid_at("/user", "exclusive", "Send userId or user, not both."));
            }
            (None, None) => return Err(Problem::invalid_at("/userId", "required", "Send userId or user.")),
        };
        let credential = session.credential_id.map(|MaybeId(id)| {
            let message = "There is no such credential in this environment.";
            id.ok_or_else(|| Problem::invalid_at("/credentialId", "unknown", message))
        });
        Ok(Self {
            user,
            integration: session.integration,
            connectors: session.connectors,
            allowed_origins: session.allowed_origins,
            return_url: session.return_url,
            credential: credential.transpose()?,
            expires_in: session.expires_in,
            confirm: session.confirm,
            locale: session.locale,
            theme: session.theme,
        })
    }
}

/// A new connect session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct CreatedSessionOut {
    /// Its id.
    #[schema(example = "cs_01jz0000000000000000000000")]
    session_id: String,
    /// What the script takes: the id, a dot and a secret that is shown this once.
    #[serde(serialize_with = "expose")]
    #[schema(value_type = String)]
    token: PlainSessionToken,
    /// The hosted link; null where a confirmation is needed and there is no address to return to.
    connect_url: Option<String>,
    /// When it ends.
    expires_at: Time,
}

fn expose<S: Serializer>(token: &PlainSessionToken, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.expose())
}

impl From<CreatedSession> for CreatedSessionOut {
    fn from(created: CreatedSession) -> Self {
        Self {
            session_id: created.session.id.to_string(),
            token: created.token,
            connect_url: created.connect_url,
            expires_at: created.session.expires_at.into(),
        }
    }
}

/// How far a connect session is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct SessionOut {
    /// Its id.
    session_id: String,
    /// How it stands.
    #[schema(value_type = SessionStatusWord)]
    status: SessionStatus,
    /// What came of each connector.
    results: Vec<ResultOut>,
    /// When it ends.
    expires_at: Time,
}

/// What came of one connector.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ResultOut {
    /// The connector's key.
    connector: String,
    /// What was connected.
    credential_id: Option<String>,
    /// How far it is.
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
            status: view.status,
            results: view.results.into_iter().map(result).collect(),
            expires_at: view.session.expires_at.into(),
        }
    }
}

/// What shows that the right user connected.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct ConfirmationIn {
    /// The user who is signed in at your app.
    #[schema(example = "u-17")]
    pub(in crate::http) user_id: String,
    /// The code that came back with the browser.
    #[schema(value_type = String, write_only)]
    pub(in crate::http) confirmation_code: SecretString,
}
