//! OAuth 1.0a in the `Authorization` header (RFC 5849, section 3.5.1), by HMAC.

use std::fmt;
use std::fmt::Write as _;

use aws_lc_rs::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::request::{Content, Moment, Unsigned, pairs, strict};

/// Bodies whose members are signed (section 3.4.1.3.1).
pub(super) const FORM: &str = "application/x-www-form-urlencoded";
pub(super) static OWNED: [HeaderName; 1] = [AUTHORIZATION];

/// The hash of a signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hash {
    /// `HMAC-SHA1`, which every app knows.
    #[default]
    Sha1,
    /// `HMAC-SHA256`.
    Sha256,
}

impl Hash {
    const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "HMAC-SHA1",
            Self::Sha256 => "HMAC-SHA256",
        }
    }
}

/// What a signature is made with.
#[derive(Clone)]
pub struct Keys {
    /// The client's id ("consumer key").
    pub client_id: String,
    /// The client's secret.
    pub client_secret: SecretString,
    /// The token and its secret; none while asking for the first.
    pub token: Option<(SecretString, SecretString)>,
    /// The hash.
    pub hash: Hash,
    /// `realm`, where the app wants one.
    pub realm: Option<String>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

impl Keys {
    /// `Authorization` over a request, with `more` parameters of the protocol in it (`oauth_callback`,
    /// `oauth_verifier`).
    pub fn headers(
        &self,
        request: &Unsigned<'_>,
        moment: &Moment,
        more: &[(&str, &str)],
    ) -> Option<Vec<(HeaderName, HeaderValue)>> {
        let timestamp = moment.now.timestamp().to_string();
        let mut own: Vec<(&str, &str)> = vec![
            ("oauth_consumer_key", &self.client_id),
            ("oauth_nonce", &moment.nonce),
            ("oauth_signature_method", self.hash.name()),
            ("oauth_timestamp", &timestamp),
            ("oauth_version", "1.0"),
        ];
        own.extend(more);
        if let Some((token, _)) = &self.token {
            own.push(("oauth_token", token.expose_secret()));
        }
        let signature = self.signature(request, &own);
        own.push(("oauth_signature", &signature));
        own.sort_unstable();
        let mut header = Zeroizing::new(String::with_capacity(512));
        header.push_str("OAuth ");
        if let Some(realm) = &self.realm {
            let _ = write!(header, "realm=\"{}\", ", strict(realm));
        }
        for (place, (name, value)) in own.iter().enumerate() {
            if place > 0 {
                header.push_str(", ");
            }
            // Writing to a string cannot fail.
            let _ = write!(header, "{name}=\"{}\"", strict(value));
        }
        Some(vec![(AUTHORIZATION, HeaderValue::from_str(&header).ok()?)])
    }

    fn signature(&self, request: &Unsigned<'_>, own: &[(&str, &str)]) -> String {
        let base = base_string(request, own);
        let secret = self.token.as_ref().map_or("", |(_, secret)| secret.expose_secret());
        let key =
            Zeroizing::new(format!("{}&{}", strict(self.client_secret.expose_secret()), strict(secret)));
        let algorithm = match self.hash {
            Hash::Sha1 => HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => HMAC_SHA256,
        };
        STANDARD.encode(hmac::sign(&hmac::Key::new(algorithm, key.as_bytes()), base.as_bytes()))
    }
}

/// Section 3.4.1.1.
fn base_string(request: &Unsigned<'_>, own: &[(&str, &str)]) -> Zeroizing<String> {
    let mut parameters: Vec<(String, String)> =
        own.iter().map(|(name, value)| (strict(name), strict(value))).collect();
    let written = |text| pairs(text).map(|(name, value, _)| (strict(&name), strict(&value)));
    parameters.extend(request.query.into_iter().flat_map(written));
    let form = request
        .headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(FORM));
    if let (true, Content::Whole(body)) = (form, request.content)
        && let Ok(body) = std::str::from_utf8(body)
    {
        parameters.extend(written(body));
    }
    parameters.sort();
    let joined: Vec<String> = parameters.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let usual = if request.scheme == "https" { ":443" } else { ":80" };
    let host = request.host.to_ascii_lowercase();
    let host = host.strip_suffix(usual).unwrap_or(&host);
    let path = if request.path.is_empty() { "/" } else { request.path };
    let address = strict(&format!("{}://{host}{path}", request.scheme));
    let parameters = Zeroizing::new(strict(&joined.join("&")));
    Zeroizing::new(format!("{}&{address}&{}", request.method, *parameters))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use http::{HeaderMap, Method};

    use super::*;

    fn moment(at: i64, nonce: &str) -> Moment {
        Moment { now: DateTime::from_timestamp(at, 0).unwrap(), nonce: nonce.to_owned() }
    }

    fn signature(keys: &Keys, request: &Unsigned<'_>, moment: &Moment, own: &[(&str, &str)]) -> String {
        let header = keys.headers(request, moment, own).unwrap().remove(0).1;
        let text = header.to_str().unwrap().to_owned();
        let start = text.find("oauth_signature=\"").unwrap() + 17;
        text[start..].split('"').next().unwrap().to_owned()
    }

