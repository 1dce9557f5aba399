//! Signatures over whole requests, as the app of a case works them out: from the file, from what was typed, and from what
//! arrived. Written by the vendors' and the RFC's text, and not by the hub's code.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, Key, sign};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use url::form_urlencoded;

use super::case::Case;
use super::expect::{ANY, Answer, Body, Seen, Wanted};
use super::judge::{access_token, with};
use super::raw::{self, Address, Values, fill};

/// How a request must be signed.
#[derive(Clone, Debug)]
pub(super) enum Signature {
    /// AWS Signature Version 4.
    Aws(BTreeMap<&'static str, String>),
    /// OAuth 1.0a.
    OAuth1(Box<Signed>),
}

/// What a signature of OAuth 1.0a is made with.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    client: (String, String),
    /// The token and its secret.
    token: Option<(String, String)>,
    method: String,
    realm: Option<String>,
    /// Further parameters of the protocol.
    more: Vec<(String, String)>,
}

/// The signature of a call or check; none where the method signs nothing.
pub(super) fn of(case: &Case, values: &Values, is_check: bool) -> Option<Signature> {
    if case.method == "oauth1" {
        let token = (access_token(case, 1), token_secret(case));
        return Some(signed(case, values, Some(token), Vec::new()));
    }
    if case.method != "aws_sigv4" {
        return None;
    }
    let of_check = is_check && case.table.contains_key("check_service");
    let keys = ["service", "region", "access_key_id", "secret_access_key", "session_token"];
    let mut parts: BTreeMap<&'static str, String> =
        keys.into_iter().filter_map(|key| Some((key, fill(raw::text(&case.table, key)?, values)?))).collect();
    for key in ["unsigned_payload", "path_as_sent"] {
        let set = case.table.get(key).and_then(toml::Value::as_bool) == Some(true);
        if set && !of_check {
            parts.insert(key, "true".to_owned());
        }
    }
    if of_check {
        parts.insert("service", fill(raw::text(&case.table, "check_service")?, values)?);
    }
    Some(Signature::Aws(parts))
}

impl Signature {
    /// The headers that it takes; what is in them is looked at as a whole.
    pub(super) fn headers(&self) -> BTreeMap<String, String> {
        let any = |name: &str| (name.to_owned(), ANY.to_owned());
        match self {
            Self::Aws(parts) => {
                let mut headers = BTreeMap::from([any("authorization"), any("x-amz-date")]);
                if let Some(token) = parts.get("session_token") {
                    headers.insert("x-amz-security-token".to_owned(), token.clone());
                }
                if parts.contains_key("unsigned_payload") {
                    headers.extend([any("x-amz-content-sha256")]);
                }
                headers
            }
            Self::OAuth1(_) => BTreeMap::from([any("authorization")]),
        }
    }

    /// What is wrong with the signature of a request.
    pub(super) fn differs(&self, seen: &Seen) -> Option<String> {
        match self {
            Self::Aws(parts) => aws(parts, seen),
            Self::OAuth1(signed) => oauth1(signed, seen),
        }
        .err()
        .map(|what| format!("is signed wrongly: {what}"))
    }
}

fn header<'s>(seen: &'s Seen, name: &str) -> Result<&'s str, String> {
    let value = seen.headers.get(name).and_then(|value| value.to_str().ok());
    value.ok_or_else(|| format!("no `{name}`"))
}

