//! The views of the connect pages: what each template is given, and nothing else.
//!
//! They must not know where their content comes from. No view holds a secret that was typed.

mod parts;
mod samples;

use serde::Serialize;

pub use parts::{
    ConfirmationCode, Connector, DoneNote, Failure, FailureReason, Field, FieldOption, KeyProblem, Look,
    MethodLink,
};
pub use samples::{RenderedSample, render_samples};

/// How the frame page is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameMode {
    /// Inside the embedder's page.
    Frame,
    /// On its own, from a hosted link.
    Hosted,
}

/// `GET /connect`: the shell that the script fills. Template `connect/frame.html`.
#[derive(Debug, Clone, Serialize)]
pub struct FrameShell {
    /// The session's public id.
    pub session: String,
    /// The origins that may hold the frame and speak to it.
    pub origins: Vec<String>,
    /// How it is shown.
    pub mode: FrameMode,
    /// The host app's name.
    pub host_app: String,
    /// The host app's colours and logo.
    pub look: Look,
    /// What is shown until the script has something else: that nothing is left to do.
    pub done: Option<HostedDonePage>,
}

/// What is to be done about one connector.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum RowState {
    /// Nothing was given yet.
    Connect,
    /// Nothing to do.
    Connected {
        /// The account's label.
        account: Option<String>,
    },
    /// Connected, but the integration needs more.
    More {
        /// The account's label.
        account: Option<String>,
        /// What is missing, in the provider's plain words.
        access: Vec<String>,
    },
    /// The credential stopped working or the last attempt failed.
    Failed {
        /// The account's label.
        account: Option<String>,
    },
}

/// What a user sees of what they have given, on a hosted page.
#[derive(Debug, Clone, Serialize)]
pub struct OwnCredential {
    /// Its id.
    pub id: String,
    /// Since when.
    pub since: Day,
    /// When it was last used.
    pub last_used: Option<Day>,
    /// With which rights.
    pub access: Vec<String>,
}

/// A day, which the script says in the reader's words.
#[derive(Debug, Clone, Serialize)]
pub struct Day {
    /// The moment, as machines read it.
    pub at: String,
    /// The day of it in UTC.
    pub day: String,
}

impl Day {
    /// The day of the moment written so (RFC 3339).
    pub fn of(at: String) -> Self {
        Self { day: at.split('T').next().unwrap_or_default().to_owned(), at }
    }
}

/// Asks once before something is disconnected.
#[derive(Debug, Clone, Serialize)]
pub struct DisconnectPage {
    /// The host app's name.
    pub host_app: String,
    /// Which app.
    pub connector: Connector,
    /// The label of the upstream account.
    pub account: Option<String>,
    /// The credential.
    pub credential: String,
}

/// One connector on the choose page.
#[derive(Debug, Clone, Serialize)]
pub struct ChooseRow {
    /// Which app.
    pub connector: Connector,
    /// How things stand.
    pub state: RowState,
    /// Whether the integration works without it.
    pub optional: bool,
    /// What the user has given; none inside a frame.
    pub own: Option<OwnCredential>,
}

/// What the host app asks for, an app a row.
#[derive(Debug, Clone, Serialize)]
pub struct ChoosePage {
    /// The host app's name.
    pub host_app: String,
    /// The integration's name, in the host app's words.
    pub integration: Option<String>,
    /// The connectors; more than eight can be searched.
    pub rows: Vec<ChooseRow>,
    /// Whether all that is required is connected, so that the user may end here.
    pub finished: bool,
}

/// OAuth: who will be asked, and what has to be known first. Holds the waiting page too.
#[derive(Debug, Clone, Serialize)]
pub struct SignInPage {
    /// The host app's name.
    pub host_app: String,
    /// The integration's name.
    pub integration: Option<String>,
    /// Which app.
    pub connector: Connector,
    /// The method's name in requests (`oauth2`).
    pub method: String,
    /// What the host app will be able to do, in the provider's plain words; empty when it gives none.
    pub access: Vec<String>,
    /// Variables to fill in first.
    pub fields: Vec<Field>,
    /// The account that is being reconnected.
    pub reconnect: Option<String>,
    /// Other ways to connect this app.
    pub other_methods: Vec<MethodLink>,
    /// Whether there is a choose page to go back to.
    pub back: bool,
}

/// "Finish in the window we opened", by itself; [`SignInPage`] contains the same part.
#[derive(Debug, Clone, Serialize)]
pub struct WaitingPage {
    /// Which app.
    pub connector: Connector,
}

