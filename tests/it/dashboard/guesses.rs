//! S16: who guesses at a password for an hour, from one address or from many, is heard twenty times at most, learns nothing
//! of who has an account, and does not keep its owner out.

use chrono::TimeDelta;

use crate::support::app::TestApp;
use crate::support::browser::{Browser, Shown};

/// Of each account, spread over an hour.
const GUESSES: u32 = 500;
/// Milliseconds from one to the next.
const APART: i64 = 7_200;
const MOST: usize = 20;

/// Guesses at an account that is there, and at one that is not.
async fn guessed(address: impl Fn(u32) -> [String; 2]) {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let guess = async |email: &str, address: &str| -> (bool, String) {
        let form = [("email", email), ("password", "not the password")];
        let shown: Shown = Browser::new(&app, email).at(address).post("/dashboard/sign-in", &form).await;
        assert_eq!(shown.status, 400, "{}", shown.html);
        assert!(shown.location.is_none());
        let heard = shown.html.contains("Address or password are not right.");
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
