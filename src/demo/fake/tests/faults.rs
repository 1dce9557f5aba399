//! Each fault as it arrives on the wire, and control over HTTP.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

/// The number of refresh requests of version 1, and how many of them spent it.
fn spent(rig: &Rig) -> (u64, u64) {
    let seen = rig.fake.grant(1).unwrap().at(1);
    (seen.requests, seen.accepted)
}

/// Waits until [`spent`] gives `wanted`.
async fn spent_is(rig: &Rig, wanted: (u64, u64)) {
    let waiting = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        while spent(rig) != wanted {
            ticks.tick().await;
        }
    };
    assert!(tokio::time::timeout(SOON, waiting).await.is_ok(), "{:?}, not {wanted:?}", spent(rig));
}

/// The line on which a refresh was sent.
async fn sent(rig: &Rig, refresh_token: &str) -> TcpStream {
    let address = rig.fake.base_url().trim_start_matches("http://");
    let mut line = TcpStream::connect(address).await.unwrap();
    let body = format!(
        "grant_type=refresh_token&client_id={DEMO_CLIENT_ID}&client_secret={DEMO_CLIENT_SECRET}&refresh_token={refresh_token}"
    );
    let head = "POST /oauth/token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded";
    let request = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    line.write_all(request.as_bytes()).await.unwrap();
    line
}

/// The bytes of an answer, as far as they came, and whether the line was closed in time.
async fn rest(line: &mut TcpStream, wait: Duration) -> (String, bool) {
    let mut seen = Vec::new();
    let closed = tokio::time::timeout(wait, line.read_to_end(&mut seen)).await.is_ok();
    (String::from_utf8_lossy(&seen).into_owned(), closed)
}

/// The same for a refresh that is sent now.
async fn raw(rig: &Rig, refresh_token: &str) -> (String, bool) {
    rest(&mut sent(rig, refresh_token).await, SOON).await
}

const SOON: Duration = Duration::from_secs(10);
const A_MOMENT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_status_comes_before_or_after_the_token_is_spent() {
    let rig = Rig::new(RefreshKind::Strict).await;
    let first = rig.connected().await;
    let token = text(&first, "refresh_token");
    rig.fake.program(Plan::next(Endpoint::Refresh, Fault::throttled(7)));
    let response = rig.spend(token).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].as_bytes()), (429, &b"7"[..]));
    assert_eq!(spent(&rig), (1, 0));
    rig.fake.program(Plan::next(Endpoint::Token, Fault::status(StatusCode::BAD_GATEWAY).processed()));
    let response = rig.spend(token).send().await.unwrap();
    assert_eq!(response.status(), 502);
    assert_eq!(response.text().await.unwrap(), "");
    assert_eq!(spent(&rig), (2, 1));
    assert_eq!(rig.fake.counters().faults, 2);
}

#[tokio::test]
async fn answers_can_be_odd_in_every_way() {
    let rig = Rig::new(RefreshKind::Static).await;
    let first = rig.connected().await;
    let token = text(&first, "refresh_token");
    let plan = |fault| rig.fake.program(Plan::next(Endpoint::Refresh, fault));

    plan(Fault::oauth_error(StatusCode::OK, "invalid_grant"));
    assert_eq!(json(rig.spend(token)).await, (200, json!({ "error": "invalid_grant" })));
    plan(Fault::oauth_error(StatusCode::FORBIDDEN, "invalid_grant"));
    assert_eq!(json(rig.spend(token)).await.0, 403);
    plan(Fault::answer(StatusCode::OK, "text/html", "<h1>Maintenance</h1>"));
    let response = rig.spend(token).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/html");
    assert_eq!(response.text().await.unwrap(), "<h1>Maintenance</h1>");
    plan(Fault { body_base64: Some("/wD+".to_owned()), ..Fault::default() });
    assert_eq!(&rig.spend(token).send().await.unwrap().bytes().await.unwrap()[..], [0xff, 0, 0xfe]);
    assert_eq!(spent(&rig), (4, 1), "only the last was processed");

    let members = json!({ "access_token": null, "expires_in": "3600", "refresh_token": "other" });
    plan(Fault::merge(members.as_object().unwrap().clone()));
    let (status, body) = json(rig.spend(token)).await;
    assert_eq!((status, &body["expires_in"], &body["refresh_token"]), (200, &json!("3600"), &json!("other")));
    assert!(body.get("access_token").is_none() && body.get("scope").is_some());
    assert_eq!(json(rig.spend(token)).await.0, 200, "each plan was for one call");
}

