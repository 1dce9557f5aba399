//! Switching secrets off and on, revoking and deleting them: each asks once, names what uses them and says what breaks.

use std::fmt::Write as _;

use serde::Serialize;
use vouchsafe_entity::millis::Millis;

use super::SecretPath;
use super::list::reference;
use super::query::{Part, SecretQuery};
use super::steps::step;
use super::used::{needed, uses};
use crate::http::Problem;
use crate::http::dashboard::Answer;
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::confirm::ConfirmPage;
use crate::http::dashboard::form::Form;
use crate::http::dashboard::page::{DashboardPage, Flash, Place, SwitchedOff};
use crate::http::dashboard::url::Url;
use crate::http::dashboard::words::listed;
use crate::http::extract::InPath;
use crate::service::secrets::{Acted, SecretAct, UsedSecret};
use crate::service::{Code, Error};

/// The verb of an act.
const fn verb(act: SecretAct) -> &'static str {
    match act {
        SecretAct::Deactivate => "Switch off",
        SecretAct::Reactivate => "Switch on",
        SecretAct::Revoke => "Revoke",
        SecretAct::Delete => "Delete",
    }
}

/// What it means for whatever uses them.
const fn meaning(act: SecretAct) -> [&'static str; 2] {
    match act {
        SecretAct::Deactivate => [
            "Calls that refer to it are refused (secret_inactive) from this moment on.",
            "You can switch it on again at any time before its end.",
        ],
        SecretAct::Reactivate => {
            ["Calls that refer to it work again from this moment on.", "So do the settings that refer to it."]
        }
        SecretAct::Revoke => [
            "Its value is wiped and nobody can bring it back; calls that refer to it are refused (secret_revoked).",
            "Its issuer is not told: end it there too.",
        ],
        SecretAct::Delete => [
            "It is removed with its value, and calls that refer to it are refused (secret_missing).",
            "It can't be brought back.",
        ],
    }
}

/// The same of many.
const fn meaning_of_many(act: SecretAct) -> [&'static str; 2] {
    match act {
        SecretAct::Deactivate => [
            "Calls that refer to one of them are refused (secret_inactive) from this moment on.",
            "You can switch them on again at any time before their end.",
        ],
        SecretAct::Reactivate => [
            "Calls that refer to one of them work again from this moment on.",
            "So do the settings that refer to them.",
        ],
        SecretAct::Revoke => [
            "Their values are wiped and nobody can bring them back; calls that refer to one are refused (secret_revoked).",
            "Their issuers are not told: end them there too.",
        ],
        SecretAct::Delete => [
            "They are removed with their values, and calls that refer to one are refused (secret_missing).",
            "They can't be brought back.",
        ],
    }
}

/// The question before an act on one secret.
async fn ask(desk: &InEnvironment, key: &str, part: &Part, act: SecretAct) -> Answer {
    desk.hub.may_manage_secrets(&desk.actor).await?;
    let used = desk.hub.get_used_secret(&desk.actor, key).await?;
    let mut effects = uses(&used, act, desk.hub.now());
    if let Some(needed) = needed(desk, &used).await? {
        // Beside the settings that it is about.
        effects.insert(used.uses.len() + usize::from(used.more), needed);
    }
    effects.extend(meaning(act).map(str::to_owned));
    let covered = &used.view.environments;
    if covered.len() > 1 {
        effects.push(format!("It covers {}, and this holds for all of them.", listed(covered)));
    }
    let effects: Vec<_> = effects.iter().map(String::as_str).collect();
    let environment = &desk.environment;
    let (url, button) = match act {
        SecretAct::Deactivate => (Url::DeactivateSecret(environment, key), "Switch off secret"),
        SecretAct::Reactivate => (Url::ReactivateSecret(environment, key), "Switch on secret"),
        SecretAct::Revoke => (Url::RevokeSecret(environment, key), "Revoke secret"),
        SecretAct::Delete => (Url::DeleteSecret(environment, key), "Delete secret"),
    };
    let title = format!("{} {key}?", verb(act));
    let mut page = ConfirmPage::danger(title, &effects, (button, &url), &Url::Secret(environment, key));
    page.danger = act != SecretAct::Reactivate;
    page.action = part.at(&url);
    page.back = part.at(&Url::Secret(environment, key));
    Ok(desk.show(&page))
}

