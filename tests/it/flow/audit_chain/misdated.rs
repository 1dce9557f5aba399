//! Batches that were closed under a clock that was ahead.

use chrono::TimeDelta;
use vouchsafe::clock::Clock as _;

use crate::support::app::TestApp;

#[tokio::test]
async fn batches_of_a_clock_that_was_far_ahead_keep_no_later_one_from_being_removed() {
    let day = 86_400_000;
    let kept = |parts: &mut vouchsafe::service::Parts| {
        parts.audit_log.keep = Some(10 * day);
        parts.audit_log.keep_addresses = Some(5 * day);
    };
    let Some(app) = TestApp::start_as(kept, |_| ()).await else { return };
    let batches = async |rounds: std::ops::Range<u32>| {
        for round in rounds {
            app.user(&format!("u-{round}")).await;
            app.hub.seal_audit().await.unwrap();
        }
    };
    let now = app.clock.now();
    app.clock.advance(TimeDelta::days(365));
    batches(0..6).await;
    let left = async |what: &str| {
        app.rows(&format!("SELECT seq FROM audit_batch WHERE {what} ORDER BY seq")).await.len()
    };
    let ahead = left("members IS NOT NULL").await;
    app.clock.set(now);
    batches(6..14).await;
    let all = left("members IS NOT NULL").await;
    assert!(ahead >= 6 && all >= ahead + 8, "{ahead} of {all}");

    app.clock.advance(TimeDelta::days(6));
    app.hub.retain_audit().await.unwrap();
    let addressed = left("addresses").await;
    assert!((1..=ahead).contains(&addressed), "{addressed} of {ahead}");
    assert_eq!(left("members IS NOT NULL").await, all);
    app.clock.advance(TimeDelta::days(5));
    app.hub.retain_audit().await.unwrap();
    assert_eq!(left("members IS NOT NULL").await, ahead);
    app.hub.seal_audit().await.unwrap();
    app.hub.verify_audit().await.unwrap().unwrap();
}
