//! `GET /secrets`.

use serde_json::{Value, json};

use super::{VALUE, masked, with};
use crate::support::app::TestApp;

fn keys(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|secret| secret["key"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn secrets_are_listed_by_key_and_by_what_they_are() {
    let Some(app) = TestApp::start().await else { return };
    app.secret(&with(with(masked("B"), "issuer", json!("Stripe")), "type", json!("oauth_token"))).await;
    app.secret(&with(masked("A"), "issuer", json!("slack"))).await;
    app.secret(&with(masked("C"), "issuer", json!("Ölbank"))).await;
    app.as_key().act("/secrets/C/deactivate").await.ok(200);
    app.as_sandbox_key().post("/secrets", &masked("Z")).await.ok(201);
    for (query, wanted) in [
        ("", &["A", "B", "C"][..]),
        ("?active=true", &["A", "B"]),
        ("?active=false", &["C"]),
        ("?issuer=stripe", &["B"]),
        ("?issuer=%C3%B6LBANK", &["C"]),
        ("?issuer=nobody", &[]),
        ("?type=oauth_token", &["B"]),
        ("?type=api_key&active=true", &["A"]),
        ("?environment=production", &["A", "B", "C"]),
        ("?environment=sandbox", &[]),
    ] {
        let answer = app.as_key().get(&format!("/secrets{query}")).await;
        assert!(!String::from_utf8_lossy(&answer.body).contains(VALUE));
        let page = answer.ok(200);
        assert_eq!((keys(&page), &page["nextCursor"]), (wanted.to_vec(), &Value::Null), "{query}");
    }
    let page = app.as_key().get("/secrets?limit=2").await.ok(200);
    assert_eq!(keys(&page), ["A", "B"]);
    let next = page["nextCursor"].as_str().unwrap();
    let page = app.as_key().get(&format!("/secrets?limit=2&cursor={next}")).await.ok(200);
    assert_eq!((keys(&page), &page["nextCursor"]), (vec!["C"], &Value::Null));
    assert_eq!(page["data"][0]["environments"], json!(["production"]));
    for query in ["?active=yes", "?type=password", "?limit=0", "?cursor=x", "?key=A"] {
        let at = format!("/{}", query[1..].split('=').next().unwrap());
        app.as_key().get(&format!("/secrets{query}")).await.assert_invalid(&[&at]);
    }
}
