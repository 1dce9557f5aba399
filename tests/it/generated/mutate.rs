//! Deliberately wrong facts: one at a time, in what the hub loads, while the judge goes on reading the right file.

mod signing;
mod telling;

use toml::{Table, Value};

use super::raw::{self, Raw};

/// A kind of mistake: changes the file, or says that it has no such fact.
type Mistake = fn(&mut Table, &str) -> Option<()>;

/// Every kind of mistake, by what is wrong. What no file states has none: `oauth1.realm`, `session.token_basic`,
/// `oauth2.refresh.revoke_scope`, `limits`, and of `rename` and `authorization_response` what is not named. Nor has
/// `oauth2.refresh.early`, which shows only in the background, nor what a form alone is made of (`default`, `optional`).
pub(super) const MISTAKES: &[(&str, Mistake)] = &[
    ("placement: name", placement_name),
    ("placement: form", placement_form),
    ("scope separator", separator),
    ("client authentication", auth_method),
    ("body format", body_format),
    ("code challenge", challenge),
    ("token parameter", |file, method| rename_key(file, method, "token_params")),
    ("token header", |file, method| rename_key(file, method, "token_headers")),
    ("authorization parameter", |file, method| rename_key(file, method, "authorization_params")),
    ("refresh parameter", |file, method| rename_key(file, method, "refresh.params")),
    ("refresh: body format", |file, method| other_format(table(file, method)?, "refresh")),
    ("refresh: what is spent", |file, method| {
        table(file, &format!("{method}.refresh"))?.remove("by").map(drop)
    }),
    ("exchange: endpoint", |file, method| longer(table(file, &format!("{method}.exchange"))?, "endpoint")),
    ("exchange: parameter", |file, method| rename_key(file, method, "exchange.params")),
    ("exchange: body format", |file, method| other_format(table(file, method)?, "exchange")),
    ("vendor name", vendor_name),
    ("callback name", callback_name),
    ("response member", response_member),
    ("response: refresh token", |file, method| stated_member(file, method, "refresh_token")),
    ("response: seconds", |file, method| stated_member(file, method, "expires_in")),
    ("response: end", |file, method| stated_member(file, method, "expires_at")),
    ("response: scopes", |file, method| stated_member(file, method, "scope")),
    ("response: error", |file, method| stated_member(file, method, "error")),
    ("refresh response", refresh_response),
    ("token endpoint", |file, method| longer(table(file, method)?, "token_endpoint")),
    ("authorization endpoint", |file, method| longer(table(file, method)?, "authorization_endpoint")),
    ("refresh endpoint", refresh_endpoint),
    ("revocation endpoint", |file, method| table(file, method)?.remove("revocation_endpoint").map(drop)),
    ("revocation endpoint: place", |file, method| longer(table(file, method)?, "revocation_endpoint")),
    ("scopes", scopes),
    ("lifetime", lifetime),
    ("error class", error_class),
    ("reuse", reuse),
    ("end of the grant", end_of_grant),
    ("base URL", |file, method| longer(sharer(file, method, "base_url")?, "base_url")),
    ("allowed host", allowed_host),
    ("allowed host too many", allowed_host_too_many),
    ("fixed header", fixed_header),
    ("captured value", telling::captured),
    ("captured value: pattern", telling::pattern),
    ("look-up: URL", telling::lookup),
    ("map", telling::map),
    ("options", telling::options),
    ("account", telling::account),
    ("check: path", |file, method| longer(table(sharer(file, method, "check")?, "check")?, "path")),
    ("check: reading", check_reading),
    ("check: method", check_method),
    ("check: body", check_body),
    ("server", |file, method| (method == "mcp").then_some(()).and(longer(table(file, method)?, "url"))),
    ("signature: service", |file, method| signing::text(file, method, "service")),
    ("signature: region", |file, method| signing::text(file, method, "region")),
    ("signature: service of the check", |file, method| signing::text(file, method, "check_service")),
    ("signature: session", |file, method| signing::text(file, method, "session_token")),
    ("signature: keys", signing::keys),
    ("signature: path", |file, method| signing::flag(file, method, "path_as_sent")),
    ("signature: body", |file, method| signing::flag(file, method, "unsigned_payload")),
    ("signature: method", signing::method),
    ("request token endpoint", |file, method| longer(table(file, method)?, "request_token_endpoint")),
    ("signed: claim", |file, method| signing::renamed(file, method, "claims")),
    ("signed: header", |file, method| signing::renamed(file, method, "header")),
    ("signed: lifetime", signing::lifetime),
    ("signed: algorithm", signing::algorithm),
    ("signed: encoding of the key", signing::key_encoding),
];

