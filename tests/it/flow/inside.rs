//! What lies in the hub's own network is out of reach by every way that leads out (S10): tokens, keys, calls, webhooks,
//! what a server says of its sign-in, and the identity provider of the members.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use serde_json::{Value, json};
use vouchsafe::demo::fake::{self, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_PASSWORD};
use vouchsafe::egress::{Egress, EgressConfig};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::api::secrets::{masked, with};
use crate::support::app::{TestApp, egress_config};
use crate::support::identity::Scene;
use crate::support::proxy::raw_definition;
use crate::support::raw_server::{RawServer, Reply};

const OUTSIDE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const INSIDE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// Who may be called comes first, so that it is seen that somebody would be. The last is looked up several times.
const HOSTS: [&str; 7] =
    ["outside.test", "inside.test", "both.test", "127.0.0.2", "turns.test", "turns.test", "turns.test"];

/// Two servers at one port: one that the hub may call, and one that it may not.
struct Sides {
    outside: RawServer,
    inside: TcpListener,
    port: u16,
    tries: AtomicUsize,
}

impl Sides {
    async fn start() -> Self {
        loop {
            let outside = RawServer::start(|_| Reply::whole("404 Not Found", "{}")).await;
            let port: u16 = outside.base_url.rsplit(':').next().unwrap().parse().unwrap();
            // The same port may be taken there.
            if let Ok(inside) = TcpListener::bind((INSIDE, port)) {
                inside.set_nonblocking(true).unwrap();
                return Self { outside, inside, port, tries: AtomicUsize::new(0) };
            }
        }
    }

    /// A name of its own for each try, so that none is refused because of an earlier one.
    fn fresh(&self, name: &str) -> String {
        format!("{name}-{}", self.tries.fetch_add(1, Ordering::Relaxed))
    }

    /// Does `act` with the address of each host; nothing may come to the inside, whatever the name means next.
    async fn each(&self, what: &str, act: impl AsyncFn(String)) {
        for host in HOSTS {
            let before = self.outside.requests().len();
            act(format!("http://{host}:{}", self.port)).await;
            let came = self.outside.requests().len() - before;
            match host {
                "outside.test" => assert!(came > 0, "{what}: nobody was called"),
                "turns.test" => {}
                _ => assert_eq!(came, 0, "{what}: {host}"),
            }
            assert!(self.inside.accept().is_err(), "{what}: {host} led inside");
        }
    }
}

/// A way out to one address alone, with names that lead there, elsewhere, to both, and to each in turn.
fn way_out() -> Arc<Egress> {
    let config = EgressConfig { allow: vec!["127.0.0.1/32".parse().unwrap()], ..egress_config() };
    let turn = AtomicUsize::new(0);
    let at = |ip: Ipv4Addr| SocketAddr::from((ip, 0));
    let look_up = move |name: &str| match name {
        "outside.test" => vec![at(OUTSIDE)],
        "inside.test" => vec![at(INSIDE)],
        "both.test" => vec![at(OUTSIDE), at(INSIDE)],
        "turns.test" => vec![at([OUTSIDE, INSIDE][turn.fetch_add(1, Ordering::Relaxed) % 2])],
        _ => Vec::new(),
    };
    Egress::with_names(config, look_up).unwrap()
}

async fn start() -> Option<TestApp> {
    let app = TestApp::start_as(|parts| parts.egress = way_out(), |_| ()).await?;
    app.fake.configure(|settings| settings.any_redirect = true);
    app.user("u").await;
    Some(app)
}

impl TestApp {
    /// An OAuth app that is the fake, but for what `change` says.
    async fn put_app(&self, slug: &str, change: impl FnOnce(String) -> String) {
        self.define(slug, &change(self.fake.definition_toml(slug)));
        let client =
            json!({"provider": slug, "clientId": DEMO_CLIENT_ID, "clientSecret": DEMO_CLIENT_SECRET});
        self.as_key().put(&format!("/connectors/{slug}"), &client).await;
    }

    /// Signs somebody in as far as it goes; the credential.
    async fn try_to_connect(&self, slug: &str) -> Option<String> {
        let modal = self.modal(&json!({"userId": "u", "connectors": [slug]})).await;
        let popup = modal.popup(slug).await;
        let back = popup.decide(self, "allow", "jo@acme.test").await;
        self.callback(&back, &popup.cookie).await;
        modal.result(slug).await["credentialId"].as_str().map(str::to_owned)
    }