#[tokio::test]
async fn a_line_can_be_closed_reset_or_left_open_without_an_answer() {
    let rig = Rig::new(RefreshKind::Static).await;
    let first = rig.connected().await;
    let token = text(&first, "refresh_token");
    let plan = |fault| rig.fake.program(Plan::next(Endpoint::Refresh, fault));

    plan(Fault::close_before());
    assert_eq!(raw(&rig, token).await, (String::new(), true));
    assert_eq!(spent(&rig), (1, 0));
    plan(Fault::close_after());
    assert_eq!(raw(&rig, token).await, (String::new(), true));
    assert_eq!(spent(&rig), (2, 1));
    plan(Fault::wire(Wire::Reset));
    assert!(rig.spend(token).send().await.is_err());
    assert_eq!(spent(&rig), (3, 2));
    plan(Fault::wire(Wire::Never));
    let mut line = sent(&rig, token).await;
    spent_is(&rig, (4, 3)).await;
    assert_eq!(rest(&mut line, A_MOMENT).await, (String::new(), false));
}

/// What of a body has come, once the head of the answer has.
fn body_of(seen: &[u8]) -> Option<&[u8]> {
    let end = seen.windows(4).position(|part| part == b"\r\n\r\n")?;
    Some(&seen[end + 4..])
}

#[tokio::test]
async fn a_body_can_be_cut_or_drip() {
    let rig = Rig::new(RefreshKind::Static).await;
    let first = rig.connected().await;
    let token = text(&first, "refresh_token");
    for cut in [0, 1, 20] {
        rig.fake.program(Plan::next(Endpoint::Refresh, Fault::wire(Wire::Cut(cut))));
        let (seen, closed) = raw(&rig, token).await;
        let (head, body) = seen.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert_eq!((body.len(), closed), (cut, true), "{seen}");
        rig.fake.program(Plan::next(Endpoint::Refresh, Fault::wire(Wire::Cut(cut))));
        let answer = rig.spend(token).send().await.unwrap();
        assert!(answer.bytes().await.is_err(), "the announced length is the true one");
    }
    rig.fake.program(Plan::next(Endpoint::Refresh, Fault::wire(Wire::Slow(1))));
    let (status, body) = json(rig.spend(token)).await;
    assert_eq!((status, text(&body, "token_type")), (200, "Bearer"));
    rig.fake.program(Plan::next(Endpoint::Refresh, Fault::wire(Wire::Slow(1_000))));
    let (mut line, mut seen) = (sent(&rig, token).await, Vec::<u8>::new());
    while body_of(&seen).is_none_or(<[u8]>::is_empty) {
        let read = tokio::time::timeout(SOON, line.read_buf(&mut seen)).await.unwrap().unwrap();
        assert!(read > 0, "closed after {} bytes", seen.len());
    }
    assert_eq!(body_of(&seen).map(<[u8]>::len), Some(1));
    assert_eq!(rest(&mut line, A_MOMENT).await, (String::new(), false));
}

#[tokio::test]
async fn processing_goes_on_when_the_caller_hangs_up() {
    let rig = Rig::new(RefreshKind::Strict).await;
    let first = rig.connected().await;
    rig.fake.program(Plan::next(Endpoint::Refresh, Fault::delay_before(300)));
    let line = sent(&rig, text(&first, "refresh_token")).await;
    spent_is(&rig, (1, 0)).await;
    drop(line);
    spent_is(&rig, (1, 1)).await;
    assert_eq!(rig.fake.counters().token_in_flight, 0);
}

