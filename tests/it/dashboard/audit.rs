//! The audit log in the dashboard: filtered, exported, checked.

use sea_orm::ConnectionTrait as _;
use serde_json::Value;

use crate::support::app::TestApp;
use crate::support::browser::PASSWORD;

const LIST: &str = "/dashboard/production/audit";

#[tokio::test]
async fn the_log_is_filtered_by_action_thing_person_and_day() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    for name in ["a", "b"] {
        let form = [("name", name), ("scopes", "users:read")];
        owner.post("/dashboard/production/api-keys/new", &form).await.page(200, "is made");
    }
    app.user("u").await;
    let all = owner.get(LIST).await;
    all.page(200, "Olive Owner");
    assert!(all.html.contains("user.create") && all.html.contains("member.join"), "{}", all.html);
    let made = owner.get(&format!("{LIST}?action=api_key.create")).await;
    made.page(200, "api_key.create");
    assert!(!made.html.contains("user.create</code>"));
    let member = all.between("?member=", "\"");
    let hers = owner.get(&format!("{LIST}?member={member}&action=api_key.create")).await;
    assert_eq!(hers.page(200, "by one member").matches("<tr>").count(), 3);
    let target = hers.between("?target=", "\"");
    // A long id stands on one line, and can be taken along as a whole.
    hers.page(200, &format!("data-copy-text=\"{target}\""));
    hers.page(200, &format!("title=\"{target}\"><code>{target}</code>"));
    let about = owner.get(&format!("{LIST}?target={target}")).await;
    assert_eq!(about.html.matches("<tr>").count(), 2, "{}", about.html);
    owner.get(&format!("{LIST}?since=2030-01-01&until=2030-01-01")).await.page(200, "api_key.create");
    owner.get(&format!("{LIST}?until=2029-12-31")).await.page(200, "No audit event fits");
    owner.get(&format!("{LIST}?since=2030-01-02&action=&target=")).await.page(200, "No audit event fits");
    for bad in ["?since=soon", "?member=x", "?limit=0", "?nonsense=1"] {
        owner.get(&format!("{LIST}{bad}")).await.page(400, "That didn");
    }
    let first = owner.get(&format!("{LIST}?action=api_key.create&limit=1")).await;
    let next = first.between("aria-label=\"Pages\">", "</nav>");
    let next = next.split_once("href=\"").unwrap().1.split('"').next().unwrap().to_owned();
    assert!(next.contains("action=api_key.create"), "{next}");
    owner.get(&next).await.page(200, "First page");
    let stranger = app.as_foreign_owner().await;
    let theirs = stranger.get(LIST).await;
    assert!(!theirs.html.contains(&target) && !theirs.html.contains("user.create"));
}

#[tokio::test]
async fn the_log_is_exported_as_it_is_and_that_is_written_down() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    for n in 0..3 {
        app.user(&format!("u-{n}")).await;
    }
    app.pass(1);
    let export = format!("{LIST}/export");
    let offered = owner.get(&format!("{export}?action=user.create")).await;
    offered.page(200, "<code>user.create</code>");
    // How much it will be is said before, and a script shows how far it is.
    offered.page(200, "<strong>3 events</strong> will be exported");
    offered.page(200, "data-download=\"3\"");
    offered.page(200, "value=\"0\" max=\"3\"");
    // Where there is no total, the script says how many have come.
    let nothing = owner.get(&format!("{export}?action=nothing")).await;
    nothing.page(200, "<strong>0 events</strong>");
    nothing.page(200, "data-download=\"\"");
    let lines = owner.post(&export, &[("format", "jsonl"), ("action", "user.create")]).await;
    assert_eq!(lines.status, 200);
    assert_eq!(lines.headers["content-type"], "application/jsonl; charset=utf-8");
    assert_eq!(
        lines.headers["content-disposition"],
        "attachment; filename=\"audit-production-2030-01-01.jsonl\""
    );
    assert_eq!(lines.headers["cache-control"], "no-store");
    let exported: Vec<Value> = lines.html.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let listed = app.as_key().get("/audit-events?action=user.create").await.ok(200);
    assert_eq!(Value::Array(exported), listed["data"], "as the API gives them");

    let csv = owner.post(&export, &[("format", "csv")]).await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    let mut rows = csv.html.split("\r\n");
    assert!(rows.next().unwrap().starts_with("auditEventId,at,action,actorType"));
    assert_eq!(rows.clone().filter(|row| row.contains(",user.create,")).count(), 3);
    assert!(csv.html.contains(",member.join,"), "what concerns the workspace is there too");
    let log = app.as_key().get("/audit-events?action=audit.export").await.ok(200);
    assert_eq!(log["data"].as_array().unwrap().len(), 2);
    assert!(log["data"][1]["reason"].as_str().unwrap().starts_with("action user.create, until 2030-01-01T"));

    owner.post(&export, &[("format", "xml")]).await.page(400, "Choose one of these.");
    owner.post(&export, &[("format", "csv"), ("since", "soon")]).await.page(400, "That didn");
    // Who has not proven lately who they are does so first.
    app.pass(301);
    owner.get(&export).await.leads_to("/dashboard/step-up?next=%2Fdashboard%2Fproduction%2Faudit%2Fexport");
    let kept = owner.post(&export, &[("format", "csv")]).await;
    assert_eq!(kept.status, 303, "{}", kept.html);
    assert_eq!(app.as_key().get("/audit-events?action=audit.export").await.ok(200)["data"], log["data"]);
}

