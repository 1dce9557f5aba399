//! URLs made of templates: no value leads to another host or out of its path.

use proptest::prelude::*;

use super::*;
use crate::fuzz::{CASES, mutation};

fn url(source: &str) -> UrlTemplate {
    UrlTemplate::parse(source).expect("a URL template")
}

fn render(source: &str, pairs: &[(&str, &str)]) -> Result<String, RenderError> {
    let values = pairs.iter().fold(Values::new(), |values, (name, value)| values.with(*name, *value));
    url(source).render(&values).map(String::from)
}

#[test]
fn values_are_encoded_by_position() {
    let built = render(
        "https://{shop}.example.com/a/{id}/b?k={key}&fixed=1",
        &[("shop", "ACME"), ("id", "x/../é"), ("key", "a&b=c d")],
    );
    let expected = "https://acme.example.com/a/x%2F..%2F%C3%A9/b?k=a%26b%3Dc%20d&fixed=1";
    assert_eq!(built.as_deref(), Ok(expected));
}

#[test]
fn a_value_names_no_method_and_no_parameter_of_a_segment() {
    let built = render("https://a.example/jobs/{id}", &[("id", "7:cancel@x;v=1,2+3&4!")]);
    assert_eq!(built.as_deref(), Ok("https://a.example/jobs/7%3Acancel%40x%3Bv%3D1%2C2%2B3%264%21"));
    let built = render("https://a.example/jobs/{id}/log", &[("id", "..;")]);
    assert_eq!(built.as_deref(), Ok("https://a.example/jobs/..%3B/log"));
}

#[test]
fn a_host_cannot_be_overridden() {
    let evil = [
        "evil.test/",
        "evil.test#",
        "evil.test?",
        "a@evil.test",
        "a@evil.test:443/",
        "evil.test\\",
        "evil.test%2f",
        "a b",
        "a..b",
        ".a",
        "a.",
        "",
        "é",
        "evil.test:8443",
        "[::1]",
        "\u{3002}",
        "a\tb",
        "a\nb",
    ];
    for value in evil {
        let built = render("https://{shop}.example.com/x", &[("shop", value)]);
        assert!(built.is_err(), "{value:?} gave {built:?}");
    }
    // Where the whole host is free, numbers must not turn into another address than the one written.
    for value in ["2130706433", "0x7f.1", "0177.0.0.1", "127.1"] {
        assert!(render("https://{host}/", &[("host", value)]).is_err(), "{value}");
    }
    assert_eq!(render("https://{host}/", &[("host", "10.0.0.1")]).as_deref(), Ok("https://10.0.0.1/"));
}

#[test]
fn an_origin_is_an_https_host_and_nothing_else() {
    for good in ["https://eu1.example.com", "https://EU1.example.com/"] {
        let built = render("{instance}/v1", &[("instance", good)]);
        assert_eq!(built.as_deref(), Ok("https://eu1.example.com/v1"));
    }
    for bad in [
        "http://a.example.com",
        "https://a.example.com/x",
        "https://a@b.example.com",
        "https://a.example.com:8443",
        "https://a.example.com?x",
        "https://a..example.com",
        "https://",
        "a.example.com",
        "https://a.example.com#",
    ] {
        assert!(render("{instance}/v1", &[("instance", bad)]).is_err(), "{bad}");
    }
}

#[test]
fn a_path_cannot_be_left() {
    for value in [".", ".."] {
        assert!(render("https://a.example/x/{id}/y", &[("id", value)]).is_err(), "{value}");
        assert!(render("https://a.example/x/.{id}", &[("id", value)]).is_err(), "{value}");
    }
    assert!(render("https://a.example/x/.{id}", &[("id", "a")]).is_ok());
    let encoded = render("https://a.example/x/{id}", &[("id", "%2e%2e")]);
    assert_eq!(encoded.as_deref(), Ok("https://a.example/x/%252e%252e"));
}

#[test]
fn ports_are_kept_and_default_ports_are_left_out() {
    assert_eq!(render("https://a.example:8443/x", &[]).as_deref(), Ok("https://a.example:8443/x"));
    assert_eq!(render("https://a.example:443/x", &[]).as_deref(), Ok("https://a.example/x"));
    assert_eq!(render("http://127.0.0.1:8080", &[]).as_deref(), Ok("http://127.0.0.1:8080/"));
}

