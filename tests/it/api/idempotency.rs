//! Requests that are sent twice.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, VALID_KEY};
use vouchsafe::domain::actor::{Actor, Author, Origin};
use vouchsafe::service::Hub;
use vouchsafe::service::idempotency::Repetition;

use crate::support::app::TestApp;
use crate::support::wait::eventually;

#[tokio::test]
async fn a_repeated_request_is_answered_as_the_first() {
    let Some(app) = TestApp::start().await else { return };
    let caller = app.as_key().header("idempotency-key", "k-1");
    let body = json!({"username": "u"});
    let first = caller.post("/users", &body).await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (201, None));
    let second = caller.post("/users", &body).await;
    assert_eq!((second.status, second.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!((&second.body, second.header("content-type")), (&first.body, first.header("content-type")));
    let other = caller.post("/users", &json!({"username": "v"})).await;
    other.assert_problem(409, "idempotency_mismatch");
    // Another path, another key and another caller are other requests.
    caller.post("/users/batch", &json!({"users": [{"username": "w"}]})).await.ok(200);
    app.as_sandbox_key().header("idempotency-key", "k-1").post("/users", &body).await.ok(201);
    app.as_key()
        .header("idempotency-key", "k-2")
        .post("/users", &body)
        .await
        .assert_problem(409, "username_taken");
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day_and_a_refusal_of_the_input_too() {
    let Some(app) = TestApp::start().await else { return };
    let caller = app.as_key().header("idempotency-key", "k");
    let first = caller.post("/users", &json!({})).await;
    first.assert_invalid(&["/username"]);
    let second = caller.post("/users", &json!({})).await;
    assert_eq!((second.status, second.header("idempotent-replayed")), (400, Some("true")));
    assert_eq!(second.header("content-type"), Some("application/problem+json"));
    assert_eq!(second.json()["requestId"], first.json()["requestId"], "the first answer, word for word");
    app.clock.advance(TimeDelta::hours(24));
    let third = caller.post("/users", &json!({"username": "u"})).await;
    assert_eq!((third.status, third.header("idempotent-replayed")), (201, None));
}

#[tokio::test]
async fn an_answer_that_is_not_final_is_not_kept() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let caller = app.as_key().header("idempotency-key", "k");
    let body = json!({"userId": "u", "connector": "quillpost", "data": {"key": VALID_KEY}});
    app.fake.program(Plan::next(Endpoint::Api, Fault::close_before()).always());
    caller.post("/credentials", &body).await.assert_problem(502, "provider_unreachable");
    app.fake.clear_faults();
    caller.post("/credentials", &body).await.ok(201);
    assert_eq!(caller.post("/credentials", &body).await.header("idempotent-replayed"), Some("true"));
    assert_eq!(app.as_key().get("/credentials").await.ok(200)["data"].as_array().unwrap().len(), 1);

    let made = app.renewable("u").await;
    let refresh = format!("/credentials/{}/refresh", made["credentialId"].as_str().unwrap());
    app.as_key().act(&refresh).await.ok(200);
    caller.act(&refresh).await.assert_problem(429, "refresh_too_soon");
    app.clock.advance(TimeDelta::seconds(61));
    caller.act(&refresh).await.ok(200);
}

/// How often five requests race, and how many such races there are at a time.
const RACES: usize = 100;
const AT_ONCE: usize = 5;

#[tokio::test]
async fn s23_of_five_at_once_one_is_carried_out_and_the_others_wait() {
    let Some(app) = TestApp::start().await else { return };
    app.fake.program(Plan::next(Endpoint::Api, Fault::delay_before(50)).always());
    for first in (0..RACES).step_by(AT_ONCE) {
        join_all((first..first + AT_ONCE).map(|number| race(&app, number))).await;
    }
    let all = app.as_key().get("/credentials?limit=200").await.ok(200);
    assert_eq!(all["data"].as_array().unwrap().len(), RACES);
}

async fn race(app: &TestApp, number: usize) {
    let user = format!("u-{number}");
    app.user(&user).await;
    let body = json!({"userId": user, "connector": "quillpost", "data": {"key": VALID_KEY}});
    let caller = app.as_key().header("idempotency-key", &format!("k-{number}"));
    let answers = join_all((0..5).map(|_| caller.post("/credentials", &body))).await;
    let mut made: Vec<_> =
        answers.iter().filter(|answer| answer.status == 201).map(|answer| &answer.body).collect();
    assert!(!made.is_empty(), "{answers:?}");
    made.dedup();
    assert_eq!(made.len(), 1, "whoever came late got the first answer");
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.assert_problem(409, "idempotency_in_progress");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
}

#[tokio::test]
async fn a_change_is_carried_through_when_its_caller_hangs_up() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let body = json!({"userId": "u", "connector": "quillpost", "data": {"key": VALID_KEY}});
    app.fake.program(Plan::next(Endpoint::Api, Fault::hold()));
    let caller = app.as_key().header("idempotency-key", "k");
    app.hang_up(caller.post("/credentials", &body), |counters| counters.api_calls).await;
    caller.post("/credentials", &body).await.assert_problem(409, "idempotency_in_progress");
    app.fake.release();
    let kept = eventually("the kept answer", async || {
        let answer = caller.post("/credentials", &body).await;
        if answer.status == 201 { Ok(answer) } else { Err(answer) }
    })
    .await;
    assert_eq!(kept.header("idempotent-replayed"), Some("true"));
    assert_eq!(app.as_key().get("/credentials").await.ok(200)["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_not_waited_for_and_goes_on() {
    let limit = std::time::Duration::from_millis(300);
    let Some(app) = TestApp::start_with(|state| state.handler_timeout = limit).await else {
        return;
    };
    app.user("u").await;
    let body = json!({"userId": "u", "connector": "quillpost", "data": {"key": VALID_KEY}});
    app.fake.program(Plan::next(Endpoint::Api, Fault::hold()));
    app.as_key().post("/credentials", &body).await.assert_problem(504, "provider_timeout");
    app.fake.release();
    eventually("the credential", async || {
        let stored = app.as_key().get("/credentials").await.ok(200);
        if stored["data"].as_array().unwrap().len() == 1 { Ok(()) } else { Err(stored) }
    })
    .await;
}

#[tokio::test]
async fn a_key_is_visible_ascii_and_not_too_long() {
    let Some(app) = TestApp::start().await else { return };
    let longest = "x".repeat(255);
    for (at, good) in ["k", longest.as_str(), "~!@#"].into_iter().enumerate() {
        let body = json!({"username": format!("u-{at}")});
        app.as_key().header("idempotency-key", good).post("/users", &body).await.ok(201);
    }
    for bad in ["", "a b", &"x".repeat(256)] {
        let response =
            app.as_key().header("idempotency-key", bad).post("/users", &json!({"username": "w"})).await;
        response.assert_invalid(&["/Idempotency-Key"]);
    }
    let nobody = app.anonymous().header("idempotency-key", "k");
    nobody.post("/users", &json!({"username": "w"})).await.assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_new_key_is_replayed_whole() {
    let Some(app) = TestApp::start().await else { return };
    let caller = app.as_key().header("idempotency-key", "k");
    let body = json!({"name": "n", "scopes": ["users:read"]});
    let made: Value = caller.post("/api-keys", &body).await.ok(201);
    assert_eq!(caller.post("/api-keys", &body).await.ok(201), made);
    app.with_key(made["key"].as_str().unwrap()).get("/users").await.ok(200);
}

#[tokio::test]
async fn a_request_whose_process_died_is_taken_over() {
    let Some(app) = TestApp::start().await else { return };
    let made = app.as_key().post("/api-keys", &json!({"name": "n", "scopes": ["*"]})).await.ok(201);
    let key = made["key"].as_str().unwrap();
    let body = json!({"username": "u"});

    // A process that noted the request and never came to its end.
    let other = Hub::new(app.parts().await);
    other.bootstrap().await.unwrap();
    let known = other.authenticate(key, None).await.unwrap();
    let author = Author::ApiKey(known.id);
    let actor = Actor { author, tenant: known.tenant, origin: Origin::default() };
    let noted = other.begin_request(&actor, "k", "/users", body.to_string().as_bytes()).await.unwrap();
    let Repetition::First(begun) = noted else { panic!("nobody sent it before") };

    let caller = app.with_key(key).header("idempotency-key", "k");
    caller.post("/users", &body).await.assert_problem(409, "idempotency_in_progress");
    app.clock.advance(TimeDelta::seconds(299));
    caller.post("/users", &body).await.assert_problem(409, "idempotency_in_progress");
    app.clock.advance(TimeDelta::seconds(1));
    let first = caller.post("/users", &body).await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (201, None));

    // Late word of the first changes nothing of what came of the second.
    other.finish_request(&actor, begun, Some((500, None, "late"))).await.unwrap();
    app.clock.advance(TimeDelta::hours(23));
    let second = caller.post("/users", &body).await;
    assert_eq!((second.status, second.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(second.body, first.body);
}
