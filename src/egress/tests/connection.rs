//! What happens on the wire: before and after the connection is made, while the body comes, under TLS.

use super::tls_server::tls_server;
use super::*;

#[tokio::test]
async fn failures_before_and_after_the_connection_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let free = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(refusal(&open(), &format!("http://{free}/?token={SECRET}")).await, NotSent::Refused);

    // Somebody listens and says nothing: the TLS handshake does not end.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = EgressConfig { connect_timeout: Duration::from_millis(100), ..open_config() };
    let egress = Egress::new(config).unwrap();
    let url = format!("https://{}/?token={SECRET}", mute.local_addr().unwrap());
    assert_eq!(refusal(&egress, &url).await, NotSent::ConnectTimeout);

    let url = raw_server(async |socket| drop(socket)).await;
    assert_eq!(ambiguity(&open(), get(&url, Class::Token)).await, (Ambiguity::Cut, None));

    let url = raw_server(async |mut socket| {
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf").await.unwrap();
    })
    .await;
    assert_eq!(ambiguity(&open(), get(&url, Class::Token)).await, (Ambiguity::Cut, Some(200)));

    let url = raw_server(async |socket| {
        std::future::pending::<()>().await;
        drop(socket);
    })
    .await;
    let mut request = get(&url, Class::Token);
    request.timeout = Some(Duration::from_millis(100));
    assert_eq!(ambiguity(&open(), request).await, (Ambiguity::Timeout, None));
}

#[tokio::test]
async fn a_plain_answer_to_a_tls_handshake_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/?token={SECRET}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let _ = socket.read(&mut [0; 1024]).await;
    });
    assert_eq!(refusal(&open(), &url).await, NotSent::Tls);
}

#[tokio::test]
async fn a_body_is_capped_and_may_not_pause() {
    let server = MockServer::start().await;
    Mock::given(matchers::any())
        .respond_with(ResponseTemplate::new(200).set_body_bytes(vec![b'x'; 1000]))
        .mount(&server)
        .await;
    let mut request = get(&server.uri(), Class::Check);
    request.max_body = 1000;
    assert_eq!(open().send(request).await.unwrap().body.len(), 1000);
    let mut request = get(&server.uri(), Class::Check);
    request.max_body = 999;
    assert_eq!(ambiguity(&open(), request).await, (Ambiguity::TooLarge, Some(200)));

    // Without a length nothing but counting helps.
    let url = raw_server(async |mut socket| {
        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await;
        while socket.write_all(&[b'x'; 8 * 1024]).await.is_ok() {}
    })
    .await;
    assert_eq!(ambiguity(&open(), get(&url, Class::Token)).await, (Ambiguity::TooLarge, Some(200)));

    let url = raw_server(async |mut socket| {
        socket.write_all(b"HTTP/1.1 429 Slow\r\nretry-after: 3\r\ncontent-length: 9\r\n\r\nx").await.unwrap();
        std::future::pending::<()>().await;
        drop(socket);
    })
    .await;
    let egress =
        Egress::new(EgressConfig { idle_timeout: Duration::from_millis(100), ..open_config() }).unwrap();
    assert_eq!(ambiguity(&egress, get(&url, Class::Token)).await, (Ambiguity::Timeout, Some(429)));
}

#[test]
fn a_call_is_bounded_unless_it_says_otherwise() {
    let bounds = [Class::Token, Class::Check, Class::Webhook].map(|class| {
        let request = get("https://acme.test/", class);
        assert_eq!((request.timeout, request.max_body), (None, 256 * 1024), "{class:?}");
        class.timeout().as_secs()
    });
    assert_eq!(bounds, [20, 10, 15]);
    assert_eq!(EgressConfig::default().token_timeout, Duration::from_secs(20));
}

#[tokio::test]
async fn compressed_bodies_stay_as_they_came() {
    // One gzip member with a stored block: it must come back byte for byte.
    let mut bomb = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    bomb.extend_from_slice(&[1, 4, 0, 0xfb, 0xff, b'b', b'o', b'o', b'm']);
    let server = MockServer::start().await;
    Mock::given(matchers::any())
        .respond_with(
            ResponseTemplate::new(200).insert_header("content-encoding", "gzip").set_body_bytes(bomb.clone()),
        )
        .mount(&server)
        .await;
    for class in [Class::Token, Class::Check] {
        assert_eq!(*open().send(get(&server.uri(), class)).await.unwrap().body, bomb);
    }
}

#[tokio::test]
async fn token_calls_never_share_a_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (report, mut connections) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            report.send(()).unwrap();
            tokio::spawn(async move {
                let mut tail = Vec::new();
                while let Ok(byte) = socket.read_u8().await {
                    tail.push(byte);
                    if tail.ends_with(b"\r\n\r\n") {
                        tail.clear();
                        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                    }
                }
            });
        }
    });
    let egress = open();
    for (class, expected) in [(Class::Check, 1), (Class::Token, 3)] {
        for _ in 0..3 {
            egress.send(get(&url, class)).await.unwrap();
        }
        let mut made = 0;
        while connections.try_recv().is_ok() {
            made += 1;
        }
        assert_eq!(made, expected, "{class:?}");
    }
}

#[tokio::test]
async fn tls_is_verified_against_the_name_of_the_url() {
    let (address, roots) = tls_server(&[b"http/1.1"]).await;
    let names: HashMap<_, _> =
        [("acme.test", address), ("evil.test", address)].map(|(name, at)| (name.to_owned(), vec![at])).into();
    let hooks = |roots| EgressHooks { names: Some(names.clone()), roots };
    let trusting = Egress::with_hooks(open_config(), hooks(Some(roots))).unwrap();
    let answer = trusting.send(get("https://acme.test/", Class::Token)).await.unwrap();
    assert_eq!(answer.body.as_slice(), b"HTTP/1.1 /");
    assert_eq!(refusal(&trusting, "https://evil.test/").await, NotSent::Tls);
    let stranger = Egress::with_hooks(open_config(), hooks(None)).unwrap();
    assert_eq!(refusal(&stranger, "https://acme.test/").await, NotSent::Tls);
}
