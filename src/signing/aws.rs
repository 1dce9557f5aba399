//! AWS Signature Version 4, in headers (AWS General Reference, "Signature Version 4 signing process").

use std::fmt;
use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use chrono::{DateTime, Utc};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, RANGE};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::request::{Content, Unsigned, encoded, pairs};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const CONTENT_HASH: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Headers that are part of the signature's own.
pub(super) static OWNED: [HeaderName; 4] = [AUTHORIZATION, DATE, CONTENT_HASH, TOKEN];

/// What a signature is made with.
#[derive(Clone)]
pub struct Keys {
    /// Goes into the header.
    pub access_key_id: String,
    /// Signs.
    pub secret_access_key: SecretString,
    /// Of temporary keys.
    pub session_token: Option<SecretString>,
    /// `us-east-1`.
    pub region: String,
    /// As AWS names it in signatures.
    pub service: String,
    /// Whether the service takes bodies that are not signed, so that they stream; S3 does.
    pub unsigned_payload: bool,
    /// Whether the path is signed as it is sent instead of encoded once more; so S3 has it.
    pub path_as_sent: bool,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { region, service, .. } = self;
        f.debug_struct("Keys").field("region", region).field("service", service).finish_non_exhaustive()
    }
}

impl Keys {
    /// `Authorization` and what it signs beside the request's own headers.
    pub(super) fn headers(
        &self,
        request: &Unsigned<'_>,
        now: DateTime<Utc>,
    ) -> Option<Vec<(HeaderName, HeaderValue)>> {
        let stamp = now.format("%Y%m%dT%H%M%SZ").to_string();
        let hash = match request.content {
            Content::Whole(body) => hex::encode(digest(&SHA256, body)),
            Content::Streamed => UNSIGNED.to_owned(),
        };
        let mut own = vec![(DATE, HeaderValue::from_str(&stamp).ok()?)];
        if self.unsigned_payload {
            own.push((CONTENT_HASH, HeaderValue::from_str(&hash).ok()?));
        }
        if let Some(token) = &self.session_token {
            own.push((TOKEN, HeaderValue::from_str(token.expose_secret()).ok()?));
        }
        let (names, canonical_headers) = signed_headers(request, &own)?;
        let path = self.path(request.path);
        let query = query(request.query.unwrap_or_default());
        let method = request.method.as_str();
        let canonical =
            Zeroizing::new(format!("{method}\n{path}\n{query}\n{}\n{names}\n{hash}", *canonical_headers));
        let scope = format!("{}/{}/{}/aws4_request", &stamp[..8], self.region, self.service);
        let to_sign =
            format!("{ALGORITHM}\n{stamp}\n{scope}\n{}", hex::encode(digest(&SHA256, canonical.as_bytes())));
        let signature = hex::encode(sign(&self.key(&stamp[..8]), to_sign.as_bytes()));
        let id = &self.access_key_id;
        let authorization =
            format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
        own.push((AUTHORIZATION, HeaderValue::from_str(&authorization).ok()?));
        Some(own)
    }

    /// The key of a day, region and service.
    fn key(&self, day: &str) -> Key {
        let first = Zeroizing::new(format!("AWS4{}", self.secret_access_key.expose_secret()));
        let mut key = Key::new(HMAC_SHA256, first.as_bytes());
        for part in [day, &self.region, &self.service, "aws4_request"] {
            key = Key::new(HMAC_SHA256, sign(&key, part.as_bytes()).as_ref());
        }
        key
    }

    fn path(&self, sent: &str) -> String {
        let mut out = String::with_capacity(sent.len() + 16);
        if self.path_as_sent {
            let plain: Vec<u8> = percent_decoded(sent);
            encoded(&plain, b'/', &mut out);
        } else {
            encoded(sent.as_bytes(), b'/', &mut out);
        }
        if out.is_empty() { "/".to_owned() } else { out }
    }
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).filter(|_| *first == b'%').and_then(|code| hex::decode(code).ok());
        if let Some(byte) = code {
            out.extend(byte);
            rest = &tail[2..];
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}

/// The pairs in the order of their encoded names and values, each with its `=`.
fn query(sent: &str) -> String {
    let mut written: Vec<(String, String)> = pairs(sent)
        .map(|(name, value, _)| (super::request::strict(&name), super::request::strict(&value)))
        .collect();
    written.sort();
    let mut out = String::with_capacity(sent.len() + 16);
    for (name, value) in written {
        if !out.is_empty() {
            out.push('&');
        }
        // Writing to a string cannot fail.
        let _ = write!(out, "{name}={value}");
    }
    out
}

