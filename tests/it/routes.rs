//! What holds for every route of the description: its tests lie where one looks for them, and whatever changes something
//! leaves an audit event or does not happen. A new route that is in neither table fails. And what calls that are made
//! all the time ask of the database.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use vouchsafe::config::AuditMode;
use vouchsafe::demo::fake::{QUILLPOST, VALID_KEY};

use crate::api::secrets::masked;
use crate::support::app::TestApp;
use crate::support::database::is_postgres;
use crate::support::refreshing::Alerts;
use crate::support::statements;
use crate::support::wait::eventually;

/// Where the tests of routes lie, below `tests/it`: the file, and what is in the folder of its name. The first row that
/// fits counts.
const FILES: &[(&str, &str)] = &[
    ("/api-keys", "api/api_keys"),
    ("/audit-events", "api/events"),
    ("/connect/sessions", "api/sessions"),
    ("/connectors", "api/connectors"),
    ("/credentials/{credentialId}/refresh", "api/tokens"),
    ("/credentials/{credentialId}/token", "api/tokens"),
    ("/credentials/{credentialId}/verify", "api/tokens"),
    ("/credentials", "api/credentials"),
    ("/environment", "api/environment"),
    ("/events/{eventId}", "api/webhook_endpoints"),
    ("/events", "api/events"),
    ("/healthz", "api/service"),
    ("/integrations", "api/integrations"),
    ("/metrics", "api/service"),
    ("/openapi.json", "openapi"),
    ("/providers", "api/providers"),
    ("/proxy", "flow/proxy"),
    ("/readyz", "api/service"),
    ("/secrets", "api/secrets"),
    ("/users", "api/users"),
    ("/webhook-endpoints", "api/webhook_endpoints"),
];

/// A route of the description.
struct Route {
    operation: String,
    method: String,
    path: String,
    /// Whether a key is asked for.
    keyed: bool,
}

fn routes() -> Vec<Route> {
    let document: Value = serde_json::from_str(&vouchsafe::http::document()).unwrap();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            routes.push(Route {
                operation: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                keyed: operation.get("security").is_some(),
            });
        }
    }
    routes
}

/// The text of a file of tests and of the folder of its name.
fn tests_in(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let mut files = vec![root.join(format!("{name}.rs"))];
    if let Ok(folder) = std::fs::read_dir(root.join(name)) {
        files.extend(folder.map(|entry| entry.unwrap().path()));
    }
    let read = |file: &PathBuf| {
        std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    };
    files.iter().map(read).collect()
}

#[test]
fn every_route_has_its_tests_where_one_looks_for_them() {
    let routes = routes();
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    for route in &routes {
        let row = FILES.iter().find(|(prefix, _)| route.path.starts_with(prefix));
        let (_, file) = row.unwrap_or_else(|| panic!("{} has no file of tests", route.path));
        let text = texts.entry(file).or_insert_with(|| tests_in(file));
        // By its words: ids stand there as variables.
        for word in route.path.split('/').filter(|word| !word.is_empty() && !word.starts_with('{')) {
            let found = text.contains(&format!("/{word}"));
            assert!(found, "tests/it/{file}.rs has nothing about `/{word}` of {}", route.path);
        }
    }
    for (prefix, _) in FILES {
        assert!(routes.iter().any(|route| route.path.starts_with(prefix)), "{prefix} is gone");
    }
}

/// What happens at the app, which no failure here undoes: that somebody asked for it is written down afterwards.
const AT_THE_APP: &str = "refresh_credential";

/// From now on the audit log takes no row of a call whose id begins with `unrecorded`.
async fn refuse_rows(app: &TestApp) {
    let sql = if is_postgres() {
        "CREATE FUNCTION refuse_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         RAISE EXCEPTION 'disk full'; END $$; \
         CREATE TRIGGER refuse_row BEFORE INSERT ON audit_event FOR EACH ROW \
         WHEN (NEW.request_id LIKE 'unrecorded-%') EXECUTE FUNCTION refuse_row()"
    } else {
        "CREATE TRIGGER refuse_row BEFORE INSERT ON audit_event WHEN NEW.request_id LIKE 'unrecorded-%' \
         BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    };
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    database.execute_unprepared(sql).await.unwrap();
    database.close().await.unwrap();
}

/// Calls that change something, each once without a place in the audit log and once with success.
struct Changes<'a> {
    app: &'a TestApp,
    routes: BTreeMap<String, Route>,
    made: BTreeSet<String>,
}

impl<'a> Changes<'a> {
    fn of(app: &'a TestApp) -> Self {
        let changing = routes().into_iter().filter(|route| route.keyed && route.method != "GET");
        let routes = changing.map(|route| (route.operation.clone(), route)).collect();
        Self { app, routes, made: BTreeSet::new() }
    }