    /// Opens the popup of a connector and presses *Continue*, where it comes that far.
    async fn try_to_start(&self, slug: &str) {
        let modal = self.modal(&json!({"userId": "u", "connectors": [slug]})).await;
        let ticket = modal.ticket(slug).await;
        let start = format!("{}{}", self.base_url, ticket["startUrl"].as_str().unwrap());
        let page = self.client.get(start).send().await.unwrap();
        let Some(cookie) = page.headers().get("set-cookie") else { return };
        let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
        let flow = cookie.split('=').next().unwrap().trim_start_matches("vs_flow_");
        self.go_on(flow, cookie).await;
    }

    /// The token endpoint, or another below `/oauth`, is at another address.
    fn moved(&self, text: &str, endpoint: &str, to: &str) -> String {
        let here = format!("\"{}/oauth/{endpoint}\"", self.fake.base_url());
        assert!(text.contains(&here), "{text}");
        text.replace(&here, &format!("\"{to}/oauth/{endpoint}\""))
    }

    /// Hands over what a user of `slug` has.
    async fn hand_over(&self, slug: &str, data: Value, verify: bool) -> Option<String> {
        let body = json!({"userId": "u", "connector": slug, "data": data, "verify": verify});
        let made = self.as_key().post("/credentials", &body).await;
        made.json()["credentialId"].as_str().map(str::to_owned)
    }
}

#[tokio::test]
async fn s10_tokens_are_neither_asked_for_nor_given_back_inside() {
    let Some(app) = start().await else { return };
    let sides = Sides::start().await;
    sides
        .each("the token for a code", async |address| {
            let slug = sides.fresh("code");
            app.put_app(&slug, |text| app.moved(&text, "token", &address)).await;
            assert_eq!(app.try_to_connect(&slug).await, None);
        })
        .await;
    for (what, endpoint) in [("a refresh", "token"), ("a revocation", "revoke")] {
        sides
            .each(what, async |address| {
                let slug = sides.fresh(endpoint);
                app.put_app(&slug, |text| text).await;
                let path = format!("/credentials/{}", app.try_to_connect(&slug).await.unwrap());
                let text = app.fake.definition_toml(&slug);
                app.define(&slug, &app.moved(&text, endpoint, &address));
                if endpoint == "token" {
                    app.as_key().act(&format!("{path}/refresh")).await;
                } else {
                    app.as_key().delete(&path).await.ok(200);
                }
            })
            .await;
    }
    sides
        .each("a client of the user's own", async |address| {
            let slug = sides.fresh("client");
            app.define(&slug, &fake::client_credentials_definition_toml(&slug, &address));
            let data = json!({"client_id": DEMO_CLIENT_ID, "client_secret": DEMO_CLIENT_SECRET});
            assert_eq!(app.hand_over(&slug, data, true).await, None);
        })
        .await;
    sides
        .each("a session login", async |address| {
            let slug = sides.fresh("session");
            app.define(&slug, &fake::session_definition_toml(&slug, &address));
            let data = json!({"username": "jo", "password": DEMO_PASSWORD});
            assert_eq!(app.hand_over(&slug, data, true).await, None);
        })
        .await;
}

#[tokio::test]
async fn s10_no_app_is_called_inside() {
    let Some(app) = start().await else { return };
    let sides = Sides::start().await;
    sides
        .each("a check", async |address| {
            let slug = sides.fresh("check");
            app.define(&slug, &raw_definition(&address));
            app.hand_over(&slug, json!({"key": "a-key"}), true).await;
        })
        .await;
    sides
        .each("a call with a credential", async |address| {
            let slug = sides.fresh("call");
            app.define(&slug, &raw_definition(&address));
            let credential = app.hand_over(&slug, json!({"key": "a-key"}), false).await.unwrap();
            app.calling(&credential).get("/proxy/x").await;
        })
        .await;
    sides
        .each("a call with a secret", async |address| {
            let key = sides.fresh("K").replace('-', "_");
            let host = address.trim_start_matches("http://");
            app.secret(&with(masked(&key), "allowedHosts", json!([host]))).await;
            let caller = app.as_key().header("Vouchsafe-Url", &format!("{address}/x"));
            caller.header("X-Key", &format!("$Secret{{{key}}}")).get("/proxy/").await;
        })
        .await;
    let owner = app.as_owner().await;
    sides
        .each("a connector's test", async |address| {
            let slug = sides.fresh("test");
            app.put_app(&slug, |text| app.moved(&text, "token", &address)).await;
            owner.post(&format!("/dashboard/production/connectors/{slug}/test"), &[]).await;
        })
        .await;
}

