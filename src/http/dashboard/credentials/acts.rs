//! What is done to one credential.

use serde::Serialize;

use super::CredentialPath;
use super::words::app;
use crate::domain::credential::Credential;
use crate::http::Problem;
use crate::http::dashboard::Answer;
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::confirm::ConfirmPage;
use crate::http::dashboard::form::Form;
use crate::http::dashboard::moment::Moment;
use crate::http::dashboard::page::{DashboardPage, Flash, Place, SwitchedOff};
use crate::http::dashboard::url::Url;
use crate::http::extract::InPath;
use crate::service::connectors::Needing;
use crate::service::credentials::{CredentialChange, Upstream};
use vouchsafe_entity::millis::Millis;

/// What is said of an end.
pub(in crate::http::dashboard) const fn said(upstream: Upstream) -> Flash {
    match upstream {
        Upstream::Revoked => Flash::CredentialEnded,
        Upstream::Unsupported => Flash::CredentialEndedHere,
        Upstream::Failed => Flash::CredentialEndedUntold,
    }
}

/// What a credential is called in a question: its app and its user.
pub(in crate::http::dashboard) fn named(desk: &InEnvironment, credential: &Credential) -> String {
    let app = app(&desk.hub, &credential.connector, &credential.provider);
    format!("{} of {}", app.name, credential.username)
}

/// What breaks without a credential.
pub(in crate::http::dashboard) async fn breaks(
    desk: &InEnvironment,
    credential: &Credential,
) -> Result<Vec<String>, Problem> {
    let now = desk.hub.now();
    let mut breaks = vec![match credential.last_used_at {
        Some(at) => format!("It was last used {}.", Moment::new(at, now).into_said()),
        None => "It was never used.".to_owned(),
    }];
    let Needing { integrations, more } =
        desk.hub.integrations_with(&desk.actor, &[&credential.connector]).await?;
    if !integrations.is_empty() {
        let names: Vec<_> = integrations.iter().map(|integration| integration.name.as_str()).collect();
        let more = if more { " and more" } else { "" };
        breaks.push(format!("Stops working for this user: {}{more}.", names.join(", ")));
    }
    Ok(breaks)
}

async fn found(desk: &InEnvironment, path: CredentialPath) -> Result<Credential, Problem> {
    desk.hub.may_manage_credentials(&desk.actor).await?;
    Ok(desk.hub.get_credential(&desk.actor, path.credential).await?)
}

async fn ask(
    desk: &InEnvironment,
    credential: &Credential,
    title: String,
    then: &[&str],
    action: (&'static str, &Url<'_>),
) -> Answer {
    let mut effects = breaks(desk, credential).await?;
    effects.extend(then.iter().map(ToString::to_string));
    let effects: Vec<_> = effects.iter().map(String::as_str).collect();
    let back = Url::Credential(&desk.environment, credential.id);
    Ok(desk.show(&ConfirmPage::danger(title, &effects, action, &back)))
}

/// `POST …/verify`.
pub(super) async fn verify_credential(desk: InEnvironment, InPath(path): InPath<CredentialPath>) -> Answer {
    let found = desk.hub.verify_credential(&desk.actor, path.credential).await?;
    let flash = match found.outcome {
        "ok" => Flash::CredentialWorks,
        "missing_permission" => Flash::CredentialLacksPermission,
        "wrong_key" => Flash::CredentialRefused,
        "unreachable" => Flash::CredentialUnreachable,
        _ => Flash::CredentialUnclear,
    };
    Ok(desk.done(flash, &Url::Credential(&desk.environment, path.credential)))
}

/// `POST …/refresh`.
pub(super) async fn refresh_credential(desk: InEnvironment, InPath(path): InPath<CredentialPath>) -> Answer {
    desk.hub.refresh_credential(&desk.actor, path.credential).await?;
    Ok(desk.done(Flash::CredentialRefreshed, &Url::Credential(&desk.environment, path.credential)))
}

/// A link to send to a user, shown this once.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct LinkPage {
    pub(in crate::http::dashboard) title: String,
    pub(in crate::http::dashboard) user: String,
    pub(in crate::http::dashboard) email: Option<String>,
    pub(in crate::http::dashboard) link: String,
    /// None for the embedder's own page, which stays.
    pub(in crate::http::dashboard) until: Option<Moment>,
    /// Whether it is good for one use.
    pub(in crate::http::dashboard) once: bool,
    pub(in crate::http::dashboard) back: String,
    pub(in crate::http::dashboard) back_label: String,
}