/// A file with one mistake in what concerns `method`; `None` where it has no such fact.
pub(super) fn mutated(raw: &Raw, method: &str, mistake: Mistake) -> Option<Raw> {
    let mut file = raw.table.clone();
    mistake(&mut file, method)?;
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

/// Gives the key at a place another name.
fn renamed_at(table: &mut Table, place: usize) -> Option<()> {
    let name = table.keys().nth(place)?.clone();
    let value = table.remove(&name)?;
    table.insert(format!("wrong_{name}").replace('_', "-"), value);
    Some(())
}

/// Puts something at the end of a URL's path.
fn longer(table: &mut Table, key: &str) -> Option<()> {
    let url = raw::text(table, key)?;
    let (path, query) = url.split_at(url.find('?').unwrap_or(url.len()));
    let wrong = format!("{}/wrong{query}", path.trim_end_matches('/'));
    table.insert(key.to_owned(), wrong.into());
    Some(())
}

fn placement_name(file: &mut Table, method: &str) -> Option<()> {
    let own = table(file, method)?;
    for key in ["query", "headers"] {
        if let Some(placed) = own.get_mut(key).and_then(Value::as_table_mut) {
            let place = placed.values().position(|value| raw::texts(value).concat().contains('{'))?;
            return renamed_at(placed, place);
        }
    }
    if own.contains_key("basic") || matches!(method, "api_key" | "basic" | "oauth1" | "aws_sigv4") {
        return None;
    }
    let header = Table::from_iter([("X-Wrong".to_owned(), Value::from("Bearer {access_token}"))]);
    own.insert("headers".to_owned(), header.into());
    Some(())
}

fn placement_form(file: &mut Table, method: &str) -> Option<()> {
    let own = table(file, method)?;
    if let Some(basic) = own.get_mut("basic").and_then(Value::as_table_mut) {
        let (username, password) = (basic.remove("username")?, basic.remove("password")?);
        basic.insert("username".to_owned(), password);
        basic.insert("password".to_owned(), username);
        return Some(());
    }
    if !own.contains_key("headers")
        && !own.contains_key("query")
        && !matches!(method, "api_key" | "basic" | "oauth1" | "aws_sigv4")
    {
        let header = Table::from_iter([("Authorization".to_owned(), Value::from("Token {access_token}"))]);
        own.insert("headers".to_owned(), header.into());
        return Some(());
    }
    let headers = own.get_mut("headers").and_then(Value::as_table_mut)?;
    let (_, value) = headers.iter_mut().find(|(_, value)| value.as_str().is_some_and(|v| v.contains('{')))?;
    *value = format!("Wrong {}", value.as_str()?).into();
    Some(())
}

fn separator(file: &mut Table, method: &str) -> Option<()> {
    let own = table(file, method)?;
    let wrong = if raw::text(own, "scope_separator") == Some(",") { " " } else { "," };
    matches!(method, "oauth2" | "client_credentials").then_some(())?;
    own.insert("scope_separator".to_owned(), wrong.into());
    Some(())
}

fn auth_method(file: &mut Table, method: &str) -> Option<()> {
    matches!(method, "oauth2" | "client_credentials").then_some(())?;
    let own = table(file, method)?;
    let basic = raw::text(own, "token_endpoint_auth_method") == Some("client_secret_basic");
    let wrong = if basic { "client_secret_post" } else { "client_secret_basic" };
    own.insert("token_endpoint_auth_method".to_owned(), wrong.into());
    Some(())
}

fn body_format(file: &mut Table, method: &str) -> Option<()> {
    (method != "oauth1").then_some(())?;
    let own = table(file, method)?;
    own.get("token_endpoint")?;
    let nested = raw::table(own, "token_params").values().any(Value::is_table);
    let wrong = match raw::text(own, "token_request_format") {
        Some("json") if nested => return None,
        Some("json") => "form",
        _ => "json",
    };
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

fn rename_key(file: &mut Table, method: &str, key: &str) -> Option<()> {
    let params = table(file, &format!("{method}.{key}"))?;
    let place = params.values().position(|value| value.as_str() != Some(""))?;
    renamed_at(params, place)
}

fn vendor_name(file: &mut Table, method: &str) -> Option<()> {
    (method == "oauth2").then_some(())?;
    let own = table(file, method)?;
    let rename = own.entry("rename").or_insert_with(|| Table::new().into()).as_table_mut()?;
    match rename.iter_mut().next() {
        Some((_, value)) => *value = "wrong".into(),
        None => drop(rename.insert("code".to_owned(), "wrong".into())),
    }
    Some(())
}

fn callback_name(file: &mut Table, method: &str) -> Option<()> {
    (method == "oauth2").then_some(())?;
    let own = table(file, method)?;
    let names = own.entry("authorization_response").or_insert_with(|| Table::new().into()).as_table_mut()?;
    names.insert("code".to_owned(), "wrong".into());
    Some(())
}

fn response_member(file: &mut Table, method: &str) -> Option<()> {
    (method != "oauth1").then_some(())?;
    let own = table(file, method)?;
    own.get("token_endpoint")?;
    let names = own.entry("token_response").or_insert_with(|| Table::new().into()).as_table_mut()?;
    names.insert("access_token".to_owned(), "wrong.token".into());
    Some(())
}

/// Another place for a member whose place the file states.
fn stated_member(file: &mut Table, method: &str, key: &str) -> Option<()> {
    if key == "error" && method != "oauth2" {
        // Only with a sign-in does the app refuse anything in that place.
        return None;
    }
    let names = table(file, &format!("{method}.token_response"))?;
    names.contains_key(key).then(|| drop(names.insert(key.to_owned(), "wrong.member".into())))
}

/// Another form of a request whose form the file states beside that of the token request.
fn other_format(own: &mut Table, request: &str) -> Option<()> {
    let request = table(own, request)?;
    let wrong = if raw::text(request, "request_format")? == "form" { "json" } else { "form" };
    request.insert("request_format".to_owned(), wrong.into());
    Some(())
}

fn refresh_response(file: &mut Table, method: &str) -> Option<()> {
    table(file, &format!("{method}.refresh"))?.remove("token_response").map(drop)
}

fn refresh_endpoint(file: &mut Table, method: &str) -> Option<()> {
    (method == "oauth2").then_some(())?;
    let own = table(file, method)?;
    let token = raw::text(own, "token_endpoint")?.to_owned();
    let refresh = own.entry("refresh").or_insert_with(|| Table::new().into()).as_table_mut()?;
    if refresh.remove("endpoint").is_none() {
        refresh.insert("endpoint".to_owned(), token.into());
        longer(refresh, "endpoint")?;
    }
    Some(())
}

fn scopes(file: &mut Table, method: &str) -> Option<()> {
    matches!(method, "oauth2" | "client_credentials").then_some(())?;
    let own = table(file, method)?;
    let scopes = own.entry("scopes").or_insert_with(|| Value::Array(Vec::new())).as_array_mut()?;
    if scopes.pop().is_none() {
        scopes.push("wrong".into());
    }
    Some(())
}

fn lifetime(file: &mut Table, method: &str) -> Option<()> {
    let seconds = table(file, method)?.get_mut("access_token_lifetime")?;
    *seconds = (seconds.as_integer()? * 2).into();
    Some(())
}

fn error_class(file: &mut Table, method: &str) -> Option<()> {
    (method == "oauth2").then_some(())?;
    let (_, class) = table(file, "oauth2.error_map")?.iter_mut().next()?;
    *class = if class.as_str() == Some("client") { "refused" } else { "client" }.into();
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

fn allowed_host(file: &mut Table, _: &str) -> Option<()> {
    let host = file.get_mut("allowed_hosts")?.as_array_mut()?.first_mut()?;
    *host = format!("wrong.{}", host.as_str()?).into();
    Some(())
}

fn allowed_host_too_many(file: &mut Table, _: &str) -> Option<()> {
    file.get_mut("allowed_hosts")?.as_array_mut()?.push("elsewhere.example".into());
    Some(())
}

fn fixed_header(file: &mut Table, _: &str) -> Option<()> {
    renamed_at(table(file, "headers")?, 0)
}

fn check_reading(file: &mut Table, method: &str) -> Option<()> {
    let check = table(sharer(file, method, "check")?, "check")?;
    let (key, wrong) = match (check.contains_key("success"), check.contains_key("wrong_key")) {
        (true, _) => ("success", Value::from("wrong.path")),
        (false, true) => ("wrong_key", Value::from(vec![418])),
        (false, false) => ("missing_permission", Value::from(vec![418])),
    };
    check.insert(key.to_owned(), wrong);
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
