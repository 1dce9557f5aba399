//! The machine that plays every app: HTTPS for any name, one request expected at a time, anything else refused and
//! written down.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt as _, stream};
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::{self, sign::any_supported_type};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use super::expect::{Answer, Seen, Wanted};

/// What is expected, and what went wrong.
#[derive(Default)]
struct Stage {
    wanted: VecDeque<(Wanted, Answer)>,
    deviations: Vec<String>,
}

/// The running machine. It ends when it is dropped.
pub(super) struct Apps {
    pub(super) address: SocketAddr,
    pub(super) ca_pem: String,
    stage: Arc<Mutex<Stage>>,
    accepting: AbortHandle,
}

impl Apps {
    /// Starts on a free port of 127.0.0.1.
    pub(super) async fn start() -> Self {
        let authority = Authority::new();
        let ca_pem = authority.issuer.pem();
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(authority));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stage = Arc::<Mutex<Stage>>::default();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let accepting = tokio::spawn(accept(listener, acceptor, Arc::clone(&stage)));
        Self { address, ca_pem, stage, accepting: accepting.abort_handle() }
    }

    /// Expects a request, after those that are expected already.
    pub(super) fn expect(&self, wanted: Wanted, answer: Answer) {
        lock(&self.stage).wanted.push_back((wanted, answer));
    }

    /// Whether all that was expected came, and nothing else.
    pub(super) fn verdict(&self) -> Result<(), String> {
        let mut stage = lock(&self.stage);
        let missing = stage.wanted.pop_front().map(|(wanted, _)| format!("{} never came", wanted.step));
        stage.wanted.clear();
        match std::mem::take(&mut stage.deviations).into_iter().next().or(missing) {
            Some(problem) => Err(problem),
            None => Ok(()),
        }
    }
}

impl Drop for Apps {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn lock(stage: &Mutex<Stage>) -> MutexGuard<'_, Stage> {
    stage.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stage {
    fn answer(&mut self, seen: &Seen) -> Answer {
        let problem = match self.wanted.pop_front() {
            None => {
                let path = seen.target.split('?').next().unwrap_or_default();
                format!(
                    "{} https://{}{path} was sent, and nothing is expected",
                    seen.method, seen.server_name
                )
            }
            Some((wanted, answer)) => match wanted.differs(seen) {
                None => return answer,
                Some(difference) => format!("{} {difference}", wanted.step),
            },
        };
        self.deviations.push(problem);
        Answer::json(400, &serde_json::json!({"error": "invalid_request"}))
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, stage: Arc<Mutex<Stage>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(serve(stream, acceptor.clone(), Arc::clone(&stage)));
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, stage: Arc<Mutex<Stage>>) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let name = stream.get_ref().1.server_name().unwrap_or_default().to_owned();
    let service = service_fn(move |request| {
        let (stage, name) = (Arc::clone(&stage), name.clone());
        async move { respond(request, name, &stage).await }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(
    request: Request<Incoming>,
    server_name: String,
    stage: &Mutex<Stage>,
) -> Result<Response<Body>, hyper::Error> {
    let (head, body) = request.into_parts();
    let seen = Seen {
        method: head.method.to_string(),
        server_name,
        target: head.uri.to_string(),
        headers: head.headers,
        body: body.collect().await?.to_bytes().to_vec(),
    };
    let answer = lock(stage).answer(&seen);
    let mut response = Response::builder().status(answer.status).header("content-type", answer.kind);
    if answer.compressed {
        response = response.header("content-encoding", "gzip");
    }
    Ok(response.body(body_of(answer)).unwrap())
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

fn body_of(answer: Answer) -> Body {
    let whole = if answer.compressed { zipped(&answer.body) } else { Bytes::from(answer.body) };
    if !answer.broken_off {
        return Full::new(whole).map_err(|never| match never {}).boxed_unsync();
    }
    let half = stream::iter([Ok(Frame::data(whole.slice(..whole.len() / 2)))]);
    let end = async {
        // The half is sent before the connection ends.
        tokio::task::yield_now().await;
        Err::<Frame<Bytes>, _>(io::Error::other("broken off"))
    };
    StreamBody::new(half.chain(stream::once(end))).boxed_unsync()
}

fn zipped(text: &str) -> Bytes {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap().into()
}

/// Makes a certificate for each name that is asked for.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    key: KeyPair,
    made: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Vouchsafe provider tests");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer, key: KeyPair::generate().unwrap(), made: Mutex::default() }
    }

    fn certify(&self, name: &str) -> Arc<CertifiedKey> {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let leaf = params.signed_by(&self.key, &self.issuer).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        Arc::new(CertifiedKey::new(vec![leaf.der().clone()], any_supported_type(&key).unwrap()))
    }
}

impl ResolvesServerCert for Authority {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?.to_owned();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(made.entry(name.clone()).or_insert_with(|| self.certify(&name))))
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}
