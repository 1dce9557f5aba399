//! What the API of a case's app wants to be asked: look-ups, checks and calls, from the file alone.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use toml::Value;

use super::case::Case;
use super::expect::{Answer, Body, Wanted};
use super::judge::{access_token, basic, headers_of, put, with};
use super::raw::{self, Address, Values, fill};
use super::signature::{self, Signature};

/// How a credential goes on a call: headers and query. What has no value yet is left out.
pub(super) fn placed(case: &Case, values: &Values) -> (BTreeMap<String, String>, Vec<(String, String)>) {
    let mut headers = headers_of(&raw::table(&case.file, "headers"), values);
    let keys = ["headers", "query", "basic"];
    if case.has_tokens() && !keys.iter().any(|key| case.table.contains_key(*key)) {
        headers.insert("authorization".to_owned(), format!("Bearer {}", values["access_token"]));
    }
    headers.extend(headers_of(&raw::table(&case.table, "headers"), values));
    if let Some(login) = case.table.get("basic").and_then(Value::as_table) {
        let part = |key| fill(raw::text(login, key).unwrap(), values).unwrap_or_default();
        headers.insert("authorization".to_owned(), basic(&part("username"), &part("password")));
    }
    let own = raw::table(&case.table, "query");
    let query = own.iter().filter_map(|(name, value)| Some((name.clone(), fill(value.as_str()?, values)?)));
    (headers, query.collect())
}

fn with_token(case: &Case, n: u64) -> Values {
    let access = access_token(case, n);
    let own = [("access_token", access.as_str())];
    with(case, if case.has_tokens() || case.method == "oauth1" { &own } else { &[] })
}

/// The apps whose API compresses every answer, whatever is asked for, as their own pages say. No key does, since the hub
/// unpacks nothing: a check of theirs can't look into an answer.
const COMPRESSING: [&str; 1] = ["stackexchange"];

/// An answer to a request of the hub's own.
fn answered(case: &Case, answer: &Json) -> Answer {
    Answer { compressed: COMPRESSING.contains(&case.slug.as_str()), ..Answer::json(200, answer) }
}

/// What the hub asks for itself it wants as JSON, unless the file names something else.
fn wants_json(headers: &mut BTreeMap<String, String>) {
    headers.entry("accept".to_owned()).or_insert_with(|| "application/json".to_owned());
}

/// A look-up with the n-th token, and its answer.
pub(super) fn lookup(case: &Case, n: u64, (name, url, path): &(String, String, String)) -> (Wanted, Answer) {
    let values = with_token(case, n);
    let (mut headers, query) = placed(case, &values);
    wants_json(&mut headers);
    let mut address = Address::of(url, &values).unwrap();
    address.query.extend(query);
    let mut answer = json!({});
    put(&mut answer, path, case.word_for(name).into());
    let wanted =
        Wanted { step: "a look-up", method: "GET", address, headers, body: Body::Empty, signature: None };
    (wanted, answered(case, &answer))
}

/// The check with the n-th token, and the answer to a good credential; none where the file has no check.
pub(super) fn check(case: &Case, n: u64) -> Option<(Wanted, Answer)> {
    let check = case.check()?;
    let values = with_token(case, n);
    let (mut headers, query) = placed(case, &values);
    wants_json(&mut headers);
    let path = raw::text(&check, "path").unwrap();
    let mut address = if path.starts_with('/') {
        base(case, &values).below(path, &values).unwrap()
    } else {
        Address::of(path, &values).unwrap()
    };
    address.query.extend(query);
    let method = match raw::text(&check, "method").unwrap_or("GET") {
        "GET" => "GET",
        "HEAD" => "HEAD",
        _ => "POST",
    };
    let body = check.get("json").map_or(Body::Empty, |json| Body::Json(serde_json::to_value(json).unwrap()));
    let mut answer = json!({});
    if let Some(success) = raw::text(&check, "success") {
        put(&mut answer, success, true.into());
    }
    for (variable, path) in case.captured("check.") {
        put(&mut answer, &path, case.word_for(&variable).into());
    }
    let signature = signature::of(case, &values, true);
    headers.extend(signature.iter().flat_map(Signature::headers));
    Some((Wanted { step: "the check", method, address, headers, body, signature }, answered(case, &answer)))
}

