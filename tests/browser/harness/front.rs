//! The front does what a trusted proxy before the hub does.

use std::net::Ipv4Addr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::response::Html;
use axum::routing::get;
use futures_util::StreamExt as _;
use http::Method;
use reqwest::{Certificate, Client};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::chrome::{Chrome, ChromeOptions};
use crate::front::{APP, Front, HUB, IDP};
use crate::support::outside;
use crate::support::servers::{OidcOptions, OidcProvider};
use crate::support::wait::DEADLINE;

/// A client other than the browser, which trusts the front as the hub under test does.
fn client(front: &Front) -> Client {
    let authority = Certificate::from_pem(front.ca_pem().as_bytes()).unwrap();
    let trusting = outside::builder().tls_certs_only([authority]);
    [APP, HUB, IDP]
        .iter()
        .fold(trusting, |builder, host| builder.resolve(host, front.address()))
        .build()
        .unwrap()
}

async fn upstream(router: Router) -> std::net::SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test]
async fn it_says_who_asked_and_takes_nobody_elses_word_for_it() {
    let echo = async |headers: HeaderMap| {
        let value = |name: &str| headers[name].to_str().unwrap().to_owned();
        ["host", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-for"].map(value).join(" ")
    };
    let front = Front::start().await;
    front.proxy(HUB, upstream(Router::new().route("/", get(echo))).await);
    let request = client(&front).get(front.origin(HUB)).header("x-forwarded-for", "203.0.113.9");
    let answer = request.header("x-forwarded-host", "evil.test").send().await.unwrap();
    let host = format!("hub.test:{}", front.address().port());
    assert_eq!(answer.text().await.unwrap(), format!("{host} {host} https 127.0.0.1"));
    assert_eq!(front.count(HUB, &Method::GET, "/"), 1);
}

#[tokio::test]
async fn it_passes_a_stream_as_it_comes_and_breaks_it_when_told() {
    let (sender, receiver) = mpsc::unbounded_channel::<Bytes>();
    let receiver = std::sync::Mutex::new(Some(receiver));
    let receiver = std::sync::Arc::new(receiver);
    let stream = async move || {
        let mut receiver = receiver.lock().unwrap().take().unwrap();
        let events = futures_util::stream::poll_fn(move |context| receiver.poll_recv(context));
        ([("content-type", "text/event-stream")], Body::from_stream(events.map(Ok::<_, std::io::Error>)))
    };
    let front = Front::start().await;
    front.proxy(HUB, upstream(Router::new().route("/events", get(stream))).await);
    let client = client(&front);
    let url = format!("{}/events", front.origin(HUB));
    let answer = client.get(&url).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut events = answer.bytes_stream();
    // Each comes before the next one is sent, so nothing holds them back.
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        sender.send(Bytes::from_static(event.as_bytes())).unwrap();
        let next = tokio::time::timeout(DEADLINE, events.next()).await.expect("the event comes alone");
        assert_eq!(next.unwrap().unwrap(), event);
    }
    front.refuse(HUB, "/events");
    let broken = tokio::time::timeout(DEADLINE, events.next()).await.expect("the stream ends");
    assert!(broken.unwrap().is_err(), "a cut is no orderly end");
    assert_eq!(client.get(&url).send().await.unwrap().status(), 502);
    // The upstream notices as well.
    tokio::time::timeout(Duration::from_secs(10), sender.closed()).await.expect("the upstream is let go");
}

#[tokio::test]
async fn it_puts_the_opener_policy_of_a_test_in_place_of_the_sites_own() {
    let own = [("cross-origin-opener-policy", "unsafe-none")];
    let front = Front::start().await;
    front.pages(APP, Router::new().route("/", get(async move || own)));
    let client = client(&front);
    let policy = async || {
        let answer = client.get(front.origin(APP)).send().await.unwrap();
        let values = answer.headers().get_all("cross-origin-opener-policy");
        values.iter().map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(policy().await, ["unsafe-none"]);
    front.opener_policy(APP, Some("same-origin"));
    assert_eq!(policy().await, ["same-origin"]);
    front.opener_policy(APP, None);
    assert_eq!(policy().await, ["unsafe-none"]);
    assert_eq!(client.get(front.origin(HUB)).send().await.unwrap().status(), 421);
}

#[tokio::test]
async fn a_host_page_may_be_plain_http_on_localhost() {
    let mut front = Front::start().await;
    let page = Router::new().route("/", get(async || Html("<h1>Plain</h1>")));
    let origin = front.plain_pages(page).await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    chrome.open(&origin).await;
    chrome.shows("h1", "Plain").await;
    chrome.close().await;
}

#[tokio::test]
async fn a_real_sign_in_goes_through_it_and_ends_on_the_callback_page() {
    let front = Front::start().await;
    let callback = format!("{}/callback", front.origin(HUB));
    let options = OidcOptions {
        callbacks: vec![callback.clone()],
        issuer: Some(front.origin(IDP)),
        pkce: false,
        ..OidcOptions::default()
    };
    let Some(server) = OidcProvider::start(options).await else {
        return;
    };
    front.proxy(IDP, server.address);
    front.opener_policy(IDP, Some("same-origin"));
    let page = async || Html("<link rel=icon href=data:,><h1>Back</h1>");
    front.pages(HUB, Router::new().route("/callback", get(page)));
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };

    let fields = [
        ("client_id", "basic"),
        ("response_type", "code"),
        ("scope", "openid read"),
        ("state", "s-1"),
        ("redirect_uri", callback.as_str()),
    ];
    let start = url::Url::parse_with_params(&format!("{}/auth", front.origin(IDP)), fields).unwrap();
    chrome.open(start.as_str()).await;
    chrome.fill("input[name=login]", "jo").await;
    chrome.fill("input[name=password]", "x").await;
    chrome.click("button[type=submit]").await;
    chrome.shows("h1", "Authorize").await;
    chrome.click("button[type=submit]").await;
    chrome.shows("h1", "Back").await;
    let back = chrome.client().current_url().await.unwrap();
    assert!(outside::query(&back, "code").is_some(), "{back}");
    assert_eq!(outside::query(&back, "iss"), Some(front.origin(IDP)));
    assert_eq!(front.count(HUB, &Method::GET, "/callback"), 1);
    assert_eq!(chrome.console_errors().await, Vec::<String>::new());
    chrome.close().await;
}
