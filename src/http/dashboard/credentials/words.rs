//! The words and marks by which pages say how a credential stands and what happened to it.

use std::collections::HashMap;

use serde::Serialize;
use vouchsafe_entity::kind::Status;
use vouchsafe_entity::millis::Millis;

use crate::domain::credential::Credential;
use crate::domain::history::{Entry, Happening};
use crate::http::connect::page::Connector;
use crate::http::dashboard::moment::Moment;
use crate::provider::Definition;
use crate::service::Hub;

/// `good`, `warning`, `danger` or `neutral`, with its word.
pub(in crate::http::dashboard) type Mark = (&'static str, &'static str);

/// The statuses, in the order of the chips.
pub(super) const STATUSES: [Status; 6] =
    [Status::Active, Status::Expired, Status::Error, Status::Inactive, Status::Pending, Status::Revoked];

/// A status as it is marked.
pub(in crate::http::dashboard) const fn mark(status: Status) -> Mark {
    match status {
        Status::Active => ("good", "Active"),
        Status::Pending => ("neutral", "Not confirmed"),
        Status::Error => ("warning", "Failing"),
        Status::Inactive => ("neutral", "Switched off"),
        Status::Expired => ("danger", "To reconnect"),
        Status::Revoked => ("danger", "Revoked"),
    }
}

/// The app of a connector, as it is named and pictured.
pub(in crate::http::dashboard) fn app(hub: &Hub, connector: &str, provider: &str) -> Connector {
    let known = hub.providers().get(provider);
    let name = known.as_deref().map_or(connector, Definition::name);
    Connector::new(connector, name).with_icon(known.as_deref().and_then(Definition::icon_slug))
}

/// Why a credential stands as it does, and what helps.
pub(in crate::http::dashboard) fn reason(word: &str) -> &'static str {
    match word {
        "deactivated" => "Somebody switched it off. Switch it on to use it again.",
        "connector_disabled" => "Its connector is switched off. Switch that on to use it again.",
        "connector_rejected" => "The app refuses the connector’s client ID or secret. Put them right there.",
        "awaiting_confirmation" => {
            "Your back end has not confirmed it yet; after ten minutes it is given back."
        }
        "refresh_delayed" => {
            "The last renewal did not succeed; its token still works, and the hub tries again."
        }
        "refresh_unconfirmed" => "Nobody knows yet whether the last renewal succeeded; the hub asks again.",
        "refusal_unconfirmed" => "The app refused a renewal once. The hub asks once more before it gives up.",
        "throttled" => "The app asks the hub to slow down. It is tried again by itself.",
        "unexpected_response" => "The app answers renewals with something that the hub can’t read.",
        "provider_unreachable" => "The app can’t be reached. It is tried again by itself.",
        "key_unavailable" => {
            "The hub can’t open it: the key that sealed it is not at hand, or it was damaged."
        }
        "refreshing" => "It is being renewed.",
        "grant_refused" => "The app refused to renew it, twice. Its user has to connect it again.",
        "grant_lost" => "The app’s answer to a renewal never arrived. Its user has to connect it again.",
        "no_refresh_token" => "Its access has ended and nothing renews it. Its user has to connect it again.",
        "rejected_by_provider" => "The app refuses it. Its user has to connect it again.",
        "expiry_date" => "Its end has passed. Give it a new value, or have it connected again.",
        "revoked_by_request" => "It was revoked here. Its user can connect it again.",
        "revoked_upstream" => "It was revoked at the app. Its user can connect it again.",
        _ => "Something is wrong with it.",
    }
}

/// An entry of a history as it is shown.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct HistoryRow {
    kind: &'static str,
    icon: &'static str,
    title: String,
    /// The credential that it happened to, where the history is of several things.
    to: Option<Named>,
    at: Moment,
    /// Where it happened several times.
    since: Option<Moment>,
    detail: Option<String>,
    by: Option<String>,
}

/// A credential by its name.
#[derive(Serialize)]
struct Named {
    name: String,
    /// None where it is no more.
    url: Option<String>,
}

/// Kind, icon and words of what happened.
const fn told(what: Happening) -> (&'static str, &'static str, &'static str) {
    use Happening as H;
    match what {
        H::Connected => ("good", "link", "Connected"),
        H::Reconnected => ("good", "link", "Reconnected"),
        H::ConnectFailed => ("danger", "alert", "Connecting it failed"),
        H::OtherAccount => ("warning", "alert", "Another account was signed in"),
        H::Confirmed => ("good", "check", "Confirmed by the back end"),
        H::Refreshed => ("good", "again", "Refreshed"),
        H::RefreshFailed => ("danger", "alert", "Refresh failed"),
        H::Checked => ("neutral", "check", "The app was asked"),
        H::Rejected => ("danger", "alert", "The app refused it"),
        H::Used => ("neutral", "out", "Used"),
        H::CallFailed => ("warning", "out", "A call did not get through"),
        H::Read => ("neutral", "key", "Token read"),
        H::Changed => ("neutral", "settings", "Changed"),
        H::SwitchedOff => ("warning", "cross", "Switched off"),
        H::SwitchedOn => ("good", "check", "Switched on"),
        H::LinkMade => ("neutral", "link", "Link to reconnect made"),
        H::Expiring => ("warning", "clock", "Its end comes near"),
        H::Ended => ("danger", "alert", "Must be connected again"),
        H::Failing => ("warning", "alert", "Could not be used"),
        H::Recovered => ("good", "check", "Works again"),
        H::Revoked => ("danger", "cross", "Revoked"),
        H::AppTold => ("neutral", "out", "The app was told of its end"),
        H::Wiped => ("neutral", "cross", "Its tokens were removed"),
        H::Deleted => ("danger", "cross", "Deleted"),
        H::SessionMade => ("neutral", "link", "Session to connect made"),
        H::SessionEnded => ("neutral", "cross", "Session to connect ended"),
        H::SessionNotConfirmed => ("danger", "alert", "A wrong confirmation was sent"),
    }
}

