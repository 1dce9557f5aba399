//! The least that a proxy in this process model could be: an axum handler that passes request and answer on, over
//! pooled connections, without looking at either.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::Uri;
use http::header::HOST;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;

#[derive(Clone)]
struct Shared {
    client: Client<HttpConnector, Body>,
    upstream: String,
}

/// Serves until it is ended; prints its address first.
pub(crate) async fn forward(upstream: &str) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let router = Router::new().fallback(pass_on).with_state(Shared { client, upstream: upstream.to_owned() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    axum::serve(listener, router).await.unwrap();
}

async fn pass_on(State(shared): State<Shared>, mut request: Request) -> Response {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = format!("http://{}{path}", shared.upstream).parse::<Uri>().unwrap();
    request.headers_mut().remove(HOST);
    shared.client.request(request).await.unwrap().map(Body::new)
}
