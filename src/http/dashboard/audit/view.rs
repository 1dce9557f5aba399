//! The views of the audit log's pages.

use std::collections::HashMap;

use serde::Serialize;
use vouchsafe_entity::millis::Millis;

use super::Wanted;
use crate::domain::audit::AuditEvent;
use crate::domain::page::{Page, PageRequest};
use crate::http::dashboard::caller::InEnvironment;
use crate::http::dashboard::filter::Filter;
use crate::http::dashboard::moment::Moment;
use crate::http::dashboard::page::{DashboardPage, Place};
use crate::http::dashboard::url::{Url, filtered};
use crate::service::audit::ChainCheck;

/// The audit log of an environment.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct AuditPage {
    environment: String,
    events: Vec<Row>,
    filter: Filter,
    actions: Vec<String>,
    first: bool,
    next: Option<String>,
    export: String,
    check: String,
}

#[derive(Serialize)]
struct Row {
    at: Moment,
    /// A name, or what kind of author it is.
    who: String,
    who_note: Option<String>,
    /// Where it has no name.
    who_id: Option<String>,
    /// What else they did.
    who_url: Option<String>,
    action: String,
    action_url: String,
    target: String,
    target_id: Option<String>,
    target_url: Option<String>,
    mark: (&'static str, String),
    reason: Option<String>,
    address: Option<String>,
}

/// The kind of an author as people read it.
fn author(kind: &str) -> String {
    match kind {
        "api_key" => "API key".to_owned(),
        "member" => "Member".to_owned(),
        "user" => "User".to_owned(),
        "operator" => "Operator".to_owned(),
        "hub" => "The hub".to_owned(),
        other => other.to_owned(),
    }
}

fn row(filter: &Filter, event: AuditEvent, names: &HashMap<String, String>, now: Millis) -> Row {
    let name = event.actor_id.as_ref().and_then(|id| names.get(id));
    let kind = author(&event.actor_type);
    let by = |id: &String| filter.only("member", id);
    let kind_of_mark = match event.result.as_ref() {
        "ok" => "good",
        "refused" | "failed" => "danger",
        _ => "warning",
    };
    Row {
        at: Moment::new(event.at, now),
        who_note: name.map(|_| kind.clone()),
        who_id: event.actor_id.clone().filter(|_| name.is_none()),
        who: name.cloned().unwrap_or(kind),
        who_url: event.actor_id.as_ref().filter(|_| event.actor_type == "member").map(by),
        action_url: filter.only("action", &event.action),
        action: event.action.into_owned(),
        target: event.target_type.into_owned(),
        target_url: event.target_id.as_ref().map(|id| filter.only("target", id)),
        target_id: event.target_id,
        mark: (kind_of_mark, event.result.into_owned()),
        reason: event.reason,
        address: event.address,
    }
}

/// What the chip of a filter says.
fn said(name: &str, value: &str) -> String {
    match name {
        "member" => "by one member".to_owned(),
        "target" => format!("about {value}"),
        "since" => format!("from {value}"),
        "until" => format!("to {value}"),
        _ => value.to_owned(),
    }
}

impl AuditPage {
    pub(super) fn of(
        desk: &InEnvironment,
        wanted: &Wanted,
        found: Page<AuditEvent>,
        names: &HashMap<String, String>,
        asked: &PageRequest,
    ) -> Self {
        let (environment, now) = (desk.environment.as_str(), desk.hub.now());
        let list = Url::Audit(environment).to_string();
        let mut actions: Vec<String> = found.items.iter().map(|event| event.action.to_string()).collect();
        actions.sort_unstable();
        actions.dedup();
        let filter = Filter::saying(&list, asked.own_limit(), &wanted.set(), "", said);
        Self {
            next: filter.next(found.next_cursor.as_deref()),
            events: found.items.into_iter().map(|event| row(&filter, event, names, now)).collect(),
            filter,
            actions,
            first: asked.after.is_none(),
            export: wanted.on(&Url::ExportAudit(environment)),
            check: Url::CheckAudit(environment).to_string(),
            environment: environment.to_owned(),
        }
    }
}

/// How a check of the chain stands.
#[derive(Serialize)]
pub(in crate::http::dashboard) struct CheckPage {
    environment: String,
    batches: i64,
    last: i64,
    events: usize,
    done: bool,
    fault: Option<String>,
    /// The next part.
    next: String,
    again: String,
    back: String,
}

impl CheckPage {
    pub(super) fn of(environment: &str, check: &ChainCheck) -> Self {
        let here = Url::CheckAudit(environment);
        Self {
            environment: environment.to_owned(),
            batches: check.at.batch,
            last: check.last.max(check.at.batch),
            events: check.at.events,
            done: check.done,
            fault: check.fault.as_ref().map(ToString::to_string),
            next: filtered(&here, &[("from", Some(&check.next))]),
            again: here.to_string(),
            back: Url::Audit(environment).to_string(),
        }
    }
}

impl DashboardPage for AuditPage {
    const TEMPLATE: &'static str = "dashboard/audit.html";
    const PLACE: Place = Place::Audit;

