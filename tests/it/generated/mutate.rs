//! Deliberately wrong facts: one at a time, in what the hub loads, while the judge goes on reading the right file.

mod answers;
mod placing;
mod signing;
mod telling;

use toml::{Table, Value};

use super::raw::{self, Raw};

/// A kind of mistake. It changes the file, or says that there is no such fact.
enum Mistake {
    /// Where there is one such fact for a method.
    One(fn(&mut Table, &str) -> Option<()>),
    /// Where there may be several: at this place among them, and none behind the last.
    Each(fn(&mut Table, &str, usize) -> Option<()>),
}

use Mistake::{Each, One};

/// Every kind of mistake, by what is wrong. What no file states has none: `oauth1.realm`, `session.token_basic`,
/// `oauth2.refresh.revoke_scope`, `limits`, and of `rename` and `authorization_response` what is not named. Nor has
/// `oauth2.refresh.early`, which shows only in the background, nor `optional`, which a form alone is made of. What a
/// case plays one of, or fills, has a list of its own: [`CHOICES`].
const MISTAKES: &[(&str, Mistake)] = &[
    ("placement: name", Each(placing::name)),
    ("placement: form", Each(placing::form)),
    ("placement: header or query", Each(placing::elsewhere)),
    ("scope separator", One(separator)),
    ("client authentication", Each(auth_method)),
    ("body format", Each(body_format)),
    ("code challenge", One(challenge)),
    ("token parameter", Each(|file, method, place| rename_key(file, method, "token_params", place))),
    ("token header", Each(|file, method, place| rename_key(file, method, "token_headers", place))),
    (
        "authorization parameter",
        Each(|file, method, place| rename_key(file, method, "authorization_params", place)),
    ),
    ("refresh parameter", Each(|file, method, place| rename_key(file, method, "refresh.params", place))),
    (
        "refresh: body format",
        Each(|file, method, place| other_format(table(file, method)?, "refresh", place)),
    ),
    (
        "refresh: what is spent",
        One(|file, method| table(file, &format!("{method}.refresh"))?.remove("by").map(drop)),
    ),
    (
        "exchange: endpoint",
        Each(|file, method, place| astray(file, &format!("{method}.exchange"), "endpoint", place)),
    ),
    ("exchange: parameter", Each(|file, method, place| rename_key(file, method, "exchange.params", place))),
    (
        "exchange: body format",
        Each(|file, method, place| other_format(table(file, method)?, "exchange", place)),
    ),
    ("vendor name", Each(vendor_name)),
    ("callback name", One(callback_name)),
    ("response member", One(answers::member)),
    ("response: refresh token", One(|file, method| answers::stated(file, method, "refresh_token"))),
    ("response: seconds", One(|file, method| answers::stated(file, method, "expires_in"))),
    ("response: end", One(|file, method| answers::stated(file, method, "expires_at"))),
    ("response: scopes", One(|file, method| answers::stated(file, method, "scope"))),
    ("response: error", One(|file, method| answers::stated(file, method, "error"))),
    ("refresh response", Each(answers::of_refresh)),
    ("token endpoint", Each(|file, method, place| astray(file, method, "token_endpoint", place))),
    (
        "authorization endpoint",
        Each(|file, method, place| astray(file, method, "authorization_endpoint", place)),
    ),
    ("refresh endpoint", Each(refresh_endpoint)),
    ("revocation endpoint", One(|file, method| table(file, method)?.remove("revocation_endpoint").map(drop))),
    (
        "revocation endpoint: place",
        Each(|file, method, place| astray(file, method, "revocation_endpoint", place)),
    ),
    ("scopes", Each(scopes)),
    ("lifetime", One(lifetime)),
    ("error class", Each(answers::error_class)),
    ("reuse", One(reuse)),
    ("end of the grant", One(end_of_grant)),
    ("base URL", Each(|file, method, place| misplaced(sharer(file, method, "base_url")?, "base_url", place))),
    ("allowed host", Each(allowed_host)),
    ("allowed host too many", One(allowed_host_too_many)),
    ("fixed header", Each(|file, _, place| renamed_at(table(file, "headers")?, place))),
    ("captured value", Each(telling::captured)),
    ("captured value: pattern", Each(telling::pattern)),
    ("look-up: path", Each(|file, method, place| telling::lookup(file, method, place, 0))),
    ("look-up: host", Each(|file, method, place| telling::lookup(file, method, place, 1))),
    ("account", One(|file, method| telling::account(file, method, "account"))),
    ("account label", One(|file, method| telling::account(file, method, "account_label"))),
    (
        "check: place",
        Each(|file, method, place| misplaced(table(sharer(file, method, "check")?, "check")?, "path", place)),
    ),
    ("check: reading", Each(answers::check)),
    ("check: method", One(check_method)),
    ("check: body", One(check_body)),
    ("server", Each(|file, method, place| astray(file, method, "url", place))),
    ("signature: service", One(|file, method| signing::text(file, method, "service"))),
    ("signature: region", One(|file, method| signing::text(file, method, "region"))),
    ("signature: service of the check", One(|file, method| signing::text(file, method, "check_service"))),
    ("signature: session", One(|file, method| signing::text(file, method, "session_token"))),
    ("signature: keys", One(signing::keys)),
    ("signature: path", One(|file, method| signing::flag(file, method, "path_as_sent"))),
    ("signature: body", One(|file, method| signing::flag(file, method, "unsigned_payload"))),
    ("signature: method", One(signing::method)),
    (
        "request token endpoint",
        Each(|file, method, place| astray(file, method, "request_token_endpoint", place)),
    ),
    ("signed: claim", Each(|file, method, place| signing::renamed(file, method, "claims", place))),
    ("signed: header", Each(|file, method, place| signing::renamed(file, method, "header", place))),
    ("signed: lifetime", One(signing::lifetime)),
    ("signed: algorithm", One(signing::algorithm)),
    ("signed: encoding of the key", One(signing::key_encoding)),
];

