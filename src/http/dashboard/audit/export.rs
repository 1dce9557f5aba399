//! Taking the audit log along, as CSV or JSON Lines, streamed page by page. The export is written down before its first
//! byte; a database that fails in the middle breaks the download off, so that nobody takes a part for the whole.

use std::sync::Arc;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use serde::Serialize;

use super::Wanted;
use crate::domain::actor::Actor;
use crate::domain::audit::AuditEvent;
use crate::domain::page::{After, PageRequest};
use crate::http::Problem;
use crate::http::dashboard::Answer;
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::chart::grouped;
use crate::http::dashboard::form::{Form, FormView};
use crate::http::dashboard::page::{DashboardPage, Place};
use crate::http::dashboard::url::Url;
use crate::http::extract::Query;
use crate::http::view::AuditEventOut;
use crate::service::audit::AuditFilter;
use crate::service::{Error, Hub};

/// Those that will be exported are counted so far.
const COUNTED: u64 = 100_000;
/// Events that are read at once.
const AT_ONCE: u64 = 1_000;
const COLUMNS: [&str; 11] = [
    "auditEventId",
    "at",
    "action",
    "actorType",
    "actorId",
    "targetType",
    "targetId",
    "result",
    "reason",
    "requestId",
    "address",
];

/// As what the log is taken along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    JsonLines,
}

/// What is taken along, and as what.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct ExportPage {
    environment: String,
    form: FormView,
    /// The filter: name and value.
    filter: Vec<(&'static str, String)>,
    /// How many events there are, in words.
    said: String,
    /// How many, where all are counted: then a script shows how far the download is, and else how many have come.
    total: Option<u64>,
    /// With the filter: where a proof is wanted in between, one is led back to this address.
    action: String,
    back: String,
}

fn said(count: u64) -> String {
    match count {
        1 => "1 event".to_owned(),
        count if count > COUNTED => format!("More than {} events", grouped(COUNTED)),
        count => format!("{} events", grouped(count)),
    }
}

async fn page(desk: &InEnvironment, wanted: &Wanted, form: FormView) -> Result<ExportPage, Problem> {
    let count = desk.hub.count_audit_events(&desk.actor, &wanted.checked()?, COUNTED).await?;
    Ok(ExportPage {
        said: said(count),
        total: Some(count).filter(|count| *count <= COUNTED),
        form,
        filter: wanted.set().into_iter().map(|(name, value)| (name, value.to_owned())).collect(),
        action: wanted.on(&Url::ExportAudit(&desk.environment)),
        back: wanted.on(&Url::Audit(&desk.environment)),
        environment: desk.environment.clone(),
    })
}

/// `GET /dashboard/{environment}/audit/export`.
pub(super) async fn show_export(desk: InEnvironment, Query(wanted): Query<Wanted>) -> Answer {
    desk.hub.may_export_audit(&desk.actor).await?;
    Ok(desk.show(&page(&desk, &wanted, FormView::new().with("format", "csv")).await?))
}

/// `POST /dashboard/{environment}/audit/export`.
pub(super) async fn export_audit(desk: InEnvironment, form: Form) -> Answer {
    let wanted = Wanted {
        action: form.optional("action"),
        target: form.optional("target"),
        member: form.optional("member"),
        since: form.optional("since"),
        until: form.optional("until"),
    };
    desk.hub.may_export_audit(&desk.actor).await?;
    let filter = wanted.checked()?;
    let format = match form.raw("format") {
        "csv" => Format::Csv,
        "jsonl" => Format::JsonLines,
        _ => {
            let form = form.view().with_error("format", "Choose one of these.");
            return Ok(desk.refuse(&page(&desk, &wanted, form).await?));
        }
    };
    let filter = desk.hub.begin_audit_export(&desk.actor, filter).await?;
    let day = desk.hub.now().to_string();
    let name = format!("audit-{}-{}", desk.environment, day.get(..10).unwrap_or_default());
    answer(&name, format, events(Arc::clone(&desk.hub), desk.actor.clone(), filter, format))
}

fn answer(
    name: &str,
    format: Format,
    body: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
) -> Answer {
    let (kind, ending) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "csv"),
        Format::JsonLines => ("application/jsonl; charset=utf-8", "jsonl"),
    };
    let mut response: Response = Body::from_stream(body).into_response();
    let attached = format!("attachment; filename=\"{name}.{ending}\"");
    let attached = HeaderValue::from_str(&attached).map_err(|_| Problem::internal())?;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_DISPOSITION, attached);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// How far an export is.