#[tokio::test]
async fn a_proof_in_the_middle_of_an_export_keeps_its_filters() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let offered = owner.get(&format!("{LIST}/export?action=user.create&target=a+b")).await;
    let action = offered.between("method=\"post\" action=\"/dashboard/production", "\"");
    let action = format!("/dashboard/production{action}");
    app.pass(301);
    let form = [("format", "csv"), ("action", "user.create"), ("target", "a b")];
    let step_up = "/dashboard/step-up?next=%2Fdashboard%2Fproduction%2Faudit%2Fexport%3Faction%3Duser.create";
    owner.post(&action, &form).await.leads_to(&format!("{step_up}%26target%3Da%2Bb"));
    let code = owner.code();
    let form = [("password", PASSWORD), ("code", code.as_str()), ("next", action.as_str())];
    owner.post("/dashboard/step-up", &form).await.leads_to(&action);
    let again = owner.get(&action).await;
    again.page(200, "name=\"action\" value=\"user.create\"");
    again.page(200, "name=\"target\" value=\"a b\"");
}

#[tokio::test]
async fn a_long_export_has_every_event_once() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let users: Vec<_> = (0..1_000).map(|n| serde_json::json!({"username": format!("u-{n}")})).collect();
    app.as_key().post("/users/batch", &serde_json::json!({"users": users})).await.ok(200);
    for n in 0..1_010 {
        app.hub
            .deny_scope(&app.hub.operator_in("default", "production").await.unwrap(), &format!("s-{n}"))
            .await
            .unwrap();
    }
    app.pass(1);
    let lines =
        owner.post(&format!("{LIST}/export"), &[("format", "jsonl"), ("action", "request.denied")]).await;
    let mut ids: Vec<_> = lines
        .html
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["target"]["id"].clone())
        .collect();
    ids.sort_by_key(ToString::to_string);
    ids.dedup();
    assert_eq!((lines.html.lines().count(), ids.len()), (1_010, 1_010));
}

#[tokio::test]
async fn a_check_goes_on_part_by_part_and_finds_what_was_changed() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    for n in 0..3 {
        app.user(&format!("u-{n}")).await;
        app.hub.seal_audit().await.unwrap();
    }
    app.user("waits").await;
    let check = format!("{LIST}/check");
    owner.get(&check).await.page(200, "The audit log is as it was written");
    // A part goes on where the hub itself came to, and nobody tells it where that was.
    let auditor = app.hub.operator_in("default", "production").await.unwrap();
    let looked_at = app.hub.check_chain(&auditor, None).await.unwrap();
    assert!(looked_at.at.batch > 1, "{looked_at:?}");
    let second = format!("{check}?from={}", looked_at.next);
    let events = format!("{} events in {} batches", looked_at.at.events, looked_at.at.batch);
    owner.get(&second).await.page(200, &events);
    owner.get(&format!("{check}?batch=2&events=9")).await.page(400, "That didn");
    // What another workspace suffers is none of ours.
    let theirs = app.as_foreign_owner().await;
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    let postgres = database.get_database_backend() == sea_orm::DbBackend::Postgres;
    for trigger in ["audit_event_fixed", "audit_event_queue"] {
        let on = if postgres { " ON audit_event" } else { "" };
        database.execute_unprepared(&format!("DROP TRIGGER {trigger}{on}")).await.unwrap();
    }
    let changed = "UPDATE audit_event SET reason = 'x' WHERE target_id = (SELECT id FROM \"user\" WHERE username = 'u-1')";
    assert_eq!(database.execute_unprepared(changed).await.unwrap().rows_affected(), 1);
    let wrong = owner.get(&check).await;
    wrong.page(200, "The audit log was changed");
    assert!(wrong.html.contains("was changed</p>") || wrong.html.contains("was changed."), "{}", wrong.html);
    theirs.get(&check).await.page(200, "The audit log is as it was written");
    // What was looked at long ago, or is only said to have been, is looked at again.
    let (place, _) = looked_at.next.rsplit_once('.').unwrap();
    for forged in ["2.9", place, &format!("{place}.{}", "0".repeat(64))] {
        owner.get(&format!("{check}?from={forged}")).await.page(200, "The audit log was changed");
    }
    app.pass(600);
    owner.get(&second).await.page(200, "The audit log was changed");
    database.close().await.unwrap();
}
