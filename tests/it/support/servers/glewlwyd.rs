//! glewlwyd, a real server that is odd: errors without a body, lower-case types, metadata that leaves things out.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::{Method, Url};
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::AuthServer;
use crate::support::components::{Component, require};
use crate::support::outside::{self, query};
use crate::support::wait::eventually;

/// What the package ships to make its database.
const SCRIPT: &str = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3";

/// A running server. Its database lives as long as the process.
#[derive(Debug)]
pub(crate) struct Glewlwyd {
    /// Without a slash at the end.
    pub(crate) base_url: String,
    /// The session of its one user.
    cookie: String,
    child: Child,
    _folder: TempDir,
}

impl Glewlwyd {
    /// Starts one on a free port, with its `openid` plugin: refresh tokens roll and work once. `None` when it is not
    /// installed: the skip is recorded, return from the test.
    ///
    /// # Panics
    /// When it does not come up.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_lasting(5).await
    }

    /// The same with access tokens that live so many seconds.
    ///
    /// # Panics
    /// As [`Glewlwyd::start`].
    pub(crate) async fn start_lasting(access_token_seconds: u32) -> Option<Self> {
        let program = require(Component::Glewlwyd)?;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("glewlwyd.db");
        let database =
            sea_orm::Database::connect(format!("sqlite://{}?mode=rwc", path.display())).await.unwrap();
        database.execute_unprepared(&std::fs::read_to_string(SCRIPT).unwrap()).await.unwrap();
        database.close().await.unwrap();
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let base_url = format!("http://127.0.0.1:{port}");
        let config = folder.path().join("glewlwyd.conf");
        std::fs::write(&config, configuration(&base_url, port, &path)).unwrap();
        // It ends when this process does, even when nothing is dropped.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", &program])
            .arg(format!("--config-file={}", config.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self { base_url, cookie: String::new(), child, _folder: folder };
        server.cookie = server.signed_in().await;
        server.set_up(access_token_seconds).await;
        Some(server)
    }

    /// Waits until it answers, and signs in.
    async fn signed_in(&self) -> String {
        let login = json!({"username": "admin", "password": "password"});
        eventually("glewlwyd", async || {
            let request = outside::client().post(format!("{}/api/auth/", self.base_url)).json(&login);
            let answer = request.send().await.map_err(|error| error.to_string())?;
            let cookie = answer.headers().get("set-cookie").ok_or("no session")?;
            Ok::<_, String>(cookie.to_str().unwrap().split(';').next().unwrap().to_owned())
        })
        .await
    }

    async fn admin(&self, method: Method, path: &str, body: &Value) -> Value {
        let request = outside::client().request(method, format!("{}{path}", self.base_url));
        let answer = request.header("cookie", &self.cookie).json(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default()
    }

    async fn set_up(&self, access_token_seconds: u32) {
        let parameters = parameters(&self.base_url, access_token_seconds);
        let plugin = json!({
            "module": "oidc", "name": "oidc", "display_name": "oidc", "parameters": parameters,
        });
        self.admin(Method::POST, "/api/mod/plugin/", &plugin).await;
        let scope = json!({
            "name": "read", "display_name": "Read", "description": "Read", "password_required": false, "scheme": {},
        });
        self.admin(Method::POST, "/api/scope/", &scope).await;
        // Without `openid` it bounces its own user to the sign-in page.
        let scopes = json!({"scope": ["g_admin", "g_profile", "openid", "read"], "enabled": true});
        self.admin(Method::PUT, "/api/user/admin", &scopes).await;
    }
}

impl Drop for Glewlwyd {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to end or to say.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl AuthServer for Glewlwyd {
    fn base_url(&self) -> &str {
        &self.base_url
    }

    fn paths(&self) -> [&'static str; 5] {
        ["/api/oidc/auth", "/api/oidc/token", "/api/oidc/revoke", "/api/oidc/userinfo", "/api/oidc/register"]
    }

    fn reuse(&self) -> String {
        "strict".to_owned()
    }

    fn account(&self) -> &'static str {
        "sub"
    }

    fn scopes(&self) -> &'static [&'static str] {
        &["openid", "read"]
    }

    /// It wants a nonce wherever `openid` is asked for, and `openid` so that its user is known.
    fn authorization_params(&self) -> &'static str {
        "authorization_params = { nonce = \"{nonce}\" }"
    }

    async fn sign_in(&self, authorize: &Url) -> Url {
        let client = query(authorize, "client_id").unwrap();
        let granted = json!({"scope": self.scopes().join(" ")});
        self.admin(Method::PUT, &format!("/api/auth/grant/{client}"), &granted).await;
        let mut resumed = authorize.clone();
        resumed.query_pairs_mut().append_pair("g_continue", "");
        let request = outside::client().get(resumed).header("cookie", &self.cookie);
        let answer = request.timeout(Duration::from_secs(10)).send().await.unwrap();
        answer.headers()["location"].to_str().unwrap().parse().unwrap()
    }
}

fn configuration(base_url: &str, port: u16, database: &Path) -> String {
    format!(
        r#"port={port}
bind_address="127.0.0.1"
external_url="{base_url}"
login_url="login.html"
api_prefix="api"
log_mode="console"
log_level="ERROR"
cookie_secure=0
session_expiration=2419200
session_key="GLEWLWYD2_SESSION_ID"
login_api_enabled=true
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="/usr/lib/glewlwyd/user"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
hash_algorithm="SHA512"
database = {{ type = "sqlite3"; path = "{}"; }};
"#,
        database.display()
    )
}

/// Of the `openid` plugin, which refuses to start without any of them, whether or not it has a meaning here.
fn parameters(issuer: &str, access_token_seconds: u32) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/glewlwyd/oidc.json");
    let mut parameters: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    parameters["iss"] = json!(issuer);
    parameters["access-token-duration"] = json!(access_token_seconds);
    parameters
}
