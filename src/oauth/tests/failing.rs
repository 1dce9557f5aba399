//! What goes wrong on the way, and what errors may say.

use tokio::{io::AsyncWriteExt as _, net::TcpListener};
use vouchsafe_entity::kind::FailClass;

use super::*;
use crate::{
    egress::{EgressError, NotSent, guard::Refusal},
    oauth::{Cause, refresh::send},
};

fn clean(error: &TokenError) {
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(layer) = source {
        text.push_str(&layer.to_string());
        source = layer.source();
    }
    for secret in ["canary", "7Fjfp0", "dBjftJeZ", "://", "127.0.0.1"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = server(token_answer()).await;
    let elsewhere = format!("{}/stolen", other.uri());
    for status in [301, 302, 303, 307, 308] {
        let server =
            server(ResponseTemplate::new(status).insert_header("location", elsewhere.as_str())).await;
        for error in [
            exchange(&oauth2(&server.uri(), ""), &client()).await.unwrap_err(),
            refresh(&oauth2(&server.uri(), ""), &client()).await.unwrap_err(),
        ] {
            assert_eq!((error.class, error.status), (FailClass::Other, Some(status)));
            clean(&error);
        }
    }
    assert!(other.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_never_sent_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let free = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = refresh(&oauth2(&free, ""), &client()).await.unwrap_err();
    assert_eq!(error.class, FailClass::NotSent);
    assert_eq!(error.cause, Some(Cause::Egress(EgressError::NotSent(NotSent::Refused))));
    clean(&error);
    let error = refresh(&oauth2("http://10.0.0.1:81", ""), &client()).await.unwrap_err();
    assert_eq!(error.cause, Some(Cause::Egress(EgressError::NotSent(NotSent::Guard(Refusal::Address)))));
    clean(&error);
}

#[tokio::test]
async fn what_broke_after_the_connection_is_ambiguous() {
    for start in ["", "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"access_token\":\"at\""] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket.write_all(start.as_bytes()).await.unwrap();
        });
        let error = refresh(&oauth2(&origin, ""), &client()).await.unwrap_err();
        assert_eq!(error.class, FailClass::Ambiguous, "{start}");
        clean(&error);
    }
}

#[tokio::test]
async fn values_that_make_no_request_are_our_own_fault() {
    let definition = definition(
        "https://acme.test",
        "[variables]\nshop = { label = \"Shop\" }\n[oauth2]\nauthorization_endpoint = \"https://{shop}.acme.test/a\"\n\
         token_endpoint = \"https://{shop}.acme.test/t\"\n",
    );
    let error = refresh(&definition, &client()).await.unwrap_err();
    assert_eq!(error.class, FailClass::Local);
    let values = Values::new().with("shop", "evil.test/canary");
    let spent = SecretString::from("rt-canary");
    let error = send(&egress(), &definition, &values, &client(), &spent, now()).await.unwrap_err();
    assert_eq!(error.class, FailClass::Local);
    clean(&error);
}

#[tokio::test]
async fn an_echo_of_what_was_sent_stays_out_of_the_error() {
    for echoed in ["rt-canary", "7Fjfp0ZBr1KtDRbnfVdmIw"] {
        let body =
            serde_json::json!({ "error": "invalid_grant", "error_description": format!("no: {echoed}") });
        let server = server(ResponseTemplate::new(400).set_body_json(body)).await;
        let error = refresh(&oauth2(&server.uri(), ""), &client()).await.unwrap_err();
        assert_eq!((error.class, error.code.as_deref()), (FailClass::Refused, Some("invalid_grant")));
        clean(&error);
    }
}

#[tokio::test]
async fn a_body_beyond_the_cap_is_not_taken() {
    let server = server(ResponseTemplate::new(200).set_body_bytes(vec![b' '; 256 * 1024 + 1])).await;
    let error = refresh(&oauth2(&server.uri(), ""), &client()).await.unwrap_err();
    assert_eq!((error.class, error.status), (FailClass::Ambiguous, Some(200)));
}
