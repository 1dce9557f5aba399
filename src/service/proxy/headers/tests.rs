//! The two directions of the filter, in every spelling.

use http::header::{AUTHORIZATION, HOST};
use proptest::prelude::*;

use super::*;

fn map(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers
            .append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn names(headers: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn how_a_body_is_read_is_not_said_behind_it() {
    let said = map(&[("content-length", "1"), ("content-type", "text/html"), ("x-sum", "7")]);
    for filter in [Filter::of_caller(&said, &[]), Filter::of_app(&said)] {
        assert_eq!(names(&filter.kept(&said)), ["content-length", "content-type", "x-sum"]);
        assert_eq!(names(&filter.kept_behind(&said)), ["x-sum"]);
    }
}

#[test]
fn what_is_the_hubs_or_the_connections_ends_here() {
    let sent = map(&[
        ("authorization", "Bearer vs_x"),
        ("connection", "close, X-Named, te"),
        ("x-named", "1"),
        ("X_Named", "2"),
        ("keep-alive", "timeout=5"),
        ("proxy-authorization", "Basic x"),
        ("proxy_authorization", "Basic x"),
        ("proxy-anything", "x"),
        ("transfer-encoding", "chunked"),
        ("te", "gzip, trailers;q=1"),
        ("cookie", "a=b"),
        ("host", "hub.test"),
        ("expect", "100-continue"),
        ("vouchsafe-credential", "cred_x"),
        ("Vouchsafe_Url", "x"),
        ("x-forwarded-for", "10.0.0.1"),
        ("forwarded", "for=x"),
        ("x-api-key", "mine"),
        ("x_api_key", "mine too"),
        ("accept", "application/json"),
        ("content-type", "text/plain"),
        ("idempotency-key", "once"),
        ("trailer", "x-sum"),
        ("user-agent", "me/1"),
        ("x-twice", "1"),
        ("x-twice", "2"),
    ]);
    let injected = HeaderName::from_static("x-api-key");
    let kept = forwarded(&sent, &[&injected]);
    assert_eq!(
        names(&kept),
        ["accept", "content-type", "idempotency-key", "te", "trailer", "user-agent", "x-twice"]
    );
    assert_eq!(kept[TE], "trailers");
    assert_eq!(kept.get_all("x-twice").iter().count(), 2);
    let bare = forwarded(&HeaderMap::new(), &[]);
    assert_eq!(names(&bare), ["user-agent"]);
}

#[test]
fn what_an_app_could_do_to_a_browser_ends_here() {
    let sent = map(&[
        ("set-cookie", "a=b"),
        ("access-control-allow-origin", "*"),
        ("Access_Control_Allow_Credentials", "true"),
        ("clear-site-data", "*"),
        ("service-worker-allowed", "/"),
        ("content-security-policy", "default-src *"),
        ("x-content-type-options", "odd"),
        ("vouchsafe-error", "fake"),
        ("strict-transport-security", "max-age=1"),
        ("connection", "x-private"),
        ("x-private", "1"),
        ("keep-alive", "x"),
        ("etag", "\"1\""),
        ("link", "<x>; rel=next"),
        ("location", "https://elsewhere.test/"),
        ("retry-after", "1"),
        ("x-ratelimit-remaining", "7"),
        ("www-authenticate", "Bearer"),
        ("content-encoding", "gzip"),
        ("content-length", "4"),
    ]);
    let kept = answered(&sent);
    assert_eq!(
        names(&kept),
        [
            "content-encoding",
            "content-length",
            "content-security-policy",
            "etag",
            "link",
            "location",
            "retry-after",
            "www-authenticate",
            "x-content-type-options",
            "x-ratelimit-remaining",
        ]
    );
    assert_eq!(kept["content-security-policy"], "sandbox");
    assert_eq!(kept["x-content-type-options"], "nosniff");
}

#[test]
fn every_byte_of_a_value_is_judged() {
    for byte in 0..=255_u8 {
        let text = format!("a{}b", char::from(byte));
        let fits = (0x20..=0x7e).contains(&byte);
        assert_eq!(written(&text).is_some(), fits, "{byte:#04x}");
        if let Some(value) = written(&text) {
            assert_eq!(value.as_bytes(), text.as_bytes());
            assert!(value.is_sensitive());
        }
    }
    assert_eq!(written("  a\t").unwrap(), "a");
    assert!(written("").is_none() && written("  ").is_none());
    assert!(written(&"a".repeat(MAX_HEADER)).is_some() && written(&"a".repeat(MAX_HEADER + 1)).is_none());
}

fn spelled(name: &'static str) -> impl Strategy<Value = String> {
    prop::collection::vec(any::<(bool, bool)>(), name.len()).prop_map(move |flags| {
        name.chars()
            .zip(flags)
            .map(|(c, (upper, under))| match c {
                '-' if under => '_',
                c if upper => c.to_ascii_uppercase(),
                c => c,
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn no_spelling_gets_a_header_past_the_filter(
        name in prop_oneof![
            spelled("authorization"), spelled("cookie"), spelled("host"), spelled("transfer-encoding"),
            spelled("proxy-authorization"), spelled("vouchsafe-credential"), spelled("x-forwarded-for"),
            spelled("x-api-key"), spelled("upgrade"),
        ],
        around in prop::collection::vec(("x-[a-z]{1,6}", "[a-z]{0,6}"), 0..4),
    ) {
        let mut headers = HeaderMap::new();
        for (other, value) in &around {
            headers.append(HeaderName::from_bytes(other.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static("evil"));
        let injected = HeaderName::from_static("x-api-key");
        let kept = forwarded(&headers, &[&injected]);
        prop_assert!(kept.values().all(|value| value != "evil"), "{}", name);
        for (other, value) in &around {
            prop_assert!(kept.get_all(other.as_str()).iter().any(|kept| kept == value.as_str()));
        }
        prop_assert!(!kept.contains_key(AUTHORIZATION) && !kept.contains_key(HOST));
    }

    #[test]
    fn whatever_connection_names_ends_here(names in prop::collection::vec("x-[a-z]{1,5}", 1..4), both in any::<bool>()) {
        let mut headers = HeaderMap::new();
        headers.append(CONNECTION, HeaderValue::from_str(&names.join(", ")).unwrap());
        for name in &names {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static("private"));
        }
        let kept = if both { forwarded(&headers, &[]) } else { answered(&headers) };
        prop_assert!(kept.values().all(|value| value != "private"));
    }
}