impl HistoryRow {
    /// `names` are those of members and API keys, by their ids.
    pub(in crate::http::dashboard) fn of(entry: Entry, names: &HashMap<String, String>, now: Millis) -> Self {
        let (kind, icon, words) = told(entry.what);
        let title = if entry.count > 1 { format!("{words} ×{}", entry.count) } else { words.to_owned() };
        let by = entry.by.and_then(|by| {
            let name = by.id.and_then(|id| names.get(&id));
            match (by.kind.as_str(), name) {
                ("member", Some(name)) => Some(format!("by {name}")),
                ("member", None) => Some("by a former member".to_owned()),
                ("api_key", Some(name)) => Some(format!("by the API key {name}")),
                ("api_key", None) => Some("by an API key that is gone".to_owned()),
                ("user", _) => Some("by its user".to_owned()),
                ("operator", _) => Some("by the operator".to_owned()),
                _ => None,
            }
        });
        Self {
            kind,
            icon,
            title,
            to: None,
            at: Moment::new(entry.at, now),
            since: (entry.count > 1).then(|| Moment::new(entry.since, now)),
            detail: entry.detail,
            by,
        }
    }

    /// The same, with the credential that it happened to and where that is.
    pub(in crate::http::dashboard) fn happened_to(mut self, name: String, url: Option<String>) -> Self {
        self.to = Some(Named { name, url });
        self
    }
}

/// A credential in a list.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct CredentialRow {
    pub(in crate::http::dashboard) id: String,
    pub(in crate::http::dashboard) user: String,
    pub(in crate::http::dashboard) user_url: String,
    /// None where the reader may not look into it.
    pub(in crate::http::dashboard) url: Option<String>,
    pub(in crate::http::dashboard) app: Connector,
    pub(in crate::http::dashboard) account: Option<String>,
    pub(in crate::http::dashboard) mark: Mark,
    pub(in crate::http::dashboard) ends: Option<Moment>,
    pub(in crate::http::dashboard) last_used: Option<Moment>,
    pub(in crate::http::dashboard) connected: Moment,
    pub(in crate::http::dashboard) scopes: Vec<String>,
    /// Where it is taken away from its user; none where the reader may not.
    pub(in crate::http::dashboard) disconnect: Option<String>,
}

impl CredentialRow {
    /// The credential as `desk`'s reader sees it.
    pub(in crate::http::dashboard) fn of(
        desk: &crate::http::dashboard::caller::InEnvironment,
        credential: Credential,
    ) -> Self {
        use crate::domain::role::Action;
        use crate::http::dashboard::url::Url;
        let (now, place) = (desk.hub.now(), desk.environment.as_str());
        let may = |action| desk.desk.who.may(action);
        let moment = |at: Option<Millis>| at.map(|at| Moment::new(at, now));
        let url = Url::Credential(place, credential.id).to_string();
        let disconnect = Url::DisconnectCredential(place, credential.user, credential.id).to_string();
        Self {
            id: credential.id.to_string(),
            user_url: Url::User(place, credential.user).to_string(),
            url: may(Action::ViewCredentials).then_some(url),
            app: app(&desk.hub, &credential.connector, &credential.provider),
            mark: mark(credential.health(now).status),
            ends: moment(credential.acts_by()),
            last_used: moment(credential.last_used_at),
            connected: Moment::new(credential.issued_at, now),
            account: credential.account.map(|account| account.label),
            user: credential.username,
            scopes: credential.scopes,
            disconnect: may(Action::ManageCredentials).then_some(disconnect),
        }
    }

    /// A row for samples.
    pub(in crate::http::dashboard) fn sample(
        user: &str,
        app: (&str, &str),
        account: Option<&str>,
        status: Status,
        days: i64,
    ) -> Self {
        let now = Millis(1_893_456_000_000);
        let back = |days: i64| Moment::new(now.plus_seconds(-days * 86_400), now);
        Self {
            id: format!("cred_{user}"),
            user: user.to_owned(),
            user_url: "/dashboard/production/users/x".to_owned(),
            url: Some("/dashboard/production/credentials/x".to_owned()),
            app: Connector::new(app.0, app.1),
            account: account.map(str::to_owned),
            mark: mark(status),
            ends: (days % 2 == 0).then(|| back(-days)),
            last_used: (days > 1).then(|| back(days / 2)),
            connected: back(days),
            scopes: vec!["crm.objects.contacts.read".to_owned(), "offline_access".to_owned()],
            disconnect: Some("/dashboard/production/users/x/credentials/x/disconnect".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_words_of_its_own() {
        use vouchsafe_entity::kind::BrokenCause;
        for cause in BrokenCause::ALL {
            assert_ne!(reason(cause.as_str()), reason("something else"), "{cause}");
        }
        assert_eq!(STATUSES.len(), Status::ALL.len());
    }
}
