//! What the hub signs for a token request: JWTs that are a credential by themselves or are exchanged for a token
//! (RFC 7523, section 2.1), and those by which a client authenticates (section 2.2). Each is signed anew for each
//! attempt, since an app may refuse a `jti` that it has seen.

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;

use super::{ClientAuth, TokenError, pkce};
use crate::{
    provider::{AuthMethod, JwtShape, ParamValue, RenderError, TokenRequest, Values},
    random::SystemRandom,
    signing::{SigningKey, jwt},
};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Parameters to be put over the standard ones.
type Overrides = Vec<(String, Option<ParamValue>)>;

/// A JWT of `shape` with `usual` claims, signed at `now`.
pub(super) fn signed(
    shape: &JwtShape,
    values: &Values,
    usual: Map<String, Value>,
    now: DateTime<Utc>,
) -> Result<SecretString, TokenError> {
    let key = shape.key.render_text(values)?.ok_or_else(|| missing_key(shape))?;
    let key = SigningKey::read(shape.algorithm, shape.encoding, key.expose_secret())
        .map_err(|_| TokenError::local())?;
    let mut header = Map::new();
    put_over(&mut header, &shape.header.render(values)?);
    let mut claims = usual;
    put_over(&mut claims, &shape.claims.render(values)?);
    let lifetime = i64::try_from(shape.lifetime.as_secs()).map_err(|_| TokenError::local())?;
    jwt::signed(&key, header, claims, now.timestamp(), lifetime).map_err(|_| TokenError::local())
}

fn missing_key(shape: &JwtShape) -> RenderError {
    RenderError::Missing(shape.key.names().next().unwrap_or("key").to_owned())
}

fn put_over(members: &mut Map<String, Value>, own: &[(String, Option<ParamValue>)]) {
    for (name, value) in own {
        match value {
            Some(value) => drop(members.insert(name.clone(), value.expose_json())),
            None => drop(members.remove(name)),
        }
    }
}

/// The client as it authenticates to `token`, with the parameters that this takes. `values` hold the built-ins of the
/// client, and `endpoint` is the token endpoint.
pub(super) fn authenticated(
    token: &TokenRequest,
    client: &ClientAuth,
    values: &Values,
    endpoint: &Url,
    now: DateTime<Utc>,
) -> Result<(ClientAuth, Overrides), TokenError> {
    let Some(shape) = &token.client_assertion else {
        return Ok((client.clone(), Vec::new()));
    };
    let id = Value::from(client.client_id.as_str());
    let unique = pkce::new_state(&SystemRandom);
    let mut audience = endpoint.clone();
    audience.set_query(None);
    let usual = Map::from_iter([
        ("iss".to_owned(), id.clone()),
        ("sub".to_owned(), id),
        ("aud".to_owned(), Value::from(audience.as_str())),
        ("jti".to_owned(), Value::from(unique.expose_secret())),
    ]);
    let assertion = signed(shape, values, usual, now)?;
    let ClientAuth { client_id, .. } = client.clone();
    if token.auth_method != Some(AuthMethod::PrivateKeyJwt) {
        return Ok((ClientAuth { client_id, client_secret: Some(assertion) }, Vec::new()));
    }
    let text = |value: SecretString| Some(ParamValue::Text(value));
    let parameters = vec![
        ("client_assertion_type".to_owned(), text(TYPE.into())),
        ("client_assertion".to_owned(), text(assertion)),
    ];
    Ok((ClientAuth { client_id, client_secret: None }, parameters))
}

/// The parameters of the definition behind those of the client, so that a file can take one away.
pub(super) fn with(mut own: Overrides, rendered: Overrides) -> Overrides {
    for (name, value) in rendered {
        own.retain(|(other, _)| *other != name);
        own.push((name, value));
    }
    own
}
