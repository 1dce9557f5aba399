//! The modal and its popup, without a browser: the same requests that the scripts send, cookies kept by hand.

use http::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use url::Url;
use vouchsafe::demo::fake::{Client, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, FERNHILL};

use super::app::TestApp;

/// A connect session at work.
pub(crate) struct Modal<'a> {
    app: &'a TestApp,
    pub(crate) session: String,
    pub(crate) token: String,
    pub(crate) connect_url: Option<String>,
}

/// A popup that stands at the app's consent page.
pub(crate) struct Popup {
    pub(crate) flow: String,
    pub(crate) cookie: String,
    /// The app's authorization address, with `state`.
    pub(crate) consent: Url,
}

impl TestApp {
    /// Puts the OAuth connector and makes its redirect URI known to the app.
    pub(crate) async fn put_fernhill(&self) {
        let body =
            json!({"provider": FERNHILL, "clientId": DEMO_CLIENT_ID, "clientSecret": DEMO_CLIENT_SECRET});
        let connector = self.as_key().put("/connectors/fernhill", &body).await;
        let redirect = connector.json()["redirectUri"].as_str().unwrap().to_owned();
        self.fake.register(Client::new(DEMO_CLIENT_ID, DEMO_CLIENT_SECRET).redirect(redirect));
    }

    /// Makes a connect session.
    pub(crate) async fn modal(&self, body: &Value) -> Modal<'_> {
        let made = self.as_key().post("/connect/sessions", body).await.ok(201);
        Modal {
            app: self,
            session: made["sessionId"].as_str().unwrap().to_owned(),
            token: made["token"].as_str().unwrap().to_owned(),
            connect_url: made["connectUrl"].as_str().map(str::to_owned),
        }
    }

    /// Connects Fernhill for a user, from session to credential; its id.
    pub(crate) async fn connect(&self, username: &str) -> String {
        self.connect_as(username, "jo@acme.test").await
    }

    /// The same with an account of the app.
    pub(crate) async fn connect_as(&self, username: &str, account: &str) -> String {
        let modal = self.modal(&json!({"userId": username, "connectors": ["fernhill"]})).await;
        let popup = modal.popup("fernhill").await;
        popup.allow(self, account).await;
        modal.result("fernhill").await["credentialId"].as_str().unwrap().to_owned()
    }

    /// The token of a credential.
    pub(crate) async fn token(&self, credential: &str) -> Value {
        self.as_key().get(&format!("/credentials/{credential}/token")).await.ok(200)
    }

    /// The credential as the API shows it.
    pub(crate) async fn shown(&self, credential: &str) -> Value {
        self.as_key().get(&format!("/credentials/{credential}")).await.ok(200)
    }

    /// The types of the events of a credential, oldest first.
    pub(crate) async fn events(&self, credential: &str) -> Vec<String> {
        let page = self.as_key().get(&format!("/events?credentialId={credential}")).await.ok(200);
        let mut types: Vec<String> =
            page["data"].as_array().unwrap().iter().map(|e| e["type"].as_str().unwrap().to_owned()).collect();
        types.reverse();
        types
    }
}

