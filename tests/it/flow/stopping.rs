//! A hub that is told to stop: what it sent is finished and written down, and nothing more is sent.

use chrono::TimeDelta;
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, RefreshKind};

use crate::support::app::{Setup, TestApp};
use crate::support::wait::eventually;

#[tokio::test]
async fn a_hub_that_stops_finishes_the_renewal_it_sent_and_sends_none_that_stands_in_line() {
    let mut setup = Setup::of(RefreshKind::Strict);
    setup.definition.push_str("\n[limits]\nconcurrency = 1\nrate = 10000\n");
    let Some((app, sent)) = TestApp::connected(setup).await else { return };
    let in_line = app.connect_as("u-18", "kim@acme.test").await;
    app.fake.program(Plan::next(Endpoint::Refresh, Fault::hold()));
    app.clock.advance(TimeDelta::hours(2));

    let stopped = async {
        app.counted(1, |counters| counters.refreshes).await;
        let close = async {
            eventually("a second one in line", async || match app.hub.refreshes_under_way() {
                2 => Ok(()),
                count => Err(count),
            })
            .await;
            app.hub.close();
        };
        let (answer, ()) = tokio::join!(app.read(&in_line), close);
        answer.assert_problem(503, "refresh_pending");
        app.read(&in_line).await.assert_problem(503, "refresh_pending");
        assert_eq!(app.hub.refreshes_under_way(), 1, "what was sent goes on");
        app.fake.release();
    };
    let (answer, ()) = tokio::join!(app.read(&sent), stopped);
    answer.ok(200);
    app.hub.finish().await;

    let seen: Vec<_> = app.fake.grants().iter().map(|one| (one.alive, one.version, one.requests())).collect();
    assert_eq!(seen, [(true, 2, 1), (true, 1, 0)]);
    let claimed = app.rows("SELECT credential_id FROM credential_token WHERE lease_owner IS NOT NULL").await;
    assert!(claimed.is_empty(), "another hub need not wait for a claim of this one");
}
