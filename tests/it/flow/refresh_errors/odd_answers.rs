//! R10: answers that no standard foresees, at each kind of provider: the class is right, the call is bounded, and the
//! credential works again afterwards.

use std::time::Duration;

use base64::Engine as _;
use chrono::TimeDelta;
use http::StatusCode;
use serde_json::{Value, json};
use vouchsafe::clock::Clock as _;
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, RefreshKind, Wire};
use vouchsafe::egress::EgressConfig;

use super::pending;
use crate::support::app::{Setup, TestApp, egress_config};
use crate::support::crowd::Copier;
use crate::support::raw_server::{RawServer, Reply, Then};
use crate::support::refreshing::standing;

const KINDS: [RefreshKind; 4] =
    [RefreshKind::Static, RefreshKind::Grace(60), RefreshKind::Reject, RefreshKind::Strict];

/// What an answer is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// New tokens, which end after so many seconds; none = nobody says.
    Renewed(Option<i64>),
    /// C.
    Passing,
    /// U.
    Unreadable,
    /// D.
    Throttled,
    /// E.
    Refused,
    /// H.
    Other,
}
use Taken::{Other, Passing, Refused, Renewed, Throttled, Unreadable};

impl Taken {
    /// The `statusReason` of a credential whose token has run out.
    fn reason(self, kind: RefreshKind) -> &'static str {
        match (self, kind) {
            (Renewed(_), _) => "",
            (Throttled, _) => "throttled",
            (Refused, _) => "refusal_unconfirmed",
            (Passing, RefreshKind::Static) => "provider_unreachable",
            (Unreadable | Other, RefreshKind::Static) => "unexpected_response",
            (Passing | Unreadable | Other, _) => "refresh_unconfirmed",
        }
    }
}

fn merged(name: &str, value: Value) -> Fault {
    Fault::merge(serde_json::Map::from_iter([(name.to_owned(), value)]))
}

/// A success that the app only pretends: nothing is spent.
fn ok(content_type: &str, body: impl Into<String>) -> Fault {
    Fault::answer(StatusCode::OK, content_type, body)
}

fn on_wire(wire: Wire) -> Fault {
    let body = json!({"access_token": "fha_never_arrives", "token_type": "Bearer", "expires_in": 3600});
    Fault { wire, ..ok("application/json", body.to_string()) }
}

/// A packed success, with so many spaces before its token.
fn packed(spaces: usize) -> Fault {
    use std::io::Write as _;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(&vec![b' '; spaces]).unwrap();
    packer.write_all(b"{\"access_token\":\"fha_unpacked\"}").unwrap();
    let body = base64::engine::general_purpose::STANDARD.encode(packer.finish().unwrap());
    Fault { body_base64: Some(body), ..Fault::status(StatusCode::OK).header("content-encoding", "gzip") }
}

fn renewed() -> Vec<(&'static str, Fault, Taken)> {
    let null = json!({"access_token": "fha_null", "refresh_token": null, "expires_in": 60, "scope": null});
    vec![
        ("lifetime 0", merged("expires_in", json!(0)), Renewed(None)),
        ("lifetime -1", merged("expires_in", json!(-1)), Renewed(None)),
        ("lifetime in words", merged("expires_in", json!("an hour")), Renewed(None)),
        ("lifetime 1e30", merged("expires_in", json!(1e30)), Renewed(None)),
        ("no lifetime", merged("expires_in", Value::Null), Renewed(None)),
        ("lifetime as text", merged("expires_in", json!("1800")), Renewed(Some(1_800))),
        ("lifetime with a fraction", merged("expires_in", json!(1800.9)), Renewed(Some(1_800))),
        ("a NUL in a scope", merged("scope", json!("profile read\u{0}x")), Renewed(Some(3_600))),
        ("no token type", merged("token_type", Value::Null), Renewed(Some(3_600))),
        ("members nobody knows", merged("iat", json!({"deep": [1, 2]})), Renewed(Some(3_600))),
        (
            "no refresh token",
            ok("text/plain", "{\"access_token\":\"fha_none\",\"expires_in\":60}"),
            Renewed(Some(60)),
        ),
        ("null refresh token", ok("application/json", null.to_string()), Renewed(Some(60))),
        ("a form", ok("application/json", "access_token=fha_form&expires_in=60"), Renewed(Some(60))),
        ("a form called HTML", ok("text/html", "access_token=fha_html&expires_in=60"), Renewed(Some(60))),
        ("error null", merged("error", json!(false)), Renewed(Some(3_600))),
    ]
}

