//! Class D: the app asks for patience, and gets it.

use chrono::TimeDelta;
use http::StatusCode;
use vouchsafe::clock::Clock as _;
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, RefreshKind};

use super::pending;
use crate::support::app::{Setup, TestApp};
use crate::support::refreshing::standing;

fn throttled(retry_after: &str) -> Fault {
    Fault::oauth_error(StatusCode::TOO_MANY_REQUESTS, "invalid_grant").header("retry-after", retry_after)
}

#[tokio::test]
async fn what_the_app_asks_to_wait_is_waited_up_to_an_hour() {
    let mut setup = Setup::of(RefreshKind::Strict);
    setup.definition = "\n[oauth2.error_map]\nslow_down = \"throttled\"\n".to_owned();
    let Some((app, credential)) = TestApp::spent(setup).await else { return };
    let date = |minutes| {
        let at = app.clock.now() + TimeDelta::hours(2) + TimeDelta::minutes(minutes);
        at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    };
    let busy = Fault::status(StatusCode::SERVICE_UNAVAILABLE).header("retry-after", "60");
    let mapped = Fault::oauth_error(StatusCode::BAD_REQUEST, "slow_down");
    let silent = Fault::status(StatusCode::TOO_MANY_REQUESTS);
    for (fault, least, most) in [
        (throttled("120"), 120, 121),
        (throttled("86400"), 3_600, 3_601),
        (throttled("soon"), 1, 6),
        (silent, 1, 6),
        (busy, 60, 61),
        (mapped, 1, 6),
        (throttled("0"), 0, 1),
    ] {
        wait_for(&app, &credential, fault, least..=most).await;
    }
    wait_for(&app, &credential, throttled(&date(5)), 300..=301).await;
    wait_for(&app, &credential, throttled(&date(600)), 3_600..=3_601).await;
    let events = app.events(&credential).await;
    assert_eq!(events.len(), 1 + 2 * 9, "{events:?}");
}

/// Lets the next refresh two hours later be throttled, and checks that nothing is sent before the time that the caller
/// is told.
async fn wait_for(app: &TestApp, credential: &str, fault: Fault, seconds: std::ops::RangeInclusive<i64>) {
    app.clock.advance(TimeDelta::hours(2));
    app.fake.program(Plan::next(Endpoint::Refresh, fault.clone()));
    let before = app.refreshes();
    let wait = pending(&app.read(credential).await);
    assert!(seconds.contains(&wait), "{fault:?}: {wait} s");
    assert_eq!(app.standing(credential).await, standing("error", "throttled", ""));
    if wait > 2 {
        app.rounds(1, TimeDelta::seconds(wait - 2)).await;
        pending(&app.read(credential).await);
        assert_eq!(app.refreshes(), before + 1, "{fault:?}");
    }
    app.clock.advance(TimeDelta::seconds(2));
    app.read(credential).await.ok(200);
    assert_eq!(app.refreshes(), before + 2);
}
