use http::{HeaderMap, HeaderValue, Method};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};
use zeroize::Zeroizing;

use super::*;

const SECRET: &str = "s3cr3t-canary";

fn open_config() -> EgressConfig {
    EgressConfig { allow: vec!["127.0.0.0/8".parse().unwrap()], allow_http: true, ..EgressConfig::default() }
}

fn open() -> Arc<Egress> {
    Egress::new(open_config()).unwrap()
}

fn with_names(config: EgressConfig, names: &[(&str, &[SocketAddr])]) -> Arc<Egress> {
    let table = names.iter().map(|(name, addresses)| ((*name).to_owned(), addresses.to_vec())).collect();
    Egress::with_hooks(config, EgressHooks { names: Some(table), roots: None }).unwrap()
}

fn get(url: &str, class: Class) -> OutboundRequest {
    OutboundRequest::new(Method::GET, Url::parse(url).unwrap(), class)
}

/// A server that does `act` with its first connection, after reading the head of a request.
async fn raw_server<F, Fut>(act: F) -> String
where
    F: FnOnce(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.unwrap());
        }
        act(socket).await;
    });
    format!("http://{address}/?token={SECRET}")
}

fn texts(error: &EgressError) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(layer) = source {
        text.extend([" ".to_owned(), layer.to_string(), format!("{layer:?}")]);
        source = layer.source();
    }
    text
}

async fn refusal(egress: &Egress, url: &str) -> NotSent {
    let error = egress.send(get(url, Class::Check)).await.unwrap_err();
    assert!(!texts(&error).contains(SECRET) && !texts(&error).contains("://"), "{}", texts(&error));
    match error {
        EgressError::NotSent(cause) => cause,
        EgressError::Ambiguous { .. } => panic!("{url} was sent"),
    }
}

async fn ambiguity(egress: &Egress, request: OutboundRequest) -> (Ambiguity, Option<u16>) {
    let error = egress.send(request).await.unwrap_err();
    assert!(!texts(&error).contains(SECRET) && !texts(&error).contains("://"), "{}", texts(&error));
    match error {
        EgressError::Ambiguous { cause, head } => (cause, head.map(|head| head.status.as_u16())),
        EgressError::NotSent(cause) => panic!("not sent: {cause}"),
    }
}

#[tokio::test]
async fn an_answer_of_any_status_is_an_answer_and_a_redirect_is_not_followed() {
    const STATUSES: [u16; 9] = [200, 204, 301, 302, 303, 307, 308, 404, 503];
    let (server, elsewhere) = (MockServer::start().await, MockServer::start().await);
    let secure = elsewhere.uri().replace("http:", "https:");
    let other_host = elsewhere.uri().replace("127.0.0.1", "localhost");
    let places = [server.uri(), elsewhere.uri(), secure, other_host];
    for (at, place) in places.iter().enumerate() {
        for status in STATUSES {
            Mock::given(matchers::path(format!("/{at}/{status}")))
                .respond_with(
                    ResponseTemplate::new(status)
                        .insert_header("location", format!("{place}/stolen"))
                        .insert_header("retry-after", "7"),
                )
                .mount(&server)
                .await;
        }
    }
    let egress = open();
    for class in [Class::Token, Class::Check, Class::Webhook] {
        for at in 0..places.len() {
            for status in STATUSES {
                let url = format!("{}/{at}/{status}", server.uri());
                let answer = egress.send(get(&url, class)).await.unwrap();
                assert_eq!(answer.status.as_u16(), status);
                assert_eq!(answer.retry_after(), Some(Duration::from_secs(7)));
            }
        }
    }
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
    let asked = server.received_requests().await.unwrap();
    assert_eq!(asked.len(), 3 * places.len() * STATUSES.len(), "nothing beyond what was sent");
    for request in &asked {
        for name in ["referer", "cookie", "accept-encoding"] {
            assert!(!request.headers.contains_key(name), "{name}");
        }
    }
}

