//! S21: whatever somebody calls a thing, or sends beside a request, a line of the log is one JSON object in which nothing
//! is raw.

use serde_json::{Value, json};

use crate::support::process::{RunningHub, say, vouchsafe};
use crate::support::scripted::Connection;

/// A line of its own, colours, an end of text, another direction of writing, a page, another line, too much.
const TEXTS: [&str; 9] = [
    "a\r\n{\"level\":\"ERROR\",\"message\":\"forged\"}\r\nb",
    "a\n{\"level\":\"ERROR\",\"message\":\"forged\"}",
    "a\rb",
    "\u{1b}[31mred\u{1b}[0m\u{9b}2J",
    "a\0b",
    "\u{202e}txt.exe\u{2066}",
    "<script>alert(1)</script>",
    "a\u{2028}b\u{2029}c\u{feff}",
    "\u{7f}\u{8}\u{8}",
];

fn is_raw(character: char) -> bool {
    let turns = matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2066}'..='\u{2069}');
    let ends = matches!(character, '\u{2028}'..='\u{202e}' | '\u{feff}');
    (character.is_control() && character != '\n') || turns || ends
}

/// Names a thing of each kind by this text; whether it is taken is another matter.
fn calls(text: &str) -> Vec<(&'static str, String, Value)> {
    let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    vec![
        ("POST", "/users".to_owned(), json!({"username": text})),
        ("POST", "/users".to_owned(), json!({"username": encoded, "fullName": text, text: text})),
        ("GET", format!("/users/{encoded}"), Value::Null),
        ("PUT", format!("/connectors/{encoded}"), json!({"provider": text})),
        (
            "PUT",
            "/connectors/openai".to_owned(),
            json!({"provider": "openai", "clientId": text, "scopes": [text]}),
        ),
        (
            "PUT",
            "/integrations/sync".to_owned(),
            json!({"name": text, "connectors": [{"connector": "openai"}]}),
        ),
        (
            "POST",
            "/credentials".to_owned(),
            json!({"userId": "u", "connector": "openai", "label": text, "data": {"api_key": text}, "verify": false}),
        ),
        (
            "POST",
            "/secrets".to_owned(),
            json!({"key": text, "value": text, "type": "api_key", "visibility": "masked", "description": text}),
        ),
        ("POST", "/connect/sessions".to_owned(), json!({"userId": text, "connectors": [text]})),
        ("POST", "/webhook-endpoints".to_owned(), json!({"url": text, "description": text})),
        ("PATCH", "/environment".to_owned(), json!({"theme": {"appName": text, text: text}})),
        ("GET", format!("/audit-events?action={encoded}"), Value::Null),
    ]
}

#[tokio::test]
async fn s21_no_text_of_a_caller_breaks_a_line_of_the_log() {
    let home = tempfile::tempdir().unwrap();
    let mut command = vouchsafe(home.path(), &["serve"]);
    let hub = RunningHub::start_with(home.path(), command.env("VOUCHSAFE_LOG", "trace")).await;
    let key = say(home.path(), &["keys", "create", "--environment", "sandbox"]).ok().trim().to_owned();
    let api = hub.api(&key);
    api.done("POST", "/users", Some(&json!({"username": "u"}))).await;
    for text in TEXTS {
        for (method, path, body) in calls(text) {
            let (status, answer) = api.call(method, &path, Some(&body).filter(|body| !body.is_null())).await;
            assert!((200..500).contains(&status), "{method} {path} {text:?}: {status} {answer}");
        }
        // What no honest client would send.
        for head in [
            format!("GET /users HTTP/1.1\r\nuser-agent: {text}"),
            format!("GET /users HTTP/1.1\r\nx-request-id: {text}"),
            format!("GET /{text} HTTP/1.1"),
            format!("{text} /users HTTP/1.1"),
        ] {
            let mut connection = Connection::to(&hub.base_url).await;
            let rest = format!("host: hub.test\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\r\n");
            assert!(connection.write(format!("{head}\r\n{rest}")).await);
            connection.rest().await;
        }
    }
    // Too much of it: a path is cut.
    let long = format!("/users/{}", "x".repeat(5_000));
    assert_eq!(api.call("GET", &long, None).await.0, 404);

    hub.stop().await;

    let lines = std::fs::read_to_string(home.path().join("hub.err")).unwrap();
    let mut paths = 0;
    for line in lines.lines() {
        assert!(!line.contains(is_raw), "{line:?}");
        let event: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line:?}"));
        assert!(event.is_object() && event["level"].is_string() && event["timestamp"].is_string(), "{line}");
        assert_ne!(event["message"], "forged", "{line}");
        if event["span"]["name"] == "request" {
            let path = event["span"]["path"].as_str().unwrap();
            assert!(path.len() <= 515, "{line}");
            paths += usize::from(path.starts_with("/users/xxx") && path.ends_with('…'));
        }
    }
    assert!(paths > 0, "the long path is in the lines, cut");
}
