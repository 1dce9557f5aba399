//! Many credentials changed at once: asked once, then done a step at a time. Each page shows how far it is and what
//! became of each row; the form on it goes on, by a script or by hand. Nothing is kept between the steps, so one that
//! is interrupted or sent twice does no harm.

use serde::Serialize;
use vouchsafe_entity::id::CredentialId;

use super::acts::named;
use super::list::Wanted;
use crate::domain::page::PageRequest;
use crate::http::Problem;
use crate::http::dashboard::Answer;
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::chart::grouped;
use crate::http::dashboard::filter::Filter;
use crate::http::dashboard::form::Form;
use crate::http::dashboard::page::{DashboardPage, Flash, Place};
use crate::http::dashboard::url::Url;
use crate::service::credentials::{Bulk, BulkOutcome, BulkRow, STEP};

/// Those that fit a filter are counted so far.
const COUNTED: u64 = 10_000;
/// So many are named before it is done.
const NAMED: usize = 8;
/// So many can be chosen one by one: a page.
const CHOSEN: usize = 200;

/// Which credentials.
enum Which {
    Chosen(Vec<CredentialId>),
    Matching(Wanted),
}

fn bulk(form: &Form) -> Result<Bulk, Problem> {
    match form.raw("action") {
        "deactivate" => Ok(Bulk::Deactivate),
        "delete" => Ok(Bulk::Delete),
        _ => Err(Problem::invalid_at("/action", "unknown", "Choose what is to be done.")),
    }
}

/// The filters of the list from which it was chosen.
fn wanted(form: &Form) -> Wanted {
    Wanted {
        status: form.text("status"),
        connector: form.text("connector"),
        user: form.text("user"),
        integration: form.text("integration"),
        ends: form.text("ends"),
        ..Wanted::default()
    }
}

/// That list, with its filters.
fn back(desk: &InEnvironment, form: &Form) -> String {
    let list = Url::Credentials(&desk.environment).to_string();
    Filter::of(&list, None, &wanted(form).fields(), "").first_page()
}

fn which(form: &Form) -> Result<Which, Problem> {
    if form.has("all") {
        return Ok(Which::Matching(wanted(form)));
    }
    let ids = form.all("credential");
    let wrong = || Problem::invalid_at("/credential", "unknown", "One of these is no credential.");
    let ids = ids.iter().map(|id| id.parse().map_err(|_| wrong())).collect::<Result<Vec<_>, _>>()?;
    if ids.len() > CHOSEN {
        return Err(Problem::invalid_at("/credential", "invalid_length", "Choose at most 200 at once."));
    }
    Ok(Which::Chosen(ids))
}

/// `POST /dashboard/{environment}/credentials/bulk`: asks; with `sure` takes a step.
pub(super) async fn change_credentials(desk: InEnvironment, form: Form) -> Answer {
    desk.hub.may_manage_credentials(&desk.actor).await?;
    let (what, which) = (bulk(&form)?, which(&form)?);
    if let Which::Chosen(ids) = &which
        && ids.is_empty()
    {
        return Ok(desk.done(Flash::NothingChosen, &back(&desk, &form)));
    }
    if form.has("sure") {
        return step(&desk, what, which, &form).await;
    }
    ask(&desk, what, which, &form).await
}

/// The question, with the form that answers it.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct BulkConfirmPage {
    title: String,
    verb: String,
    danger: bool,
    names: Vec<String>,
    /// How many there are beside those that are named.
    more: Option<String>,
    effects: Vec<&'static str>,
    action: String,
    fields: Vec<(&'static str, String)>,
    back: String,
}

const fn verb(what: Bulk) -> &'static str {
    match what {
        Bulk::Deactivate => "Switch off",
        Bulk::Delete => "Delete",
    }
}

fn effects(what: Bulk) -> Vec<&'static str> {
    match what {
        Bulk::Deactivate => {
            vec!["Calls with them are refused at once.", "They can be switched on again, one by one."]
        }
        Bulk::Delete => vec![
            "Whatever your product does with them stops working for these users.",
            "They are removed with their history; the apps are told where they can be.",
            "They can’t be brought back: each user would have to connect anew.",
        ],
    }
}