/// The mistakes that show in what the hub writes, whichever choice is taken of each variable.
const CHOICES: &[(&str, Mistake)] = &[
    ("choice", Each(telling::choice)),
    ("word of a map", Each(telling::word)),
    ("default", Each(telling::default)),
];

/// The files with one mistake in what concerns `method`, each with what is wrong in it, and at which place.
pub(super) fn mutants(raw: &Raw, method: &str) -> impl Iterator<Item = (String, Raw)> {
    made(MISTAKES, raw, method)
}

/// The same with one wrong choice, word of a map or default each.
pub(super) fn wrong_choices(raw: &Raw, method: &str) -> impl Iterator<Item = (String, Raw)> {
    made(CHOICES, raw, method)
}

fn made(
    mistakes: &'static [(&'static str, Mistake)],
    raw: &Raw,
    method: &str,
) -> impl Iterator<Item = (String, Raw)> {
    mistakes.iter().flat_map(move |(what, mistake)| {
        (0..).map_while(move |place| {
            let mutant = mutated(raw, method, mistake, place)?;
            Some((format!("{what} ({})", place + 1), mutant))
        })
    })
}

fn mutated(raw: &Raw, method: &str, mistake: &Mistake, place: usize) -> Option<Raw> {
    let mut file = raw.table.clone();
    match mistake {
        One(mistake) => (place == 0).then(|| mistake(&mut file, method))??,
        Each(mistake) => mistake(&mut file, method, place)?,
    }
    Some(Raw { slug: raw.slug.clone(), text: String::new(), table: file })
}

fn table<'a>(file: &'a mut Table, path: &str) -> Option<&'a mut Table> {
    let mut keys = path.split('.');
    let first = file.get_mut(keys.next()?)?;
    keys.try_fold(first, |value, key| value.get_mut(key))?.as_table_mut()
}

/// The table that has a key: that of the method, or the file.
fn sharer<'a>(file: &'a mut Table, method: &str, key: &str) -> Option<&'a mut Table> {
    if table(file, method)?.contains_key(key) { table(file, method) } else { Some(file) }
}

/// Gives a key another name.
fn renamed(table: &mut Table, name: &str) -> Option<()> {
    let value = table.remove(name)?;
    table.insert(format!("wrong_{name}").replace('_', "-"), value);
    Some(())
}