#[tokio::test]
async fn method_headers_and_body_arrive_as_given() {
    let server = MockServer::start().await;
    Mock::given(matchers::any())
        .respond_with(ResponseTemplate::new(200).set_body_string("done"))
        .mount(&server)
        .await;
    let mut request = get(&format!("{}/a?b=c", server.uri()), Class::Token);
    request.method = Method::POST;
    request.headers =
        HeaderMap::from_iter([("x-api-key".parse().unwrap(), HeaderValue::from_static(SECRET))]);
    request.body = Some(Zeroizing::new(b"key=value".to_vec()));
    assert!(!format!("{request:?}").contains(SECRET));
    let answer = open().send(request).await.unwrap();
    assert_eq!(answer.body.as_slice(), b"done");
    assert!(!format!("{answer:?}").contains("done"));
    let got = &server.received_requests().await.unwrap()[0];
    assert_eq!(
        (got.url.path(), got.url.query(), got.body.as_slice()),
        ("/a", Some("b=c"), b"key=value".as_slice())
    );
    assert_eq!(got.headers["x-api-key"], SECRET);
}

#[tokio::test]
async fn blocked_targets_are_refused_before_anything_is_sent() {
    let closed = Egress::new(EgressConfig::default()).unwrap();
    let at = |refusal| NotSent::Guard(refusal);
    let url = |text: &str| format!("{text}?token={SECRET}");
    assert_eq!(refusal(&closed, &url("https://127.0.0.1/")).await, at(Refusal::Address));
    assert_eq!(refusal(&closed, &url("https://2130706433/")).await, at(Refusal::Address));
    assert_eq!(refusal(&closed, &url("https://[::ffff:10.0.0.1]/")).await, at(Refusal::Address));
    assert_eq!(refusal(&closed, &url("https://localhost/")).await, at(Refusal::Address));
    assert_eq!(refusal(&closed, &url("http://93.184.216.34/")).await, at(Refusal::Scheme));
    assert_eq!(refusal(&closed, &url("https://93.184.216.34:22/")).await, at(Refusal::Port));
    assert_eq!(
        refusal(&closed, &url(&format!("https://jo:{SECRET}@93.184.216.34/"))).await,
        at(Refusal::UserInfo)
    );
    assert_eq!(refusal(&open(), &url("http://10.0.0.1/")).await, at(Refusal::Address));
}

#[tokio::test]
async fn a_name_is_refused_when_any_of_its_addresses_is_blocked() {
    let server = MockServer::start().await;
    Mock::given(matchers::any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let good = *server.address();
    let bad = SocketAddr::from(([10, 0, 0, 1], good.port()));
    let egress = with_names(
        open_config(),
        &[("good.test", &[good]), ("mixed.test", &[good, bad]), ("empty.test", &[])],
    );
    assert_eq!(egress.send(get("http://good.test/", Class::Check)).await.unwrap().status, 200);
    assert_eq!(refusal(&egress, "http://mixed.test/").await, NotSent::Guard(Refusal::Address));
    assert_eq!(refusal(&egress, "http://empty.test/").await, NotSent::Dns);
    assert_eq!(refusal(&egress, "http://other.test/").await, NotSent::Dns);
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].headers["host"], "good.test");
}

#[tokio::test]
async fn the_hub_never_calls_itself() {
    let server = MockServer::start().await;
    let own = *server.address();
    let egress = with_names(open_config(), &[("me.test", &[own])]);
    let elsewhere = SocketAddr::from(([127, 0, 0, 1], own.port() ^ 1));
    egress.set_own_listeners(vec![elsewhere]);
    assert_eq!(egress.send(get("http://me.test/", Class::Check)).await.unwrap().status, 404);
    for listener in [own, SocketAddr::from(([0, 0, 0, 0], own.port()))] {
        egress.set_own_listeners(vec![listener]);
        for class in [Class::Check, Class::Token] {
            let error = egress.send(get(&server.uri(), class)).await.unwrap_err();
            assert!(matches!(error, EgressError::NotSent(NotSent::Guard(Refusal::Own))), "{error:?}");
        }
        assert_eq!(
            refusal(
                &with_names(
                    EgressConfig { own_listeners: vec![listener], ..open_config() },
                    &[("me.test", &[own])]
                ),
                "http://me.test/"
            )
            .await,
            NotSent::Guard(Refusal::Own)
        );
    }
}

mod connection;
mod inside;
mod stream;
mod tls_server;
