//! Each rule, with a file that breaks it alone, and how its report looks.

mod one_run;

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

/// What a method has of its own: an app of which one method is told where the other finds out.
const APART: &str = r#"name = "Acme"
documentation = "https://acme.example/docs"
base_url = "https://{site}.acme.example"

[variables]
site = { from = "token.site" }
region = { label = "Region", options = { East = "e", West = "w" } }
files = { from = "variables.region", map = { e = "files-east.acme.example", w = "files-west.acme.example" } }
key = { label = "Key", secret = true }
password = { label = "Password", secret = true }

[oauth2]
authorization_endpoint = "https://acme.example/authorize"
token_endpoint = "https://acme.example/token"

[api_key]
headers = { X-Key = "{key}" }
base_url = "https://{files}/api"

[api_key.check]
path = "/me"

[basic]
basic = { username = "acme", password = "{password}" }

[basic.variables]
site = { label = "Site" }

[basic.check]
method = "POST"
path = "/who"
"#;

#[test]
fn a_method_has_its_own_base_variables_and_check() {
    use secrecy::SecretString;
    use vouchsafe_entity::kind::Method::{ApiKey, Basic, OAuth2};

    use crate::provider::Values;

    let acme = check(APART).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(acme.methods(), [OAuth2, ApiKey, Basic]);
    let fields = |method| acme.fields(method).into_iter().map(|field| field.name).collect::<Vec<_>>();
    assert_eq!((fields(OAuth2), fields(ApiKey)), (vec![], vec!["region".to_owned(), "key".to_owned()]));
    assert_eq!(fields(Basic), ["site", "password"]);
    assert!(acme.check(OAuth2).is_none());
    let values = Values::new().with("region", "w").with("site", SecretString::from("north"));
    let base = |method| acme.base_url(method, &values).unwrap().to_string();
    assert_eq!(base(OAuth2), "https://north.acme.example/");
    assert_eq!(base(ApiKey), "https://files-west.acme.example/api");
    assert_eq!(base(Basic), "https://north.acme.example/");
    assert!(acme.base_url(ApiKey, &Values::new().with("region", "elsewhere")).is_err());
}

