//! Each rule, with a file that breaks it alone, and how its report looks.

mod hosts;
mod methods;
mod one_run;
mod signing;

use crate::provider::{Definition, Report};

/// A file without mistakes; each case breaks it in one place.
const GOOD: &str = r#"name = "Acme"
documentation = "https://acme.example/docs"
categories = ["crm"]
base_url = "https://{shop}.acme.example"
account = "{shop}"

[variables]
shop = { label = "Shop", example = "acme" }
key = { label = "Key", secret = true }
partner = { label = "Partner secret", secret = true, from = "connector" }

[oauth2]
authorization_endpoint = "https://{shop}.acme.example/authorize"
token_endpoint = "https://{shop}.acme.example/token"
token_params = { partner = "{partner}" }

[api_key]
headers = { X-Key = "{key}" }

[check]
path = "/me"
"#;

fn check(text: &str) -> Result<Definition, Report> {
    Definition::from_toml("acme", text, false)
}

fn codes(text: &str) -> Vec<&'static str> {
    match check(text) {
        Ok(_) => Vec::new(),
        Err(report) => report.problems().iter().map(|problem| problem.code).collect(),
    }
}

#[test]
fn the_good_file_is_good() {
    let definition = check(GOOD).expect("no mistakes");
    assert_eq!(definition.slug(), "acme");
}