#[tokio::test]
async fn a_plan_hits_the_grant_version_and_calls_it_names() {
    let rig = Rig::new(RefreshKind::Strict).await;
    let (first, second) = (rig.connected().await, rig.connected().await);
    let fault = Fault::status(StatusCode::INTERNAL_SERVER_ERROR);
    rig.fake.program(Plan::next(Endpoint::Refresh, fault.clone()).grant(2).version(2).skip(1).times(2));
    let (_, rotated) = json(rig.spend(text(&first, "refresh_token"))).await;
    assert_eq!(rig.spend(text(&rotated, "refresh_token")).send().await.unwrap().status(), 200, "grant 1");
    let (_, rotated) = json(rig.spend(text(&second, "refresh_token"))).await;
    let next = text(&rotated, "refresh_token").to_owned();
    rig.fake.configure(|settings| settings.kind = RefreshKind::Static);
    rig.fake.program(Plan::next(Endpoint::Api, fault).always());
    for _ in 0..3 {
        assert_eq!(rig.me(text(&rotated, "access_token")).await, 500);
    }
    assert_eq!(rig.fake.snapshot().faults_pending, 2);
    let mut seen = Vec::new();
    let skipped = Fault::oauth_error(StatusCode::BAD_REQUEST, "slow_down");
    rig.fake.program(Plan::next(Endpoint::Refresh, skipped));
    for _ in 0..3 {
        seen.push(rig.spend(&next).send().await.unwrap().status().as_u16());
    }
    assert_eq!(seen, [400, 500, 500], "the first passed the plan by and met the next");
    rig.fake.clear_faults();
    assert_eq!(rig.spend(&next).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn everything_can_be_driven_over_http() {
    let rig = Rig::new(RefreshKind::Strict).await;
    let post = |path: &str, body: Value| rig.http.post(rig.url(path)).json(&body);
    let client = json!({ "id": "c", "secret": "s", "kind": "grace:5", "redirectUris": [REDIRECT] });
    assert_eq!(post("/_control/clients", client).send().await.unwrap().status(), 204);
    let grant = json!({ "clientId": "c", "username": "kim@acme.test", "scopes": ["profile"] });
    let (status, issued) = json(post("/_control/grants", grant)).await;
    assert_eq!((status, &issued["id"]), (201, &json!(1)));
    let (_, found) =
        json(post("/_control/tokens/identify", json!({ "token": issued["refreshToken"] }))).await;
    assert_eq!(found, json!({ "grant": 1, "version": 1 }));

    let plan = json!({ "endpoint": "api", "grant": 1, "fault": { "status": 503, "process": false } });
    assert_eq!(json(post("/_control/faults", plan)).await.0, 201);
    assert_eq!(json(rig.http.get(rig.url("/_control/faults"))).await.1["data"][0]["plan"]["times"], 1);
    assert_eq!(rig.me(text(&issued, "accessToken")).await, 503);
    let wire = json!({ "endpoint": "api", "times": null, "fault": { "wire": { "cut": 3 } } });
    assert_eq!(json(post("/_control/faults", wire)).await.0, 201);
    rig.http.delete(rig.url("/_control/faults")).send().await.unwrap();
    assert_eq!(rig.me(text(&issued, "accessToken")).await, 200);

    let patch = |body: Value| rig.http.patch(rig.url("/_control/settings")).json(&body);
    let (status, settings) = json(patch(json!({ "kind": "reject", "accessTokenLifetime": 5 }))).await;
    assert_eq!(
        (status, text(&settings, "kind"), &settings["announceLifetime"]),
        (200, "reject", &json!(true))
    );
    assert_eq!(json(patch(json!({ "kynd": "reject" }))).await.0, 400);

    let (_, state) = json(rig.http.get(rig.url("/_control/state"))).await;
    let snapshot = serde_json::from_value::<Snapshot>(state).unwrap();
    assert_eq!((snapshot.counters.api_calls, snapshot.grants[0].kind), (2, RefreshKind::Grace(5)));
    let withdraw = || rig.http.delete(rig.url("/_control/grants/1")).send();
    assert_eq!(withdraw().await.unwrap().status(), 204);
    assert_eq!(withdraw().await.unwrap().status(), 404);
    assert_eq!(rig.me(text(&issued, "accessToken")).await, 401);
    assert_eq!(
        post("/_control/keys", json!({ "key": "k", "state": "valid" })).send().await.unwrap().status(),
        204
    );
    assert_eq!(rig.me("k").await, 200);
}

#[tokio::test]
async fn stopping_frees_the_port() {
    let rig = Rig::new(RefreshKind::Strict).await;
    let address = rig.fake.base_url().trim_start_matches("http://").to_owned();
    rig.fake.stop().await;
    tokio::net::TcpListener::bind(address).await.unwrap();
}