async fn act(desk: &InEnvironment, key: &str, part: &Part, act: SecretAct) -> Answer {
    desk.hub.act_on_secret(&desk.actor, key, act).await?;
    let next = part.at(&Url::Secrets(&desk.environment));
    let flash = match act {
        SecretAct::Deactivate => return Ok(desk.switched_off(SwitchedOff::Secret(key.to_owned()), &next)),
        SecretAct::Reactivate => Flash::SecretReactivated,
        SecretAct::Revoke => Flash::SecretRevoked,
        SecretAct::Delete => Flash::SecretDeleted,
    };
    Ok(desk.done(flash, &next))
}

/// `GET /dashboard/{environment}/secret/{secret}/deactivate`.
pub(super) async fn ask_deactivation(
    desk: InEnvironment,
    InPath(path): InPath<SecretPath>,
    part: Part,
) -> Answer {
    ask(&desk, &path.secret, &part, SecretAct::Deactivate).await
}

/// `POST /dashboard/{environment}/secret/{secret}/deactivate`.
pub(super) async fn deactivate_secret(
    desk: InEnvironment,
    InPath(path): InPath<SecretPath>,
    part: Part,
) -> Answer {
    act(&desk, &path.secret, &part, SecretAct::Deactivate).await
}

/// `GET /dashboard/{environment}/secret/{secret}/reactivate`.
pub(super) async fn ask_reactivation(
    desk: InEnvironment,
    InPath(path): InPath<SecretPath>,
    part: Part,
) -> Answer {
    ask(&desk, &path.secret, &part, SecretAct::Reactivate).await
}

/// `POST /dashboard/{environment}/secret/{secret}/reactivate`.
pub(super) async fn reactivate_secret(
    desk: InEnvironment,
    InPath(path): InPath<SecretPath>,
    part: Part,
) -> Answer {
    act(&desk, &path.secret, &part, SecretAct::Reactivate).await
}

/// `GET /dashboard/{environment}/secret/{secret}/revoke`.
pub(super) async fn ask_revocation(
    desk: InEnvironment,
    InPath(path): InPath<SecretPath>,
    part: Part,
) -> Answer {
    ask(&desk, &path.secret, &part, SecretAct::Revoke).await
}

/// `POST /dashboard/{environment}/secret/{secret}/revoke`.
pub(super) async fn revoke_secret(
    desk: InEnvironment,
    InPath(path): InPath<SecretPath>,
    part: Part,
) -> Answer {
    act(&desk, &path.secret, &part, SecretAct::Revoke).await
}

/// `GET /dashboard/{environment}/secret/{secret}/delete`.
pub(super) async fn ask_deletion(
    desk: InEnvironment,
    InPath(path): InPath<SecretPath>,
    part: Part,
) -> Answer {
    ask(&desk, &path.secret, &part, SecretAct::Delete).await
}

/// `POST /dashboard/{environment}/secret/{secret}/delete`.
pub(super) async fn delete_secret(
    desk: InEnvironment,
    InPath(path): InPath<SecretPath>,
    part: Part,
) -> Answer {
    act(&desk, &path.secret, &part, SecretAct::Delete).await
}

/// What became of a secret.
pub(super) struct Outcome {
    pub(super) key: String,
    /// Why it stays as it was; none where it was done.
    pub(super) why: Option<String>,
}

impl From<Acted> for Outcome {
    fn from(acted: Acted) -> Self {
        Self { key: acted.key, why: acted.refused.map(why) }
    }
}

/// Many secrets at once: the question before, or what became of each.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct ManySecretsPage {
    title: String,
    effects: Vec<String>,
    items: Vec<Item>,
    act: &'static str,
    button: String,
    danger: bool,
    /// Whether it was done, as far as it could be.
    done: bool,
    action: String,
    back: String,
}

/// One of them.
#[derive(Serialize)]
struct Item {
    key: String,
    reference: String,
    /// What uses it, or why it stays as it was.
    lines: Vec<String>,
    refused: bool,
}

fn counted(count: usize) -> String {
    let mut said = count.to_string();
    let _ = write!(said, " secret{}", if count == 1 { "" } else { "s" });
    said
}

