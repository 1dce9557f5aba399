//! How a flow ended, as the callback page and the host app hear of it.

use url::Url;
use vouchsafe_entity::id::{CredentialId, FlowId};

use crate::domain::flow::Flow;
use crate::provider::Definition;
use crate::secret::PlainToken;
use crate::service::connect::Visit;

/// What a callback page shows.
#[derive(Debug)]
pub struct Returned {
    /// The visit.
    pub visit: Visit,
    /// The flow.
    pub flow: FlowId,
    /// The connector's key.
    pub connector: String,
    /// The provider's name.
    pub provider: String,
    /// The slug by which its icon is asked for; none for an app without one.
    pub icon: Option<String>,
    /// How it ended.
    pub answer: CallbackAnswer,
    /// Whether the browser goes back to the host app instead of closing a window.
    pub redirect: bool,
    /// Whether the flow began on a hosted page.
    pub hosted: bool,
    /// Where the browser goes back to, with what happened in its query.
    pub return_url: Option<String>,
    /// The code for the window that opened this one.
    pub confirmation_code: Option<PlainToken>,
}

/// How a flow ended.
#[derive(Debug)]
pub enum CallbackAnswer {
    /// Connected.
    Completed {
        /// The credential.
        credential: CredentialId,
        /// What people see of its account.
        account: Option<String>,
    },
    /// Not connected.
    Failed {
        /// A code.
        code: String,
        /// The app's own words. Untrusted.
        message: Option<String>,
    },
    /// The user must decide whether another account may take the place of the old.
    OtherAccount {
        /// The account so far.
        expected: String,
        /// The account that came.
        found: String,
    },
}

impl Returned {
    pub(super) fn new(
        flow: &Flow,
        visit: Visit,
        connector: String,
        definition: &Definition,
        answer: CallbackAnswer,
        code: Option<PlainToken>,
    ) -> Self {
        let decided = !matches!(answer, CallbackAnswer::OtherAccount { .. });
        let return_url = visit
            .return_url()
            .filter(|_| flow.redirect && decided)
            .and_then(|address| with_outcome(address, &visit, &answer, code.as_ref()));
        Self {
            flow: flow.id,
            connector,
            provider: definition.name().to_owned(),
            icon: definition.icon_slug().map(str::to_owned),
            answer,
            redirect: flow.redirect,
            hosted: flow.hosted,
            return_url,
            confirmation_code: code,
            visit,
        }
    }
}

/// The address to go back to, with what happened in its query.
pub(in crate::service::connect) fn with_outcome(
    address: &str,
    visit: &Visit,
    answer: &CallbackAnswer,
    code: Option<&PlainToken>,
) -> Option<String> {
    let mut url = Url::parse(address).ok()?;
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("sessionId", &visit.session.id.to_string());
        match answer {
            CallbackAnswer::Completed { credential, .. } => {
                query.append_pair("credentialId", &credential.to_string());
            }
            CallbackAnswer::Failed { code, .. } => {
                query.append_pair("error", code);
            }
            CallbackAnswer::OtherAccount { .. } => {}
        }
        if let Some(code) = code {
            query.append_pair("confirmationCode", code.expose());
        }
        let status = match answer {
            CallbackAnswer::Completed { .. } if code.is_some() => "waiting",
            CallbackAnswer::Completed { .. } => "completed",
            CallbackAnswer::Failed { .. } | CallbackAnswer::OtherAccount { .. } => "failed",
        };
        query.append_pair("status", status);
    }
    Some(url.into())
}
