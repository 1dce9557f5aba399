//! What the app of a case wants to be asked, and how it answers, from the file alone.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use toml::{Table, Value};
use url::form_urlencoded::byte_serialize;

use super::case::Case;
use super::expect::{ANY, Answer, Body, VERIFIER, Wanted};
use super::raw::{self, Address, Values, fill};
use super::signed;

/// The tokens of the n-th answer.
pub(super) fn access_token(case: &Case, n: u64) -> String {
    if signed::is_direct(case) {
        return signed::wanted(case, &with(case, &[])).unwrap();
    }
    format!("at{n}.{}+/~=&{}", case.slug, case.number)
}

/// Whether the access token is what a refresh spends.
fn is_renewed_by_access_token(case: &Case) -> bool {
    raw::text(&case.table, "refresh.by") == Some("access_token")
}

/// The refresh token of the n-th answer. A static one never changes.
pub(super) fn refresh_token(case: &Case, n: u64) -> String {
    if is_renewed_by_access_token(case) {
        return access_token(case, n);
    }
    let n = if is_static(case) { 1 } else { n };
    format!("rt{n}.{}+/~=&{}", case.slug, case.number)
}

pub(super) fn is_static(case: &Case) -> bool {
    raw::text(&case.table, "refresh.reuse") == Some("static")
}

/// How long an access token lives, in seconds.
pub(super) fn lifetime(case: &Case) -> i64 {
    if signed::is_direct(case) {
        return case.table["lifetime"].as_integer().unwrap() - signed::BACKDATED;
    }
    case.table.get("access_token_lifetime").and_then(Value::as_integer).unwrap_or(3_600)
}

const REFRESH: &str = "the refresh";

type Fields = Vec<(String, Json)>;

fn field(name: &str, value: impl Into<String>) -> (String, Json) {
    (name.to_owned(), Json::String(value.into()))
}

/// A parameter of a file with its placeholders filled; `None` where one has no value.
pub(super) fn filled(value: &Value, values: &Values) -> Option<Json> {
    Some(match value {
        Value::String(text) => Json::String(fill(text, values)?),
        Value::Integer(number) => json!(number),
        Value::Boolean(flag) => json!(flag),
        Value::Table(table) => {
            let members =
                table.iter().filter_map(|(name, value)| Some((name.clone(), filled(value, values)?)));
            Json::Object(members.collect())
        }
        other => panic!("{other} is no parameter"),
    })
}

/// Standard parameters with those of the file put over them: an empty text removes one.
fn put_over(standard: Fields, own: &Table, values: &Values) -> Fields {
    let mut fields = standard;
    for (name, value) in own {
        if value.as_str() == Some("") {
            fields.retain(|(other, _)| other != name);
        } else if let Some(value) = filled(value, values) {
            match fields.iter_mut().find(|(other, _)| other == name) {
                Some(field) => field.1 = value,
                None => fields.push((name.clone(), value)),
            }
        }
    }
    fields
}

fn renamed(case: &Case, fields: Fields) -> Fields {
    let rename = raw::table(&case.table, "rename");
    let vendors = |name: String| raw::text(&rename, &name).map_or(name.clone(), str::to_owned);
    fields.into_iter().map(|(name, value)| (vendors(name), value)).collect()
}

fn plain(fields: Fields) -> Vec<(String, String)> {
    let text = |value: Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    fields.into_iter().map(|(name, value)| (name, text(value))).collect()
}

/// Headers of a table of the file; one that lacks a value is left out.
pub(super) fn headers_of(table: &Table, values: &Values) -> BTreeMap<String, String> {
    let own = table.iter().filter_map(|(name, value)| {
        Some((name.to_ascii_lowercase(), fill(value.as_str()?, values)?.trim().to_owned()))
    });
    own.collect()
}

pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn form_encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

/// What is known, and the built-ins.
pub(super) fn with(case: &Case, more: &[(&str, &str)]) -> Values {
    let mut values = case.known.clone();
    values.insert("client_id".to_owned(), case.client_id.clone());
    values.insert("client_secret".to_owned(), case.client_secret.clone());
    values.insert("scope".to_owned(), case.scope());
    values.insert("nonce".to_owned(), ANY.to_owned());
    values.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    values
}

