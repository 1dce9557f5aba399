//! A signed JWT in compact form (RFC 7515, section 7.1; RFC 7519).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::{KeyError, SigningKey};

/// A clock that is this many seconds behind ours must not see a token from later.
pub const BACKDATED: i64 = 30;

/// The JWT of `claims`, which get `iat` and `exp` unless they have them, with `header` beside `alg` and `typ`. `now` and
/// `lifetime` are seconds; the token is dated back by [`BACKDATED`], and lives so long from there.
pub fn signed(
    key: &SigningKey,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    now: i64,
    lifetime: i64,
) -> Result<SecretString, KeyError> {
    let issued = now - BACKDATED;
    let head = laid_over(json!({"alg": key.algorithm().as_str(), "typ": "JWT"}), header);
    let body = laid_over(json!({"iat": issued, "exp": issued + lifetime}), claims);
    let encoded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let message = format!("{}.{}", encoded(&head), encoded(&body));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes())?);
    Ok(format!("{message}.{signature}").into())
}

fn laid_over(usual: Value, own: Map<String, Value>) -> Value {
    let mut members = match usual {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    members.extend(own);
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::super::{Algorithm, KeyEncoding};
    use super::*;

    #[test]
    fn the_parts_are_what_was_given_and_when() {
        let key = SigningKey::read(Some(Algorithm::Hs256), KeyEncoding::Text, "secret").unwrap();
        let header = Map::from_iter([("kid".to_owned(), json!("k1"))]);
        let claims = Map::from_iter([("iss".to_owned(), json!("me"))]);
        let token = signed(&key, header, claims, 1_900_000_000, 300).unwrap();
        let parts: Vec<&str> = token.expose_secret().split('.').collect();
        let read =
            |part: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap() };
        assert_eq!(read(parts[0]), json!({"alg": "HS256", "typ": "JWT", "kid": "k1"}));
        assert_eq!(read(parts[1]), json!({"iss": "me", "iat": 1_899_999_970, "exp": 1_900_000_270}));
        let message = format!("{}.{}", parts[0], parts[1]);
        assert_eq!(URL_SAFE_NO_PAD.decode(parts[2]).unwrap(), key.sign(message.as_bytes()).unwrap());
        assert_eq!(parts.len(), 3);
    }
}
