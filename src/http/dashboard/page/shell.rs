//! The frame around a page: where one is, who one is, where one can go. What a role does not see is not offered.

use serde::Serialize;
use vouchsafe_entity::kind::WorkspaceState;

use super::{Flash, Place, Said, Undo};
use crate::domain::role::Action;
use crate::http::dashboard::url::Url;
use crate::service::members::SignedIn;

/// The environment that counts.
const PRODUCTION: &str = "production";

/// Whether an environment is one of those that must not be mistaken: by its name, as there is nothing else that says so.
fn is_production(name: &str) -> bool {
    let first = name.split('-').next().unwrap_or_default();
    ["production", "prod", "live"].contains(&first)
}

/// The frame of a page.
#[derive(Clone, Debug, Serialize)]
pub(in crate::http::dashboard) struct Shell {
    workspace: String,
    name: String,
    email: String,
    role: &'static str,
    initial: String,
    environment: Option<Environment>,
    environments: Vec<Environment>,
    /// Where another is made; none where the reader may not.
    new_environment: Option<String>,
    /// In the order shown: those of the environment, those of the workspace.
    navigation: [Vec<Link>; 2],
    place: Place,
    flash: Option<&'static str>,
    /// Where what was just switched off is switched on again.
    undo: Option<String>,
    suspended: bool,
}

#[derive(Clone, Debug, Serialize)]
struct Environment {
    name: String,
    production: bool,
    current: bool,
    url: String,
}

#[derive(Clone, Debug, Serialize)]
struct Link {
    label: &'static str,
    icon: &'static str,
    url: String,
    current: bool,
}

/// A page of the navigation: its place, its label, its icon, its address, and what one must be let to do to see it.
type Entry<'a> = (Place, &'static str, &'static str, Url<'a>, Action);

/// The pages of an environment, in the order shown.
fn in_environment(name: &str) -> Vec<Entry<'_>> {
    vec![
        (Place::Overview, "Overview", "overview", Url::Overview(name), Action::ListCredentials),
        (Place::Connectors, "Connectors", "plug", Url::Connectors(name), Action::ViewConnectors),
        (Place::Integrations, "Integrations", "puzzle", Url::Integrations(name), Action::ViewConnectors),
        (Place::Users, "Users", "person", Url::Users(name), Action::ViewUsers),
        (Place::Credentials, "Credentials", "link", Url::Credentials(name), Action::ListCredentials),
        (Place::Attempts, "Attempts", "again", Url::Attempts(name), Action::ViewCredentials),
        (Place::Secrets, "Secrets", "lock", Url::Secrets(name), Action::ListSecrets),
        (Place::Console, "API call", "console", Url::Console(name), Action::CallApps),
        (Place::Webhooks, "Webhooks", "webhook", Url::Webhooks(name), Action::ViewDeliveries),
        (Place::Events, "Events", "bolt", Url::Events(name), Action::ListEvents),
        (Place::ApiKeys, "API keys", "key", Url::ApiKeys(name), Action::ManageApiKeys),
        (Place::Audit, "Audit log", "log", Url::Audit(name), Action::ReadAudit),
        (Place::Settings, "Settings", "settings", Url::Settings(name), Action::ViewConnectors),
    ]
}

/// The pages of the workspace, in the order shown.
const IN_WORKSPACE: [Entry<'static>; 1] =
    [(Place::Members, "Members", "people", Url::Members, Action::ManageMembers)];

/// The environment that `path` names, where it is one of these.
pub(in crate::http::dashboard) fn environment_of<'a>(
    path: &'a str,
    environments: &[String],
) -> Option<&'a str> {
    let environment = path.strip_prefix("/dashboard/")?.split('/').next()?;
    environments.iter().any(|name| name == environment).then_some(environment)
}

/// The kind of page at `path`: the word behind the name of an environment, none where the path names no environment.
pub(in crate::http::dashboard) fn kind_of<'a>(path: &'a str, environments: &[String]) -> Option<&'a str> {
    environment_of(path, environments)?;
    path.strip_prefix("/dashboard/")?.split('/').nth(1)
}