/// The page that the browser is sent to.
pub(super) fn consent(case: &Case, redirect_uri: &str) -> Wanted {
    let values = with(case, &[("redirect_uri", redirect_uri)]);
    let mut standard = vec![
        field("response_type", "code"),
        field("client_id", &case.client_id),
        field("redirect_uri", redirect_uri),
        field("scope", case.scope()),
        field("state", ANY),
    ];
    if raw::text(&case.table, "code_challenge_method") != Some("none") {
        standard.push(field("code_challenge", ANY));
        standard.push(field("code_challenge_method", "S256"));
    }
    let fields = put_over(standard, &raw::table(&case.table, "authorization_params"), &values);
    let endpoint = raw::text(&case.table, "authorization_endpoint").unwrap();
    let mut address = Address::of(endpoint, &values).unwrap();
    address.query.extend(plain(renamed(case, fields)));
    Wanted {
        step: "the consent page",
        method: "GET",
        address,
        headers: BTreeMap::new(),
        body: Body::Empty,
        signature: None,
    }
}

/// How the code comes back, by the names of the file.
pub(super) fn callback(case: &Case, code: &str, state: &str) -> Vec<(String, String)> {
    let names = raw::table(&case.table, "authorization_response");
    let name = |standard: &str| raw::text(&names, standard).unwrap_or(standard).to_owned();
    let mut pairs = vec![(name("code"), code.to_owned()), (name("state"), state.to_owned())];
    for (variable, parameter) in case.captured("callback.") {
        pairs.push((parameter, case.word_for(&variable)));
    }
    pairs
}

/// The request that turns a code into tokens.
pub(super) fn exchange(case: &Case, code: &str, redirect_uri: &str, challenge: Option<&str>) -> Wanted {
    let mut standard = vec![
        field("grant_type", "authorization_code"),
        field("code", code),
        field("redirect_uri", redirect_uri),
    ];
    standard.extend(challenge.map(|challenge| field("code_verifier", format!("{VERIFIER}{challenge}"))));
    let values = with(case, &[("redirect_uri", redirect_uri)]);
    token_request(case, "the code exchange", standard, "token_params", "token_endpoint", &values)
}

/// The token of the first answer, where a second request turns it into the one to keep.
const FIRST: &str = "first+token/=";

/// The second request and the answer to the first one before it, where the file has such a thing.
pub(super) fn second_exchange(case: &Case, answer: &Answer) -> Option<(Answer, Wanted)> {
    let exchange = case.table.get("exchange")?.as_table()?;
    let first = Answer { body: answer.body.replace(&access_token(case, 1), FIRST), ..answer.clone() };
    let values = with(case, &[("access_token", FIRST)]);
    let fields = put_over(Fields::new(), &raw::table(exchange, "params"), &values);
    let mut headers = BTreeMap::from([("accept".to_owned(), "application/json".to_owned())]);
    headers.extend(headers_of(&raw::table(&case.table, "token_headers"), &values));
    let mut address = Address::of(raw::text(exchange, "endpoint").unwrap(), &values).unwrap();
    let usual = raw::text(&case.table, "token_request_format");
    let format = raw::text(exchange, "request_format").or(usual).unwrap_or("form");
    let (method, body) = written(format, fields, &mut address);
    Some((first, Wanted { step: "the second exchange", method, address, headers, body, signature: None }))
}

/// The request that spends the refresh token of the n-th answer.
pub(super) fn refresh(case: &Case, n: u64, redirect_uri: &str) -> Wanted {
    let (access, spent) = (access_token(case, n), refresh_token(case, n));
    let standard = vec![field("grant_type", "refresh_token"), field("refresh_token", &spent)];
    // RFC 6749, section 6: what was granted, whatever was asked for.
    let scope = case.joined(&case.granted());
    let own = [
        ("redirect_uri", redirect_uri),
        ("access_token", &access),
        ("refresh_token", &spent),
        ("scope", &scope),
    ];
    let values = with(case, &own);
    let own = raw::text(&case.table, "refresh.endpoint").is_some();
    let endpoint = if own { "refresh.endpoint" } else { "token_endpoint" };
    token_request(case, REFRESH, standard, "refresh.params", endpoint, &values)
}