impl ManySecretsPage {
    fn ask(environment: &str, part: &Part, act: SecretAct, found: &[UsedSecret], now: Millis) -> Self {
        let item = |used: &UsedSecret| Item {
            key: used.view.secret.key.clone(),
            reference: reference(&used.view.secret.key),
            lines: uses(used, act, now),
            refused: false,
        };
        Self {
            title: format!("{} {}?", verb(act), counted(found.len())),
            effects: meaning_of_many(act).map(str::to_owned).to_vec(),
            items: found.iter().map(item).collect(),
            act: act.as_str(),
            button: format!("{} {}", verb(act), counted(found.len())),
            danger: act != SecretAct::Reactivate,
            done: false,
            action: part.at(&Url::ActOnSecrets(environment)),
            back: part.at(&Url::Secrets(environment)),
        }
    }

    /// What became of them; `before` is how many were done in steps that are not listed.
    pub(super) fn result(
        environment: &str,
        part: &Part,
        act: SecretAct,
        before: usize,
        outcomes: Vec<Outcome>,
    ) -> Self {
        let done = before + outcomes.iter().filter(|one| one.why.is_none()).count();
        let total = before + outcomes.len();
        let item = |one: Outcome| Item {
            reference: reference(&one.key),
            key: one.key,
            refused: one.why.is_some(),
            lines: vec![one.why.unwrap_or_else(|| "Done.".to_owned())],
        };
        Self {
            title: format!("{done} of {} done", counted(total)),
            effects: vec!["The others stay as they were.".to_owned()],
            items: outcomes.into_iter().map(item).collect(),
            act: act.as_str(),
            button: String::new(),
            danger: false,
            done: true,
            action: String::new(),
            back: part.at(&Url::Secrets(environment)),
        }
    }
}

fn why(error: Error) -> String {
    match error {
        Error::NotFound => "It is not there any more.".to_owned(),
        other => Problem::from(other).detail().to_owned(),
    }
}

impl DashboardPage for ManySecretsPage {
    const TEMPLATE: &'static str = "dashboard/secrets_many.html";
    const PLACE: Place = Place::Secrets;

    fn samples() -> Vec<(&'static str, Self)> {
        let item = |key: &str, line: &str, refused| Item {
            key: key.to_owned(),
            reference: reference(key),
            lines: vec![line.to_owned()],
            refused,
        };
        let part = Part::first(SecretQuery::default());
        let ask = Self {
            title: "Delete 2 secrets?".to_owned(),
            button: "Delete 2 secrets".to_owned(),
            items: vec![
                item(
                    "STRIPE_KEY",
                    "The client secret of the connector brightpay in <production> stops working.",
                    false,
                ),
                item("metrics", "No setting of a connector refers to it.", false),
            ],
            ..Self::ask("production", &part, SecretAct::Delete, &[], Millis(0))
        };
        let refusal = Error::refused(Code::SecretRevoked, "`OLD` was revoked: its value is gone.");
        let acted = vec![
            Acted { key: "STRIPE_KEY".to_owned(), refused: None },
            Acted { key: "OLD".to_owned(), refused: Some(refusal) },
        ];
        let outcomes = acted.into_iter().map(Outcome::from).collect();
        let result = Self::result("production", &part, SecretAct::Reactivate, 0, outcomes);
        vec![("ask", ask), ("result", result)]
    }
}

/// `POST /dashboard/{environment}/secrets/act`: the question, and once it is answered a step of the deed.
pub(super) async fn act_on_secrets(desk: InEnvironment, part: Part, form: Form) -> Answer {
    desk.hub.may_manage_secrets(&desk.actor).await?;
    let (environment, keys) = (&desk.environment, form.all("secrets"));
    let act = SecretAct::of(form.raw("act"))
        .ok_or_else(|| Problem::invalid_at("/act", "unknown", "Choose what is to be done."))?;
    if !form.has("confirmed") {
        let found = desk.hub.list_used_secrets(&desk.actor, &keys).await?;
        if found.is_empty() {
            return Err(Problem::invalid_at("/secrets", "required", "Choose at least one secret first."));
        }
        return Ok(desk.show(&ManySecretsPage::ask(environment, &part, act, &found, desk.hub.now())));
    }
    step(&desk, &part, act, keys, &form).await
}
