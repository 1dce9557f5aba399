//! A copy of a database started beside the original: it calls no provider until it is adopted.

use std::path::Path;
use std::process::Command;

use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection};
use serde_json::{Value, json};
use url::Url;
use vouchsafe::demo::fake::{Client, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, FERNHILL, FakeConfig, FakeProvider};

use crate::support::components::{Component, require};
use crate::support::database::is_postgres;
use crate::support::outside::{self, Person, query};
use crate::support::process::{Api, RunningHub, run, say, vouchsafe};
use crate::support::wait::eventually;

/// A fake app whose tokens are spent after two seconds, and its definition in `home`.
pub(super) async fn app(home: &Path) -> FakeProvider {
    let mut config = FakeConfig::on_loopback().await.unwrap();
    config.settings.access_token_lifetime = 2;
    config.clients = vec![Client::new(DEMO_CLIENT_ID, DEMO_CLIENT_SECRET)];
    let fake = FakeProvider::start(config).unwrap();
    let own = home.join("own");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join("fernhill.toml"), fake.definition_toml(FERNHILL)).unwrap();
    fake
}

/// A command of a hub in `home` with the definitions of `shared`.
pub(super) fn command(home: &Path, shared: &Path, extra: &[(String, String)], arguments: &[&str]) -> Command {
    let mut command = vouchsafe(home, arguments);
    command
        .env("VOUCHSAFE_PROVIDERS_DIR", shared.join("own"))
        .env("VOUCHSAFE_EGRESS_ALLOW", "127.0.0.0/8")
        .env("VOUCHSAFE_EGRESS_HTTP", "true")
        .envs(extra.iter().cloned());
    command
}