/// How the app refuses a wrong key: by a status and, where the file looks into the answer, in one of 200.
pub(super) fn refusals(case: &Case) -> Vec<Answer> {
    let status = statuses(case, "wrong_key", 401).first().copied().unwrap_or(401);
    let mut refusals = vec![Answer::json(status, &json!({"error": "no"}))];
    let check = case.check().unwrap_or_default();
    if let Some(success) = raw::text(&check, "success") {
        let mut answer = json!({});
        put(&mut answer, success, false.into());
        refusals.push(Answer::json(200, &answer));
    }
    refusals
}

/// Statuses of the check that neither pass nor refuse a key, with what they mean.
pub(super) fn outcomes(case: &Case) -> Vec<(u16, &'static str)> {
    let (wrong, missing) = (statuses(case, "wrong_key", 401), statuses(case, "missing_permission", 403));
    let told = missing.iter().find(|status| !wrong.contains(status));
    let mut outcomes: Vec<_> = told.map(|status| (*status, "missing_permission")).into_iter().collect();
    let others = [(404, "unexpected"), (500, "unreachable")];
    outcomes.extend(others.into_iter().filter(|(s, _)| !wrong.contains(s) && !missing.contains(s)));
    outcomes
}

/// The statuses that the check lists under a key.
fn statuses(case: &Case, key: &str, usual: u16) -> Vec<u16> {
    let check = case.check().unwrap_or_default();
    let own = check.get(key).and_then(Value::as_array);
    own.map_or(vec![usual], |list| {
        list.iter().filter_map(Value::as_integer).map(|status| u16::try_from(status).unwrap()).collect()
    })
}

fn base(case: &Case, values: &Values) -> Address {
    Address::of(raw::text(&case.file, "base_url").unwrap(), values).unwrap()
}

/// A call through the proxy with the n-th token: below the base, or at the root of another allowed host.
pub(super) fn call(case: &Case, n: u64, host: Option<&str>) -> Wanted {
    let values = with_token(case, n);
    let (mut headers, query) = placed(case, &values);
    headers.insert("x-caller".to_owned(), "yes".to_owned());
    let mut address = base(case, &values);
    if let Some(host) = host {
        address = Address { host: host.to_owned(), path: String::new(), query: Vec::new() };
    }
    let mut address = address.below(&format!("/{PATH}"), &values).unwrap();
    address.query.extend(query);
    let sent = json!({"sent": true});
    let signature = signature::of(case, &values, false);
    headers.extend(signature.iter().flat_map(Signature::headers));
    let (step, body) = ("a call through the proxy", Body::Json(sent));
    Wanted { step, method: "POST", address, headers, body, signature }
}

/// What the calls are for.
pub(super) const PATH: &str = "things/7%28x%29?page=2&note=a%20b";

/// The further hosts that calls may go to.
pub(super) fn hosts(case: &Case) -> Vec<String> {
    let values = with(case, &[]);
    let hosts = raw::list(&case.file, "allowed_hosts");
    hosts.iter().filter_map(|host| fill(host, &values)).map(|host| host.to_ascii_lowercase()).collect()
}

/// The account that the credential opens, where the file names one.
pub(super) fn account(case: &Case) -> Option<String> {
    fill(raw::text(&case.file, "account")?, &case.known)
}

/// What people see of the account, where the file says so.
pub(super) fn account_label(case: &Case) -> Option<String> {
    fill(raw::text(&case.file, "account_label")?, &case.known)
}

/// Every host that the app of a case has, once everything is known.
pub(super) fn all_hosts(case: &Case) -> Vec<String> {
    let mut values = with_token(case, 1);
    values.extend(case.told.clone());
    let mut urls: Vec<String> = vec![raw::text(&case.file, "base_url").unwrap().to_owned()];
    for key in [
        "request_token_endpoint",
        "token_endpoint",
        "exchange.endpoint",
        "refresh.endpoint",
        "revocation_endpoint",
    ] {
        urls.extend(raw::text(&case.table, key).map(str::to_owned));
    }
    urls.extend(case.mcp.clone());
    urls.extend(case.lookups().into_iter().map(|(_, url, _)| url));
    let check = case.check().and_then(|check| raw::text(&check, "path").map(str::to_owned));
    urls.extend(check.filter(|path| !path.starts_with('/')));
    // Where a call would go that believed the app: it must arrive to be noticed.
    let mut worlds = vec![values.clone()];
    for (name, word) in case.foreign() {
        let mut world = values.clone();
        world.insert(name, word);
        worlds.push(world);
    }
    let addresses =
        worlds.iter().flat_map(|world| urls.iter().filter_map(move |url| Address::of(url, world)));
    addresses.map(|address| address.host).chain(hosts(case)).collect()
}
