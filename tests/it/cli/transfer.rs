//! An environment on its way from one hub to another, and the door from hubs of any make.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use vouchsafe::demo::fake::{
    Client, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, FERNHILL, FakeConfig, FakeProvider, QUILLPOST,
};

use super::adopt::{KEY, command, sign_in};
use crate::support::database::{Fresh, is_postgres};
use crate::support::process::{Api, RunningHub, run, say};

/// An API key as a user types it.
const TYPED: &str = "fake_live_7c1d5e9a3b8f2046";
/// The value of a secret that nobody is shown.
const NEVER_SHOWN: &str = "hunter2-is-never-shown";

/// A hub with a database and a master key of its own, and the definitions of `shared`.
struct Deployment<'a> {
    fresh: Fresh,
    shared: &'a Path,
    extra: Vec<(String, String)>,
}

impl<'a> Deployment<'a> {
    async fn new(shared: &'a Path) -> Option<Self> {
        let fresh = Fresh::of_this_run().await?;
        let master = say(shared, &["master-key", "generate"]).ok().trim().to_owned();
        let extra = vec![
            ("VOUCHSAFE_DATABASE_URL".to_owned(), fresh.url.clone()),
            ("VOUCHSAFE_MASTER_KEY".to_owned(), master),
        ];
        Some(Self { fresh, shared, extra })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        command(self.fresh.folder.path(), self.shared, &self.extra, arguments)
    }

    async fn start(&self) -> RunningHub {
        RunningHub::start_with(self.fresh.folder.path(), &mut self.command(&["serve"])).await
    }

    /// A key of production; where there is no database yet, it is made.
    fn key(&self) -> String {
        run(&mut self.command(&KEY)).ok().trim().to_owned()
    }

    fn import(&self, file: &Path, more: &[&str]) -> Command {
        let arguments = ["import", "--environment", "production", "--from", file.to_str().unwrap()];
        self.command(&[&arguments[..], more].concat())
    }
}

impl Deployment<'_> {
    async fn change(&self, sql: &str) {
        let database = sea_orm::Database::connect(&self.fresh.url).await.unwrap();
        database.execute_unprepared(sql).await.unwrap();
        database.close().await.unwrap();
    }

    /// How often its data keys may have sealed.
    async fn sealings(&self) -> i64 {
        let database = sea_orm::Database::connect(&self.fresh.url).await.unwrap();
        let sql = "SELECT CAST(COALESCE(SUM(sealings), 0) AS BIGINT) AS sealings FROM data_key_use";
        let statement = sea_orm::Statement::from_string(database.get_database_backend(), sql);
        let row = database.query_one_raw(statement).await.unwrap().unwrap();
        database.close().await.unwrap();
        row.try_get("", "sealings").unwrap()
    }
}

/// A fake app whose tokens live long, with its definitions in `home`.
async fn app(home: &Path) -> FakeProvider {
    let mut config = FakeConfig::on_loopback().await.unwrap();
    config.clients = vec![Client::new(DEMO_CLIENT_ID, DEMO_CLIENT_SECRET)];
    let fake = FakeProvider::start(config).unwrap();
    let own = home.join("own");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join("fernhill.toml"), fake.definition_toml(FERNHILL)).unwrap();
    let typed = fake.api_key_definition_toml(QUILLPOST);
    std::fs::write(own.join(format!("{QUILLPOST}.toml")), &typed).unwrap();
    std::fs::write(own.join("withdrawn.toml"), typed).unwrap();
    fake
}

/// What an environment may hold beside a sign-in; the path of the credential that was typed.
async fn furnish(api: &Api) -> String {
    let user = json!({"username": "typist", "email": "typist@acme.test", "tags": ["vip"]});
    api.done("POST", "/users", Some(&user)).await;
    let typed = json!({"userId": "typist", "connector": QUILLPOST, "data": {"key": TYPED}, "name": "Their key",
        "metadata": {"plan": 7}});
    let made = api.done("POST", "/credentials", Some(&typed)).await;
    for visibility in ["restricted", "masked"] {
        let secret = json!({"key": visibility, "value": NEVER_SHOWN, "type": "api_key", "visibility": visibility,
                "issuer": "withdrawn"});
        api.done("POST", "/secrets", Some(&secret)).await;
    }
    let integration = json!({"name": "Sync", "connectors": [{"connector": QUILLPOST}]});
    api.done("PUT", "/integrations/sync", Some(&integration)).await;
    format!("/credentials/{}", made["credentialId"].as_str().unwrap())
}