fn failing() -> Vec<(&'static str, Fault, Taken)> {
    let status = |status| Fault::status(StatusCode::from_u16(status).unwrap());
    let error = |status, code| Fault::oauth_error(StatusCode::from_u16(status).unwrap(), code);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let twice = "{\"access_token\":\"fha_one\",\"access_token\":\"fha_two\",\"refresh_token\":\"r\"}";
    let long = json!({"access_token": "x".repeat(100_000)}).to_string();
    vec![
        ("408", status(408), Passing),
        ("425", status(425), Passing),
        ("500", status(500), Passing),
        ("502", status(502), Passing),
        ("503", status(503), Passing),
        ("invalid_grant in 500", error(500, "invalid_grant"), Passing),
        ("an empty success", ok("application/json", ""), Passing),
        ("HTML", ok("text/html", "<html><body>Please sign in</body></html>"), Passing),
        ("half an answer", ok("application/json", "{\"access_token\":\"fha_ha"), Passing),
        ("a cut answer", on_wire(Wire::Cut(20)), Passing),
        ("no answer", on_wire(Wire::Close), Passing),
        ("a reset", on_wire(Wire::Reset), Passing),
        ("silence", on_wire(Wire::Never), Passing),
        ("a byte a second", on_wire(Wire::Slow(1_000)), Passing),
        // 10 KiB that would unpack to 10 MiB. As not even the small one is read, nothing is unpacked at all.
        ("a gzip bomb", packed(10 * 1024 * 1024), Passing),
        ("a packed answer", packed(0), Passing),
        ("JSON a hundred thousand deep", ok("application/json", deep), Unreadable),
        ("a token named twice", ok("application/json", twice), Unreadable),
        ("a token of 100 KB", ok("application/json", long), Unreadable),
        ("JSON without a token", ok("application/json", "{\"result\":\"fine\"}"), Unreadable),
        ("429", status(429), Throttled),
        ("503 with a time", status(503).header("retry-after", "7"), Throttled),
        ("invalid_grant in 403", error(403, "invalid_grant"), Refused),
        ("invalid_grant in 200", error(200, "invalid_grant"), Refused),
        ("another error in 200", error(200, "please_hold"), Other),
        ("an empty 400", status(400), Other),
        ("a page in 404", Fault::answer(StatusCode::NOT_FOUND, "text/html", "<h1>404</h1>"), Other),
        ("a redirect", status(302).header("location", "https://elsewhere.example/"), Other),
    ]
}

/// A hub whose calls give up after two seconds.
fn hasty(kind: RefreshKind) -> Setup {
    let egress = EgressConfig { token_timeout: Duration::from_secs(2), ..egress_config() };
    Setup { egress, ..Setup::of(kind).unhurried() }
}

async fn every_odd_answer(kind: RefreshKind) {
    let Some((app, model)) = TestApp::connected(hasty(kind)).await else { return };
    let cases: Vec<_> = renewed().into_iter().chain(failing()).collect();
    let members = Copier::of(&app, &model).await.here(cases.len()).await;
    app.clock.advance(TimeDelta::hours(2));
    for ((name, fault, taken), member) in cases.into_iter().zip(&members) {
        app.fake.program(Plan::next(Endpoint::Refresh, fault).grant(member.grant));
        let answer = app.read(&member.credential).await;
        if let Renewed(seconds) = taken {
            let token = answer.ok(200);
            let end = seconds.map(|seconds| app.clock.now() + TimeDelta::seconds(seconds));
            let told =
                token["expiresAt"].as_str().map(|end| end.parse::<chrono::DateTime<chrono::Utc>>().unwrap());
            assert_eq!(told, end, "{name} at {kind}");
        } else {
            pending(&answer);
        }
        let status = if matches!(taken, Renewed(_)) { "active" } else { "error" };
        let stands = app.standing(&member.credential).await;
        assert_eq!(stands, standing(status, taken.reason(kind), ""), "{name} at {kind}");
        assert_eq!(app.fake.grant(member.grant).unwrap().requests(), 1, "{name} at {kind}");
        // Out of sight of the circuit breaker.
        app.clock.advance(TimeDelta::seconds(31));
    }

    app.rounds(27, TimeDelta::hours(1)).await;
    for member in &members {
        let stands = app.standing(&member.credential).await;
        assert_eq!(stands, standing("active", "", ""), "{:?}", app.fake.grant(member.grant));
        assert!(app.fake.grant(member.grant).unwrap().alive);
    }
}

#[tokio::test]
async fn r10_at_a_provider_that_does_not_rotate() {
    every_odd_answer(RefreshKind::Static).await;
}

#[tokio::test]
async fn r10_at_a_provider_with_a_grace() {
    every_odd_answer(RefreshKind::Grace(60)).await;
}

#[tokio::test]
async fn r10_at_a_provider_that_refuses_reuse() {
    every_odd_answer(RefreshKind::Reject).await;
}

#[tokio::test]
async fn r10_at_a_provider_that_ends_the_grant_on_reuse() {
    every_odd_answer(RefreshKind::Strict).await;
}