enum Next {
    Head,
    After(Option<After>),
    Done,
}

fn events(
    hub: Arc<Hub>,
    actor: Actor,
    filter: AuditFilter,
    format: Format,
) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
    stream::try_unfold(Next::Head, move |next| {
        let (hub, actor, filter) = (Arc::clone(&hub), actor.clone(), filter.clone());
        async move {
            let after = match next {
                Next::Done => return Ok(None),
                Next::Head => {
                    let head = match format {
                        Format::Csv => line(&COLUMNS)?,
                        Format::JsonLines => Vec::new(),
                    };
                    return Ok(Some((Bytes::from(head), Next::After(None))));
                }
                Next::After(after) => after,
            };
            let page = PageRequest { limit: AT_ONCE, after };
            let found = hub.list_audit_events(&actor, &filter, &page).await?;
            let next = match found.next_after() {
                Some(after) => Next::After(Some(after)),
                None => Next::Done,
            };
            let mut written = Vec::new();
            for event in found.items {
                written.extend(match format {
                    Format::Csv => line(&cells(&event))?,
                    Format::JsonLines => json_line(event)?,
                });
            }
            Ok(Some((Bytes::from(written), next)))
        }
    })
}

fn json_line(event: AuditEvent) -> Result<Vec<u8>, Error> {
    let mut line = serde_json::to_vec(&AuditEventOut::from(event))
        .map_err(|_| Error::internal("an audit event is no JSON"))?;
    line.push(b'\n');
    Ok(line)
}

fn cells(event: &AuditEvent) -> [String; 11] {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    [
        event.id.to_string(),
        event.at.to_string(),
        event.action.to_string(),
        event.actor_type.to_string(),
        text(event.actor_id.as_deref()),
        event.target_type.to_string(),
        text(event.target_id.as_deref()),
        event.result.to_string(),
        text(event.reason.as_deref()),
        text(event.request_id.as_deref()),
        text(event.address.as_deref()),
    ]
}

/// A line of CSV (RFC 4180). Spreadsheets take what begins like a formula for one, and callers choose their request ids:
/// such a cell begins with an apostrophe.
fn line<T: AsRef<str>>(cells: &[T]) -> Result<Vec<u8>, Error> {
    let plain = |cell: &T| {
        let cell = cell.as_ref();
        let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
        if formula { format!("'{cell}") } else { cell.to_owned() }
    };
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let written = writer.write_record(cells.iter().map(plain));
    written.map_err(|_| Error::internal("a line of CSV"))?;
    writer.into_inner().map_err(|_| Error::internal("a line of CSV"))
}

impl DashboardPage for ExportPage {
    const TEMPLATE: &'static str = "dashboard/audit_export.html";
    const PLACE: Place = Place::Audit;

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |form, filter, count| Self {
            said: said(count),
            total: Some(count).filter(|count| *count <= COUNTED),
            environment: "production".to_owned(),
            form,
            filter,
            action: Url::ExportAudit("production").to_string(),
            back: Url::Audit("production").to_string(),
        };
        let filter = vec![("action", "api_key.create".to_owned()), ("since", "2030-01-01".to_owned())];
        vec![
            ("all", page(FormView::new().with("format", "csv"), Vec::new(), COUNTED + 1)),
            ("some", page(FormView::new().with_error("format", "Choose one of these."), filter, 12_045)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_will_be_exported_is_counted_as_people_read_it() {
        for (count, words) in [
            (0, "0 events"),
            (1, "1 event"),
            (999, "999 events"),
            (12_045, "12,045 events"),
            (100_000, "100,000 events"),
            (100_001, "More than 100,000 events"),
        ] {
            assert_eq!(said(count), words);
        }
    }

    #[test]
    fn a_cell_is_never_a_formula_and_never_ends_its_line() {
        let line = line(&["a", "=1+1", "-2", "say \"hi\", all", "two\nlines", "@x", ""]).unwrap();
        let text = String::from_utf8(line).unwrap();
        assert_eq!(text, "a,'=1+1,'-2,\"say \"\"hi\"\", all\",\"two\nlines\",'@x,\r\n");
    }
}