/// Gives the key at a place another name; what stands in a table within is counted like the rest.
fn renamed_at(table: &mut Table, place: usize) -> Option<()> {
    let mut behind = place;
    let names: Vec<String> = table.keys().cloned().collect();
    for name in names {
        let inner = table.get_mut(&name).and_then(Value::as_table_mut);
        let count = inner.as_deref().map_or(1, leaves);
        match (behind.checked_sub(count), inner) {
            (Some(rest), _) => behind = rest,
            (None, Some(inner)) => return renamed_at(inner, behind),
            (None, None) => return renamed(table, &name),
        }
    }
    None
}

fn leaves(table: &Table) -> usize {
    table.values().map(|value| value.as_table().map_or(1, leaves)).sum()
}

/// Puts something at the end of a URL's path.
fn longer(table: &mut Table, key: &str) -> Option<()> {
    let url = raw::text(table, key)?;
    let (path, query) = url.split_at(url.find('?').unwrap_or(url.len()));
    let wrong = format!("{}/wrong{query}", path.trim_end_matches('/'));
    table.insert(key.to_owned(), wrong.into());
    Some(())
}

/// The URL leads to another path, or to another host.
fn misplaced(table: &mut Table, key: &str, place: usize) -> Option<()> {
    if place == 0 {
        return longer(table, key);
    }
    let rest = raw::text(table, key)?.strip_prefix("https://").filter(|_| place == 1)?;
    let wrong = format!("https://wrong.{rest}");
    table.insert(key.to_owned(), wrong.into());
    Some(())
}

/// The same of a key in the table of a method, or in one below it.
fn astray(file: &mut Table, path: &str, key: &str, place: usize) -> Option<()> {
    misplaced(table(file, path)?, key, place)
}

fn separator(file: &mut Table, method: &str) -> Option<()> {
    let own = table(file, method)?;
    let wrong = if raw::text(own, "scope_separator") == Some(",") { " " } else { "," };
    matches!(method, "oauth2" | "client_credentials").then_some(())?;
    own.insert("scope_separator".to_owned(), wrong.into());
    Some(())
}

/// Every other way for a client to say who it is.
fn auth_method(file: &mut Table, method: &str, place: usize) -> Option<()> {
    matches!(method, "oauth2" | "client_credentials").then_some(())?;
    let ways = ["client_secret_post", "client_secret_basic", "client_secret_basic_unencoded", "none"];
    let own = table(file, method)?;
    let right = raw::text(own, "token_endpoint_auth_method").unwrap_or("client_secret_post");
    let wrong = ways.into_iter().filter(|way| *way != right).nth(place)?;
    own.insert("token_endpoint_auth_method".to_owned(), wrong.into());
    Some(())
}

/// Every other form of a body; a query is none at all.
fn other_body(right: &str, place: usize) -> Option<&'static str> {
    ["form", "json", "query"].into_iter().filter(|form| *form != right).nth(place)
}

fn body_format(file: &mut Table, method: &str, place: usize) -> Option<()> {
    (method != "oauth1").then_some(())?;
    let own = table(file, method)?;
    own.get("token_endpoint")?;
    // What is nested fits into JSON alone.
    (!raw::table(own, "token_params").values().any(Value::is_table)).then_some(())?;
    let wrong = other_body(raw::text(own, "token_request_format").unwrap_or("form"), place)?;
    own.insert("token_request_format".to_owned(), wrong.into());
    Some(())
}

fn challenge(file: &mut Table, method: &str) -> Option<()> {
    (method == "oauth2").then_some(())?;
    let own = table(file, method)?;
    let off = raw::text(own, "code_challenge_method") == Some("none");
    own.insert("code_challenge_method".to_owned(), if off { "S256" } else { "none" }.into());
    Some(())
}

/// What is left out by an empty text is sent, then.
fn rename_key(file: &mut Table, method: &str, key: &str, place: usize) -> Option<()> {
    renamed_at(table(file, &format!("{method}.{key}"))?, place)
}

fn vendor_name(file: &mut Table, method: &str, place: usize) -> Option<()> {
    (method == "oauth2").then_some(())?;
    let own = table(file, method)?;
    let rename = own.entry("rename").or_insert_with(|| Table::new().into()).as_table_mut()?;
    if rename.is_empty() && place == 0 {
        rename.insert("code".to_owned(), "wrong".into());
        return Some(());
    }
    let (_, name) = rename.iter_mut().nth(place)?;
    *name = "wrong".into();
    Some(())
}