    fn printer(token: Option<(&str, &str)>) -> Keys {
        Keys {
            client_id: "dpf43f3p2l4k3l03".to_owned(),
            client_secret: "kd94hf93k423kf44".into(),
            token: token.map(|(token, secret)| (token.into(), secret.into())),
            hash: Hash::Sha1,
            realm: Some("Photos".to_owned()),
        }
    }

    /// The base string of RFC 5849, section 3.4.1.1, whose form has a member without a value.
    #[test]
    fn the_base_string_is_that_of_the_rfc() {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(FORM))]);
        let request = Unsigned {
            method: &Method::POST,
            scheme: "http",
            host: "EXAMPLE.COM:80",
            path: "/request",
            query: Some("b5=%3D%253D&a3=a&c%40=&a2=r%20b"),
            headers: &headers,
            content: Content::Whole(b"c2&a3=2+q"),
        };
        let own = [
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
        ];
        let wanted = "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D\
                      %26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a\
                      %26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7";
        assert_eq!(*base_string(&request, &own), wanted);
    }

    /// The well-known example of a post to a social network, "Creating a signature": a form, a query, and signs to encode.
    #[test]
    fn a_signature_is_that_of_a_published_example() {
        let keys = Keys {
            client_id: "xvz1evFS4wEEPTGEFPHBog".to_owned(),
            client_secret: "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw".into(),
            token: Some((
                "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb".into(),
                "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE".into(),
            )),
            hash: Hash::Sha1,
            realm: None,
        };
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(FORM))]);
        let request = Unsigned {
            method: &Method::POST,
            scheme: "https",
            host: "api.twitter.com",
            path: "/1.1/statuses/update.json",
            query: Some("include_entities=true"),
            headers: &headers,
            content: Content::Whole(
                b"status=Hello%20Ladies%20%2b%20Gentlemen%2c%20a%20signed%20OAuth%20request%21",
            ),
        };
        let moment = moment(1_318_622_958, "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg");
        assert_eq!(signature(&keys, &request, &moment, &[]), "hCtSmYh%2BiHYCEqBWrE7C7hYmtUk%3D");
    }

    /// RFC 5849, section 1.2. Its header leaves `oauth_version` out, which is signed here, so the base is looked at.
    #[test]
    fn the_three_steps_carry_what_each_needs() {
        let headers = HeaderMap::new();
        let request = Unsigned {
            method: &Method::POST,
            scheme: "https",
            host: "photos.example.net",
            path: "/initiate",
            query: None,
            headers: &headers,
            content: Content::Whole(b""),
        };
        let own = [
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131200"),
            ("oauth_nonce", "wIjqoS"),
            ("oauth_callback", "http://printer.example.com/ready"),
        ];
        let made = strict(&printer(None).signature(&request, &own));
        assert_eq!(made, "74KNZJeDHnMBp0EMJ9ZHt%2FXKycU%3D");
        let token = Unsigned { path: "/token", ..request };
        let own = [
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_token", "hh5s93j4hdidpola"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "walatlh"),
            ("oauth_verifier", "hfdp7dh39dks9884"),
        ];
        let made = strict(&printer(Some(("hh5s93j4hdidpola", "hdhd0244k9j7ao03"))).signature(&token, &own));
        assert_eq!(made, "gKgrFCywp7rO0OXSjdot%2FIHF7IU%3D");
        let call = Unsigned {
            method: &Method::GET,
            scheme: "http",
            path: "/photos",
            query: Some("file=vacation.jpg&size=original"),
            ..request
        };
        let own = [
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_token", "nnch734d00sl2jdk"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131202"),
            ("oauth_nonce", "chapoH"),
        ];
        let made = strict(&printer(Some(("nnch734d00sl2jdk", "pfkkdhi9sl3r4s00"))).signature(&call, &own));
        assert_eq!(made, "MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D");
        let shown = format!("{:?}", printer(None));
        assert!(!shown.contains("kd94hf93k423kf44"), "{shown}");
    }

    #[test]
    fn the_header_has_the_realm_first_and_the_rest_in_order() {
        let headers = HeaderMap::new();
        let request = Unsigned {
            method: &Method::GET,
            scheme: "https",
            host: "api.acme.test",
            path: "/",
            query: None,
            headers: &headers,
            content: Content::Streamed,
        };
        let keys = Keys { hash: Hash::Sha256, ..printer(Some(("t ok", "s"))) };
        let made = keys.headers(&request, &moment(1_900_000_000, "n"), &[]).unwrap().remove(0).1;
        let text = made.to_str().unwrap();
        let start = "OAuth realm=\"Photos\", oauth_consumer_key=\"dpf43f3p2l4k3l03\", oauth_nonce=\"n\", \
                     oauth_signature=\"";
        assert!(text.starts_with(start), "{text}");
        assert!(
            text.ends_with(
                "oauth_signature_method=\"HMAC-SHA256\", oauth_timestamp=\"1900000000\", oauth_token=\"t%20ok\", \
                 oauth_version=\"1.0\""
            ),
            "{text}"
        );
    }
}