/// (code, what is replaced, by what)
const CASES: &[(&str, &str, &str)] = &[
    ("syntax", "[check]", "[check"),
    ("unknown-key", "path = \"/me\"", "path = \"/me\"\npaht = 1"),
    ("unknown-word", "\"crm\"", "\"crn\""),
    ("unknown-word", "key = {", "key = { from = \"users\","),
    ("unknown-word", "[oauth2]\n", "[oauth2]\nrefresh = { reuse = \"grace:0\" }\n"),
    ("wrong-type", "path = \"/me\"", "path = 5"),
    ("missing-key", "name = \"Acme\"\n", ""),
    ("missing-key", "label = \"Shop\", ", ""),
    ("missing-key", "[check]", "[session]\nheaders = { A = \"{access_token}\" }\n[check]"),
    ("missing-key", "headers = { X-Key = \"{key}\" }", "basic = { username = \"{key}\" }"),
    ("bad-url", "https://acme.example/docs", "http://acme.example/docs"),
    ("bad-url", "\"https://{shop}.acme.example\"", "\"https://{shop}.acme.example/?a=1\""),
    ("bad-url", "path = \"/me\"", "path = \"/a/../me\""),
    ("bad-template", "path = \"/me\"", "path = \"/{me\""),
    ("bad-path", "path = \"/me\"", "path = \"/me\"\nsuccess = \"a..b\""),
    ("bad-header", "\"{key}\"", "\"é{key}\""),
    ("bad-check", "path = \"/me\"", "path = \"/me\"\njson = { a = 1 }"),
    ("bad-check", "path = \"/me\"", "path = \"/me\"\nwrong_key = [4010]"),
    ("bad-limit", "[check]", "[limits]\nconcurrency = 65\n[check]"),
    ("bad-limit", "[check]", "[limits]\nrate = 0.0\n[check]"),
    ("bad-name", "shop = {", "scope = { label = \"S\" }\nshop = {"),
    ("bad-options", "example = \"acme\"", "options = {}"),
    (
        "bad-source",
        "key = {",
        "key = { from = \"user\", lookup = { url = \"https://a.example\", path = \"a\" },",
    ),
    ("bad-pattern", "secret = true }", "secret = true, pattern = \"(\" }"),
    ("bad-pattern", "secret = true }", "secret = true, pattern = '\\w{500}' }"),
    ("bad-sample", "example = \"acme\"", "example = \"a_b\""),
    ("bad-sample", "example = \"acme\"", "default = \"a.b\""),
    ("nested-param", "partner = \"{partner}\" }", "partner = \"{partner}\", a = { b = \"c\" } }"),
    ("header-not-allowed", "X-Key =", "Host ="),
    ("header-not-allowed", "X-Key =", "X_Forwarded_For ="),
    ("header-not-allowed", "{ X-Key", "{ x-key = \"1\", X-Key"),
    (
        "placed-twice",
        "X-Key = \"{key}\" }",
        "Authorization = \"{key}\" }\nbasic = { username = \"{key}\", password = \"\" }",
    ),
    ("unknown-placeholder", "\"{key}\"", "\"{kye}\""),
    ("built-in-unavailable", "\"{key}\"", "\"{key}{access_token}\""),
    ("built-in-unavailable", "\"{partner}\"", "\"{refresh_token}{partner}\""),
    ("built-in-unavailable", "account = \"{shop}\"", "account = \"{nonce}\""),
    ("secret-misplaced", "account = \"{shop}\"", "account = \"{key}\""),
    ("secret-misplaced", "/authorize", "/authorize?k={key}"),
    ("secret-misplaced", "path = \"/me\"", "path = \"/me/{key}\""),
    ("secret-misplaced", "\"https://{shop}.acme.example\"", "\"https://{key}.acme.example\""),
    ("optional-in-url", "example = \"acme\"", "optional = true"),
    ("used-before-known", "label = \"Shop\", example = \"acme\"", "from = \"callback.shop\""),
    ("unused-variable", "shop = {", "idle = { label = \"Idle\" }\nshop = {"),
    ("missing-check", "[check]\npath = \"/me\"\n", ""),
    ("no-credential", "\"{key}\"", "\"{shop}\""),
    ("no-credential", "[oauth2]\n", "[oauth2]\nheaders = { A = \"{shop}\" }\n"),
    ("host-not-pinned", "https://{shop}.acme.example/token", "https://{shop}/token"),
    ("host-not-pinned", "https://{shop}.acme.example/token", "https://{shop}.com/token"),
    ("host-not-pinned", "https://{shop}.acme.example/token", "https://{shop}.co.uk/token"),
    ("host-not-pinned", "path = \"/me\"", "path = \"https://{shop}/me\""),
    ("host-not-pinned", "account =", "allowed_hosts = [\"{shop}\"]\naccount ="),
    ("unsafe-host-pattern", "example = \"acme\"", "pattern = \"[^.]+\""),
    ("unsafe-host-pattern", "example = \"acme\"", "options = { A = \"a/b\" }"),
    ("unsafe-host-pattern", "\"https://{shop}.acme.example\"", "\"{shop}\""),
    ("http-url", "https://{shop}.acme.example/token", "http://acme.example/token"),
    (
        "no-credential",
        "[check]",
        "[aws_sigv4]\nservice = \"x\"\nregion = \"{shop}\"\naccess_key_id = \"{shop}\"\nsecret_access_key = \"{shop}\"\n[check]",
    ),
    ("missing-key", "[check]", "[aws_sigv4]\nservice = \"x\"\n[check]"),
    ("two-sign-ins", "[check]", "[mcp]\nurl = \"https://mcp.acme.example\"\n[check]"),
    ("not-built", "[check]", "[aws_sigv4]\nrole_arn = \"{shop}\"\n[check]"),
    (
        "bad-client-assertion",
        "[oauth2]\n",
        "[oauth2]\ntoken_endpoint_auth_method = \"none\"\nclient_assertion = {}\n",
    ),
    ("bad-lifetime", "[oauth2]\n", "[oauth2]\nclient_assertion = { lifetime = 5 }\n"),
    (
        "secret-misplaced",
        "[oauth2]\n",
        "[oauth2]\nclient_assertion = {}\ntoken_headers = { A = \"{client_secret}\" }\n",
    ),
    ("key-not-secret", "[check]", "[jwt]\nalgorithm = \"RS256\"\nkey = \"{shop}\"\nlifetime = 540\n[check]"),
    (
        "built-in-unavailable",
        "[check]",
        "[jwt]\nalgorithm = \"RS256\"\nkey = \"{key}{client_secret}\"\nlifetime = 540\n[check]",
    ),
];