fn hmac_sha256(key: &[u8], text: &str) -> Vec<u8> {
    sign(&Key::new(HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

/// RFC 3986: all but the unreserved; slashes stay in a path.
fn encoded(text: &str, slashes: bool) -> String {
    let free = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || slashes && byte == b'/';
    text.bytes().map(|b| if free(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn sorted_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (encoded(&name, false), encoded(&value, false)))
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn aws(parts: &BTreeMap<&'static str, String>, seen: &Seen) -> Result<(), String> {
    let authorization = header(seen, "authorization")?;
    let fields = authorization.strip_prefix("AWS4-HMAC-SHA256 ").ok_or("another algorithm")?;
    let field = |name: &str| {
        let found = fields.split(", ").find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        found.ok_or_else(|| format!("no {name}"))
    };
    let date = header(seen, "x-amz-date")?;
    let day = date.get(..8).ok_or("no day")?;
    let scope = format!("{day}/{}/{}/aws4_request", parts["region"], parts["service"]);
    let credential = format!("{}/{scope}", parts["access_key_id"]);
    if field("Credential")? != credential {
        return Err(format!("by {}, not {credential}", field("Credential")?));
    }
    let names: Vec<&str> = field("SignedHeaders")?.split(';').collect();
    for needed in ["host", "x-amz-date"] {
        if !names.contains(&needed) {
            return Err(format!("`{needed}` is left out"));
        }
    }
    let unsigned = seen
        .headers
        .keys()
        .find(|name| name.as_str().starts_with("x-amz-") && !names.contains(&name.as_str()));
    if let Some(name) = unsigned {
        return Err(format!("`{name}` is left out"));
    }
    let mut lines = String::new();
    for name in &names {
        let _ = writeln!(lines, "{name}:{}", header(seen, name)?.trim());
    }
    let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
    let path = if parts.contains_key("path_as_sent") {
        encoded(&raw::decoded(path), true)
    } else {
        encoded(path, true)
    };
    let hash = hex::encode(Sha256::digest(&seen.body));
    let hash = if parts.contains_key("unsigned_payload") {
        let told = header(seen, "x-amz-content-sha256")?;
        if told != "UNSIGNED-PAYLOAD" && told != hash {
            return Err("another body".to_owned());
        }
        told.to_owned()
    } else {
        hash
    };
    let request =
        format!("{}\n{path}\n{}\n{lines}\n{}\n{hash}", seen.method, sorted_query(query), names.join(";"));
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex::encode(Sha256::digest(request)));
    let mut key = format!("AWS4{}", parts["secret_access_key"]).into_bytes();
    for part in [day, &parts["region"], &parts["service"], "aws4_request"] {
        key = hmac_sha256(&key, part);
    }
    let wanted = hex::encode(hmac_sha256(&key, &text));
    if field("Signature")? == wanted { Ok(()) } else { Err("another signature".to_owned()) }
}

fn signed(
    case: &Case,
    values: &Values,
    token: Option<(String, String)>,
    more: Vec<(String, String)>,
) -> Signature {
    Signature::OAuth1(Box::new(Signed {
        client: (case.client_id.clone(), case.client_secret.clone()),
        token,
        method: raw::text(&case.table, "signature_method").unwrap_or("HMAC-SHA1").to_owned(),
        realm: raw::text(&case.table, "realm").and_then(|realm| fill(realm, values)),
        more,
    }))
}

fn oauth1(wanted: &Signed, seen: &Seen) -> Result<(), String> {
    let fields = header(seen, "authorization")?.strip_prefix("OAuth ").ok_or("another scheme")?;
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for field in fields.split(',') {
        let (name, value) = field.trim().split_once('=').ok_or("a field without a value")?;
        found.insert(name.to_owned(), raw::decoded(value.trim_matches('"')));
    }
    let told = found.remove("oauth_signature").ok_or("no signature")?;
    if found.remove("realm") != wanted.realm {
        return Err("another realm".to_owned());
    }
    let mut must: BTreeMap<String, String> = wanted.more.iter().cloned().collect();
    must.insert("oauth_consumer_key".to_owned(), wanted.client.0.clone());
    must.insert("oauth_signature_method".to_owned(), wanted.method.clone());
    must.insert("oauth_version".to_owned(), "1.0".to_owned());
    must.extend(wanted.token.iter().map(|(token, _)| ("oauth_token".to_owned(), token.clone())));
    let mut rest = found.clone();
    for once in ["oauth_nonce", "oauth_timestamp"] {
        rest.remove(once).filter(|value| !value.is_empty()).ok_or_else(|| format!("no {once}"))?;
    }
    if rest != must {
        return Err(format!("with {rest:?}, not {must:?}"));
    }
    let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
    let mut pairs: Vec<(String, String)> =
        found.iter().map(|(name, value)| (encoded(name, false), encoded(value, false))).collect();
    let query = form_urlencoded::parse(query.as_bytes());
    pairs.extend(query.map(|(name, value)| (encoded(&name, false), encoded(&value, false))));
    pairs.sort();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let address = format!("https://{}{path}", header(seen, "host")?);
    let base = format!("{}&{}&{}", seen.method, encoded(&address, false), encoded(&pairs.join("&"), false));
    let secret = wanted.token.as_ref().map_or("", |(_, secret)| secret);
    let key = format!("{}&{}", encoded(&wanted.client.1, false), encoded(secret, false));
    let hash = if wanted.method == "HMAC-SHA1" { HMAC_SHA1_FOR_LEGACY_USE_ONLY } else { HMAC_SHA256 };
    let signature = STANDARD.encode(sign(&Key::new(hash, key.as_bytes()), base.as_bytes()));
    if signature == told { Ok(()) } else { Err("another signature".to_owned()) }
}

/// The secret of the token.
pub(super) fn token_secret(case: &Case) -> String {
    format!("ts.{}+/~=&{}", case.slug, case.number)
}

fn temporary_pair(case: &Case) -> (String, String) {
    (format!("tmp.{}+/~{}", case.slug, case.number), format!("tmps.{}&={}", case.slug, case.number))
}

fn verifier(case: &Case) -> String {
    format!("ver+/={}", case.number)
}

fn step(case: &Case, step: &'static str, endpoint: &str, signature: Signature) -> Wanted {
    let address = Address::of(raw::text(&case.table, endpoint).unwrap(), &with(case, &[])).unwrap();
    let headers = signature.headers();
    Wanted { step, method: "POST", address, headers, body: Body::Empty, signature: Some(signature) }
}

fn form(pairs: &[(String, String)]) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    Answer::text(200, body)
}

/// The request for temporary credentials.
pub(super) fn first(case: &Case, redirect_uri: &str) -> Wanted {
    let more = vec![("oauth_callback".to_owned(), redirect_uri.to_owned())];
    let signature = signed(case, &with(case, &[]), None, more);
    step(case, "the request for temporary credentials", "request_token_endpoint", signature)
}

/// Temporary credentials.
pub(super) fn temporary(case: &Case) -> Answer {
    let (token, secret) = temporary_pair(case);
    form(&[
        ("oauth_token".to_owned(), token),
        ("oauth_token_secret".to_owned(), secret),
        ("oauth_callback_confirmed".to_owned(), "true".to_owned()),
    ])
}

/// The page that the browser is sent to.
pub(super) fn consent(case: &Case) -> Address {
    let mut values = with(case, &[]);
    values.insert("scope".to_owned(), case.scopes().join(","));
    let mut address =
        Address::of(raw::text(&case.table, "authorization_endpoint").unwrap(), &values).unwrap();
    address.query.push(("oauth_token".to_owned(), temporary_pair(case).0));
    for (name, value) in raw::table(&case.table, "authorization_params") {
        address.query.extend(value.as_str().and_then(|value| Some((name, fill(value, &values)?))));
    }
    address
}

/// What the browser brings back.
pub(super) fn callback(case: &Case) -> Vec<(String, String)> {
    let mut pairs = vec![
        ("oauth_token".to_owned(), temporary_pair(case).0),
        ("oauth_verifier".to_owned(), verifier(case)),
    ];
    for (variable, parameter) in case.captured("callback.") {
        pairs.push((parameter, case.word_for(&variable)));
    }
    pairs
}

/// The request for the token.
pub(super) fn last(case: &Case) -> Wanted {
    let more = vec![("oauth_verifier".to_owned(), verifier(case))];
    let signature = signed(case, &with(case, &[]), Some(temporary_pair(case)), more);
    step(case, "the request for the token", "token_endpoint", signature)
}

/// The token, its secret, and what the app tells beside them.
pub(super) fn tokens(case: &Case) -> Answer {
    let mut pairs = vec![
        ("oauth_token".to_owned(), access_token(case, 1)),
        ("oauth_token_secret".to_owned(), token_secret(case)),
    ];
    for (variable, path) in case.captured("token.") {
        pairs.push((path, case.word_for(&variable)));
    }
    form(&pairs)
}