/// The request of a method that asks anew each time; none where the hub signs by itself.
pub(super) fn mint(case: &Case) -> Option<Wanted> {
    if signed::is_direct(case) {
        return None;
    }
    let mut standard = Fields::new();
    if case.method == "client_credentials" {
        standard.push(field("grant_type", "client_credentials"));
        standard.push(field("scope", case.scope()));
    }
    let mut values = with(case, &[]);
    if case.method == "jwt" {
        values.insert("jwt".to_owned(), signed::wanted(case, &values).unwrap());
    }
    Some(token_request(case, "the token request", standard, "token_params", "token_endpoint", &values))
}

fn token_request(
    case: &Case,
    step: &'static str,
    mut standard: Fields,
    params: &str,
    endpoint: &str,
    values: &Values,
) -> Wanted {
    let mut headers = BTreeMap::from([("accept".to_owned(), "application/json".to_owned())]);
    let client = matches!(case.method, "oauth2" | "client_credentials");
    match raw::text(&case.table, "token_endpoint_auth_method").unwrap_or("client_secret_post") {
        _ if !client => {}
        "client_secret_basic" => {
            let (id, secret) = (form_encoded(&case.client_id), form_encoded(&case.client_secret));
            headers.insert("authorization".to_owned(), basic(&id, &secret));
        }
        "client_secret_basic_unencoded" => {
            headers.insert("authorization".to_owned(), basic(&case.client_id, &case.client_secret));
        }
        "client_secret_post" => {
            let signed = signed::wanted(case, &with(case, &[]));
            standard.push(field("client_id", &case.client_id));
            standard.push(field("client_secret", signed.unwrap_or_else(|| case.client_secret.clone())));
        }
        "private_key_jwt" => standard.extend(assertion(case)),
        "none" => standard.push(field("client_id", &case.client_id)),
        other => panic!("the judge doesn't know `{other}`"),
    }
    if let Some(login) = case.table.get("token_basic").and_then(Value::as_table) {
        let part = |key| fill(raw::text(login, key).unwrap(), values).unwrap_or_default();
        headers.insert("authorization".to_owned(), basic(&part("username"), &part("password")));
    }
    headers.extend(headers_of(&raw::table(&case.table, "token_headers"), values));
    let fields = renamed(case, put_over(standard, &raw::table(&case.table, params), values));
    let mut address = Address::of(raw::text(&case.table, endpoint).unwrap(), values).unwrap();
    let usual = raw::text(&case.table, "token_request_format");
    let own = raw::text(&case.table, "refresh.request_format").filter(|_| step == REFRESH);
    let (method, body) = written(own.or(usual).unwrap_or("form"), fields, &mut address);
    Wanted { step, method, address, headers, body, signature: None }
}

/// What a client sends that authenticates by a key.
fn assertion(case: &Case) -> Fields {
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let signed = signed::wanted(case, &with(case, &[])).unwrap();
    vec![
        field("client_id", &case.client_id),
        field("client_assertion_type", kind),
        field("client_assertion", signed),
    ]
}

/// Parameters as a request carries them.
fn written(format: &str, fields: Fields, address: &mut Address) -> (&'static str, Body) {
    match format {
        "form" => ("POST", Body::Form(plain(fields))),
        "json" => ("POST", Body::Json(Json::Object(fields.into_iter().collect()))),
        "query" => {
            address.query.extend(plain(fields));
            ("GET", Body::Empty)
        }
        other => panic!("the judge doesn't know `{other}`"),
    }
}

/// Where the file has the members of the n-th token answer: every one but the first is that of a renewal.
pub(super) fn answer_names(case: &Case, n: u64) -> Table {
    let renewed = raw::table(&case.table, "refresh.token_response");
    if n == 1 || renewed.is_empty() { raw::table(&case.table, "token_response") } else { renewed }
}