    fn samples() -> Vec<(&'static str, Self)> {
        let now = Millis(1_893_456_000_000);
        let row = |who: &str, action: &str, result: &str, reason: Option<&str>| Row {
            at: Moment::new(now.plus_seconds(-600), now),
            who: who.to_owned(),
            who_note: (result == "ok").then(|| "Member".to_owned()),
            who_id: (result != "ok").then(|| "key_01h455vb4pex5vsknk084sn02q".to_owned()),
            who_url: Some("/dashboard/production/audit?member=x".to_owned()),
            action: action.to_owned(),
            action_url: format!("/dashboard/production/audit?action={action}"),
            target: "api_key".to_owned(),
            target_id: Some("key_01h455vb4pex5vsknk084sn02q".to_owned()),
            target_url: Some("/dashboard/production/audit?target=x".to_owned()),
            mark: (if result == "ok" { "good" } else { "danger" }, result.to_owned()),
            reason: reason.map(str::to_owned),
            address: Some("203.0.113.7".to_owned()),
        };
        let page = |events: Vec<Row>, fields: &[(&'static str, &str)]| {
            let filter = Filter::saying("/dashboard/production/audit", None, fields, "", said);
            Self {
                environment: "production".to_owned(),
                next: filter.next(Some("x").filter(|_| !events.is_empty())),
                filter,
                events,
                actions: vec!["api_key.create".to_owned()],
                first: true,
                export: Url::ExportAudit("production").to_string(),
                check: Url::CheckAudit("production").to_string(),
            }
        };
        let long = "Maximiliane Alexandra Freifrau von und zu Hohenlohe <International>";
        let rows = vec![
            row("Olive Owner", "api_key.create", "ok", None),
            row(long, "request.denied", "refused", Some("scope_missing")),
        ];
        let narrowed = [("action", "api_key.create"), ("member", "member_x")];
        vec![
            ("some", page(rows, &[])),
            ("none-fits", page(Vec::new(), &narrowed)),
            ("empty", page(Vec::new(), &[])),
        ]
    }
}

impl DashboardPage for CheckPage {
    const TEMPLATE: &'static str = "dashboard/audit_check.html";
    const PLACE: Place = Place::Audit;

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |batches: i64, done: bool, fault: Option<&str>| Self {
            environment: "production".to_owned(),
            batches,
            last: 812,
            events: 40_231,
            done,
            fault: fault.map(str::to_owned),
            next: "/dashboard/production/audit/check?from=300.40231.1893456000000.x".to_owned(),
            again: Url::CheckAudit("production").to_string(),
            back: Url::Audit("production").to_string(),
        };
        let wrong = "batch 300 of <production>: event audit_01h455vb4pex5vsknk084sn02q was changed";
        vec![
            ("under-way", page(300, false, None)),
            ("in-order", page(812, true, None)),
            ("wrong", page(299, true, Some(wrong))),
        ]
    }
}
