//! A visitor from outside: a plain HTTP client that follows nothing by itself, and a person with cookies who does.

use std::collections::BTreeMap;

use reqwest::{Client, ClientBuilder, Response, Url, header};

/// A client that follows no redirect and uses no proxy of the environment.
pub(crate) fn client() -> Client {
    builder().build().unwrap()
}

/// As [`client`], to be given a test CA or fixed addresses first.
#[expect(clippy::disallowed_methods, reason = "a test speaks to the product from outside, past `egress`")]
pub(crate) fn builder() -> ClientBuilder {
    Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy()
}

/// The value of one query parameter.
pub(crate) fn query(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// A person with a browser: keeps cookies per host, follows redirects, presses buttons of forms.
#[derive(Debug)]
pub(crate) struct Person {
    client: Client,
    cookies: BTreeMap<(String, String), String>,
}

impl Person {
    /// Somebody with an empty cookie jar.
    pub(crate) fn new(client: Client) -> Self {
        Self { client, cookies: BTreeMap::new() }
    }

    /// Opens `url` and follows redirects as long as they stay on its host; gives the last address and answer.
    pub(crate) async fn open(&mut self, url: Url) -> (Url, Response) {
        self.visit(url, None).await
    }

    /// Sends a form to `url` and follows as [`Person::open`] does.
    pub(crate) async fn submit(&mut self, url: Url, fields: &[(&str, &str)]) -> (Url, Response) {
        self.visit(url, Some(fields)).await
    }

    async fn visit(&mut self, mut url: Url, mut form: Option<&[(&str, &str)]>) -> (Url, Response) {
        for _ in 0..10 {
            let mut request = match form.take() {
                Some(fields) => self.client.post(url.clone()).form(fields),
                None => self.client.get(url.clone()),
            };
            if let Some(cookies) = self.cookies_for(&url) {
                request = request.header(header::COOKIE, cookies);
            }
            let response = request.send().await.unwrap();
            self.remember(&url, &response);
            let Some(next) = location(&url, &response) else {
                return (url, response);
            };
            if next.host_str() != url.host_str() || next.port() != url.port() {
                return (next, response);
            }
            url = next;
        }
        panic!("more than 10 redirects, the last to {}", url.path());
    }

    fn cookies_for(&self, url: &Url) -> Option<String> {
        let host = url.host_str()?;
        let pairs: Vec<String> = self
            .cookies
            .iter()
            .filter(|((of, _), _)| of == host)
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    fn remember(&mut self, url: &Url, response: &Response) {
        let host = url.host_str().unwrap().to_owned();
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let key = (host.clone(), name.trim().to_owned());
            // A server takes a cookie back by emptying it.
            if value.is_empty() {
                self.cookies.remove(&key);
            } else {
                self.cookies.insert(key, value.to_owned());
            }
        }
    }
}

fn location(from: &Url, response: &Response) -> Option<Url> {
    if !response.status().is_redirection() {
        return None;
    }
    let target = response.headers().get(header::LOCATION)?.to_str().unwrap();
    Some(from.join(target).unwrap())
}