#[tokio::test]
async fn s10_no_webhook_is_sent_inside_though_its_name_changes_after_it_was_checked() {
    let Some(app) = start().await else { return };
    let sides = Sides::start().await;
    sides
        .each("a webhook", async |address| {
            let made =
                app.as_key().post("/webhook-endpoints", &json!({"url": format!("{address}/hook")})).await;
            if made.status != 201 {
                made.assert_invalid(&["/url"]);
                return;
            }
            app.credential("u").await;
            assert_eq!(app.deliver().await, 1);
            let id = made.json()["webhookEndpointId"].as_str().unwrap().to_owned();
            app.as_key().delete(&format!("/webhook-endpoints/{id}")).await.ok(200);
        })
        .await;
}

/// A server of the Model Context Protocol whose authorization server, and the place to register at, are elsewhere.
async fn tools(app: &TestApp, slug: &str, issuer: Option<&str>, registration: &str) -> MockServer {
    let server = MockServer::start().await;
    let uri = server.uri();
    let issuer = issuer.unwrap_or(&uri);
    let metadata = json!({
        "issuer": uri,
        "authorization_endpoint": format!("{uri}/authorize"),
        "token_endpoint": format!("{uri}/token"),
        "registration_endpoint": format!("{registration}/register"),
        "code_challenge_methods_supported": ["S256"],
    });
    for (at, body) in [
        (
            "/.well-known/oauth-protected-resource/mcp",
            json!({"resource": format!("{uri}/mcp"), "authorization_servers": [issuer]}),
        ),
        ("/.well-known/oauth-authorization-server", metadata),
    ] {
        let answer = ResponseTemplate::new(200).set_body_json(body);
        Mock::given(path(at)).respond_with(answer).mount(&server).await;
    }
    app.define(slug, &mcp(&uri));
    server
}

fn mcp(server: &str) -> String {
    format!(
        "name = \"Tools\"\ndocumentation = \"https://tools.example/docs\"\nbase_url = \"{server}\"\n\
         [mcp]\nurl = \"{server}/mcp\"\n"
    )
}

#[tokio::test]
async fn s10_what_a_server_says_of_its_sign_in_leads_nowhere_inside() {
    let Some(app) = start().await else { return };
    let sides = Sides::start().await;
    sides
        .each("the server itself", async |address| {
            let slug = sides.fresh("tools");
            app.define(&slug, &mcp(&address));
            app.try_to_start(&slug).await;
        })
        .await;
    sides
        .each("its authorization server", async |address| {
            let slug = sides.fresh("issuer");
            let server = tools(&app, &slug, Some(&address), &address).await;
            app.try_to_start(&slug).await;
            assert!(!server.received_requests().await.unwrap().is_empty());
        })
        .await;
    sides
        .each("the place to register at", async |address| {
            let slug = sides.fresh("register");
            let server = tools(&app, &slug, None, &address).await;
            app.try_to_start(&slug).await;
            assert_eq!(server.received_requests().await.unwrap().len(), 2, "it has told where that is");
        })
        .await;
    sides
        .each("temporary credentials", async |address| {
            let slug = sides.fresh("prints");
            let text = format!(
                "name = \"Prints\"\ndocumentation = \"https://prints.example/docs\"\n\
                 base_url = \"{address}/api\"\n[oauth1]\nrequest_token_endpoint = \"{address}/request\"\n\
                 authorization_endpoint = \"{address}/authorize\"\ntoken_endpoint = \"{address}/token\"\n"
            );
            app.define(&slug, &text);
            let client = json!({"provider": slug, "clientId": "c-1", "clientSecret": "a-secret"});
            app.as_key().put(&format!("/connectors/{slug}"), &client).await.ok(201);
            app.try_to_start(&slug).await;
        })
        .await;
}

#[tokio::test]
async fn s10_an_identity_provider_sends_the_hub_nowhere_inside() {
    let Some(scene) = Scene::start_with(|parts| parts.egress = way_out()).await else { return };
    let sides = Sides::start().await;
    // Nobody whom the hub knows, and no address: so it asks for everything that there is.
    scene.idp.claim("sub", json!("somebody"));
    scene.idp.claim("email", Value::Null);
    for endpoint in ["token_endpoint", "jwks_uri", "userinfo_endpoint"] {
        sides
            .each(endpoint, async |address| {
                scene.idp.script().metadata.insert(endpoint.to_owned(), json!(format!("{address}/there")));
                // What was heard is kept for an hour.
                scene.app.clock.advance(TimeDelta::hours(2));
                let shown = scene.idp.sign_in(&scene.browser()).await;
                assert!(shown.status >= 400, "{endpoint}: {}", shown.html);
            })
            .await;
        scene.idp.script().metadata.clear();
    }
}
