//! Several hubs on one PostgreSQL: they agree through the database alone, and no token is spent twice.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures_util::future::join_all;
use http::StatusCode;
use serde_json::json;
use vouchsafe::clock::Clock as _;
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, QUILLPOST, RefreshKind, VALID_KEY};
use vouchsafe::service::{Hub, Parts};

use crate::support::app::{Setup, TestApp};
use crate::support::crowd::Copier;
use crate::support::database::is_postgres;
use crate::support::holder::Holder;
use crate::support::line::Line;
use crate::support::process::Api;
use crate::support::refreshing::standing;
use crate::support::replicas::Replica;
use crate::support::statements;
use crate::support::wait::{DEADLINE, eventually};

const CALLERS: usize = 500;
const ROUNDS: u64 = 3;

/// How many credentials are due at once.
const STORM: usize = 10_000;

/// A credential at a provider of this kind and so many hubs in all. `None` in the run for SQLite, which has one hub.
async fn deployment(kind: RefreshKind, hubs: usize) -> Option<(TestApp, String, Vec<Replica>)> {
    if !is_postgres() {
        return None;
    }
    let (app, credential) = TestApp::connected(Setup::of(kind).unhurried()).await?;
    let replicas = join_all((1..hubs).map(|number| {
        let app = &app;
        async move { app.replica(&format!("node_{number}")).await }
    }));
    let replicas = replicas.await;
    Some((app, credential, replicas))
}