fn counted(count: u64) -> String {
    match count {
        1 => "1 credential".to_owned(),
        count if count > COUNTED => format!("more than {} credentials", grouped(COUNTED)),
        count => format!("{} credentials", grouped(count)),
    }
}

/// How many there are beside the `named` ones, in words.
fn others(count: u64, named: usize) -> Option<String> {
    match count.saturating_sub(named as u64) {
        0 => None,
        _ if count > COUNTED => Some("thousands".to_owned()),
        more => Some(grouped(more)),
    }
}

async fn ask(desk: &InEnvironment, what: Bulk, which: Which, form: &Form) -> Answer {
    let (found, count) = match &which {
        Which::Chosen(ids) => {
            let found = desk.hub.some_credentials(&desk.actor, ids).await?;
            let count = found.len() as u64;
            (found, count)
        }
        Which::Matching(wanted) => {
            let page = PageRequest { limit: NAMED as u64, after: None };
            let found = desk.hub.list_credentials(&desk.actor, wanted.query(desk)?, &page).await?;
            let count = desk.hub.count_credentials(&desk.actor, wanted.query(desk)?, COUNTED).await?;
            (found.items, count)
        }
    };
    if count == 0 {
        return Ok(desk.done(Flash::NothingChosen, &back(desk, form)));
    }
    let names: Vec<_> = found.iter().take(NAMED).map(|credential| named(desk, credential)).collect();
    let said = counted(count);
    let mut fields = hidden(what, &which, form);
    fields.push(("total", count.to_string()));
    Ok(desk.show(&BulkConfirmPage {
        title: format!("{} {said} of {}?", verb(what), desk.environment),
        verb: format!("{} {said}", verb(what)),
        danger: what == Bulk::Delete,
        more: others(count, names.len()),
        names,
        effects: effects(what),
        action: Url::BulkCredentials(&desk.environment).to_string(),
        fields,
        back: back(desk, form),
    }))
}

/// The fields that say what is done, and to which of which list.
fn hidden(what: Bulk, which: &Which, form: &Form) -> Vec<(&'static str, String)> {
    let word = match what {
        Bulk::Deactivate => "deactivate",
        Bulk::Delete => "delete",
    };
    let mut fields = vec![("action", word.to_owned()), ("sure", "1".to_owned())];
    match which {
        Which::Chosen(ids) => fields.extend(ids.iter().map(|id| ("credential", id.to_string()))),
        Which::Matching(_) => fields.push(("all", "1".to_owned())),
    }
    fields.extend(wanted(form).fields().into_iter().map(|(name, value)| (name, value.to_owned())));
    fields
}

/// How far it is.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct BulkPage {
    title: String,
    /// Looked at so far, of how many.
    done: u64,
    total: u64,
    /// Whether there are more than were counted.
    beyond: bool,
    changed: u64,
    rows: Vec<ResultRow>,
    /// The form that goes on; none at the end.
    fields: Option<Vec<(&'static str, String)>>,
    action: String,
    back: String,
}

#[derive(Serialize)]
struct ResultRow {
    name: String,
    mark: super::Mark,
}

fn number(form: &Form, name: &str) -> u64 {
    form.text(name).parse().unwrap_or(0)
}

