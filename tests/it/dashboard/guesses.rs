//! S16: who guesses at a password for an hour, from one address or from many, is heard twenty times at most, learns nothing
//! of who has an account, and does not keep its owner out, who may sit at the same address. Nor do people keep each other
//! out who sign in.

use chrono::TimeDelta;
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::support::app::TestApp;
use crate::support::browser::{Browser, PASSWORD, Shown};
use crate::support::identity::Scene;
use crate::support::statements;
use crate::support::wait::eventually;

/// Of each account, spread over an hour.
const GUESSES: u32 = 500;
/// Milliseconds from one to the next.
const APART: i64 = 7_200;
const MOST: usize = 20;

/// Guesses at an account that is there, and at one that is not.
async fn guessed(address: impl Fn(u32) -> [String; 2]) {
    let Some(app) = TestApp::start().await else { return };
    let [there, _] = address(0);
    let owner = app.as_owner().await.at(&there);
    let guess = async |email: &str, address: &str| -> (bool, String) {
        let form = [("email", email), ("password", "not the password")];
        let shown: Shown = Browser::new(&app, email).at(address).post("/dashboard/sign-in", &form).await;
        assert_eq!(shown.status, 400, "{}", shown.html);
        assert!(shown.location.is_none());
        let heard = shown.html.contains("Address or password is not right.");
        assert!(heard || shown.html.contains("That was tried too often"), "{}", shown.html);
        (heard, shown.html.replace(email, ""))
    };
    let mut heard = 0;
    for number in 0..GUESSES {
        let [one, other] = address(number);
        let known = guess("owner@acme.test", &one).await;
        let unknown = guess("nobody@acme.test", &other).await;
        assert_eq!(known, unknown, "guess {number}");
        heard += usize::from(known.0);
        if number % 100 == 0 {
            let page = owner.get("/dashboard/account").await;
            page.page(200, "Your account");
        }
        app.clock.advance(TimeDelta::milliseconds(APART));
    }
    assert!((5..=MOST).contains(&heard), "{heard} were looked at");
    owner.sign_in().await.leads_to("/dashboard");
    // In a browser that is new as well, once the wait is over: password and code are one sign-in.
    app.clock.advance(TimeDelta::minutes(10));
    anew(&app, &owner).at(&there).sign_in().await.leads_to("/dashboard");
}

/// Another browser of the same person.
fn anew<'a>(app: &'a TestApp, person: &Browser<'_>) -> Browser<'a> {
    let browser = Browser::new(app, &person.email);
    browser.seed.replace(person.seed.borrow().clone());
    browser
}

#[tokio::test]
async fn s16_guesses_from_one_address_are_few_in_an_hour() {
    Box::pin(guessed(|_| ["192.0.2.1".to_owned(), "198.51.100.1".to_owned()])).await;
}

#[tokio::test]
async fn s16_guesses_from_a_thousand_addresses_are_as_few() {
    let address = |side: u32, number: u32| format!("{}.{}.{}.1", 100 + side, number / 250, number % 250);
    Box::pin(guessed(|number| [address(0, number), address(1, number)])).await;
}

/// An address that many share.
const SHARED: &str = "192.0.2.7";

/// A try from there that is wrong and names no account; whether it was looked at.
async fn wrong_answer(scene: &Scene) -> bool {
    let browser = scene.browser().at(SHARED);
    assert_eq!(browser.get("/dashboard/sign-in/single-sign-on").await.status, 303);
    let shown = browser.get("/dashboard/sign-in/callback?code=c&state=guess").await;
    assert!(shown.html.contains("This sign-in is over") != shown.html.contains("That was tried too often"));
    shown.html.contains("This sign-in is over")
}

#[tokio::test]
async fn who_signs_in_keeps_nobody_out_at_the_same_address_and_gains_no_guess() {
    let Some(scene) = Scene::start().await else { return };
    let owner = scene.app.as_owner().await.at(SHARED);
    let _jo = scene.member(&owner, "editor").await;
    for guess in 0..48 {
        assert!(wrong_answer(&scene).await, "{guess}");
    }
    // Each of these in a browser that is new, by a password and a code or at the identity provider.
    let all_come_in = async || {
        for _ in 0..2 {
            scene.app.clock.advance(TimeDelta::seconds(30));
            anew(&scene.app, &owner).at(SHARED).sign_in().await.leads_to("/dashboard");
            scene.idp.sign_in(&scene.browser().at(SHARED)).await.arrives_at("/dashboard");
        }
    };
    all_come_in().await;
    assert!(wrong_answer(&scene).await, "the 49th");
    all_come_in().await;
    assert!(wrong_answer(&scene).await, "the fiftieth");
    assert!(!wrong_answer(&scene).await, "nothing that came between has taken a guess back");
    let form = [("email", "nobody@acme.test"), ("password", PASSWORD)];
    let stranger = Browser::new(&scene.app, "nobody@acme.test").at(SHARED);
    stranger.post("/dashboard/sign-in", &form).await.page(400, "That was tried too often");
    // A browser that is known here is not counted among them.
    owner.sign_in().await.leads_to("/dashboard");
}

/// S7: how long that takes is measured in the comparison itself, and here it is shown that each sign-in comes to it.
#[tokio::test]
async fn an_account_that_is_not_there_makes_as_much_work() {
    statements::listen();
    let Some(scene) = Scene::start().await else { return };
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _measured = metrics::set_default_local_recorder(&recorder);
    let compared = || -> u64 {
        let text = handle.render();
        let count = text.lines().find_map(|line| line.strip_prefix("vouchsafe_password_seconds_count "));
        count.map_or(0, |count| count.parse().unwrap())
    };
    let owner = scene.app.as_owner().await;
    let _without_a_password = scene.member(&owner, "editor").await;
    let people = ["owner@acme.test", "jo@acme.test", "nobody@acme.test"];
    // The first of each may make ready what the hub then keeps.
    for round in 0..2 {
        for email in people {
            let before = compared();
            let browser = Browser::new(&scene.app, email).header("x-request-id", &format!("{email}-{round}"));
            let form = [("email", email), ("password", "not the password")];
            let shown = browser.post("/dashboard/sign-in", &form).await;
            shown.page(400, "Address or password is not right.");
            assert_eq!(compared() - before, 1, "{email}");
        }
    }
    eventually("the same statements for each", async || {
        let taken = people.map(|email| statements::of_request(&format!("{email}-1")));
        let written = taken[0].iter().any(|statement| statement.contains("audit_event"));
        if written && taken[0] == taken[1] && taken[1] == taken[2] { Ok(()) } else { Err(taken) }
    })
    .await;
}