/// (what is replaced, by what), all in one file.
type Edits<'a> = &'a [(&'a str, &'a str)];

/// Mistakes that are made in several places together.
const OF_SEVERAL_PLACES: &[(&str, Edits<'static>)] = &[
    (
        "capture-unavailable",
        &[
            ("account = \"{shop}\"", "account = \"{id}\""),
            ("shop = {", "id = { from = \"token.id\" }\nshop = {"),
        ],
    ),
    (
        "capture-without-check",
        &[
            ("[api_key]", "[client_credentials]\ntoken_endpoint = \"https://a.example/t\"\n[api_key]"),
            ("account = \"{shop}\"", "account = \"{id}\""),
            ("shop = {", "id = { from = \"check.id\" }\nshop = {"),
            ("[check]\npath = \"/me\"\n", ""),
        ],
    ),
];

#[test]
fn every_rule_finds_its_mistake() {
    for (code, old, new) in CASES {
        assert!(GOOD.contains(old), "{code}: nothing to replace");
        let found = codes(&GOOD.replacen(old, new, 1));
        assert!(found.contains(code), "{code} not found in {found:?} for {new}");
    }
    for (code, edits) in OF_SEVERAL_PLACES {
        let mut text = GOOD.to_owned();
        for (old, new) in *edits {
            assert!(text.contains(old), "{code}: nothing to replace");
            text = text.replacen(old, new, 1);
        }
        let found = codes(&text);
        assert!(found.contains(code), "{code} not found in {found:?}");
    }
}

#[test]
fn many_mistakes_are_found_at_once() {
    let text = GOOD
        .replace("\"crm\"", "\"crn\"")
        .replace("path = \"/me\"", "path = 5\npaht = 1")
        .replace("secret = true }", "secrt = true }");
    assert_eq!(codes(&text), ["unknown-word", "unknown-key", "wrong-type", "unknown-key"]);
    let two = GOOD.replace("\"{key}\"", "\"{kye}\"").replace("example = \"acme\"", "example = \"a_b\"");
    assert!(codes(&two).contains(&"unknown-placeholder") && codes(&two).contains(&"bad-sample"));
}

#[test]
fn problems_show_their_place() {
    let text = GOOD.replace("https://{shop}.acme.example/token", "https://{shop}/token");
    let expected = r#"error[host-not-pinned]: the client secret would go to a host that the user chooses
   --> acme.toml:14:18
    |
 14 | token_endpoint = "https://{shop}/token"
    |                  ^^^^^^^^^^^^^^^^^^^^^^
    = help: end the host in a literal domain, or give `shop` `from = "connector"`

1 error, 0 warnings in 1 file"#;
    assert_eq!(check(&text).unwrap_err().to_string(), expected);

    let text = GOOD.replace("categories = [\"crm\"]", "ctegories = [\"crm\"]");
    let expected = r#"error[unknown-key]: `ctegories` is no key of this table
  --> acme.toml:3:1
   |
 3 | ctegories = ["crm"]
   | ^^^^^^^^^
   = help: did you mean `categories`?

1 error, 0 warnings in 1 file"#;
    assert_eq!(check(&text).unwrap_err().to_string(), expected);

    let text = GOOD.replace("name = \"Acme\"\n", "");
    let expected = "error[missing-key]: missing key `name`\n  --> acme.toml\n\n1 error, 0 warnings in 1 file";
    assert_eq!(check(&text).unwrap_err().to_string(), expected);
}

#[test]
fn json_lines_have_the_documented_members() {
    let report = check(&GOOD.replace("\"{key}\"", "\"{kye}\"")).unwrap_err();
    let first: serde_json::Value = serde_json::from_str(report.json_lines().lines().next().unwrap()).unwrap();
    let expected = serde_json::json!({
        "file": "acme.toml", "line": 18, "column": 21, "endLine": 18, "endColumn": 28, "severity": "error",
        "code": "unknown-placeholder", "message": "`{kye}` is neither a variable nor a built-in",
        "help": "did you mean `{key}`?",
    });
    assert_eq!(first, expected);
}