#[test]
fn a_mistake_in_what_a_method_has_of_its_own_is_shown_there() {
    let place = |old: &str, new: &str| {
        let report = check(&APART.replace(old, new)).expect_err("a mistake");
        let problems = report.problems().iter();
        problems.map(|one| (one.code, one.line, one.column)).collect::<Vec<_>>()
    };
    assert_eq!(place("path = \"/who\"", "path = \"/{who}\""), [("unknown-placeholder", 31, 8)]);
    assert_eq!(place("site = { label = \"Site\" }", "site = { label = \"\" }"), [("missing-key", 27, 1)]);
    assert_eq!(place("https://{files}/api", "http://{files}/api"), [("http-url", 18, 12)]);
    assert_eq!(place("w = \"files-west", "x = \"files-west"), [("bad-map", 8, 44)]);
    assert_eq!(
        place("password = {", "unused = { label = \"x\" }\npassword = {"),
        [("unused-variable", 10, 1)]
    );
    assert_eq!(
        place("key = { label = \"Key\",", "key = { label = \"Key\", map = { a = \"b\" },"),
        [("bad-map", 9, 30)]
    );
    assert_eq!(
        place("variables.region", "variables.regoin").first().map(|one| one.0),
        Some("unknown-placeholder")
    );
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
    (
        "capture-without-check",
        "[api_key]",
        "[client_credentials]\ntoken_endpoint = \"https://a.example/t\"\n[api_key]",
    ),
    ("capture-unavailable", "account = \"{shop}\"", "account = \"{id}\""),
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

#[test]
fn every_rule_finds_its_mistake() {
    for (code, old, new) in CASES {
        assert!(GOOD.contains(old), "{code}: nothing to replace");
        let mut text = GOOD.replacen(old, new, 1);
        // Two rules need one more line.
        if *code == "capture-unavailable" {
            text = text.replacen("shop = {", "id = { from = \"token.id\" }\nshop = {", 1);
        }
        if *code == "capture-without-check" {
            text = text.replacen("account = \"{shop}\"", "account = \"{id}\"", 1);
            text = text.replacen("shop = {", "id = { from = \"check.id\" }\nshop = {", 1);
            text = text.replacen("[check]\npath = \"/me\"\n", "", 1);
        }
        let found = codes(&text);
        assert!(found.contains(code), "{code} not found in {found:?} for {new}");
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

#[test]
fn a_free_host_is_fine_where_everything_is_the_users() {
    let text = r#"
name = "Self-hosted"
documentation = "https://acme.example/docs"
base_url = "https://{host}/api"
[variables]
host = { label = "Host", pattern = '[a-z0-9-]+(\.[a-z0-9-]+)+' }
key = { label = "Key", secret = true }
[api_key]
headers = { X-Key = "{key}" }
[check]
path = "/me"
"#;
    assert_eq!(codes(text), Vec::<&str>::new());
    let connector = text.replace("label = \"Key\",", "label = \"Key\", from = \"connector\",");
    assert_eq!(codes(&connector), ["host-not-pinned"]);
    let both = connector.replace("label = \"Host\",", "label = \"Host\", from = \"connector\",");
    assert_eq!(codes(&both), Vec::<&str>::new());
    let options =
        connector.replace("pattern = '[a-z0-9-]+(\\.[a-z0-9-]+)+'", "options = { EU = \"eu.acme.example\" }");
    assert_eq!(codes(&options), Vec::<&str>::new());
}

#[test]
fn a_captured_origin_ends_in_the_vendors_domain() {
    let text = r#"
name = "Captured"
documentation = "https://acme.example/docs"
base_url = "{instance}"
[variables]
instance = { from = "token.instance", pattern = 'https://[a-z0-9-]+\.acme\.example' }
[oauth2]
authorization_endpoint = "https://login.acme.example/authorize"
token_endpoint = "https://login.acme.example/token"
"#;
    assert_eq!(codes(text), Vec::<&str>::new());
    assert_eq!(
        codes(&text.replace(r"[a-z0-9-]+\.acme\.example", r"[a-z0-9-]+\.example")),
        ["host-not-pinned"]
    );
    assert_eq!(codes(&text.replace(r"https://[a-z", r"http://[a-z")), ["unsafe-host-pattern"]);
    assert_eq!(codes(&text.replace(r"[a-z0-9-]+\.acme", r"[^.]+\.acme")), ["unsafe-host-pattern"]);
    assert_eq!(
        codes(&text.replace(", pattern = 'https://[a-z0-9-]+\\.acme\\.example'", "")),
        ["unsafe-host-pattern"]
    );
    let free = text.replace("https://login.acme.example/token", "{instance}/token");
    assert_eq!(codes(&free), ["used-before-known"]);
}

#[test]
fn http_needs_the_operators_leave() {
    let text = GOOD.replace("https://{shop}.acme.example/token", "http://127.0.0.1:9000/token");
    assert_eq!(codes(&text), ["http-url"]);
    assert!(Definition::from_toml("acme", &text, true).is_ok());
}

#[test]
fn a_signing_key_is_a_method_and_lives_so_long() {
    let jwt =
        "[jwt]\nalgorithm = \"RS256\"\nkey = \"{key}\"\nlifetime = 540\nclaims = { iss = \"{shop}\" }\n";
    let definition = check(&format!("{GOOD}{jwt}")).unwrap();
    assert_eq!(definition.methods().len(), 3);
    assert!(definition.jwt().is_some_and(|jwt| jwt.shape.lifetime.as_secs() == 540));
    let text = format!("{GOOD}[jwt]\nalgorithm = \"RS512\"\nkey = \"{{key}}\"\nlifetime = 540\n");
    let shown = check(&text).unwrap_err().to_string();
    assert!(shown.contains("acme.toml:23:13"), "{shown}");
}

#[test]
fn a_key_file_fills_the_form() {
    use serde_json::json;
    use vouchsafe_entity::kind::Method;

    use crate::provider::FieldSource;
    let jwt =
        "[jwt]\nalgorithm = \"RS256\"\nkey = \"{key}\"\nlifetime = 540\nclaims = { iss = \"{shop}\" }\n";
    // The key stands in no header here.
    let start = GOOD.find("partner = {").unwrap();
    let definition = check(&format!("{}\n{jwt}", &GOOD[..start])).unwrap();
    let form = |given: serde_json::Value| {
        let given = given.as_object().unwrap().clone();
        definition.validate_fields(Method::Jwt, &given, FieldSource::User)
    };
    let taken = |values: &crate::provider::Values, name: &str| {
        use secrecy::ExposeSecret as _;
        values.get(name).unwrap().expose_secret().to_owned()
    };
    let file = json!({"type": "key", "key": "canary-pem\nline", "shop": "acme"}).to_string();
    let values = form(json!({"key": file})).unwrap();
    assert_eq!((taken(&values, "key"), taken(&values, "shop")), ("canary-pem\nline".into(), "acme".into()));
    let values = form(json!({"key": file, "shop": "mine"})).unwrap();
    assert_eq!(taken(&values, "shop"), "mine");
    let errors = form(json!({"key": "{\"shop\": \"acme\"}"})).unwrap_err();
    assert_eq!(errors.iter().map(|error| error.name.as_str()).collect::<Vec<_>>(), ["shop"]);
    let error = definition.check_key(Method::Jwt, &values).unwrap_err();
    assert_eq!((error.name.as_str(), error.code), ("key", "invalid_key"));
    assert!(!format!("{error} {error:?}").contains("canary"));
}
