//! Calls to an app that speaks HTTP/2, by a caller who speaks HTTP/1.1.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, Request, Response, Version};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use vouchsafe::egress::{Egress, EgressHooks};
use vouchsafe::service::Parts;

use crate::support::app::{TestApp, egress_config};
use crate::support::wait::eventually;

const HOST: &str = "acme.test";

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What the story and the app tell each other.
#[derive(Clone, Default)]
struct Signs {
    /// The caller has what was sent so far.
    seen: Arc<Notify>,
    /// The app was told that nobody reads on.
    gone: Arc<Notify>,
}

/// Notifies when it is dropped.
struct Told(Arc<Notify>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

fn begun(rest: impl Future<Output = Result<Frame<Bytes>, io::Error>> + Send + 'static) -> Body {
    let first = stream::iter([Ok(Frame::data(Bytes::from_static(b"abc")))]);
    StreamBody::new(first.chain(stream::once(rest))).boxed_unsync()
}

async fn respond(request: Request<Incoming>, signs: Signs) -> Response<Body> {
    assert_eq!(request.version(), Version::HTTP_2);
    let path = request.uri().path().to_owned();
    let mut response = Response::builder();
    let body = match path.as_str() {
        "/base/trailers" => {
            let sent = request.into_body().collect().await.unwrap();
            let mut trailers = HeaderMap::new();
            trailers.insert("x-total", sent.trailers().unwrap()["x-sum"].clone());
            response = response.header("trailer", "x-total");
            begun(async move { Ok(Frame::trailers(trailers)) })
        }
        "/base/upload" => {
            // It is reset in the middle.
            drop(request.into_body().collect().await);
            Empty::new().map_err(|never| match never {}).boxed_unsync()
        }
        "/base/cut" => begun(async move {
            signs.seen.notified().await;
            Err(io::Error::other("cut"))
        }),
        "/base/endless" => {
            let told = Told(signs.gone);
            begun(async move {
                let _told = told;
                std::future::pending().await
            })
        }
        _ => {
            response = response.status(204);
            Empty::new().map_err(|never| match never {}).boxed_unsync()
        }
    };
    response.body(body).unwrap()
}

/// The app, which speaks no other version; its address, and the root that it is trusted by.
async fn app_of_version_2(signs: Signs) -> (SocketAddr, Vec<u8>) {
    let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let pem = ca.self_signed(&ca_key).unwrap().pem().into_bytes();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec![HOST.to_owned()];
    let leaf = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let (acceptor, signs) = (acceptor.clone(), signs.clone());
            tokio::spawn(async move {
                let Ok(tls) = acceptor.accept(socket).await else { return };
                let service = service_fn(move |request| {
                    let answer = respond(request, signs.clone());
                    async move { Ok::<_, Infallible>(answer.await) }
                });
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(tls), service).await;
            });
        }
    });
    (address, pem)
}

#[tokio::test]
async fn an_app_that_speaks_http_2_is_called_as_any_other() {
    let signs = Signs::default();
    let (address, roots) = app_of_version_2(signs.clone()).await;
    let names = [(HOST.to_owned(), vec![address])].into();
    let hooks = EgressHooks { names: Some(names), roots: Some(roots) };
    let change = |parts: &mut Parts| parts.egress = Egress::with_hooks(egress_config(), hooks).unwrap();
    let Some(app) = TestApp::start_as(change, |_| ()).await else { return };
    let credential = app.behind_url(&format!("https://{HOST}/base")).await;

    let more = "te: trailers\r\nconnection: te\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nx-sum: 7\r\n\r\n";
    let mut connection = app.by_hand(&credential, "POST /proxy/trailers", more).await;
    let head = connection.head().await;
    assert!(head.starts_with("http/1.1 200") && head.contains("trailer: x-total"), "{head}");
    let body = connection.until("x-total: 7\r\n\r\n").await;
    assert!(body.contains("abc") && body.ends_with("0\r\nx-total: 7\r\n\r\n"), "{body}");

    let empty = app.calling(&credential).get("/proxy/empty").await;
    assert_eq!((empty.status, empty.body.len(), empty.header("transfer-encoding")), (204, 0, None));

    let malformed = "transfer-encoding: chunked\r\n\r\n2\r\nab\r\nnonsense\r\n";
    let mut connection = app.by_hand(&credential, "POST /proxy/upload", malformed).await;
    let head = connection.head().await;
    assert!(head.starts_with("http/1.1 400 "), "a caller's own fault: {head}");

    let mut connection = app.by_hand(&credential, "GET /proxy/cut", "\r\n").await;
    connection.head().await;
    connection.until("abc").await;
    signs.seen.notify_one();
    let rest = connection.rest().await;
    assert!(!rest.ends_with("0\r\n\r\n"), "it must not look whole: {rest:?}");

    let mut connection = app.by_hand(&credential, "GET /proxy/endless", "\r\n").await;
    connection.head().await;
    connection.until("abc").await;
    drop(connection);
    signs.gone.notified().await;
    eventually("rows that say so", async || {
        let rows = app.calls().await;
        let told = rows.iter().map(|row| row["reason"].as_str().unwrap());
        let cut: Vec<_> = told.filter(|why| why.contains("200, cut")).collect();
        let right = cut.len() == 2 && !cut.iter().any(|why| why.contains("/trailers"));
        if right { Ok(()) } else { Err(rows) }
    })
    .await;
}
