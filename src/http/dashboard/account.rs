//! A member's own account: their name, how they sign in, and where they are signed in.

use serde::Serialize;
use vouchsafe_entity::id::MemberSessionId;

use super::Answer;
use super::caller::InWorkspace;
use super::confirm::ConfirmPage;
use super::form::{Form, FormView};
use super::moment::Moment;
use super::page::{DashboardPage, Flash, Place};
use super::url::Url;
use crate::domain::member::MemberSession;
use crate::http::Problem;
use crate::http::extract::InPath;

/// The account.
#[derive(Serialize)]
pub(super) struct AccountPage {
    form: FormView,
    email: String,
    role: &'static str,
    has_password: bool,
    has_authenticator: bool,
    /// Whether an identity provider signs them in.
    tied: bool,
    /// What it is called, where there is one still.
    sign_on: Option<String>,
    sessions: Vec<SessionRow>,
}

#[derive(Serialize)]
struct SessionRow {
    device: String,
    address: Option<String>,
    began: Moment,
    seen: Moment,
    present: bool,
    end: String,
}

impl DashboardPage for AccountPage {
    const TEMPLATE: &'static str = "dashboard/account.html";
    const PLACE: Place = Place::Account;

    fn samples() -> Vec<(&'static str, Self)> {
        use vouchsafe_entity::millis::Millis;
        let now = Millis(1_893_456_000_000);
        let row = |device: &str, minutes: i64, present| SessionRow {
            device: device.to_owned(),
            address: Some("198.51.100.7".to_owned()),
            began: Moment::new(now.plus_seconds(-minutes * 60 - 600), now),
            seen: Moment::new(now.plus_seconds(-minutes * 60), now),
            present,
            end: "/dashboard/account/sessions/x/end".to_owned(),
        };
        let page = |sessions, has_authenticator| Self {
            form: FormView::new().with("name", "Jo Miller"),
            email: "jo@acme.test".to_owned(),
            role: "owner",
            has_password: true,
            has_authenticator,
            tied: false,
            sign_on: None,
            sessions,
        };
        let tied = |has_password| Self {
            has_password,
            tied: true,
            sign_on: Some("Acme ID".to_owned()),
            ..page(vec![row("Chrome on Linux", 0, true)], false)
        };
        vec![
            ("single-sign-on-alone", tied(false)),
            ("single-sign-on-beside", tied(true)),
            ("one-session", page(vec![row("Chrome on Linux", 0, true)], false)),
            ("two", page(vec![row("Chrome on Linux", 0, true), row("Safari on iPhone", 17, false)], true)),
        ]
    }
}

/// What a browser is called in a list, roughly.
fn device(agent: Option<&str>) -> String {
    let Some(agent) = agent else {
        return "An unnamed browser".to_owned();
    };
    let known = |names: &[(&'static str, &'static str)]| {
        names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    // The order matters: each names those after it too.
    let browser =
        known(&[("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")]);
    let system = known(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => agent.chars().take(60).collect(),
    }
}

fn row(desk: &InWorkspace, session: MemberSession) -> SessionRow {
    let now = desk.hub.now();
    SessionRow {
        device: device(session.agent.as_deref()),
        began: Moment::new(session.created_at, now),
        seen: Moment::new(session.seen_at, now),
        present: session.id == desk.who.session.id,
        end: Url::EndSession(session.id).to_string(),
        address: session.address,
    }
}

async fn account_page(desk: &InWorkspace, form: FormView) -> Result<AccountPage, Problem> {
    let sessions = desk.hub.list_sessions(&desk.who).await?;
    let member = &desk.who.member;
    Ok(AccountPage {
        form,
        email: member.email.clone(),
        role: member.role.as_str(),
        has_password: member.password.is_some(),
        has_authenticator: member.totp.is_some(),
        tied: member.subject.is_some(),
        sign_on: desk.hub.single_sign_on().map(str::to_owned),
        sessions: sessions.into_iter().map(|session| row(desk, session)).collect(),
    })
}

/// `GET /dashboard/account`.
pub(super) async fn show_account(desk: InWorkspace) -> Answer {
    let form = FormView::new().with("name", desk.who.member.name.clone());
    Ok(desk.show(&account_page(&desk, form).await?))
}

/// `POST /dashboard/account`.
pub(super) async fn rename_member(desk: InWorkspace, form: Form) -> Answer {
    match desk.hub.rename_member(&desk.who, &form.text("name")).await {
        Ok(()) => Ok(desk.done(Flash::NameChanged, &Url::Account)),
        Err(error) => Ok(desk.refuse(&account_page(&desk, form.refused(error)?).await?)),
    }
}

/// `GET /dashboard/account/sessions/{session}/end`.
pub(super) async fn ask_end(desk: InWorkspace, InPath(id): InPath<MemberSessionId>) -> Answer {
    let sessions = desk.hub.list_sessions(&desk.who).await?;
    let session = sessions.into_iter().find(|session| session.id == id).ok_or_else(Problem::not_found)?;
    let row = row(&desk, session);
    let at = row.address.map(|address| format!(" at {address}")).unwrap_or_default();
    let seen = format!("It was last seen{at} {}.", row.seen.into_said());
    let effects = [seen.as_str(), "Whoever uses it has to sign in again, and loses what was not saved."];
    let action = ("End session", &Url::EndSession(id));
    let title = format!("End the session on {}?", row.device);
    Ok(desk.show(&ConfirmPage::danger(title, &effects, action, &Url::Account)))
}

/// `POST /dashboard/account/sessions/{session}/end`.
pub(super) async fn end_session(desk: InWorkspace, InPath(id): InPath<MemberSessionId>) -> Answer {
    desk.hub.end_session(&desk.who, id).await?;
    Ok(desk.done(Flash::SessionEnded, &Url::Account))
}

/// `GET /dashboard/account/sessions/end`.
pub(super) async fn ask_end_of_others(desk: InWorkspace) -> Answer {
    let sessions = desk.hub.list_sessions(&desk.who).await?;
    let others = sessions.into_iter().filter(|session| session.id != desk.who.session.id);
    let mut effects: Vec<String> = others
        .map(|session| row(&desk, session))
        .map(|row| format!("{}, last seen {}.", row.device, row.seen.into_said()))
        .collect();
    effects.push("Whoever uses them has to sign in again. The session that you are in goes on.".to_owned());
    let effects: Vec<&str> = effects.iter().map(String::as_str).collect();
    let action = ("End all others", &Url::EndOtherSessions);
    let title = "End all your other sessions?".to_owned();
    Ok(desk.show(&ConfirmPage::danger(title, &effects, action, &Url::Account)))
}

/// `POST /dashboard/account/sessions/end`.
pub(super) async fn end_other_sessions(desk: InWorkspace) -> Answer {
    desk.hub.end_other_sessions(&desk.who).await?;
    Ok(desk.done(Flash::SessionsEnded, &Url::Account))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_called_what_people_call_it() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36";
        assert_eq!(device(Some(chrome)), "Chrome on Linux");
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1";
        assert_eq!(device(Some(phone)), "Safari on iPhone");
        assert_eq!(device(Some("curl/8")), "curl/8");
        assert_eq!(device(None), "An unnamed browser");
    }
}