fn callback_name(file: &mut Table, method: &str) -> Option<()> {
    (method == "oauth2").then_some(())?;
    let own = table(file, method)?;
    let names = own.entry("authorization_response").or_insert_with(|| Table::new().into()).as_table_mut()?;
    names.insert("code".to_owned(), "wrong".into());
    Some(())
}

/// Another form of a request whose form the file states beside that of the token request.
fn other_format(own: &mut Table, request: &str, place: usize) -> Option<()> {
    let request = table(own, request)?;
    let wrong = other_body(raw::text(request, "request_format")?, place)?;
    request.insert("request_format".to_owned(), wrong.into());
    Some(())
}

/// One that the file states is missing, or leads elsewhere.
fn refresh_endpoint(file: &mut Table, method: &str, place: usize) -> Option<()> {
    (method == "oauth2").then_some(())?;
    let own = table(file, method)?;
    let token = raw::text(own, "token_endpoint")?.to_owned();
    let refresh = own.entry("refresh").or_insert_with(|| Table::new().into()).as_table_mut()?;
    let stated = refresh.contains_key("endpoint");
    match place.checked_sub(1) {
        None if stated => refresh.remove("endpoint").map(drop),
        None => {
            refresh.insert("endpoint".to_owned(), token.into());
            longer(refresh, "endpoint")
        }
        Some(place) => stated.then_some(()).and_then(|()| misplaced(refresh, "endpoint", place)),
    }
}

/// Each scope is missing; where there is none, there is one.
fn scopes(file: &mut Table, method: &str, place: usize) -> Option<()> {
    matches!(method, "oauth2" | "client_credentials").then_some(())?;
    let own = table(file, method)?;
    let scopes = own.entry("scopes").or_insert_with(|| Value::Array(Vec::new())).as_array_mut()?;
    if scopes.is_empty() && place == 0 {
        scopes.push("wrong".into());
    } else {
        (place < scopes.len()).then(|| scopes.remove(place))?;
    }
    Some(())
}

fn lifetime(file: &mut Table, method: &str) -> Option<()> {
    let seconds = table(file, method)?.get_mut("access_token_lifetime")?;
    *seconds = (seconds.as_integer()? * 2).into();
    Some(())
}

/// Only where the spent token is sent again soon does the app see what the file says.
fn reuse(file: &mut Table, method: &str) -> Option<()> {
    (method == "oauth2").then_some(())?;
    let refresh = table(file, "oauth2.refresh")?;
    let word = raw::text(refresh, "reuse")?;
    (word == "static" || word.starts_with("grace:")).then_some(())?;
    refresh.insert("reuse".to_owned(), "strict".into());
    Some(())
}

fn end_of_grant(file: &mut Table, method: &str) -> Option<()> {
    (method == "oauth2").then_some(())?;
    let refresh = table(file, "oauth2.refresh")?;
    let seconds = |key: &str| refresh.get(key).and_then(Value::as_integer);
    let ends = ["idle_expiry", "lifetime"].into_iter().filter_map(|key| Some((seconds(key)?, key)));
    let (first, key) = ends.min()?;
    refresh.insert(key.to_owned(), (first * 2).into());
    Some(())
}

fn allowed_host(file: &mut Table, _: &str, place: usize) -> Option<()> {
    let host = file.get_mut("allowed_hosts")?.as_array_mut()?.get_mut(place)?;
    *host = format!("wrong.{}", host.as_str()?).into();
    Some(())
}

fn allowed_host_too_many(file: &mut Table, _: &str) -> Option<()> {
    file.get_mut("allowed_hosts")?.as_array_mut()?.push("elsewhere.example".into());
    Some(())
}

/// Only where the file states it.
fn check_method(file: &mut Table, method: &str) -> Option<()> {
    let check = table(sharer(file, method, "check")?, "check")?;
    let wrong = if raw::text(check, "method")? == "POST" { "GET" } else { "POST" };
    check.insert("method".to_owned(), wrong.into());
    Some(())
}

fn check_body(file: &mut Table, method: &str) -> Option<()> {
    let check = table(sharer(file, method, "check")?, "check")?;
    check.get_mut("json")?.as_table_mut()?.insert("wrong".to_owned(), true.into());
    Some(())
}