/// The kind of the list of what has a page of this kind.
fn listed_as(kind: &str) -> &str {
    match kind {
        "secret" => "secrets",
        "new-user" => "users",
        "new-integration" => "integrations",
        other => other,
    }
}

/// The place of the navigation in which an address of the dashboard lies.
pub(in crate::http::dashboard) fn place_of(address: &str) -> Place {
    let path = address.split('?').next().unwrap_or_default();
    let mut parts = path.strip_prefix("/dashboard/").unwrap_or_default().split('/');
    let (first, kind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    match first {
        "account" => Place::Account,
        "members" | "invitations" | "workspace" => Place::Members,
        environment => {
            let list = format!("/dashboard/{environment}/{}", listed_as(kind));
            let found = in_environment(environment).into_iter().find(|(.., url, _)| url.to_string() == list);
            found.map_or(Place::Elsewhere, |(place, ..)| place)
        }
    }
}

/// Where one gets who switches to an environment on a page of this kind: to the same, one thing's page to the list of
/// its kind, without filters, since what they name is not there. Else, and where `may` says no, to the overview.
fn counterpart(environment: &str, kind: Option<&str>, may: impl Fn(Action) -> bool) -> String {
    let kind = listed_as(kind.unwrap_or_default());
    let listed = in_environment(environment).into_iter().map(|(.., url, action)| (url, action));
    let beside = [Url::Catalogue(environment), Url::Theme(environment)];
    let beside = beside.into_iter().map(|url| (url, Action::ViewConnectors));
    let there = format!("/dashboard/{environment}/{kind}");
    let mut pages = listed.chain(beside).map(|(url, action)| (url.to_string(), action));
    let found = pages.find(|(url, action)| *url == there && may(*action));
    found.map_or_else(|| Url::Overview(environment).to_string(), |(url, _)| url)
}

impl Shell {
    /// The frame for `who`, at `place` of `environment`, on a page of that kind (see [`kind_of`]).
    pub(in crate::http::dashboard) fn of(
        who: &SignedIn,
        environments: &[String],
        environment: Option<&str>,
        kind: Option<&str>,
        place: Place,
        said: Option<&Said>,
    ) -> Self {
        let links = |entries: &[Entry<'_>]| -> Vec<Link> {
            let seen = entries.iter().filter(|entry| who.may(entry.4));
            seen.map(|(at, label, icon, url, _)| Link {
                label,
                icon,
                url: url.to_string(),
                current: *at == place,
            })
            .collect()
        };
        let shown = |name: &String| Environment {
            production: is_production(name),
            current: Some(name.as_str()) == environment,
            url: counterpart(name, kind, |action| who.may(action)),
            name: name.clone(),
        };
        let environments: Vec<_> = environments.iter().map(shown).collect();
        let undo = said.and_then(|said| said.undo.as_ref());
        let undo = undo.filter(|undo| environments.iter().any(|one| one.name == undo.environment));
        let makes_more = who.may(Action::CreateEnvironment) && !who.must_enrol();
        let navigation = if who.must_enrol() {
            [Vec::new(), Vec::new()]
        } else {
            [environment.map_or_else(Vec::new, |name| links(&in_environment(name))), links(&IN_WORKSPACE)]
        };
        Self {
            workspace: who.workspace.name.clone(),
            name: who.member.name.clone(),
            email: who.member.email.clone(),
            role: who.member.role.as_str(),
            initial: who.member.name.chars().next().unwrap_or('?').to_uppercase().collect(),
            environment: environments.iter().find(|one| one.current).cloned(),
            environments,
            new_environment: makes_more.then(|| Url::NewEnvironment.to_string()),
            navigation,
            place,
            flash: said.map(|said| said.flash.word()),
            undo: undo.map(Undo::action),
            suspended: who.workspace.state == WorkspaceState::Suspended,
        }
    }

    /// A frame for samples, at `place` of production.
    pub(in crate::http::dashboard) fn sample(place: Place) -> Self {
        let environment = |name: &str, current: bool| Environment {
            name: name.to_owned(),
            production: is_production(name),
            current,
            url: Url::Overview(name).to_string(),
        };
        let links = |entries: &[Entry<'_>]| -> Vec<Link> {
            let link = |(at, label, icon, url, _): &Entry<'_>| Link {
                label,
                icon,
                url: url.to_string(),
                current: *at == place,
            };
            entries.iter().map(link).collect()
        };
        Self {
            workspace: "acme".to_owned(),
            name: "Jo Miller".to_owned(),
            email: "jo@acme.test".to_owned(),
            role: "owner",
            initial: "J".to_owned(),
            environment: Some(environment(PRODUCTION, true)),
            environments: vec![environment(PRODUCTION, true), environment("sandbox", false)],
            new_environment: Some(Url::NewEnvironment.to_string()),
            navigation: [links(&in_environment(PRODUCTION)), links(&IN_WORKSPACE)],
            place,
            flash: None,
            undo: None,
            suspended: false,
        }
    }

    /// The same with a message.
    pub(in crate::http::dashboard) fn saying(mut self, flash: Flash) -> Self {
        self.flash = Some(flash.word());
        let undone = flash == Flash::ConnectorDisabled;
        self.undo = undone.then(|| Url::EnableConnector(PRODUCTION, "fernhill").to_string());
        self
    }

    /// The same in a workspace whose subscription has ended.
    pub(in crate::http::dashboard) fn suspended(mut self) -> Self {
        self.suspended = true;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_lies_in_the_place_of_its_kind() {
        for (address, place) in [
            ("/dashboard/production/secret/STRIPE_KEY/reveal", Place::Secrets),
            ("/dashboard/sandbox/users/user_1/credentials/cred_1/disconnect", Place::Users),
            ("/dashboard/production/audit/export?action=user.create", Place::Audit),
            ("/dashboard/members/mem_1/remove", Place::Members),
            ("/dashboard/invitations/inv_1/withdraw", Place::Members),
            ("/dashboard/workspace/delete", Place::Members),
            ("/dashboard/account/authenticator", Place::Account),
            ("/dashboard/step-up?next=%2Fdashboard", Place::Elsewhere),
            ("/dashboard/production", Place::Elsewhere),
            ("/dashboard", Place::Elsewhere),
        ] {
            assert_eq!(place_of(address), place, "{address}");
        }
    }

    #[test]
    fn a_switch_of_environment_stays_on_the_same_kind_of_page() {
        let environments = ["production".to_owned(), "sandbox".to_owned()];
        let led = |path: &str, may: bool| {
            counterpart("sandbox", kind_of(path, &environments), |action| may || action != Action::ReadAudit)
        };
        for (path, there) in [
            ("/dashboard/production/secrets", "secrets"),
            ("/dashboard/production/secret/STRIPE_KEY/edit", "secrets"),
            ("/dashboard/production/credentials/cred_1/delete", "credentials"),
            ("/dashboard/production/new-user", "users"),
            ("/dashboard/production/new-integration", "integrations"),
            ("/dashboard/production/catalogue/quillpost", "catalogue"),
            ("/dashboard/production/theme", "theme"),
            ("/dashboard/production/audit/export", "audit"),
            ("/dashboard/production", "overview"),
            ("/dashboard/production/nothing", "overview"),
            ("/dashboard/elsewhere/secrets", "overview"),
            ("/dashboard/members/settings", "overview"),
            ("/dashboard/account", "overview"),
        ] {
            assert_eq!(led(path, true), format!("/dashboard/sandbox/{there}"), "{path}");
        }
        assert_eq!(led("/dashboard/production/audit", false), "/dashboard/sandbox/overview");
    }

    #[test]
    fn what_counts_is_known_by_its_name() {
        for (name, counts) in [
            ("production", true),
            ("production-eu", true),
            ("prod", true),
            ("live-us", true),
            ("sandbox", false),
            ("pre-production", false),
            ("product-tests", false),
        ] {
            assert_eq!(is_production(name), counts, "{name}");
        }
    }
}