#[test]
fn unreadable_templates_are_refused() {
    for bad in [
        "ftp://a.example",
        "a.example",
        "",
        "https://",
        "https://a.example:port",
        "https://a.example:0",
        "https://u:p@a.example",
        "https://a.example/#f",
        "https://A.example",
        "https://a.example/a b",
        "https://{a",
        "https://a.example?{k}=v",
        "https://a.example?flag",
        "{a}b{",
        "https://a.example/}",
    ] {
        assert!(UrlTemplate::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn more_path_and_query_go_below() {
    let base = url("https://api.example/bot{token}/");
    let below = Tail::parse("/get/{id}?x={x}").unwrap();
    let values = Values::new().with("token", "1:a").with("id", "7").with("x", "y");
    let built = base.render_under(&values, Some(&below), &[("key".to_owned(), "k=1".into())]).unwrap();
    assert_eq!(built.as_str(), "https://api.example/bot1%3Aa/get/7?x=y&key=k%3D1");
}

#[test]
fn an_empty_optional_value_drops_its_parameter() {
    let mut template = url("https://a.example/x?a={a}&b=1");
    template.bind(&|_| Fallback::Optional);
    assert_eq!(template.render(&Values::new()).unwrap().as_str(), "https://a.example/x?b=1");
    template.bind(&|_| Fallback::Default("d e".to_owned()));
    assert_eq!(template.render(&Values::new()).unwrap().as_str(), "https://a.example/x?a=d%20e&b=1");
    template.bind(&|_| Fallback::Required);
    assert_eq!(template.render(&Values::new()), Err(RenderError::Missing("a".to_owned())));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn the_host_keeps_the_literal_suffix(value in ".{0,80}") {
        if let Ok(built) = url("https://{shop}.example.com/x").render(&Values::new().with("shop", value)) {
            let host = built.host_str().unwrap_or_default().to_owned();
            prop_assert!(host.ends_with(".example.com"), "{}", host);
            prop_assert_eq!(built.path(), "/x");
            prop_assert_eq!(built.scheme(), "https");
            prop_assert_eq!(built.port(), None);
            prop_assert!(built.username().is_empty() && built.query().is_none() && built.fragment().is_none());
        }
    }

    #[test]
    fn ascii_attacks_keep_the_suffix_too(value in "[a-z0-9./:@#?\\\\%\\[\\] -]{1,24}") {
        if let Ok(built) = url("https://{shop}.example.com/x").render(&Values::new().with("shop", value)) {
            prop_assert!(built.host_str().unwrap_or_default().ends_with(".example.com"));
            prop_assert_eq!(built.path(), "/x");
        }
    }

    #[test]
    fn no_value_leaves_its_path_segment_or_parameter(id in ".{1,40}", key in ".{1,40}") {
        let template = url("https://a.example/x/{id}/y?k={key}&z=1");
        if let Ok(built) = template.render(&Values::new().with("id", id).with("key", key.clone())) {
            let segments: Vec<_> = built.path_segments().unwrap().collect();
            prop_assert_eq!(segments.len(), 3);
            prop_assert_eq!((segments[0], segments[2]), ("x", "y"));
            let pairs: Vec<_> = built.query_pairs().into_owned().collect();
            prop_assert_eq!(pairs, vec![("k".to_owned(), key), ("z".to_owned(), "1".to_owned())]);
            prop_assert_eq!(built.host_str(), Some("a.example"));
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(source in ".{0,60}") {
        let _ = UrlTemplate::parse(&source).map(|template| template.render(&Values::new().with("a", "b")));
        let _ = UrlTemplate::parse(&format!("https://{source}")).map(|template| template.render(&Values::new()));
    }
}

const TEMPLATES: [&str; 7] = [
    "https://{shop}.example.com/x/{id}/y?k={key}&z=1",
    "https://{shop}.{region}.example.com:8443/",
    "https://api.example.com/bot{token}/me",
    "{instance}/services/data?q={q}",
    "http://127.0.0.1:9000/{a}?b={{c}}",
    "https://{host}",
    "https://a.example/..;/{a}",
];

const GIVEN: [&str; 10] = [
    "acme",
    "ACME-eu",
    "https://eu1.example.com/",
    "evil.test/",
    "evil.test\\",
    "a@evil.test:443/",
    "https://evil.test#",
    "..",
    "%2e%2e",
    "x/../\u{e9}?a=b&c",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn s15_template(change in mutation(), one in mutation(), other in mutation()) {
        let source = change.text_of(&TEMPLATES);
        let Ok(template) = UrlTemplate::parse(&source) else { return Ok(()) };
        prop_assert_eq!(template.source(), source.as_str());
        let given = [one.text_of(&GIVEN), other.text_of(&GIVEN)];
        let mut values = Values::new();
        // Its parts are templates, so the whole reads as one.
        for (at, name) in Template::parse(&source).unwrap().names().enumerate() {
            values.set(name, given[at % 2].as_str());
        }
        let Ok(built) = template.render(&values) else { return Ok(()) };
        let (https, suffix, port) = match &template.origin {
            Origin::Parts { https, host } => (*https, host.literal_suffix(), host.port),
            Origin::Whole(_) | Origin::Discovered(_) => (true, "", None),
        };
        let usual = if https { 443 } else { 80 };
        prop_assert_eq!(built.scheme(), if https { "https" } else { "http" });
        prop_assert!(built.host_str().is_some_and(|host| host.ends_with(suffix)), "{}", built);
        prop_assert_eq!(built.port(), port.filter(|port| *port != usual));
        prop_assert!(built.username().is_empty() && built.password().is_none() && built.fragment().is_none());
        // No value makes a segment or a parameter of its own.
        let segments = template.tail.path.source().matches('/').count().max(1);
        prop_assert_eq!(built.path().matches('/').count(), segments, "{}", built);
        prop_assert_eq!(built.query_pairs().count(), template.tail.query.len(), "{}", built);
    }
}