fn private(path: &Path, text: &str) -> PathBuf {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.to_owned()
}

/// Exports production to a file of that name in `home`; the file, the file of its key, and the key.
fn export(hub: &Deployment<'_>, home: &Path, name: &str) -> (PathBuf, PathBuf, String) {
    let file = home.join(name);
    let to = file.to_str().unwrap();
    let said = run(&mut hub.command(&["export", "--environment", "production", "--to", to]));
    assert!(said.err.contains("2 credentials"), "{said:?}");
    let (key, told) = (said.out.trim().to_owned(), said.err.clone());
    assert_eq!(said.ok(), format!("{key}\n"));
    assert!(key.starts_with("export:") && !told.contains(&key), "{key} {told}");
    (file, private(&home.join(format!("{name}.key")), &key), key)
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn an_environment_goes_on_in_another_hub_with_another_master_key() {
    let home = tempfile::tempdir().unwrap();
    let fake = app(home.path()).await;
    let Some(old) = Deployment::new(home.path()).await else { return };
    let key = old.key();
    let hub = old.start().await;
    let api = hub.api(&key);
    let signed_in = sign_in(&hub, &api, &fake).await;
    let typed = furnish(&api).await;
    let before = api.done("GET", &format!("{signed_in}/token"), None).await;
    let (file, file_key, key_text) = export(&old, home.path(), "hub.export");
    let audit = api.done("GET", "/audit-events?action=environment.export", None).await;
    assert_eq!(audit["data"].as_array().unwrap().len(), 1, "{audit}");
    let (_, other_key, _) = export(&old, home.path(), "again.export");
    hub.stop().await;

    let bytes = std::fs::read(&file).unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let token = before["accessToken"].as_str().unwrap();
    for secret in [TYPED, NEVER_SHOWN, DEMO_CLIENT_SECRET, token, key_text.as_str(), "typist"] {
        assert!(!holds(&bytes, secret), "`{secret}` lies open in the export");
    }
    let over =
        run(&mut old.command(&["export", "--environment", "production", "--to", file.to_str().unwrap()]));
    assert!(over.failed(1).contains("hub.export already"));

    // The other hub knows less apps.
    std::fs::remove_file(home.path().join("own/withdrawn.toml")).unwrap();
    let Some(new) = Deployment::new(home.path()).await else { return };
    let key = new.key();
    refuses_what_is_not_as_sealed(&new, home.path(), &bytes, &file_key, &other_key);
    let sealed = ["--key", file_key.to_str().unwrap()];
    let dry = run(&mut new.import(&file, &[&sealed[..], &["--dry-run"]].concat())).ok();
    assert!(dry.contains("credentials: 2 would be new, 0 there already"), "{dry}");
    let spent = fake.counters().token_requests;
    let first = run(&mut new.import(&file, &sealed)).ok();
    assert_eq!(
        first,
        "secrets: 2 new, 0 there already\nconnectors: 1 new, 0 there already\nintegrations: 1 new, 0 there already\n\
         users: 2 new, 0 there already\ncredentials: 2 new, 0 there already\n"
    );
    let second = run(&mut new.import(&file, &sealed)).ok();
    assert!(second.contains("credentials: 0 new, 2 there already"), "{second}");
    assert!(!second.contains(": 1 new") && !second.contains(": 2 new"), "{second}");

    let hub = new.start().await;
    let api = hub.api(&key);
    let after = api.done("GET", &format!("{signed_in}/token"), None).await;
    assert_eq!(after["accessToken"], before["accessToken"], "the same credential has the same token");
    assert_eq!(api.done("GET", &format!("{typed}/token"), None).await["fields"]["key"], TYPED);
    assert_eq!(fake.counters().token_requests, spent, "nothing was refreshed");
    is_all_there(&api, &typed).await;
    hub.stop().await;
}

/// Cut off, changed, or opened with another key: nothing is imported.
fn refuses_what_is_not_as_sealed(
    hub: &Deployment<'_>,
    home: &Path,
    bytes: &[u8],
    key: &Path,
    other_key: &Path,
) {
    let damaged = |name: &str, bytes: &[u8]| {
        let path = home.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let cut = damaged("cut.export", &bytes[..bytes.len() - 1]);
    let mut changed = bytes.to_vec();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    let changed = damaged("changed.export", &changed);
    let whole = damaged("whole.export", bytes);
    let readable = home.join("readable.key");
    std::fs::copy(key, &readable).unwrap();
    std::fs::set_permissions(&readable, std::fs::Permissions::from_mode(0o644)).unwrap();
    for (file, key, why) in [
        (&cut, key, "it is cut off"),
        (&changed, key, "it was changed"),
        (&whole, other_key, "sealed under the export key"),
        (&whole, &readable, "chmod 600"),
    ] {
        let said = run(&mut hub.import(file, &["--key", key.to_str().unwrap()])).failed(1);
        assert!(said.contains(why), "{why}: {said}");
    }
    let plain = run(&mut hub.import(&whole, &["--plain"])).failed(1);
    assert!(plain.contains("this is no export"), "{plain}");
}

/// The rest of what the old hub had.
async fn is_all_there(api: &Api, typed: &str) {
    let credential = api.done("GET", typed, None).await;
    assert_eq!(
        (&credential["name"], &credential["metadata"]["plan"], &credential["username"]),
        (&json!("Their key"), &json!(7), &json!("typist"))
    );
    let user = api.done("GET", "/users/typist", None).await;
    assert_eq!((&user["email"], &user["tags"]), (&json!("typist@acme.test"), &json!(["vip"])));
    let connector = api.done("GET", "/connectors/fernhill", None).await;
    assert_eq!(
        (&connector["clientId"], &connector["hasClientSecret"]),
        (&json!(DEMO_CLIENT_ID), &json!(true))
    );
    let integration = api.done("GET", "/integrations/sync", None).await;
    assert_eq!(integration["connectors"][0]["connector"], QUILLPOST);
    // Bound to an app of which this hub has no definition, a secret goes nowhere.
    let bound = json!({"provider": FERNHILL, "clientId": DEMO_CLIENT_ID, "clientSecret": "$Secret{masked}"});
    let (status, refused) = api.call("PUT", "/connectors/other", Some(&bound)).await;
    assert_eq!((status, &refused["code"]), (400, &json!("secret_wrong_issuer")), "{refused}");
    let secret = api.done("GET", "/secrets/restricted", None).await;
    assert_eq!((&secret["visibility"], &secret["value"]), (&json!("restricted"), &Value::Null));
    for (path, number) in
        [("/events?type=credential.created", 2), ("/audit-events?action=environment.import", 2)]
    {
        let listed = api.done("GET", path, None).await;
        assert_eq!(listed["data"].as_array().unwrap().len(), number, "{path}: {listed}");
    }
}

/// Lines of text behind the first that every export has.
fn plain(path: &Path, lines: &[&str]) -> PathBuf {
    let header = r#"{"vouchsafe": "export", "version": 1}"#;
    private(path, &format!("{header}\n{}\n", lines.join("\n")))
}

#[tokio::test]
async fn what_another_hub_has_is_taken_in_once_its_lines_are_right() {
    let home = tempfile::tempdir().unwrap();
    let _fake = app(home.path()).await;
    let Some(hub) = Deployment::new(home.path()).await else { return };
    let wrong = plain(
        &home.path().join("wrong.jsonl"),
        &[
            r#"{"user": {"username": "jo", "email": "nobody"}}"#,
            r#"{"user": {"username": "ann"}}"#,
            r#"{"credential": {"username": "ann", "connector": "quillpost", "data": {"key": "hunter2"}}}"#,
            r#"{"credential": {"username": "nobody", "connector": "quillpost", "data": {"key": "fake_1"}}}"#,
            r#"{"credential": {"username": "jo", "connector": "quillpost", "data": {"key": "fake_2"}}}"#,
            r#"{"connector": {"key": "x", "provider": "hunter2"}}"#,
            r#"{"credential": {"username": "ann", "connector": "fernhill", "accessToken": "#,
            r#"{"credential": {"username": "ann", "conector": "quillpost"}}"#,
        ],
    );
    if !is_postgres() {
        let nothing = run(&mut hub.import(&wrong, &["--plain"])).failed(1);
        assert!(nothing.contains("no database"), "{nothing}");
    }
    let key = hub.key();
    run(&mut hub.import(&wrong, &[])).failed(2);
    let said = run(&mut hub.import(&wrong, &["--plain"])).failed(1);
    let place = |line: &str| {
        let line = line.strip_prefix("error: ").unwrap_or(line).strip_prefix("line ")?;
        Some(line.split(": ").next()?.to_owned())
    };
    let places: Vec<String> = said.lines().filter_map(place).collect();
    assert_eq!(
        places,
        [
            "2, /user/email",
            "4, /credential/data/key",
            "5, /credential/username",
            "7, /connector/provider",
            "8",
            "9, /credential/conector"
        ],
        "{said}"
    );
    assert!(said.contains("nothing was imported") && !said.contains("hunter2"), "{said}");

    let right = plain(
        &home.path().join("right.jsonl"),
        &[
            r#"{"secret": {"key": "OLD", "value": "v", "type": "api_key", "visibility": "masked", "issuer": "Old App",
                "issuerProviders": ["old-app"]}}"#
                .replace('\n', " ")
                .as_str(),
            r#"{"user": {"username": "ann"}}"#,
            r#"{"connector": {"key": "fernhill", "provider": "fernhill", "clientId": "c", "clientSecret": "s"}}"#,
            r#"{"credential": {"username": "ann", "connector": "quillpost", "data": {"key": "fake_1"}}}"#,
            r#"{"credential": {"username": "ann", "connector": "fernhill", "accessToken": "at-1", "refreshToken": "rt-1",
                "accessTokenExpiresAt": "2099-01-01T00:00:00Z", "account": {"id": "7"}}}"#
                .replace('\n', " ")
                .as_str(),
        ],
    );
    for (round, credentials) in ["2 new, 0 there already", "0 new, 2 there already"].into_iter().enumerate() {
        let before = hub.sealings().await;
        let said = run(&mut hub.import(&right, &["--plain"])).ok();
        assert!(said.contains(&format!("credentials: {credentials}")), "{round}: {said}");
        // A block each for the keys of workspace and environment.
        assert_eq!(hub.sealings().await - before, 2 * 65_536);
    }
    let running = hub.start().await;
    let api = running.api(&key);
    let token = |connector: &str| format!("/users/ann/connectors/{connector}/token");
    assert_eq!(api.done("GET", &token("fernhill"), None).await["accessToken"], "at-1");
    assert_eq!(api.done("GET", &token("quillpost"), None).await["fields"]["key"], "fake_1");
    let users = api.done("GET", "/users", None).await;
    assert_eq!(users["data"].as_array().unwrap().len(), 1, "what was refused left nothing: {users}");
    let connector = json!({"provider": "fernhill", "clientId": "c", "clientSecret": "$Secret{OLD}"});
    let (status, refused) = api.call("PUT", "/connectors/other", Some(&connector)).await;
    assert_eq!((status, &refused["code"]), (400, &json!("secret_wrong_issuer")), "{refused}");
    running.stop().await;
}

/// What a data key may seal is counted by commands too.
#[tokio::test]
async fn nothing_is_imported_under_a_data_key_that_has_sealed_as_often_as_it_may() {
    let home = tempfile::tempdir().unwrap();
    let _fake = app(home.path()).await;
    let Some(hub) = Deployment::new(home.path()).await else { return };
    hub.key();
    let file = plain(
        &home.path().join("one.jsonl"),
        &[
            r#"{"user": {"username": "ann"}}"#,
            r#"{"credential": {"username": "ann", "connector": "quillpost", "data": {"key": "fake_1"}}}"#,
        ],
    );
    hub.change("INSERT INTO data_key_use (id, sealings) SELECT id, 3865470566 FROM data_key").await;
    let said = run(&mut hub.import(&file, &["--plain"])).failed(1);
    assert!(said.contains("cannot seal") && said.contains("nothing was imported"), "{said}");
}