#[tokio::test]
async fn r10_an_endless_answer_is_not_read_to_its_end() {
    const PIECE: usize = 64 * 1024;
    const GIBIBYTE: u64 = 1 << 30;
    /// What one call may read, and what the kernels of both sides take on their own account.
    const MOST: u64 = 2 << 20;
    const KERNEL: u64 = 1 << 20;
    let head = "200 OK\r\nContent-Type: application/json";
    let much = || Then::Repeat(vec![b' '; PIECE], GIBIBYTE / PIECE as u64);
    for kind in KINDS {
        let Some((app, credential)) = TestApp::spent(hasty(kind)).await else { return };
        let announced = format!("{head}\r\nContent-Length: {GIBIBYTE}");
        let drip = Then::Drip(b"{\"access_token\":\"fha_too_late\"}".to_vec(), Duration::from_secs(1));
        for (name, reply) in [
            ("announced", Reply::then(&announced, much())),
            ("not announced", Reply::then(head, much())),
            ("packed", Reply::then(&format!("{head}\r\nContent-Encoding: gzip"), much())),
            ("a byte a second", Reply::then(head, drip)),
        ] {
            let server = RawServer::start(move |_| reply.clone()).await;
            app.ask_for_tokens_at(&server.base_url);
            pending(&app.read(&credential).await);
            assert_eq!(app.standing(&credential).await.1, Passing.reason(kind), "{name} at {kind}");
            assert_eq!(server.requests().len(), 1, "{name} at {kind}");
            assert!(server.written() < MOST + KERNEL, "{name} at {kind}: {} bytes", server.written());
            app.clock.advance(TimeDelta::hours(1));
        }
        app.redefine(|text| text);
        app.read(&credential).await.ok(200);
        assert_eq!(app.fake.grants()[0].at(1).requests, 1, "{kind}");
    }
}

#[tokio::test]
async fn r10_q08_the_refresh_token_may_be_left_out_repeated_and_replaced_within_one_life() {
    for kind in KINDS {
        let mut setup = Setup::of(kind);
        setup.settings.repeat_refresh_token = false;
        let Some((app, credential)) = TestApp::connected(setup).await else { return };
        let next = async || {
            app.clock.advance(TimeDelta::hours(2));
            app.read(&credential).await.ok(200);
            let grant = &app.fake.grants()[0];
            (grant.version, grant.requests())
        };
        // Whatever the definition says of it, the app keeps the token for a while.
        app.fake.change_kind(1, RefreshKind::Static);
        assert_eq!(next().await, (1, 1), "left out at {kind}");
        app.fake.configure(|settings| settings.repeat_refresh_token = true);
        assert_eq!(next().await, (1, 2), "repeated at {kind}");
        app.fake.change_kind(1, if kind == RefreshKind::Static { RefreshKind::Strict } else { kind });
        assert_eq!(next().await, (2, 3), "replaced at {kind}");
        assert_eq!(next().await, (3, 4), "and again at {kind}");
        app.fake.change_kind(1, RefreshKind::Static);
        assert_eq!(next().await, (3, 5), "and repeated at {kind}");
        assert!(app.fake.grants()[0].alive, "{kind}");
    }
}

#[tokio::test]
async fn r10_fewer_scopes_than_before_are_what_is_shown_and_asked_for_again() {
    for kind in KINDS {
        let Some(app) = TestApp::start_set_up(Setup::of(kind)).await else { return };
        app.put_fernhill().await;
        let need =
            json!({"name": "Orders", "connectors": [{"connector": "fernhill", "scopes": ["items:read"]}]});
        app.as_key().put("/integrations/orders", &need).await.ok(201);
        let modal = app.modal(&json!({"userId": "u-17", "integration": "orders"})).await;
        modal.popup("fernhill").await.allow(&app, "jo@acme.test").await;
        let credential = modal.result("fernhill").await["credentialId"].as_str().unwrap().to_owned();
        assert_eq!(app.shown(&credential).await["scopes"], json!(["profile", "items:read"]), "{kind}");

        app.fake.program(Plan::next(Endpoint::Refresh, merged("scope", json!("profile"))));
        app.clock.advance(TimeDelta::hours(2));
        assert_eq!(app.token(&credential).await["scopes"], json!(["profile"]), "{kind}");
        let shown = app.shown(&credential).await;
        assert_eq!((&shown["status"], &shown["scopes"]), (&json!("active"), &json!(["profile"])), "{kind}");
        let page = app.as_key().get("/users/u-17/integrations").await.ok(200);
        let missing = &page["data"][0]["connectors"][0]["missingScopes"];
        assert_eq!(missing, &json!(["items:read"]), "{kind}: {page}");
    }
}
