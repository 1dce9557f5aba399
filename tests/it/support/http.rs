//! Callers and answers: who asks, and what a refusal must look like.

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;

use super::app::TestApp;

/// Somebody who calls the hub.
#[derive(Clone)]
pub(crate) struct Persona<'a> {
    app: &'a TestApp,
    key: Option<String>,
    headers: Vec<(String, String)>,
}

impl<'a> Persona<'a> {
    /// Somebody with a hub API key, or without.
    pub(crate) fn new(app: &'a TestApp, key: Option<String>) -> Self {
        Self { app, key, headers: Vec::new() }
    }

    /// The same, who sends one more header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The key, for a request written by hand.
    pub(crate) fn bearer(&self) -> &str {
        self.key.as_deref().unwrap_or_default()
    }

    pub(crate) async fn get(&self, path: &str) -> TestResponse {
        self.send(Method::GET, path, None).await
    }

    /// All objects of a list, page by page.
    pub(crate) async fn list_all(&self, path: &str) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        let begin = if path.contains('?') { '&' } else { '?' };
        loop {
            let page = self.get(&format!("{path}{begin}limit=200{cursor}")).await.ok(200);
            all.extend(page["data"].as_array().unwrap().iter().cloned());
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    pub(crate) async fn delete(&self, path: &str) -> TestResponse {
        self.send(Method::DELETE, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> TestResponse {
        self.send(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> TestResponse {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> TestResponse {
        self.send(Method::PATCH, path, Some(body)).await
    }

    /// A POST without a body.
    pub(crate) async fn act(&self, path: &str) -> TestResponse {
        self.send(Method::POST, path, None).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> TestResponse {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(body);
        }
        TestResponse::read(request).await
    }

    /// A body as it is, under the media type given.
    pub(crate) async fn send_raw(&self, method: Method, path: &str, kind: &str, body: &str) -> TestResponse {
        let request = self.request(method, path).body(body.to_owned());
        let request = if kind.is_empty() { request } else { request.header("content-type", kind) };
        TestResponse::read(request).await
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let mut request = self.app.client.request(method, format!("{}{path}", self.app.base_url));
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct TestResponse {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl TestResponse {
    async fn read(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await.unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {:?}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body of a success with this status.
    #[track_caller]
    pub(crate) fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:?}", self.body);
        assert_eq!(self.header("content-type"), Some("application/json"));
        self.json()
    }

    /// The body of a refusal, once all that every refusal has is there.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16, code: &str) -> Value {
        let shown = format!("{} {:?}", self.status, self.body);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{shown}");
        let problem = self.json();
        assert_eq!((self.status, problem["code"].as_str()), (status, Some(code)), "{shown}");
        assert_eq!(problem["status"], status, "{shown}");
        assert_eq!(problem["type"], format!("urn:vouchsafe:problem:{code}"), "{shown}");
        assert_eq!(problem["detail"], problem["message"], "{shown}");
        assert!(problem["message"].as_str().is_some_and(|text| !text.is_empty()), "{shown}");
        assert!(problem["title"].as_str().is_some_and(|text| !text.is_empty()), "{shown}");
        assert_eq!(problem["requestId"].as_str(), self.header("x-request-id"), "{shown}");
        problem
    }

    /// A refusal of the hub on a path where an app answers too.
    #[track_caller]
    pub(crate) fn assert_refused(&self, status: u16, code: &str) -> Value {
        let problem = self.assert_problem(status, code);
        assert_eq!(self.header("vouchsafe-error"), Some(code));
        problem
    }

    /// A refusal of the input that points at `pointers`, in any order.
    #[track_caller]
    pub(crate) fn assert_invalid(&self, pointers: &[&str]) -> Value {
        let problem = self.assert_problem(400, "invalid_request");
        assert_pointers(&problem, pointers);
        problem
    }
}

/// Checks where a problem points.
#[track_caller]
pub(crate) fn assert_pointers(problem: &Value, pointers: &[&str]) {
    let errors = problem["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let mut found: Vec<&str> = errors.iter().filter_map(|error| error["pointer"].as_str()).collect();
    found.sort_unstable();
    let mut wanted = pointers.to_vec();
    wanted.sort_unstable();
    assert_eq!(found, wanted, "{problem}");
    for error in errors {
        assert!(error["code"].is_string() && error["message"].is_string(), "{problem}");
    }
}
