//! Deliberately wrong facts: one at a time, in what the hub loads, while the judge goes on reading the right file.

use toml::{Table, Value};

use super::case::Case;
use super::raw::{self, Raw};

/// A kind of mistake: changes the file, or says that it has no such fact.
type Mistake = fn(&mut Table, &str) -> Option<()>;

/// Every kind of mistake, by what is wrong.
pub(super) const MISTAKES: [(&str, Mistake); 37] = [
    ("placement: name", placement_name),
    ("placement: form", placement_form),
    ("scope separator", separator),
    ("client authentication", auth_method),
    ("body format", body_format),
    ("code challenge", challenge),
    ("token parameter", |file, method| rename_key(file, method, "token_params")),
    ("authorization parameter", |file, method| rename_key(file, method, "authorization_params")),
    ("refresh parameter", |file, method| rename_key(file, method, "refresh.params")),
    ("vendor name", vendor_name),
    ("callback name", callback_name),
    ("response member", response_member),
    ("refresh response", refresh_response),
    ("token endpoint", |file, method| longer(table(file, method)?, "token_endpoint")),
    ("authorization endpoint", |file, method| longer(table(file, method)?, "authorization_endpoint")),
    ("refresh endpoint", refresh_endpoint),
    ("revocation endpoint", |file, method| table(file, method)?.remove("revocation_endpoint").map(drop)),
    ("scopes", scopes),
    ("lifetime", lifetime),
    ("error class", error_class),
    ("reuse", reuse),
    ("end of the grant", end_of_grant),
    ("base URL", |file, method| longer(sharer(file, method, "base_url")?, "base_url")),
    ("fixed header", fixed_header),
    ("captured value", captured),
    ("check: path", |file, method| longer(table(sharer(file, method, "check")?, "check")?, "path")),
    ("check: reading", check_reading),
    ("server", |file, method| (method == "mcp").then_some(()).and(longer(table(file, method)?, "url"))),
    ("signature: service", |file, method| signature_text(file, method, "service")),
    ("signature: region", |file, method| signature_text(file, method, "region")),
    ("signature: path", signature_path),
    ("signature: method", signature_method),
    ("request token endpoint", |file, method| longer(table(file, method)?, "request_token_endpoint")),
    ("signed: claim", |file, method| renamed_in_shape(file, method, "claims")),
    ("signed: header", |file, method| renamed_in_shape(file, method, "header")),
    ("signed: lifetime", shape_lifetime),
    ("signed: algorithm", shape_algorithm),
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

fn refresh_response(file: &mut Table, method: &str) -> Option<()> {
    table(file, &format!("{method}.refresh"))?.remove("token_response").map(drop)
}

fn signature_text(file: &mut Table, method: &str, key: &str) -> Option<()> {
    (method == "aws_sigv4").then_some(())?;
    table(file, method)?.insert(key.to_owned(), "wrong".into());
    Some(())
}

fn signature_method(file: &mut Table, method: &str) -> Option<()> {
    (method == "oauth1").then_some(())?;
    let own = table(file, method)?;
    let usual = raw::text(own, "signature_method").is_none_or(|word| word == "HMAC-SHA1");
    own.insert("signature_method".to_owned(), if usual { "HMAC-SHA256" } else { "HMAC-SHA1" }.into());
    Some(())
}

fn signature_path(file: &mut Table, method: &str) -> Option<()> {
    (method == "aws_sigv4").then_some(())?;
    let own = table(file, method)?;
    let set = own.get("path_as_sent").and_then(Value::as_bool) == Some(true);
    own.insert("path_as_sent".to_owned(), (!set).into());
    Some(())
}

/// The table that says how the JWT of a method is made.
fn shape<'a>(file: &'a mut Table, method: &str) -> Option<&'a mut Table> {
    if method == "jwt" { table(file, "jwt") } else { table(file, &format!("{method}.client_assertion")) }
}

fn renamed_in_shape(file: &mut Table, method: &str, key: &str) -> Option<()> {
    let members = shape(file, method)?.get_mut(key)?.as_table_mut()?;
    renamed_at(members, 0)
}

fn shape_lifetime(file: &mut Table, method: &str) -> Option<()> {
    let own = shape(file, method)?;
    let seconds = own.get("lifetime").and_then(Value::as_integer).unwrap_or(300);
    own.insert("lifetime".to_owned(), (seconds * 2).into());
    Some(())
}

fn shape_algorithm(file: &mut Table, method: &str) -> Option<()> {
    let own = shape(file, method)?;
    let wrong = if raw::text(own, "algorithm")? == "RS256" { "ES256" } else { "RS256" };
    own.insert("algorithm".to_owned(), wrong.into());
    Some(())
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

fn fixed_header(file: &mut Table, _: &str) -> Option<()> {
    renamed_at(table(file, "headers")?, 0)
}

fn captured(file: &mut Table, method: &str) -> Option<()> {
    let raw = Raw { slug: String::new(), text: String::new(), table: file.clone() };
    let method = raw.methods().into_iter().find(|known| *known == method)?;
    let case = Case::of(&raw, method, 1);
    let mut reached = case.variables().into_iter().map(|(name, _)| name);
    // One that the app tells with this method, and that is no part of the method's own table.
    let shared = raw::table(file, "variables");
    let name = reached.find(|name| case.told.contains_key(name) && shared.contains_key(name))?;
    let variable = table(file, "variables")?.get_mut(&name)?;
    let variable = variable.as_table_mut()?;
    if let Some(lookup) = variable.get_mut("lookup").and_then(Value::as_table_mut) {
        lookup.insert("path".to_owned(), "wrong.path".into());
    } else {
        let wrong = format!("{}_wrong", raw::text(variable, "from")?);
        variable.insert("from".to_owned(), wrong.into());
    }
    Some(())
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
