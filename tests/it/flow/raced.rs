//! What is done several times at once. S8: the answer of an app counts once, and a ticket starts one flow. A connector is
//! made once and then replaced, an integration too, and a user once.

use futures_util::future::join_all;
use serde_json::{Value, json};
use vouchsafe::demo::fake::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, FERNHILL};

use crate::support::app::TestApp;

const RACES: usize = 20;
const AT_ONCE: usize = 5;

/// How often this is among what was answered.
fn times(statuses: &[u16], wanted: u16) -> usize {
    statuses.iter().filter(|status| **status == wanted).count()
}

#[tokio::test]
async fn s8_of_callbacks_at_once_one_succeeds() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    for race in 0..RACES {
        let user = format!("u-{race}");
        let modal = app.modal(&json!({"userId": user, "connectors": ["fernhill"]})).await;
        let popup = modal.popup("fernhill").await;
        let back = popup.decide(&app, "allow", &format!("{race}@acme.test")).await;
        let answers = join_all((0..AT_ONCE).map(|_| app.callback(&back, &popup.cookie))).await;
        let statuses: Vec<u16> = answers.into_iter().map(|(status, _)| status).collect();
        let counts = (times(&statuses, 200), times(&statuses, 400));
        assert_eq!(counts, (1, AT_ONCE - 1), "race {race}: {statuses:?}");
        assert_eq!(app.fake.counters().token_requests, race as u64 + 1, "the code was sent once");
        assert_eq!(modal.result("fernhill").await["status"], "completed");
        let made = app.as_key().get(&format!("/credentials?userId={user}")).await.ok(200);
        assert_eq!(made["data"].as_array().unwrap().len(), 1, "{made}");
    }
    let grants = app.fake.grants();
    assert_eq!(grants.len(), RACES);
    assert!(grants.iter().all(|grant| grant.alive), "a code that is used twice ends its grant");
}

#[tokio::test]
async fn s8_of_start_pages_at_once_one_begins() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["fernhill"]})).await;
    for race in 0..RACES {
        let ticket = modal.ticket("fernhill").await;
        let start = format!("{}{}", app.base_url, ticket["startUrl"].as_str().unwrap());
        let opened = join_all((0..AT_ONCE).map(|_| app.client.get(&start).send())).await;
        let statuses: Vec<u16> = opened.into_iter().map(|page| page.unwrap().status().as_u16()).collect();
        let counts = (times(&statuses, 200), times(&statuses, 400));
        assert_eq!(counts, (1, AT_ONCE - 1), "race {race}: {statuses:?}");
    }
}

#[tokio::test]
async fn of_first_puts_at_once_one_makes_the_connector_and_the_others_replace_it() {
    let Some(app) = TestApp::start().await else { return };
    let plain = json!({"provider": FERNHILL, "clientId": DEMO_CLIENT_ID});
    let mut secret = plain.clone();
    secret["clientSecret"] = json!(DEMO_CLIENT_SECRET);
    for race in 0..RACES {
        let path = format!("/connectors/fern-{race}");
        let caller = app.as_key();
        let bodies = (0..AT_ONCE).map(|nth| if nth == race % AT_ONCE { &secret } else { &plain });
        let answers = join_all(bodies.map(|body| caller.put(&path, body))).await;
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        let counts = (times(&statuses, 201), times(&statuses, 200));
        assert_eq!(counts, (1, AT_ONCE - 1), "race {race}: {statuses:?}");
        let put = caller.get(&path).await.ok(200);
        assert_eq!(put["hasClientSecret"], true, "race {race}: one that leaves it out keeps it");
    }
}

#[tokio::test]
async fn of_first_puts_at_once_one_makes_the_integration_and_the_others_replace_it() {
    let Some(app) = TestApp::start().await else { return };
    let caller = app.as_key();
    for race in 0..RACES {
        let path = format!("/integrations/orders-{race}");
        let body = json!({"name": "Orders", "connectors": [{"connector": "quillpost"}]});
        let answers = join_all((0..AT_ONCE).map(|_| caller.put(&path, &body))).await;
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        let counts = (times(&statuses, 201), times(&statuses, 200));
        assert_eq!(counts, (1, AT_ONCE - 1), "race {race}: {statuses:?}");
    }
}

#[tokio::test]
async fn of_first_sessions_at_once_one_makes_the_user_for_all() {
    let Some(app) = TestApp::start().await else { return };
    let caller = app.as_key();
    for race in 0..RACES {
        let username = format!("u-{race}");
        let body = json!({"userId": username, "connectors": ["quillpost"]});
        let answers = join_all((0..AT_ONCE).map(|_| caller.post("/connect/sessions", &body))).await;
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(times(&statuses, 201), AT_ONCE, "race {race}: {statuses:?}");
        let made = caller.get("/audit-events?action=user.create").await.ok(200);
        assert_eq!(made["data"].as_array().unwrap().len(), race + 1, "{made}");
    }
}

#[tokio::test]
async fn of_batches_at_once_one_makes_each_user_and_the_others_are_told_so() {
    let Some(app) = TestApp::start().await else { return };
    let caller = app.as_key();
    for race in 0..RACES {
        let user = |nth: usize| json!({"username": format!("u-{race}-{nth}")});
        let bodies: Vec<Value> = (0..AT_ONCE)
            .map(|first| {
                // The same users in another order each time, after one of its own.
                let shared = (0..AT_ONCE).map(|nth| user((first + nth) % AT_ONCE));
                let own = std::iter::once(user(AT_ONCE + first));
                json!({"users": own.chain(shared).collect::<Vec<_>>()})
            })
            .collect();
        let answers = join_all(bodies.iter().map(|body| caller.post("/users/batch", body))).await;
        let told: Vec<usize> =
            answers.iter().map(|answer| answer.ok(200)["invalidUsers"].as_array().unwrap().len()).collect();
        let others = AT_ONCE * (AT_ONCE - 1);
        assert_eq!(told.iter().sum::<usize>(), others, "race {race}: {told:?}");
    }
}