/// `POST …/link`: shown, or mailed to its user.
pub(super) async fn make_link(
    desk: InEnvironment,
    InPath(path): InPath<CredentialPath>,
    form: Form,
) -> Answer {
    if form.has("mail") {
        desk.hub.mail_reconnect_link(&desk.actor, path.credential).await?;
        return Ok(desk.done(Flash::LinkMailed, &Url::Credential(&desk.environment, path.credential)));
    }
    let made = desk.hub.reconnect_link(&desk.actor, path.credential).await?;
    let credential = desk.hub.get_credential(&desk.actor, path.credential).await?;
    let name = named(&desk, &credential);
    let page = LinkPage {
        title: format!("A link to reconnect {name}"),
        user: credential.username,
        email: credential.user_email,
        link: made.address.expose().to_owned(),
        once: made.until.is_some(),
        until: made.until.map(|until| Moment::new(until, desk.hub.now())),
        back: Url::Credential(&desk.environment, path.credential).to_string(),
        back_label: name,
    };
    Ok(desk.show(&page))
}

/// `GET …/deactivate`.
pub(super) async fn ask_deactivation(desk: InEnvironment, InPath(path): InPath<CredentialPath>) -> Answer {
    let credential = found(&desk, path).await?;
    let title = format!("Switch off {}?", named(&desk, &credential));
    let then = ["Calls with it are refused at once.", "It can be switched on again."];
    let action = Url::DeactivateCredential(&desk.environment, credential.id);
    ask(&desk, &credential, title, &then, ("Switch off", &action)).await
}

async fn switch(desk: &InEnvironment, path: CredentialPath, active: bool) -> Answer {
    let change = CredentialChange { active: Some(active), ..CredentialChange::default() };
    desk.hub.update_credential(&desk.actor, path.credential, change).await?;
    let next = Url::Credential(&desk.environment, path.credential);
    if active {
        return Ok(desk.done(Flash::CredentialReactivated, &next));
    }
    Ok(desk.switched_off(SwitchedOff::Credential(path.credential), &next))
}

/// `POST …/deactivate`.
pub(super) async fn deactivate_credential(
    desk: InEnvironment,
    InPath(path): InPath<CredentialPath>,
) -> Answer {
    switch(&desk, path, false).await
}

/// `POST …/reactivate`.
pub(super) async fn reactivate_credential(
    desk: InEnvironment,
    InPath(path): InPath<CredentialPath>,
) -> Answer {
    switch(&desk, path, true).await
}

/// `GET …/revoke`.
pub(super) async fn ask_revocation(desk: InEnvironment, InPath(path): InPath<CredentialPath>) -> Answer {
    let credential = found(&desk, path).await?;
    let title = format!("Revoke {}?", named(&desk, &credential));
    let then = [
        "Its tokens are removed here, and the app is told where it can be.",
        "The row and its history stay; its user can connect it again.",
    ];
    let action = Url::RevokeCredential(&desk.environment, credential.id);
    ask(&desk, &credential, title, &then, ("Revoke credential", &action)).await
}

/// `POST …/revoke`.
pub(super) async fn revoke_credential(desk: InEnvironment, InPath(path): InPath<CredentialPath>) -> Answer {
    let upstream = desk.hub.revoke_credential(&desk.actor, path.credential).await?;
    Ok(desk.done(said(upstream), &Url::Credential(&desk.environment, path.credential)))
}

/// `GET …/delete`.
pub(super) async fn ask_deletion(desk: InEnvironment, InPath(path): InPath<CredentialPath>) -> Answer {
    let credential = found(&desk, path).await?;
    let title = format!("Delete {}?", named(&desk, &credential));
    let then = [
        "It is removed with its history, and the app is told where it can be.",
        "It can’t be brought back; its user would have to connect anew.",
    ];
    let action = Url::DeleteCredential(&desk.environment, credential.id);
    ask(&desk, &credential, title, &then, ("Delete credential", &action)).await
}

/// `POST …/delete`.
pub(super) async fn delete_credential(desk: InEnvironment, InPath(path): InPath<CredentialPath>) -> Answer {
    let upstream = desk.hub.delete_credential(&desk.actor, path.credential).await?;
    Ok(desk.done(said(upstream), &Url::Credentials(&desk.environment)))
}

impl DashboardPage for LinkPage {
    const TEMPLATE: &'static str = "dashboard/link.html";
    const PLACE: Place = Place::Elsewhere;

    fn samples() -> Vec<(&'static str, Self)> {
        let now = Millis(1_893_456_000_000);
        let page = |until: Option<i64>, email: Option<&str>| {
            Self {
            title: "A link to reconnect HubSpot of u-17".to_owned(),
            user: "u-17".to_owned(),
            email: email.map(str::to_owned),
            link: "https://hub.acme.test/connect?session=cs_01jz0000000000000000000000&hosted=1#cs_01jz0000000000000000000000.k3J9xQ2a".to_owned(),
            until: until.map(|seconds| Moment::new(now.plus_seconds(seconds), now)),
            once: until.is_some(),
            back: "/dashboard/production/credentials/x".to_owned(),
            back_label: "HubSpot of u-17".to_owned(),
        }
        };
        vec![("hosted", page(Some(604_800), Some("jo@acme.test"))), ("own", page(None, None))]
    }
}