/// Names and lines of what is signed: the host, the media type, a range, and all of AWS's own.
fn signed_headers(
    request: &Unsigned<'_>,
    own: &[(HeaderName, HeaderValue)],
) -> Option<(String, Zeroizing<String>)> {
    let signs = |name: &HeaderName| {
        *name == CONTENT_TYPE
            || *name == RANGE
            || name.as_str().starts_with("x-amz-") && !OWNED.contains(name)
    };
    let mut lines: Vec<(&str, String)> = vec![(HOST.as_str(), request.host.to_owned())];
    for name in request.headers.keys().filter(|name| signs(name)) {
        let values = request.headers.get_all(name).iter().map(|value| value.to_str().ok().map(folded));
        lines.push((name.as_str(), values.collect::<Option<Vec<_>>>()?.join(",")));
    }
    for (name, value) in own {
        lines.push((name.as_str(), folded(value.to_str().ok()?)));
    }
    lines.sort_unstable();
    let names: Vec<&str> = lines.iter().map(|(name, _)| *name).collect();
    let mut canonical = Zeroizing::new(String::with_capacity(4096));
    for (name, value) in &lines {
        let _ = writeln!(canonical, "{name}:{value}");
    }
    Some((names.join(";"), canonical))
}

/// Without spaces around, and with one where there were several.
fn folded(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};

    use super::*;

    type Line<'a> = (&'a Method, &'a str, &'a str);
    type Pairs = Vec<(&'static str, &'static str)>;
    /// Service, request line, headers, body and signature.
    type Whole<'a> = (&'a str, Line<'a>, Pairs, &'a [u8], &'a str);
    /// Target, headers and signature.
    type Got<'a> = (&'a str, Pairs, &'a str);

    fn keys(service: &str) -> Keys {
        Keys {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: None,
            region: "us-east-1".to_owned(),
            service: service.to_owned(),
            unsigned_payload: false,
            path_as_sent: false,
        }
    }

    fn signed(
        keys: &Keys,
        line: (&Method, &str, &str),
        headers: &[(&'static str, &'static str)],
        body: &[u8],
        at: &str,
    ) -> String {
        let (method, host, target) = line;
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let request = Unsigned {
            method,
            scheme: "https",
            host,
            path,
            query,
            headers: &headers,
            content: Content::Whole(body),
        };
        let at = chrono::NaiveDateTime::parse_from_str(at, "%Y%m%dT%H%M%SZ").unwrap().and_utc();
        let made = keys.headers(&request, at).unwrap();
        let (_, authorization) = made.last().unwrap();
        authorization.to_str().unwrap().to_owned()
    }

    /// From the published test suite of Signature Version 4 (`get-vanilla` and so on), and the guide's own example.
    #[test]
    fn signatures_are_those_of_the_test_suite() {
        let form = ("content-type", "application/x-www-form-urlencoded");
        let iam = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        let (get, post) = (&Method::GET, &Method::POST);
        let host = "example.amazonaws.com";
        let cases: [Whole<'_>; 6] = [
            (
                "service",
                (get, host, "/"),
                vec![],
                b"",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "service",
                (get, host, "/?Param2=value2&Param1=value1"),
                vec![],
                b"",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "service",
                (get, host, "/\u{1234}"),
                vec![],
                b"",
                "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
            ),
            (
                "service",
                (post, host, "/"),
                vec![],
                b"",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "service",
                (post, host, "/"),
                vec![form],
                b"Param1=value1",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
            (
                "iam",
                (get, "iam.amazonaws.com", "/?Action=ListUsers&Version=2010-05-08"),
                vec![iam],
                b"",
                "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
            ),
        ];
        for (service, line, headers, body, signature) in cases {
            let made = signed(&keys(service), line, &headers, body, "20150830T123600Z");
            assert!(made.ends_with(&format!("Signature={signature}")), "{line:?}: {made}");
        }
        let made = signed(&keys("service"), (get, host, "/"), &[], b"", "20150830T123600Z");
        let wanted = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                      SignedHeaders=host;x-amz-date, Signature=";
        assert!(made.starts_with(wanted), "{made}");
    }

    /// From the examples of the S3 API reference, "Signature Calculations for the Authorization Header".
    #[test]
    fn signatures_of_an_object_store_are_those_of_its_reference() {
        let keys = Keys {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
            unsigned_payload: true,
            path_as_sent: true,
            ..keys("s3")
        };
        let host = "examplebucket.s3.amazonaws.com";
        let cases: [Got<'_>; 3] = [
            (
                "/test.txt",
                vec![("range", "bytes=0-9")],
                "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            ),
            ("/?lifecycle", vec![], "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
            (
                "/?max-keys=2&prefix=J",
                vec![],
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ),
        ];
        for (target, headers, signature) in cases {
            let made = signed(&keys, (&Method::GET, host, target), &headers, b"", "20130524T000000Z");
            assert!(made.ends_with(signature), "{target}: {made}");
        }
        assert!(!format!("{keys:?}").contains("EXAMPLEKEY"));
    }

    #[test]
    fn a_path_is_encoded_as_often_as_the_service_has_it() {
        let (twice, once) = (keys("x"), Keys { path_as_sent: true, ..keys("x") });
        assert_eq!(twice.path("/a%20b/c(d"), "/a%2520b/c%28d");
        assert_eq!(once.path("/a%20b/c(d"), "/a%20b/c%28d");
        assert_eq!(twice.path(""), "/");
        assert_eq!(once.path("/%zz%4"), "/%25zz%254");
    }
}
