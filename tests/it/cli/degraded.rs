//! `--degraded`: an older master key is lost, and what it does not concern is served all the same.

use std::path::Path;

use sea_orm::ConnectionTrait as _;
use serde_json::json;

use crate::support::process::{RunningHub, say, vouchsafe};
use crate::support::wait::eventually;

const TYPED: &str = "sk-example-0123456789";
/// The fingerprint of a master key that nobody has.
const NOBODYS: &str = "0123456789abcdef";

/// A user's credential in an environment: a key of the API, and the path of its token.
async fn made(hub: &RunningHub, home: &Path, environment: &str) -> (String, String) {
    let create = ["keys", "create", "--environment", environment, "--scope=*", "--scope=credentials:reveal"];
    let key = say(home, &create).ok().trim().to_owned();
    let api = hub.api(&key);
    api.done("POST", "/users", Some(&json!({"username": "u-17"}))).await;
    let typed = json!({"userId": "u-17", "connector": "openai", "data": {"api_key": TYPED}, "verify": false});
    let made = api.done("POST", "/credentials", Some(&typed)).await;
    (key, format!("/credentials/{}/token", made["credentialId"].as_str().unwrap()))
}

/// Says of the data keys where `owners` holds which master key wraps them.
async fn wrap(home: &Path, master_key: &str, owners: &str) {
    change(home, &format!("UPDATE data_key SET master_key = {master_key} WHERE {owners}")).await;
}

/// Changes the database of a hub that does not run.
async fn change(home: &Path, sql: &str) {
    let url = format!("sqlite://{}", home.join("data/vouchsafe.db").display());
    let database = sea_orm::Database::connect(&url).await.unwrap();
    database.execute_unprepared(sql).await.unwrap();
    database.close().await.unwrap();
}

#[tokio::test]
async fn s18_what_a_lost_master_key_does_not_concern_is_served_to_who_asks_for_it() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let hub = RunningHub::start(home).await;
    let (lost_key, lost) = made(&hub, home, "sandbox").await;
    let (key, token) = made(&hub, home, "production").await;
    hub.stop().await;
    let nobodys = format!("'{NOBODYS}'");
    wrap(home, &nobodys, "owner = (SELECT id FROM environment WHERE name = 'sandbox')").await;
    let refused = say(home, &["serve"]).failed(78);
    assert!(refused.contains(NOBODYS), "{refused}");

    let hub = RunningHub::start_with(home, &mut vouchsafe(home, &["serve", "--degraded"])).await;
    let served = hub.api(&key).done("GET", &token, None).await;
    assert_eq!(served["fields"]["api_key"], TYPED);
    let api = hub.api(&lost_key);
    let typed = json!({"userId": "u-17", "connector": "openai", "data": {"api_key": TYPED}, "verify": false});
    for (method, path, body) in [("GET", lost.as_str(), None), ("POST", "/credentials", Some(&typed))] {
        let (status, problem) = api.call(method, path, body).await;
        assert_eq!((status, &problem["code"]), (500, &json!("key_unavailable")), "{method} {path}");
    }
    let create = ["keys", "create", "--environment", "production"];
    say(home, &create).failed(78);
    say(home, &[&create[..], &["--degraded"]].concat()).ok();
    say(home, &["backup", "hub.copy"]).failed(78);
    say(home, &["backup", "hub.copy", "--degraded"]).ok();
    hub.stop().await;

    // Without its own keys a hub knows no API key and proves no audit event.
    let own =
        "(SELECT master_key FROM data_key WHERE owner NOT IN ('hub') AND master_key <> '0123456789abcdef')";
    wrap(home, &nobodys, "owner = 'hub'").await;
    assert!(say(home, &["serve", "--degraded"]).failed(78).contains(NOBODYS));
    wrap(home, own, &format!("master_key = {nobodys}")).await;
    let hub = RunningHub::start(home).await;
    assert_eq!(hub.api(&lost_key).done("GET", &lost, None).await["fields"]["api_key"], TYPED);
    hub.stop().await;
}

/// The end of what the lost key sealed comes first, and nobody can be warned of it.
#[tokio::test]
async fn an_environment_whose_key_is_lost_keeps_no_warning_from_another() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let hub = RunningHub::start(home).await;
    let mut keys = Vec::new();
    for (environment, period) in [("sandbox", "P5D"), ("production", "P6D")] {
        let (key, _) = made(&hub, home, environment).await;
        let data = json!({"api_key": TYPED});
        let ending =
            json!({"userId": "u-17", "connector": "openai", "data": data, "period": period, "verify": false});
        hub.api(&key).done("POST", "/credentials", Some(&ending)).await;
        keys.push(key);
    }
    hub.stop().await;
    // An end is warned of in the second half of a life.
    change(home, "UPDATE credential SET issued_at = 0").await;
    let lost = "owner = (SELECT id FROM environment WHERE name = 'sandbox')";
    wrap(home, &format!("'{NOBODYS}'"), lost).await;

    let hub = RunningHub::start_with(home, &mut vouchsafe(home, &["serve", "--degraded"])).await;
    let warned = async |hub: &RunningHub, key: &str| {
        let page = hub.api(key).done("GET", "/events?type=credential.expiring", None).await;
        let reasons: Vec<_> =
            page["data"].as_array().unwrap().iter().map(|event| event["reason"].clone()).collect();
        if reasons == ["within_7_days"] { Ok(()) } else { Err(page) }
    };
    eventually("a warning in the other environment", async || warned(&hub, keys[1].as_str()).await).await;
    hub.stop().await;

    // Who finds the key again misses nothing.
    let found = format!("(SELECT master_key FROM data_key WHERE master_key <> '{NOBODYS}')");
    wrap(home, &found, &format!("master_key = '{NOBODYS}'")).await;
    let hub = RunningHub::start(home).await;
    eventually("the warning that was kept", async || warned(&hub, keys[0].as_str()).await).await;
    hub.stop().await;
}