    /// Calls `operation` on the thing of that name; the answer, once the call is found in the audit log.
    async fn make(&mut self, operation: &str, name: &str, body: Option<Value>) -> Value {
        let route = self.routes.get(operation).unwrap_or_else(|| panic!("{operation} is gone"));
        let parameter = route.path.split('/').find(|part| part.starts_with('{'));
        let path = parameter.map_or_else(|| route.path.clone(), |part| route.path.replace(part, name));
        assert!(!path.contains('{'), "{path}");
        if operation != AT_THE_APP {
            self.is_undone(route, &path, body.as_ref()).await;
        }
        let request = format!("change-{operation}");
        let caller = self.app.as_key().header("x-request-id", &request);
        let answer = caller.send(route.method.parse().unwrap(), &path, body.as_ref()).await;
        assert!((200..300).contains(&answer.status), "{operation}: {} {:?}", answer.status, answer.body);
        let sql = format!("SELECT action FROM audit_event WHERE request_id = '{request}' AND result = 'ok'");
        assert!(!self.app.rows(&sql).await.is_empty(), "{operation} left no audit event");
        self.made.insert(operation.to_owned());
        answer.json()
    }

    /// The same call, of which no row can be written: it fails, and nothing has changed.
    async fn is_undone(&self, route: &Route, path: &str, body: Option<&Value>) {
        let before = self.seen(path).await;
        let caller = self.app.as_key().header("x-request-id", &format!("unrecorded-{}", route.operation));
        let answer = caller.send(route.method.parse().unwrap(), path, body).await;
        assert_eq!(answer.status, 500, "{}: {:?}", route.operation, answer.body);
        answer.assert_problem(500, "internal_error");
        assert_eq!(self.seen(path).await, before, "{}", route.operation);
    }

    /// What a change at `path` shows in.
    async fn seen(&self, path: &str) -> Vec<Value> {
        let noun = match path.split('/').skip(1).collect::<Vec<_>>().as_slice() {
            ["connect", "sessions", id, ..] => format!("/connect/sessions/{id}"),
            ["connect", ..] => "/users".to_owned(),
            named => format!("/{}", named[0]),
        };
        let mut seen = Vec::new();
        for path in [noun.as_str(), "/credentials", "/events"] {
            seen.push(self.app.as_key().get(path).await.ok(200));
        }
        seen
    }

    /// What a route without a body of its own does to the thing of that name.
    async fn act(&mut self, operation: &str, name: &str) -> Value {
        self.make(operation, name, None).await
    }

    async fn users_and_settings(&mut self) {
        self.make("create_user", "", Some(json!({"username": "u"}))).await;
        self.make("create_users", "", Some(json!({"users": [{"username": "v"}]}))).await;
        self.make("update_user", "v", Some(json!({"fullName": "Jo Smith"}))).await;
        self.make("update_environment", "", Some(json!({"purgeAfterDays": 7}))).await;
        self.make("put_connector", "mine", Some(json!({"provider": "fernhill", "clientId": "c"}))).await;
        let integration = json!({"name": "Sync", "connectors": [{"connector": "mine"}]});
        self.make("put_integration", "sync", Some(integration)).await;
        self.act("delete_integration", "sync").await;
        self.act("delete_connector", "mine").await;
        self.act("delete_user", "v").await;
        let key = json!({"name": "k", "scopes": ["users:read"]});
        let key = id(&self.make("create_api_key", "", Some(key)).await, "apiKeyId");
        self.make("update_api_key", &key, Some(json!({"name": "l"}))).await;
        self.act("rotate_api_key", &key).await;
        self.act("delete_api_key", &key).await;
    }

    async fn credentials_and_events(&mut self) {
        let endpoint = json!({"url": "https://hooks.test/"});
        let endpoint =
            id(&self.make("create_webhook_endpoint", "", Some(endpoint)).await, "webhookEndpointId");
        self.make("update_webhook_endpoint", &endpoint, Some(json!({"enabled": true}))).await;
        self.act("rotate_webhook_secret", &endpoint).await;
        let credential = json!({"userId": "u", "connector": QUILLPOST, "data": {"key": VALID_KEY}});
        let credential = id(&self.make("create_credential", "", Some(credential)).await, "credentialId");
        self.act("verify_credential", &credential).await;
        self.make("update_credential", &credential, Some(json!({"name": "Shop"}))).await;
        let renewable = id(&self.app.renewable("u").await, "credentialId");
        self.act("refresh_credential", &renewable).await;
        let events = self.app.as_key().get("/events?type=credential.created").await.ok(200);
        self.act("redeliver_event", &id(&events["data"][0], "id")).await;
        self.make("replay_webhook_endpoint", &endpoint, Some(json!({"since": "2029-12-31T00:00:00Z"}))).await;
        self.act("test_webhook_endpoint", &endpoint).await;
        self.act("revoke_credential", &credential).await;
        self.act("delete_credential", &credential).await;
        self.act("delete_webhook_endpoint", &endpoint).await;
    }

