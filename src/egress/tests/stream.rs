//! Streamed calls: the same guard before each connection, bodies that pause, both versions of HTTP.

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt as _, Empty, StreamBody as Frames};
use hyper::body::Frame;

use super::tls_server::tls_server;
use super::*;

fn empty() -> StreamBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

fn call(url: &str) -> Request<StreamBody> {
    Request::get(url).body(empty()).unwrap()
}

async fn refused(egress: &Egress, url: &str) -> NotSent {
    match egress.stream(call(url), None).await {
        Err(StreamError::NotSent(cause)) => cause,
        Err(other) => panic!("{url}: {other:?}"),
        Ok(_) => panic!("{url} was called"),
    }
}

#[tokio::test]
async fn an_answer_of_any_status_streams_through_and_no_redirect_is_followed() {
    let server = MockServer::start().await;
    for status in [200, 302, 404, 503] {
        let answer =
            ResponseTemplate::new(status).insert_header("location", server.uri()).set_body_string("text");
        Mock::given(matchers::path(format!("/{status}"))).respond_with(answer).mount(&server).await;
    }
    let egress = open();
    for status in [200, 302, 404, 503] {
        let answer = egress.stream(call(&format!("{}/{status}?q=1", server.uri())), None).await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "text");
    }
    let asked = server.received_requests().await.unwrap();
    assert_eq!(asked.len(), 4);
    for request in &asked {
        assert_eq!(request.headers.keys().map(http::HeaderName::as_str).collect::<Vec<_>>(), ["host"]);
    }
}

#[tokio::test]
async fn no_blocked_target_is_connected_to() {
    let closed = Egress::new(EgressConfig::default()).unwrap();
    let at = NotSent::Guard;
    for (url, cause) in [
        ("https://127.0.0.1/", at(Refusal::Address)),
        ("https://2130706433/", at(Refusal::Address)),
        ("https://0x7f.1/", at(Refusal::Address)),
        ("https://0177.0.0.1/", at(Refusal::Address)),
        ("https://127.1/", at(Refusal::Address)),
        ("https://[::1]/", at(Refusal::Address)),
        ("https://[::ffff:10.0.0.1]/", at(Refusal::Address)),
        ("https://[::7f00:1]/", at(Refusal::Address)),
        ("https://169.254.169.254/", at(Refusal::Address)),
        ("https://localhost/", at(Refusal::Address)),
        ("http://93.184.216.34/", at(Refusal::Scheme)),
        ("https://93.184.216.34:22/", at(Refusal::Port)),
        ("https://jo@93.184.216.34/", at(Refusal::UserInfo)),
    ] {
        assert_eq!(refused(&closed, url).await, cause, "{url}");
    }
    // A port that the definition writes passes the guard for that call alone.
    let egress = with_names(EgressConfig::default(), &[("acme.test", &["10.0.0.1:0".parse().unwrap()])]);
    let named = egress.stream(call("https://acme.test:8443/"), Some(8443)).await.unwrap_err();
    assert_eq!(named, StreamError::NotSent(at(Refusal::Address)));
    assert_eq!(
        egress.stream(call("https://93.184.216.34:8443/"), Some(8444)).await.unwrap_err(),
        StreamError::NotSent(at(Refusal::Port))
    );
}

