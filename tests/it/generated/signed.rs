//! JWTs as the app of a case looks at them: who signed, what is in the header, what is claimed. A JWT that is wanted
//! stands as a text of its own in a request, which [`same`] takes apart.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value as Json, json};
use toml::Table;

use super::case::Case;
use super::expect;
use super::judge::filled;
use super::raw::{self, Values, fill, placeholders};
use crate::support::keys::{EC, RSA, verifies};

/// In front of what a JWT must be.
pub(super) const JWT: &str = "\0jwt ";
/// The hub dates its tokens back by so many seconds.
pub(super) const BACKDATED: i64 = 30;

/// The keys of the file that say how the JWT of a method is made.
pub(super) fn shape(method: &str, table: &Table) -> Option<Table> {
    if method == "jwt" {
        return Some(table.clone());
    }
    let by_key = raw::text(table, "token_endpoint_auth_method") == Some("private_key_jwt");
    let own = table.get("client_assertion").and_then(toml::Value::as_table).cloned();
    own.or_else(|| by_key.then(Table::new))
}

fn key_of(shape: &Table) -> &str {
    raw::text(shape, "key").unwrap_or("{client_secret}")
}

fn algorithm(shape: &Table) -> &str {
    // What the file leaves open hangs on the key, and the judge's is an RSA one.
    raw::text(shape, "algorithm").unwrap_or("RS256")
}

/// The private key to be given as `name`, where that is one.
pub(super) fn pem_for(name: &str, shape: &Table) -> Option<String> {
    if !placeholders(key_of(shape)).iter().any(|other| other == name) {
        return None;
    }
    match algorithm(shape) {
        "RS256" => Some(RSA.pem.clone()),
        "ES256" => Some(EC.pem.clone()),
        _ => None,
    }
}

/// Whether the hub signs tokens without asking anybody.
pub(super) fn is_direct(case: &Case) -> bool {
    case.method == "jwt" && !case.table.contains_key("token_endpoint")
}

/// What the JWT of a case must be, as a text to be wanted.
pub(super) fn wanted(case: &Case, values: &Values) -> Option<String> {
    let shape = shape(case.method, &case.table)?;
    let mut claims = Map::new();
    if case.method != "jwt" {
        let endpoint = raw::Address::of(raw::text(&case.table, "token_endpoint")?, values)?;
        let id = Json::from(case.client_id.as_str());
        claims.insert("iss".to_owned(), id.clone());
        claims.insert("sub".to_owned(), id);
        claims.insert("aud".to_owned(), format!("https://{}{}", endpoint.host, endpoint.path).into());
        claims.insert("jti".to_owned(), expect::ANY.into());
    }
    let mut header = Map::from_iter([("typ".to_owned(), json!("JWT"))]);
    header.insert("alg".to_owned(), algorithm(&shape).into());
    put_over(&mut claims, &raw::table(&shape, "claims"), values);
    put_over(&mut header, &raw::table(&shape, "header"), values);
    let key = match algorithm(&shape) {
        "RS256" => RSA.public.clone(),
        "ES256" => EC.public.clone(),
        _ => {
            let text = fill(key_of(&shape), values)?;
            match raw::text(&shape, "key_encoding") {
                Some("hex") => hex::decode(text).unwrap(),
                Some("base64") => STANDARD.decode(text).unwrap(),
                _ => text.into_bytes(),
            }
        }
    };
    let usual = if case.method == "jwt" { None } else { Some(300) };
    let lifetime = shape.get("lifetime").and_then(toml::Value::as_integer).or(usual).unwrap();
    let wanted = json!({"key": hex::encode(key), "header": header, "claims": claims, "lifetime": lifetime});
    Some(format!("{JWT}{wanted}"))
}

fn put_over(members: &mut Map<String, Json>, own: &Table, values: &Values) {
    for (name, value) in own {
        match filled(value, values) {
            Some(Json::String(text)) if text.is_empty() => drop(members.remove(name)),
            Some(value) => drop(members.insert(name.clone(), value)),
            None => {}
        }
    }
}

/// Whether a text is the JWT that is wanted.
pub(super) fn same(wanted: &str, found: &str) -> bool {
    let wanted: Json = serde_json::from_str(wanted).unwrap();
    let parts: Vec<&str> = found.split('.').collect();
    let [header, claims, signature] = parts[..] else { return false };
    let read = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let object = |part: &str| serde_json::from_slice::<Json>(&read(part)?).ok();
    let (Some(head), Some(mut body), Some(signature)) = (object(header), object(claims), read(signature))
    else {
        return false;
    };
    let key = hex::decode(wanted["key"].as_str().unwrap()).unwrap();
    let message = &found.as_bytes()[..header.len() + 1 + claims.len()];
    let signed = match wanted["header"]["alg"].as_str().unwrap() {
        "HS256" => hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &key), message, &signature).is_ok(),
        algorithm => verifies(algorithm, &key, message, &signature),
    };
    let Some(members) = body.as_object_mut() else { return false };
    let (issued, ends) = (members.remove("iat"), members.remove("exp"));
    let lifetime = ends.as_ref().and_then(Json::as_i64).zip(issued.as_ref().and_then(Json::as_i64));
    signed
        && lifetime.is_some_and(|(ends, issued)| Some(ends - issued) == wanted["lifetime"].as_i64())
        && expect::json_differs("header", &wanted["header"], &head).is_none()
        && expect::json_differs("claims", &wanted["claims"], &body).is_none()
}