    async fn secrets(&mut self) {
        self.make("create_secret", "", Some(masked("K"))).await;
        self.make("update_secret", "K", Some(json!({"allowedHosts": ["api.acme.test"]}))).await;
        for operation in
            ["reveal_secret", "deactivate_secret", "reactivate_secret", "revoke_secret", "delete_secret"]
        {
            self.act(operation, "K").await;
        }
    }

    async fn sessions(&mut self) {
        let session = json!({"userId": "u", "connectors": [QUILLPOST]});
        let session = id(&self.make("create_connect_session", "", Some(session)).await, "sessionId");
        self.act("cancel_connect_session", &session).await;

        self.app.put_fernhill().await;
        let body = json!({
            "userId": "u", "connectors": ["fernhill"], "confirm": "backend",
            "allowedOrigins": ["https://app.acme.test"], "returnUrl": "https://app.acme.test/apps",
        });
        let modal = self.app.modal(&body).await;
        let popup = modal.popup_alone("fernhill", "&mode=redirect").await;
        let page = popup.allow(self.app, "jo@acme.test").await;
        let (_, code) = page.split_once("confirmationCode=").unwrap();
        let code = code.split(['&', '"']).next().unwrap();
        let confirmation = json!({"userId": "u", "confirmationCode": code});
        self.make("confirm_connect_session", &modal.session, Some(confirmation)).await;
        // No list shows them.
        let sessions = self.app.rows("SELECT id FROM connect_session").await;
        assert_eq!(sessions.len(), 2, "the one that was made and that of the modal");
    }
}

#[track_caller]
fn id(object: &Value, member: &str) -> String {
    object[member].as_str().unwrap_or_else(|| panic!("no {member} in {object}")).to_owned()
}

#[tokio::test]
async fn every_change_through_the_api_leaves_an_audit_event_or_is_not_made() {
    let _failures = Alerts::listen();
    let Some(app) = TestApp::start().await else { return };
    refuse_rows(&app).await;
    let mut changes = Changes::of(&app);
    changes.users_and_settings().await;
    changes.credentials_and_events().await;
    changes.secrets().await;
    changes.sessions().await;
    for operation in changes.routes.keys() {
        assert!(changes.made.contains(operation), "{operation} changes something and is not in this story");
    }
}

/// Calls that are made all the time, and how many statements each may take, none of which writes: `{c}` is a credential,
/// and `by user` names it by user and connector.
const STATEMENTS: &[(&str, &str, usize)] = &[
    ("/proxy/me", "by credential", 2),
    ("/proxy/me", "by user", 3),
    ("/credentials/{c}/token", "", 2),
    ("/users/u/connectors/quillpost/token", "", 3),
    ("/credentials/{c}", "", 2),
    ("/credentials", "", 2),
    ("/users/u", "", 2),
    ("/secrets/K", "", 2),
];

#[tokio::test]
async fn what_is_called_all_the_time_reads_little_and_writes_nothing() {
    statements::listen();
    let batched = |parts: &mut vouchsafe::service::Parts| parts.audit = AuditMode::Batched;
    let Some(app) = TestApp::start_as(batched, |_| ()).await else { return };
    app.secret(&masked("K")).await;
    app.user("u").await;
    let credential = id(&app.credential("u").await, "credentialId");
    for other in ["v", "w", "x"] {
        app.user(other).await;
        app.credential(other).await;
    }
    for (path, how, most) in STATEMENTS {
        let path = path.replace("{c}", &credential);
        let mut least = usize::MAX;
        // The first finds who calls, and remembers it for some seconds.
        for round in 0..4 {
            let request = format!("{path}-{how}-{round}").replace(['/', ' '], "-");
            let caller = app.as_key().header("x-request-id", &request);
            let caller = match *how {
                "by credential" => caller.header("Vouchsafe-Credential", &credential),
                "by user" => caller.header("Vouchsafe-User", "u").header("Vouchsafe-Connector", QUILLPOST),
                _ => caller,
            };
            assert_eq!(caller.get(&path).await.status, 200, "{path} {how}");
            let taken = statements::of_request(&request);
            let reads = |statement: &String| statement.starts_with("SELECT") || statement.starts_with("WITH");
            assert!(taken.iter().all(reads), "{path} {how}: {taken:?}");
            if round > 0 {
                least = least.min(taken.len());
            }
        }
        assert!(least <= *most, "{path} {how}: {least} statements");
    }
    // What is counted is what there is.
    app.as_key().header("x-request-id", "writes").post("/users", &json!({"username": "y"})).await.ok(201);
    eventually("a statement that writes", async || {
        let taken = statements::of_request("writes");
        if taken.iter().any(|statement| statement.starts_with("INSERT")) { Ok(()) } else { Err(taken) }
    })
    .await;
}