#[tokio::test]
async fn only_checked_addresses_of_a_name_are_connected_to() {
    let server = MockServer::start().await;
    Mock::given(matchers::any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let good = *server.address();
    let inside = SocketAddr::from(([10, 0, 0, 1], good.port()));
    let egress = with_names(
        open_config(),
        &[
            ("good.test", &[good]),
            ("mixed.test", &[good, inside]),
            ("inside.test", &[inside]),
            ("empty.test", &[]),
        ],
    );
    assert_eq!(egress.stream(call("http://good.test/"), None).await.unwrap().status(), 200);
    for name in ["mixed", "inside"] {
        assert_eq!(refused(&egress, &format!("http://{name}.test/")).await, NotSent::Guard(Refusal::Address));
    }
    assert_eq!(refused(&egress, "http://empty.test/").await, NotSent::Dns);
    assert_eq!(refused(&egress, "http://other.test/").await, NotSent::Dns);
    egress.set_own_listeners(vec![good]);
    assert_eq!(
        refused(&egress, &format!("http://127.0.0.1:{}/", good.port())).await,
        NotSent::Guard(Refusal::Own)
    );
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_call_that_stands_still_ends() {
    let config = EgressConfig { stream_idle_timeout: Duration::from_millis(100), ..open_config() };
    let egress = Egress::new(config).unwrap();
    let silent = raw_server(async |socket| {
        std::future::pending::<()>().await;
        drop(socket);
    })
    .await;
    assert_eq!(egress.stream(call(&silent), None).await.unwrap_err(), StreamError::Idle);

    let pausing = raw_server(async |mut socket| {
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
        std::future::pending::<()>().await;
        drop(socket);
    })
    .await;
    let answer = egress.stream(call(&pausing), None).await.unwrap();
    let error = answer.into_body().collect().await.unwrap_err();
    assert!(error.is::<BodyIdle>(), "{error:?}");

    let reading = raw_server(async |mut socket| {
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest).await.ok();
    })
    .await;
    let never = Frames::new(futures_util::stream::pending()).boxed_unsync();
    let request = Request::post(&reading).body(never).unwrap();
    assert_eq!(
        egress.stream(request, None).await.unwrap_err(),
        StreamError::Unreadable,
        "a caller who says nothing"
    );

    let cut = raw_server(async |socket| drop(socket)).await;
    assert_eq!(egress.stream(call(&cut), None).await.unwrap_err(), StreamError::Broken);
}

#[tokio::test]
async fn a_body_that_comes_to_no_end_is_no_fault_of_the_app() {
    use std::io::ErrorKind;
    let egress = open();
    for (kind, fault) in [
        (ErrorKind::UnexpectedEof, StreamError::HungUp),
        (ErrorKind::ConnectionReset, StreamError::HungUp),
        (ErrorKind::InvalidInput, StreamError::Unreadable),
        (ErrorKind::InvalidData, StreamError::Unreadable),
    ] {
        let reading = raw_server(async |mut socket| {
            let mut rest = Vec::new();
            socket.read_to_end(&mut rest).await.ok();
        })
        .await;
        let pieces =
            [Ok(Frame::data(Bytes::from_static(b"half"))), Err(BodyError::from(io::Error::from(kind)))];
        let body = Frames::new(futures_util::stream::iter(pieces)).boxed_unsync();
        let request = Request::post(&reading).body(body).unwrap();
        assert_eq!(egress.stream(request, None).await.unwrap_err(), fault, "{kind:?}");
    }
}

#[tokio::test]
async fn an_answer_in_another_protocol_is_none() {
    let switching = raw_server(async |mut socket| {
        let head = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n";
        socket.write_all(head).await.unwrap();
    })
    .await;
    assert_eq!(open().stream(call(&switching), None).await.unwrap_err(), StreamError::Switched);
}

#[tokio::test]
async fn both_versions_are_spoken_over_tls_that_is_verified() {
    for (protocols, version) in
        [(&[&b"h2"[..], b"http/1.1"][..], Version::HTTP_2), (&[b"http/1.1"], Version::HTTP_11)]
    {
        let (address, roots) = tls_server(protocols).await;
        let names = ["acme.test", "other.test"].map(|name| (name.to_owned(), vec![address]));
        let hooks = EgressHooks { names: Some(names.into_iter().collect()), roots: Some(roots) };
        let egress = Egress::with_hooks(open_config(), hooks).unwrap();
        for _ in 0..2 {
            let answer = egress.stream(call("https://acme.test/path"), None).await.unwrap();
            assert_eq!(answer.version(), version);
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, format!("{version:?} /path"));
        }
        assert_eq!(refused(&egress, "https://other.test/").await, NotSent::Tls, "another name");
        let trusting_others = with_names(open_config(), &[("acme.test", &[address])]);
        assert_eq!(refused(&trusting_others, "https://acme.test/").await, NotSent::Tls, "another root");
    }
}