/// Signs a user in; the path of their credential.
pub(super) async fn sign_in(hub: &RunningHub, api: &Api, fake: &FakeProvider) -> String {
    let settings =
        json!({"provider": FERNHILL, "clientId": DEMO_CLIENT_ID, "clientSecret": DEMO_CLIENT_SECRET});
    let connector = api.done("PUT", "/connectors/fernhill", Some(&settings)).await;
    let redirect = connector["redirectUri"].as_str().unwrap();
    fake.register(Client::new(DEMO_CLIENT_ID, DEMO_CLIENT_SECRET).redirect(redirect));
    let session = json!({"userId": "u-17", "connectors": [FERNHILL], "confirm": "browser"});
    let session = api.done("POST", "/connect/sessions", Some(&session)).await;
    let visitor = hub.api(session["token"].as_str().unwrap());
    let ticket = visitor.done("POST", "/connect/tickets", Some(&json!({"connector": FERNHILL}))).await;
    let at = |path: &str| Url::parse(&format!("{}{path}", hub.base_url)).unwrap();
    let mut person = Person::new(outside::client());
    let (_, page) = person.open(at(ticket["startUrl"].as_str().unwrap())).await;
    let html = page.text().await.unwrap();
    let flow = html.split("name=\"flow\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let (consent, _) = person.submit(at("/connect/start/continue"), &[("flow", flow)]).await;
    let pairs: Vec<(String, String)> = consent.query_pairs().into_owned().collect();
    let mut form: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    form.extend([("username", "jo@acme.test"), ("decision", "allow")]);
    let mut target = consent.clone();
    target.set_query(None);
    let (callback, _) = person.submit(target, &form).await;
    assert!(query(&callback, "code").is_some(), "{callback}");
    person.open(callback).await;
    let list = api.done("GET", "/credentials", None).await;
    format!("/credentials/{}", list["data"][0]["credentialId"].as_str().unwrap())
}

/// The copy serves what is there, spends nothing, says so, and refreshes once it is adopted.
pub(super) async fn assert_copy_waits(
    copy: &Path,
    shared: &Path,
    extra: &[(String, String)],
    key: &str,
    path: &str,
    fake: &FakeProvider,
) {
    let hub = waiting_copy(copy, shared, extra, key, path, fake).await;
    let api = hub.api(key);
    let adopted = run(&mut command(copy, shared, extra, &["adopt"])).ok();
    assert!(adopted.contains("1 credentials"), "{adopted}");
    let token = format!("{path}/token");
    let renewed: Value = eventually("a new token", async || match api.call("GET", &token, None).await {
        (200, token) => Ok(token),
        other => Err(other),
    })
    .await;
    assert_eq!(renewed["tokenType"], "Bearer");
    hub.stop().await;
    run(&mut command(copy, shared, extra, &["adopt", "--check"])).ok();
}

/// A copy that was started: it calls nobody, not even when it is told to, and says so.
async fn waiting_copy(
    copy: &Path,
    shared: &Path,
    extra: &[(String, String)],
    key: &str,
    path: &str,
    fake: &FakeProvider,
) -> RunningHub {
    let spent = fake.counters().token_requests;
    let asked = run(&mut command(copy, shared, extra, &["adopt", "--check"]));
    assert_eq!(asked.code, 1, "{asked:?}");
    assert!(asked.err.contains("copied, restored or moved"), "{asked:?}");
    let hub = RunningHub::start_with(copy, &mut command(copy, shared, extra, &["serve"])).await;
    let api = hub.api(key);
    let token = format!("{path}/token");
    let refused = eventually("a spent token", async || match api.call("GET", &token, None).await {
        (503, problem) => Ok(problem),
        other => Err(other),
    })
    .await;
    assert_eq!(refused["code"], "refresh_pending");
    assert!(refused["detail"].as_str().unwrap().contains("vouchsafe adopt"), "{refused}");
    let (status, told) = api.call("POST", &format!("{path}/refresh"), None).await;
    // The answer may be that it was refreshed a moment ago, by the original.
    assert!([429, 503].contains(&status), "{told}");
    let (_, metrics) = api.call_raw("GET", "/metrics", None).await;
    assert!(metrics.contains("vouchsafe_refresher_on 0"), "{metrics}");
    assert!(
        hub.err().contains("refreshing is OFF") && hub.err().contains("vouchsafe adopt"),
        "{}",
        hub.err()
    );
    assert_eq!(fake.counters().token_requests, spent, "0 calls");
    hub
}

/// A hub that was stopped starts again, and a copy of what it left starts beside it. Both hold the same spent token:
/// the original renews it, once, and the copy calls nobody.
async fn assert_original_alone_calls(
    home: &Path,
    original: &[(String, String)],
    (copy, extra): (&Path, &[(String, String)]),
    key: &str,
    path: &str,
    fake: &FakeProvider,
) {
    let before = (fake.grants().remove(0), fake.counters().token_requests);
    let spent = before.0.version;
    // After that one nothing is due at the original any more.
    fake.configure(|settings| settings.access_token_lifetime = 3_600);
    let hub = RunningHub::start_with(home, &mut command(home, home, original, &["serve"])).await;
    let api = hub.api(key);
    let token = format!("{path}/token");
    let renewed = async || {
        let (_, body) = api.call("GET", &token, None).await;
        let version = body["accessToken"].as_str().and_then(|token| fake.identify(token));
        if version == Some((before.0.id, spent + 1)) { Ok(()) } else { Err(body) }
    };
    eventually("a renewal by the original", renewed).await;
    assert_eq!(fake.counters().token_requests, before.1 + 1);
    let beside = waiting_copy(copy, home, extra, key, path, fake).await;
    renewed().await.unwrap();
    beside.stop().await;
    hub.stop().await;
    let grant = fake.grants().remove(0);
    let requests = [spent, spent + 1].map(|version| grant.at(version).requests);
    assert_eq!((grant.alive, grant.version, requests), (true, spent + 1, [1, 0]), "{grant:?}");
    assert_eq!(fake.counters().token_requests, before.1 + 1, "1 call of the original, 0 of the copy");
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() {
            copy_folder(&path, &to.join(name));
        } else {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

pub(super) const KEY: [&str; 7] =
    ["keys", "create", "--environment", "production", "--scope", "*", "--scope=credentials:reveal"];

#[tokio::test]
async fn r14_a_copied_data_directory_calls_no_provider() {
    let home = tempfile::tempdir().unwrap();
    let fake = app(home.path()).await;
    let (key, path) = left(home.path(), &[], &fake).await;
    let serve = &mut command(home.path(), home.path(), &[], &["serve"]);
    let hub = RunningHub::start_with(home.path(), serve).await;
    assert!(!hub.err().contains("refreshing is OFF"), "a restart is no copy: {}", hub.err());
    hub.stop().await;

    let copy = tempfile::tempdir().unwrap();
    copy_folder(&home.path().join("data"), &copy.path().join("data"));
    assert_copy_waits(copy.path(), home.path(), &[], &key, &path, &fake).await;

    // As a backup has it: the database and the key alone.
    let restored = tempfile::tempdir().unwrap();
    std::fs::create_dir(restored.path().join("data")).unwrap();
    for name in ["vouchsafe.db", "master.key"] {
        let data = |home: &Path| home.join("data").join(name);
        std::fs::copy(data(copy.path()), data(restored.path())).unwrap();
    }
    assert_copy_waits(restored.path(), home.path(), &[], &key, &path, &fake).await;
}

#[tokio::test]
async fn r14_a_copied_data_directory_beside_the_original_calls_no_provider() {
    let home = tempfile::tempdir().unwrap();
    let fake = app(home.path()).await;
    let (key, path) = left(home.path(), &[], &fake).await;
    let copy = tempfile::tempdir().unwrap();
    copy_folder(&home.path().join("data"), &copy.path().join("data"));
    assert_original_alone_calls(home.path(), &[], (copy.path(), &[]), &key, &path, &fake).await;
}

/// A hub has run, signed a user in and stopped; its key, and the path of the credential.
async fn left(home: &Path, extra: &[(String, String)], fake: &FakeProvider) -> (String, String) {
    let hub = RunningHub::start_with(home, &mut command(home, home, extra, &["serve"])).await;
    let key = run(&mut command(home, home, extra, &KEY)).ok().trim().to_owned();
    let path = sign_in(&hub, &hub.api(&key), fake).await;
    hub.stop().await;
    (key, path)
}

/// A database in the cluster of the run, and its copy there.
struct Databases {
    cluster: String,
    admin: DatabaseConnection,
    name: String,
    master_key: String,
}

impl Databases {
    /// `None` in the run for SQLite, and without a cluster: that skip is recorded.
    async fn create(home: &Path) -> Option<Self> {
        if !is_postgres() {
            return None;
        }
        let cluster = require(Component::Postgres)?;
        let random: &dyn vouchsafe::random::Random = &vouchsafe::random::SystemRandom;
        let name = format!("a_{}", hex::encode(random.bytes::<6>()));
        let admin = Database::connect(&cluster).await.unwrap();
        admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        let master_key = say(home, &["master-key", "generate"]).ok().trim().to_owned();
        Some(Self { cluster, admin, name, master_key })
    }

    fn of(&self, database: &str) -> Vec<(String, String)> {
        let mut url = Url::parse(&self.cluster).unwrap();
        url.set_path(database);
        vec![
            ("VOUCHSAFE_DATABASE_URL".to_owned(), url.to_string()),
            ("VOUCHSAFE_MASTER_KEY".to_owned(), self.master_key.clone()),
        ]
    }

    /// What a hub is told to use the database.
    fn original(&self) -> Vec<(String, String)> {
        self.of(&self.name)
    }

    /// The same for a copy, made now.
    async fn copy(&self) -> Vec<(String, String)> {
        let name = format!("{}_copy", self.name);
        let sql = format!("CREATE DATABASE {name} TEMPLATE {}", self.name);
        eventually("the end of all connections", async || self.admin.execute_unprepared(&sql).await).await;
        self.of(&name)
    }

    async fn drop_all(self) {
        for name in [format!("{}_copy", self.name), self.name] {
            let _ = self.admin.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }
}

#[tokio::test]
async fn r14_a_database_restored_in_the_same_cluster_calls_no_provider() {
    let home = tempfile::tempdir().unwrap();
    let Some(databases) = Databases::create(home.path()).await else { return };
    let fake = app(home.path()).await;
    let original = databases.original();
    let (key, path) = left(home.path(), &original, &fake).await;
    run(&mut command(home.path(), home.path(), &original, &["adopt", "--check"])).ok();
    let copy = tempfile::tempdir().unwrap();
    assert_copy_waits(copy.path(), home.path(), &databases.copy().await, &key, &path, &fake).await;
    databases.drop_all().await;
}

#[tokio::test]
async fn r14_a_database_copied_in_the_same_cluster_beside_the_original_calls_no_provider() {
    let home = tempfile::tempdir().unwrap();
    let Some(databases) = Databases::create(home.path()).await else { return };
    let fake = app(home.path()).await;
    let original = databases.original();
    let (key, path) = left(home.path(), &original, &fake).await;
    let (copy, extra) = (tempfile::tempdir().unwrap(), databases.copy().await);
    assert_original_alone_calls(home.path(), &original, (copy.path(), &extra), &key, &path, &fake).await;
    databases.drop_all().await;
}

#[test]
fn there_is_nothing_to_adopt_where_nothing_is() {
    let home = tempfile::tempdir().unwrap();
    let error = say(home.path(), &["adopt"]).failed(1);
    assert!(error.contains("no database"), "{error}");
    assert!(!home.path().join("data/vouchsafe.db").exists());
}