impl Modal<'_> {
    /// The same session, as whoever was given its hosted link has it.
    pub(crate) fn by_link(&self) -> Self {
        let (_, token) = self.connect_url.as_ref().unwrap().split_once('#').unwrap();
        Self {
            app: self.app,
            session: self.session.clone(),
            token: token.to_owned(),
            connect_url: self.connect_url.clone(),
        }
    }

    fn request(&self, method: http::Method, path: &str) -> RequestBuilder {
        self.app.client.request(method, format!("{}{path}", self.app.base_url)).bearer_auth(&self.token)
    }

    /// A page's HTML.
    pub(crate) async fn page(&self, query: &str) -> String {
        let response =
            self.request(http::Method::GET, &format!("/connect/page{query}")).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.text().await.unwrap()
    }

    /// Sends a form of the modal; its answer's HTML.
    pub(crate) async fn submit(&self, connector: &str, method: &str, data: Value) -> String {
        let body = json!({"connector": connector, "method": method, "data": data});
        let response =
            self.request(http::Method::POST, "/connect/credentials").json(&body).send().await.unwrap();
        assert_eq!(response.status(), 200, "{:?}", response.text().await);
        response.text().await.unwrap()
    }

    /// A fresh ticket.
    pub(crate) async fn ticket(&self, connector: &str) -> Value {
        let body = json!({"connector": connector, "data": {}});
        let response = self.request(http::Method::POST, "/connect/tickets").json(&body).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    /// How the session stands, as its frame hears it.
    pub(crate) async fn state(&self) -> Value {
        let response = self.request(http::Method::GET, "/connect/state").send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    /// A popup that shook hands and went on to the app.
    pub(crate) async fn popup(&self, connector: &str) -> Popup {
        let ticket = self.ticket(connector).await;
        let (flow, cookie) = self.app.begin(ticket["startUrl"].as_str().unwrap()).await;
        let body = json!({"flow": flow, "nonce": ticket["nonce"]});
        let response = self
            .app
            .client
            .post(format!("{}/connect/start/handshake", self.app.base_url))
            .header(COOKIE, &cookie)
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200, "{:?}", response.text().await);
        let answer: Value = response.json().await.unwrap();
        Popup { flow, cookie, consent: answer["location"].as_str().unwrap().parse().unwrap() }
    }

    /// A popup without an opener, whose user read the page and went on.
    pub(crate) async fn popup_alone(&self, connector: &str, mode: &str) -> Popup {
        let ticket = self.ticket(connector).await;
        let (flow, cookie) = self.app.begin(&format!("{}{mode}", ticket["startUrl"].as_str().unwrap())).await;
        let response = self.app.go_on(&flow, &cookie).await;
        assert_eq!(response.status(), 303);
        let consent = response.headers()[LOCATION].to_str().unwrap().parse().unwrap();
        Popup { flow, cookie, consent }
    }

    /// What came of a connector, as the back end sees it.
    pub(crate) async fn result(&self, connector: &str) -> Value {
        let session = self.app.as_key().get(&format!("/connect/sessions/{}", self.session)).await.ok(200);
        let results = session["results"].as_array().unwrap();
        results.iter().find(|result| result["connector"] == connector).cloned().unwrap_or(Value::Null)
    }
}

impl TestApp {
    /// Reconnects a credential of `user`, who signs in with another account; the window in which they are to decide.
    pub(crate) async fn other_account(&self, user: &str, credential: &str) -> Popup {
        let modal = self.modal(&json!({"userId": user, "credentialId": credential})).await;
        let popup = modal.popup("fernhill").await;
        popup.allow(self, "al@acme.test").await;
        popup
    }

    /// Opens a start page; flow and cookie.
    pub(crate) async fn begin(&self, path: &str) -> (String, String) {
        let response = self.client.get(format!("{}{path}", self.base_url)).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let cookie = response.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        let flow = cookie.split('=').next().unwrap().trim_start_matches("vs_flow_").to_owned();
        (flow, cookie)
    }

    /// Presses *Continue* on a start page.
    pub(crate) async fn go_on(&self, flow: &str, cookie: &str) -> Response {
        let request = self.client.post(format!("{}/connect/start/continue", self.base_url));
        request.header(COOKIE, cookie).form(&[("flow", flow)]).send().await.unwrap()
    }

    /// Opens an address that the app sends the browser back to, with a cookie.
    pub(crate) async fn callback(&self, address: &Url, cookie: &str) -> (u16, String) {
        let response = self.client.get(address.clone()).header(COOKIE, cookie).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

impl Popup {
    /// Decides at the app; the address that it sends the browser back to.
    pub(crate) async fn decide(&self, app: &TestApp, decision: &str, username: &str) -> Url {
        let mut form: Vec<(String, String)> =
            self.consent.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        form.push(("username".to_owned(), username.to_owned()));
        form.push(("decision".to_owned(), decision.to_owned()));
        let mut address = self.consent.clone();
        address.set_query(None);
        let response = app.client.post(address).form(&form).send().await.unwrap();
        let location = response.headers().get(LOCATION).unwrap_or_else(|| panic!("{}", response.status()));
        location.to_str().unwrap().parse().unwrap()
    }

    /// Allows, and comes back; the callback page's HTML.
    pub(crate) async fn allow(&self, app: &TestApp, username: &str) -> String {
        let back = self.decide(app, "allow", username).await;
        let (status, page) = app.callback(&back, &self.cookie).await;
        assert_eq!(status, 200, "{page}");
        page
    }
}