/// The n-th token answer, shaped as the file says; what the file leaves open differs from file to file.
pub(super) fn tokens(case: &Case, n: u64, now: chrono::DateTime<chrono::Utc>) -> Answer {
    let names = answer_names(case, n);
    let path = |standard: &str| raw::text(&names, standard).unwrap_or(standard).to_owned();
    let mut answer = json!({});
    put(&mut answer, &path("access_token"), access_token(case, n).into());
    let rotates = (n == 1 || !is_static(case)) && !is_renewed_by_access_token(case);
    if case.method == "oauth2" && rotates {
        put(&mut answer, &path("refresh_token"), refresh_token(case, n).into());
    }
    if !case.table.contains_key("access_token_lifetime") {
        let end = now + chrono::TimeDelta::seconds(lifetime(case));
        if names.contains_key("expires_at") {
            let written = if case.turn(2) == 0 { end.to_rfc3339().into() } else { end.timestamp().into() };
            put(&mut answer, &path("expires_at"), written);
        } else {
            let seconds = lifetime(case);
            let written = if case.turn(3) == 0 { seconds.to_string().into() } else { seconds.into() };
            put(&mut answer, &path("expires_in"), written);
        }
    }
    if matches!(case.method, "oauth2" | "client_credentials") {
        put(&mut answer, &path("scope"), case.joined(&case.granted()).into());
    }
    if case.turn(2) == 0 {
        put(&mut answer, "token_type", "User Access Token".into());
    }
    for (variable, path) in case.captured("token.") {
        put(&mut answer, &path, case.word_for(&variable).into());
    }
    let members = answer.as_object().unwrap();
    if case.turn(4) == 0 && members.values().all(|value| value.is_string() || value.is_number()) {
        let pairs = plain(members.clone().into_iter().collect());
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        return Answer::text(200, body);
    }
    Answer::json(200, &answer)
}

/// Puts a value at a dotted path: numbers are places in lists, unless there is an object already.
pub(super) fn put(tree: &mut Json, path: &str, value: Json) {
    let mut here = tree;
    for key in path.split('.') {
        if let (Ok(place), false) = (key.parse::<usize>(), here.as_object().is_some_and(|o| !o.is_empty())) {
            if !here.is_array() {
                *here = json!([]);
            }
            let items = here.as_array_mut().unwrap();
            while items.len() <= place {
                items.push(json!({}));
            }
            here = &mut items[place];
        } else {
            if !here.is_object() {
                *here = json!({});
            }
            here = here.as_object_mut().unwrap().entry(key).or_insert_with(|| json!({}));
        }
    }
    *here = value;
}

/// The request that ends a grant (RFC 7009); none where the app has no endpoint for it.
pub(super) fn revocation(case: &Case, n: u64) -> Option<Wanted> {
    let endpoint = raw::text(&case.table, "revocation_endpoint")?;
    let values = with(case, &[]);
    let mut fields = vec![field("token", refresh_token(case, n)), field("token_type_hint", "refresh_token")];
    let mut headers = BTreeMap::new();
    match raw::text(&case.table, "token_endpoint_auth_method").unwrap_or("client_secret_post") {
        "client_secret_basic" => {
            let (id, secret) = (form_encoded(&case.client_id), form_encoded(&case.client_secret));
            headers.insert("authorization".to_owned(), basic(&id, &secret));
        }
        "client_secret_basic_unencoded" => {
            headers.insert("authorization".to_owned(), basic(&case.client_id, &case.client_secret));
        }
        "none" => fields.push(field("client_id", &case.client_id)),
        "private_key_jwt" => fields.extend(assertion(case)),
        _ => {
            let signed = signed::wanted(case, &values);
            fields.push(field("client_id", &case.client_id));
            fields.push(field("client_secret", signed.unwrap_or_else(|| case.client_secret.clone())));
        }
    }
    let address = Address::of(endpoint, &values).unwrap();
    let body = Body::Form(plain(fields));
    Some(Wanted { step: "the revocation", method: "POST", address, headers, body, signature: None })
}