async fn hot_credential(hubs: usize) {
    let Some((app, credential, replicas)) = deployment(RefreshKind::Strict, hubs).await else { return };
    let mut apis = vec![Api::new(app.base_url.clone(), app.key())];
    apis.extend(replicas.iter().map(|replica| replica.api.clone()));
    let path = format!("/credentials/{credential}/token");
    let mut seen = HashSet::new();
    for round in 1..=ROUNDS {
        app.clock.advance(TimeDelta::hours(2));
        // Long enough for every caller to find it under way.
        app.fake.program(Plan::next(Endpoint::Refresh, Fault::delay_before(500)));
        let reads = (0..CALLERS).map(|caller| apis[caller % hubs].call("GET", &path, None));
        let answers = join_all(reads).await;
        let tokens: HashSet<String> = answers
            .iter()
            .map(|(status, body)| {
                assert_eq!(*status, 200, "{body}");
                body["accessToken"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!(tokens.len(), 1, "round {round}");
        assert!(tokens.is_disjoint(&seen), "round {round}: the token of before");
        seen.extend(tokens);
        assert_eq!(app.refreshes(), round);
    }
    assert!(app.fake.grants()[0].alive);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r17_a_hot_credential_read_by_500_callers_over_two_hubs_is_renewed_once() {
    hot_credential(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r17_a_hot_credential_read_by_500_callers_over_three_hubs_is_renewed_once() {
    hot_credential(3).await;
}

/// One round of a hub's worker, to its end.
async fn round(hub: &Arc<Hub>) {
    hub.work_off_due().await.unwrap();
    eventually("the end of all renewals", async || match hub.refreshes_under_way() {
        0 => Ok(()),
        count => Err(count),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r18_a_storm_of_due_credentials_is_renewed_once_each_by_three_hubs() {
    let count = STORM;
    let Some((app, model, replicas)) = deployment(RefreshKind::Strict, 3).await else { return };
    let members = Copier::of(&app, &model).await.here(count).await;
    let mut hubs = vec![Arc::clone(&app.hub)];
    hubs.extend(replicas.iter().map(|replica| Arc::clone(&replica.hub)));
    app.clock.advance(TimeDelta::minutes(59));

    let start = Instant::now();
    let renewed = || app.fake.grants().iter().filter(|grant| grant.version > 1).count();
    let mut rounds = 0;
    while renewed() < count + 1 {
        join_all(hubs.iter().map(round)).await;
        rounds += 1;
        assert!(rounds <= count, "{} of {count} after {rounds} rounds", renewed());
    }
    eprintln!("{count} credentials, 3 hubs: {rounds} rounds, {:?}", start.elapsed());
    for member in &members {
        let grant = app.fake.grant(member.grant).unwrap();
        assert_eq!((grant.alive, grant.version, grant.requests()), (true, 2, 1), "{grant:?}");
    }
    assert_eq!(app.refreshes(), count as u64 + 1);
    // Looking for what is due costs as much as there is to renew, not its square.
    let sql = "SELECT idx_scan FROM pg_stat_user_tables WHERE schemaname = current_schema() AND relname = 'credential'";
    let looked_up: i64 = app.rows(sql).await[0].try_get("", "idx_scan").unwrap();
    assert!(
        looked_up < 200 * i64::try_from(count).unwrap(),
        "{looked_up} credentials looked up to renew {count}"
    );
    // Nothing is left to do.
    join_all(hubs.iter().map(round)).await;
    assert_eq!(app.refreshes(), count as u64 + 1);
    for member in members.iter().step_by(97) {
        assert_eq!(app.standing(&member.credential).await, standing("active", "", ""));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_somebody_holds_is_left_to_them_unless_a_caller_waits_for_it() {
    let Some((app, credential, _)) = deployment(RefreshKind::Strict, 1).await else { return };
    let holder = Holder::of(&app, &[&credential]).await;
    app.clock.advance(TimeDelta::minutes(50));
    round(&app.hub).await;
    assert_eq!(app.refreshes(), 0);

    app.clock.advance(TimeDelta::hours(1));
    let (answer, ()) = tokio::join!(app.read(&credential), async {
        holder.is_waited_for(&app).await;
        holder.let_go().await;
    });
    answer.ok(200);
    assert_eq!(app.refreshes(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_joins_a_renewal_that_passes_its_row_over_has_the_row_waited_for() {
    statements::listen();
    let Some((app, credential, _)) = deployment(RefreshKind::Strict, 1).await else { return };
    let holder = Holder::of(&app, &[&credential]).await;
    holder.close_table().await;
    app.clock.advance(TimeDelta::hours(2));
    app.hub.work_off_due().await.unwrap();
    holder.is_waited_for(&app).await;
    let caller = app.as_key().header("x-request-id", "joins");
    let path = format!("/credentials/{credential}/token");
    let (answer, ()) = tokio::join!(caller.get(&path), async {
        // It reads the token, the connector and the whole of the credential, and joins. Whoever is slower begins another,
        // for which the row is waited for all the same.
        eventually("a caller who has seen that the token is spent", async || {
            let asked = statements::of_request("joins");
            if asked.len() >= 3 { Ok(()) } else { Err(asked) }
        })
        .await;
        holder.open_table().await;
        holder.is_waited_for(&app).await;
        holder.let_go().await;
    });
    answer.ok(200);
    assert_eq!(app.refreshes(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_round_waits_for_rows_that_somebody_holds_whatever_is_due_there() {
    let Some((app, broken, _)) = deployment(RefreshKind::Strict, 1).await else { return };
    app.user("u").await;
    let body = json!({
        "userId": "u", "connector": QUILLPOST, "data": {"key": VALID_KEY}, "verify": false, "period": "P1D",
    });
    let made = app.as_key().post("/credentials", &body).await.ok(201);
    let ends = made["credentialId"].as_str().unwrap();
    let modal = app.modal(&json!({"userId": "u-18", "connectors": ["fernhill"], "confirm": "backend"})).await;
    modal.popup("fernhill").await.allow(&app, "kim@acme.test").await;
    let pending = modal.result("fernhill").await["credentialId"].as_str().unwrap().to_owned();
    // One is to be ended, one to be given back, and one to be left alone, as it fits no state.
    let sql = "UPDATE credential_token SET state = 'waiting', next_try_at = NULL WHERE credential_id";
    app.rows(&format!("{sql} = '{broken}'")).await;
    let holder = Holder::of(&app, &[&broken, ends, &pending]).await;
    app.clock.advance(TimeDelta::hours(25));
    tokio::time::timeout(DEADLINE, round(&app.hub)).await.expect("the end of a round");
    assert_eq!(app.count_events(ends, "credential.expired").await, 0);
    assert_eq!(app.shown(&pending).await["status"], "pending");
    holder.let_go().await;
    round(&app.hub).await;
    assert_eq!(app.count_events(ends, "credential.expired").await, 1);
    app.read(&pending).await.assert_problem(404, "not_found");
}

/// A caller waits for another node's attempt for 25 s.
const LONG_BEFORE: Duration = Duration::from_secs(10);

/// Writes past the hub that another node, or another run, has claimed a credential.
fn claimed_by(owner: &str, credential: &str, until: i64) -> String {
    format!(
        "UPDATE credential_token SET state = 'refreshing', claimed_from = 'active', lease_owner = '{owner}', \
         lease_until = {until} WHERE credential_id = '{credential}'"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_for_which_nobody_waits_ends_where_another_node_has_claimed_it() {
    let Some((app, credential, _)) = deployment(RefreshKind::Strict, 1).await else { return };
    app.clock.advance(TimeDelta::minutes(50));
    app.rows(&claimed_by("node_9/boot", &credential, app.clock.now_ms() + 90_000)).await;
    for held in [false, true] {
        let holder = if held { Some(Holder::of(&app, &[&credential]).await) } else { None };
        // It is served, and asks for a renewal without waiting for it.
        app.read(&credential).await.ok(200);
        tokio::time::timeout(LONG_BEFORE, app.settle()).await.expect("the end of the renewal");
        if let Some(holder) = holder {
            holder.let_go().await;
        }
    }
    assert_eq!(app.refreshes(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_of_whose_commit_nobody_heard_is_given_back_and_its_token_is_spent_once() {
    let Some((app, credential, _)) = deployment(RefreshKind::Strict, 1).await else { return };
    let line = Line::to(app.database_url()).await;
    let other = app.replica_over("node_1", line.url()).await;
    let sql = format!("SELECT state FROM credential_token WHERE credential_id = '{credential}'");
    let state = async || -> String { app.rows(&sql).await[0].try_get("", "state").unwrap() };
    // The second time another hub takes the one that claimed for silent before that can give it back.
    for (number, is_silent) in [(1, false), (2, true)] {
        app.clock.advance(TimeDelta::minutes(50));
        line.lose_a_commit();
        round(&other.hub).await;
        assert_eq!((state().await.as_str(), line.is_to_lose()), ("refreshing", false));
        assert_eq!(app.refreshes(), number - 1);
        // Its commit may still be under way, and holds the row: it is not forgotten for that.
        let holder = Holder::of(&app, &[&credential]).await;
        for _ in 0..2 {
            eventually("a round", async || other.hub.work_off_due().await).await;
        }
        holder.let_go().await;
        if is_silent {
            app.clock.advance(TimeDelta::seconds(100));
            round(&app.hub).await;
            assert_eq!((state().await.as_str(), app.refreshes()), ("unknown", number - 1));
        }
        eventually("the renewal", async || match (other.hub.work_off_due().await, app.refreshes()) {
            (Ok(()), count) if count == number => Ok(()),
            found => Err(found),
        })
        .await;
        round(&other.hub).await;
        assert_eq!(app.standing(&credential).await, standing("active", "", ""));
    }
    let grant = app.fake.grants().remove(0);
    let requests = [1, 2].map(|version| grant.at(version).requests);
    assert_eq!((grant.alive, grant.version, requests), (true, 3, [1, 1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_of_an_earlier_run_that_is_another_nodes_by_now_is_left_to_it() {
    let Some((app, credential, _)) = deployment(RefreshKind::Strict, 1).await else { return };
    app.rows(&claimed_by("node_test/earlier", &credential, 0)).await;
    let holder = Holder::of(&app, &[&credential]).await;
    let (replayed, ()) = tokio::join!(app.hub.replay(), async {
        holder.is_waited_for(&app).await;
        holder.write(&claimed_by("node_9/boot", &credential, app.clock.now_ms() + 90_000)).await;
    });
    replayed.unwrap();
    let sql = format!("SELECT lease_owner FROM credential_token WHERE credential_id = '{credential}'");
    let owner: Option<String> = app.rows(&sql).await[0].try_get("", "lease_owner").unwrap();
    assert_eq!(owner.as_deref(), Some("node_9/boot"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_shorter_than_a_call_lets_no_other_hub_send_the_token_as_well() {
    if !is_postgres() {
        return;
    }
    let hasty = |parts: &mut Parts| parts.times.lease = 5_000;
    let Some(app) = TestApp::start_as(hasty, |_| ()).await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    let other = app.replica("node_1").await;
    // Nothing is served any more, which ends the quarantine of a holder that is silent.
    app.clock.advance(TimeDelta::minutes(15));
    app.hold_renewal().await;
    app.clock.advance(TimeDelta::seconds(6));
    round(&other.hub).await;
    assert_eq!(app.refreshes(), 1, "the request of the holder is under way");
    app.fake.release();
    app.settle().await;
    assert_eq!(app.standing(&credential).await, standing("active", "", ""));
    let grant = app.fake.grants().remove(0);
    assert_eq!((grant.alive, grant.version, grant.requests()), (true, 2, 1));
}

/// The holder of a renewal is silent past its lease, and another hub sends the token again, inside the grace. Then the
/// holder has its answer too.
async fn overtaken(app: &TestApp, other: &Replica) {
    app.clock.advance(TimeDelta::seconds(100));
    round(&other.hub).await;
    app.fake.release();
    app.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_lost_a_race_takes_a_tokens_place_once_its_refusal_is_confirmed() {
    let Some((app, credential, others)) = deployment(RefreshKind::Grace(600), 2).await else { return };
    app.hold_renewal().await;
    overtaken(&app, &others[0]).await;
    let kept_aside = async || app.rows("SELECT id FROM orphan_token").await.len();
    assert_eq!((app.refreshes(), kept_aside().await), (2, 1));

    let refused = Fault::oauth_error(StatusCode::BAD_REQUEST, "invalid_grant");
    app.fake.program(Plan::next(Endpoint::Refresh, refused).times(2));
    app.rounds(1, TimeDelta::minutes(50)).await;
    assert_eq!((app.refreshes(), kept_aside().await), (3, 1), "one refusal proves nothing");
    app.rounds(3, TimeDelta::minutes(2)).await;
    assert_eq!((app.refreshes(), kept_aside().await), (5, 0));
    assert_eq!(app.standing(&credential).await, standing("active", "", ""));
    let served = app.token(&credential).await["accessToken"].as_str().unwrap().to_owned();
    assert_eq!(app.fake.identify(&served), Some((1, 3)));
    assert_eq!(app.count_events(&credential, "credential.expired").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_was_written_already_is_not_kept_aside_as_well() {
    let Some((app, credential, others)) = deployment(RefreshKind::Grace(600), 2).await else { return };
    // The same tokens for both, as an answer finds them whose own commit went through unheard.
    let tokens =
        r#"{"access_token": "at-2", "refresh_token": "rt-2", "token_type": "Bearer", "expires_in": 3600}"#;
    let answer = Fault::answer(StatusCode::OK, "application/json", tokens);
    app.fake.program(Plan::next(Endpoint::Refresh, Fault { hold: true, ..answer.clone() }));
    app.fake.program(Plan::next(Endpoint::Refresh, answer));
    app.clock.advance(TimeDelta::minutes(50));
    app.hub.work_off_due().await.unwrap();
    app.counted(1, |counters| counters.refreshes).await;
    overtaken(&app, &others[0]).await;
    assert_eq!((app.refreshes(), app.rows("SELECT id FROM orphan_token").await.len()), (2, 0));
    assert_eq!(app.token(&credential).await["accessToken"], "at-2");
}