/// A form made of the provider's fields: API key, Basic, session login, JWT.
#[derive(Debug, Clone, Serialize)]
pub struct KeyPage {
    /// The host app's name.
    pub host_app: String,
    /// The integration's name.
    pub integration: Option<String>,
    /// Which app.
    pub connector: Connector,
    /// The method's name in requests (`api_key`).
    pub method: String,
    /// The fields, with what was typed (never secrets) and the error of each.
    pub fields: Vec<Field>,
    /// Why the last attempt was refused, where no single field is at fault.
    pub problem: Option<KeyProblem>,
    /// The account that is being reconnected.
    pub reconnect: Option<String>,
    /// Other ways to connect this app.
    pub other_methods: Vec<MethodLink>,
    /// Whether there is a choose page to go back to.
    pub back: bool,
}

/// Connected; then the next app, or the end.
#[derive(Debug, Clone, Serialize)]
pub struct DonePage {
    /// The host app's name.
    pub host_app: String,
    /// Which app; `None` when the session found everything connected.
    pub connector: Option<Connector>,
    /// The label of the upstream account.
    pub account: Option<String>,
    /// What else there is to know.
    pub note: Option<DoneNote>,
    /// The next connector to do.
    pub next: Option<Connector>,
    /// Where a hosted page leads to at the end (http or https).
    pub return_url: Option<String>,
}

/// Not connected, and why.
#[derive(Debug, Clone, Serialize)]
pub struct FailedPage {
    /// The host app's name.
    pub host_app: String,
    /// Which app.
    pub connector: Connector,
    /// Why.
    pub failure: Failure,
    /// Whether there is a choose page to go back to.
    pub back: bool,
}

/// `GET /connect/start`: the page that stops a link being handed to somebody else. Works without a script.
#[derive(Debug, Clone, Serialize)]
pub struct InterstitialPage {
    /// The host app's name.
    pub host_app: String,
    /// Which app.
    pub connector: Connector,
    /// How the host app calls the user: e-mail address, else name.
    pub user: String,
    /// The flow's public id, sent back by the form.
    pub flow: String,
    /// Whether the opener may answer for the user: false in redirect and hosted mode.
    pub handshake: bool,
    /// Whether nobody else may: then the page alone leads nowhere.
    pub opener_only: bool,
    /// Whether the user went on already, and the app is being called as often as it allows.
    pub busy: bool,
    /// The host app's colours and logo.
    pub look: Look,
}

/// How a callback ended.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum CallbackOutcome {
    /// The credential is there.
    Completed {
        /// The label of the upstream account.
        account: Option<String>,
    },
    /// It isn't.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// The user signed in to another account than the one being reconnected.
    ConfirmAccount {
        /// The account so far.
        expected: String,
        /// The account that came back.
        found: String,
        /// Where the form is sent (a path of ours), with `flow` and `decision` = `accept` or `keep`.
        action: String,
    },
}

/// `GET /oauth/callback/{connectorId}`: closes itself, or leads on in redirect mode.
#[derive(Debug, Clone, Serialize)]
pub struct CallbackPage {
    /// The host app's name.
    pub host_app: String,
    /// Which app; `None` where the answer belongs to no flow of this browser.
    pub connector: Option<Connector>,
    /// How it ended.
    pub outcome: CallbackOutcome,
    /// The flow's public id.
    pub flow: Option<String>,
    /// One-time code for the window that opened this one.
    pub confirmation: Option<ConfirmationCode>,
    /// Redirect mode: the host app's page to go back to (http or https), code and status already in its query.
    pub return_url: Option<String>,
    /// Hosted mode with something left to do: the hosted page to go back to (a path of ours).
    pub continue_url: Option<String>,
    /// The host app's colours and logo.
    pub look: Look,
}

/// How a hosted link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HostedState {
    /// Everything is connected.
    Completed,
    /// The link's time is over.
    Expired,
    /// The host app took it back.
    Cancelled,
    /// There is no such link.
    Unknown,
}

/// An app and the account it was connected with.
#[derive(Debug, Clone, Serialize)]
pub struct ConnectedAccount {
    /// Which app.
    pub connector: Connector,
    /// The label of the upstream account.
    pub account: Option<String>,
}

/// A hosted link that has nothing left to do. Works without a script.
#[derive(Debug, Clone, Serialize)]
pub struct HostedDonePage {
    /// The host app's name; `None` when the link is unknown.
    pub host_app: Option<String>,
    /// How the link stands.
    pub state: HostedState,
    /// What was connected.
    pub accounts: Vec<ConnectedAccount>,
    /// Where it leads (http or https).
    pub return_url: Option<String>,
    /// The host app's colours and logo.
    pub look: Look,
}

#[cfg(test)]
mod tests;
