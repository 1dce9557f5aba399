//! Many secrets acted on a step at a time. Each page shows how far it is and what became of each; the form on it goes on,
//! by a script or by hand, and carries along what was refused. Nothing is kept between the steps.

use serde::Serialize;

use super::end::{ManySecretsPage, Outcome};
use super::query::Part;
use crate::http::dashboard::Answer;
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::form::Form;
use crate::http::dashboard::page::{DashboardPage, Flash, Place};
use crate::http::dashboard::url::Url;
use crate::service::secrets::SecretAct;

/// Secrets of one step.
const STEP: usize = 50;

/// How far it is.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct ActingPage {
    title: &'static str,
    /// Looked at so far, of how many.
    done: usize,
    total: usize,
    /// Whether there are more than were counted: never, since all are chosen one by one.
    beyond: bool,
    changed: usize,
    rows: Vec<ActedRow>,
    /// The form that goes on.
    fields: Vec<(&'static str, String)>,
    action: String,
    back: String,
}

#[derive(Serialize)]
struct ActedRow {
    name: String,
    mark: (&'static str, &'static str),
}

const fn title(act: SecretAct) -> &'static str {
    match act {
        SecretAct::Deactivate => "Switching off secrets",
        SecretAct::Reactivate => "Switching on secrets",
        SecretAct::Revoke => "Revoking secrets",
        SecretAct::Delete => "Deleting secrets",
    }
}

/// What was refused in the steps before, as the form carries it.
fn refused_before(form: &Form) -> Vec<Outcome> {
    let outcome = |(key, why)| Outcome { key, why: Some(why) };
    form.all("refused").into_iter().zip(form.all("why")).map(outcome).collect()
}

/// The form of the next step.
fn going_on(
    act: SecretAct,
    later: Vec<String>,
    changed: usize,
    refused: Vec<Outcome>,
) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("act", act.as_str().to_owned()),
        ("confirmed", "yes".to_owned()),
        ("changed", changed.to_string()),
    ];
    fields.extend(later.into_iter().map(|key| ("secrets", key)));
    for outcome in refused {
        fields.extend([("refused", outcome.key), ("why", outcome.why.unwrap_or_default())]);
    }
    fields
}

fn row(outcome: &Outcome) -> ActedRow {
    let mark = if outcome.why.is_some() { ("danger", "Not done") } else { ("good", "Done") };
    ActedRow { name: outcome.key.clone(), mark }
}

/// Acts on the first of `keys`, and shows the way on; after the last, what became of all.
pub(super) async fn step(
    desk: &InEnvironment,
    part: &Part,
    act: SecretAct,
    mut keys: Vec<String>,
    form: &Form,
) -> Answer {
    let environment = &desk.environment;
    let later = keys.split_off(keys.len().min(STEP));
    let acted = desk.hub.act_on_secrets(&desk.actor, &keys, act).await?;
    let before = usize::from(form.text("changed").parse::<u16>().unwrap_or(0));
    let mut refused = refused_before(form);
    let outcomes: Vec<_> = acted.into_iter().map(Outcome::from).collect();
    if later.is_empty() {
        refused.extend(outcomes);
        if refused.iter().all(|one| one.why.is_none()) {
            return Ok(desk.done(Flash::SecretsChanged, &part.at(&Url::Secrets(environment))));
        }
        return Ok(desk.show(&ManySecretsPage::result(environment, part, act, before, refused)));
    }
    let rows: Vec<_> = outcomes.iter().map(row).collect();
    let (worked, failed): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|one| one.why.is_none());
    refused.extend(failed);
    let changed = before + worked.len();
    let done = changed + refused.len();
    Ok(desk.show(&ActingPage {
        title: title(act),
        done,
        total: done + later.len(),
        beyond: false,
        changed,
        rows,
        fields: going_on(act, later, changed, refused),
        action: part.at(&Url::ActOnSecrets(environment)),
        back: part.at(&Url::Secrets(environment)),
    }))
}

impl DashboardPage for ActingPage {
    const TEMPLATE: &'static str = "dashboard/bulk.html";
    const PLACE: Place = Place::Secrets;

    fn samples() -> Vec<(&'static str, Self)> {
        let refused = Outcome { key: "OLD".to_owned(), why: Some("It is not there any more.".to_owned()) };
        let worked = Outcome { key: "STRIPE_KEY".to_owned(), why: None };
        let page = Self {
            title: title(SecretAct::Delete),
            done: 50,
            total: 120,
            beyond: false,
            changed: 49,
            rows: vec![row(&worked), row(&refused)],
            fields: going_on(SecretAct::Delete, vec!["metrics".to_owned()], 49, vec![refused]),
            action: Url::ActOnSecrets("production").to_string(),
            back: Url::Secrets("production").to_string(),
        };
        vec![("secrets", page)]
    }
}