async fn step(desk: &InEnvironment, what: Bulk, which: Which, form: &Form) -> Answer {
    let (rows, rest) = match which {
        Which::Chosen(mut ids) => {
            let later = ids.split_off(ids.len().min(STEP));
            let rows = desk.hub.bulk_credentials(&desk.actor, what, &ids).await?;
            let rest = (!later.is_empty()).then(|| hidden(what, &Which::Chosen(later), form));
            (rows, rest)
        }
        Which::Matching(wanted) => {
            let cursor = form.optional("cursor");
            let page = PageRequest::parse(None, cursor.as_deref());
            let page = page.map_err(|_| {
                Problem::invalid_at("/cursor", "invalid_cursor", "Begin again from the list.")
            })?;
            let query = wanted.query(desk)?;
            let found = desk.hub.bulk_matching(&desk.actor, what, query, page.after).await?;
            let rest = found.next_cursor.map(|cursor| {
                let mut fields = hidden(what, &Which::Matching(wanted), form);
                fields.push(("cursor", cursor));
                fields
            });
            (found.items, rest)
        }
    };
    let count = |outcome| rows.iter().filter(|row| row.outcome == outcome).count() as u64;
    let done = number(form, "done") + rows.len() as u64;
    let changed = number(form, "changed") + count(BulkOutcome::Done);
    let total = number(form, "total").max(done);
    let fields = rest.map(|mut fields| {
        let counts = [("done", done), ("changed", changed), ("total", total)];
        fields.extend(counts.map(|(name, count)| (name, count.to_string())));
        fields
    });
    let title = match (what, fields.is_some(), changed) {
        (Bulk::Deactivate, true, _) => "Switching off credentials",
        (Bulk::Delete, true, _) => "Deleting credentials",
        (Bulk::Deactivate, false, 0) => "Nothing was switched off",
        (Bulk::Delete, false, 0) => "Nothing was deleted",
        (Bulk::Deactivate, false, _) => "Credentials are switched off",
        (Bulk::Delete, false, _) => "Credentials are deleted",
    };
    Ok(desk.show(&BulkPage {
        title: title.to_owned(),
        done,
        total,
        beyond: total > COUNTED,
        changed,
        rows: rows.into_iter().map(|row| result(desk, what, &row)).collect(),
        fields,
        action: Url::BulkCredentials(&desk.environment).to_string(),
        back: back(desk, form),
    }))
}

fn result(desk: &InEnvironment, what: Bulk, row: &BulkRow) -> ResultRow {
    let name = row.credential.as_ref().map_or_else(|| row.id.to_string(), |found| named(desk, found));
    let mark = match (row.outcome, what) {
        (BulkOutcome::Done, Bulk::Delete) => ("good", "Deleted"),
        (BulkOutcome::Done, Bulk::Deactivate) => ("good", "Switched off"),
        (BulkOutcome::Already, _) => ("neutral", "Was off already"),
        (BulkOutcome::Gone, _) => ("neutral", "Not there any more"),
    };
    ResultRow { name, mark }
}

impl DashboardPage for BulkConfirmPage {
    const TEMPLATE: &'static str = "dashboard/bulk_confirm.html";
    const PLACE: Place = Place::Credentials;

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |what: Bulk, count: u64| Self {
            title: format!("{} {} of production?", verb(what), counted(count)),
            verb: format!("{} {}", verb(what), counted(count)),
            danger: what == Bulk::Delete,
            names: vec![
                "HubSpot of u-17".to_owned(),
                "QuickBooks Online Advanced of consolidated-freight <International> ag".to_owned(),
            ],
            more: others(count, 2),
            effects: effects(what),
            action: "/dashboard/production/credentials/bulk".to_owned(),
            fields: vec![("action", "delete".to_owned())],
            back: "/dashboard/production/credentials".to_owned(),
        };
        vec![
            ("delete", page(Bulk::Delete, 240)),
            ("deactivate", page(Bulk::Deactivate, 2)),
            ("thousands", page(Bulk::Delete, 10_001)),
        ]
    }
}

impl DashboardPage for BulkPage {
    const TEMPLATE: &'static str = "dashboard/bulk.html";
    const PLACE: Place = Place::Credentials;

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |done: u64, title: &str| Self {
            title: title.to_owned(),
            done,
            total: 240,
            beyond: false,
            changed: done - 2,
            rows: vec![
                ResultRow { name: "HubSpot of u-17".to_owned(), mark: ("good", "Deleted") },
                ResultRow {
                    name: "Stripe of <International>".to_owned(),
                    mark: ("neutral", "Not there any more"),
                },
            ],
            fields: (done < 240).then(|| vec![("action", "delete".to_owned())]),
            action: "/dashboard/production/credentials/bulk".to_owned(),
            back: "/dashboard/production/credentials".to_owned(),
        };
        vec![("under-way", page(100, "Deleting credentials")), ("done", page(240, "Credentials are deleted"))]
    }
}
