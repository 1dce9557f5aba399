//! What the browser brings back from the authorization page (RFC 6749, section 4.1.2; RFC 9207). All of it is
//! attacker-controlled until `state` and cookie match; nothing here decides that.

use secrecy::SecretString;
use url::{Host, Url};

use super::error::{tidy_code, tidy_description};
use crate::provider::AuthorizationResponse;
use crate::public_suffix::registrable;

/// Longer values are no codes or states of any app.
const MAX_VALUE: usize = 8 * 1024;

/// The parameters of a callback.
#[derive(Clone, Debug)]
pub struct Callback {
    /// Finds the flow.
    pub state: SecretString,
    /// The issuer, if the app names itself.
    pub iss: Option<String>,
    /// What the user or the app decided.
    pub outcome: Outcome,
}

/// What the authorization page decided.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Consent.
    Code(SecretString),
    /// No consent, or a fault of app or connector.
    Error {
        /// The error code: `[a-z0-9_.-]`, at most 64 characters. `access_denied` means that the user said no.
        code: String,
        /// In words: at most 300 characters, no control characters, no HTML.
        description: Option<String>,
    },
}

/// A callback that cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// No `state`.
    #[error("the callback has no state")]
    NoState,
    /// Neither code nor error.
    #[error("the callback has neither a code nor an error")]
    NoOutcome,
    /// A parameter twice (RFC 6749, section 3.1).
    #[error("the callback has a parameter twice")]
    Repeated,
    /// A value that is too long.
    #[error("the callback has a value that is too long")]
    TooLong,
}

impl Callback {
    /// Reads `pairs` of a query or form post by the names that the definition gives. An error wins over a code.
    pub fn read(pairs: &[(String, String)], names: &AuthorizationResponse) -> Result<Self, CallbackError> {
        let state = one(pairs, &names.state)?.ok_or(CallbackError::NoState)?;
        let iss = one(pairs, &names.iss)?.map(str::to_owned);
        let code = one(pairs, &names.code)?;
        let error = one(pairs, &names.error)?;
        let description = one(pairs, &names.error_description)?;
        let outcome = match (error, code) {
            (Some(error), _) => Outcome::Error {
                code: tidy_code(error, &[]).unwrap_or_default(),
                description: description.and_then(|text| tidy_description(text, &[])),
            },
            (None, Some(code)) => Outcome::Code(code.into()),
            (None, None) => return Err(CallbackError::NoOutcome),
        };
        Ok(Self { state: state.into(), iss, outcome })
    }
}

/// The only non-empty value of `name`.
fn one<'a>(pairs: &'a [(String, String)], name: &str) -> Result<Option<&'a str>, CallbackError> {
    let mut found = pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
    let first = found.next();
    if found.next().is_some() {
        return Err(CallbackError::Repeated);
    }
    if first.is_some_and(|value| value.len() > MAX_VALUE) {
        return Err(CallbackError::TooLong);
    }
    Ok(first.filter(|value| !value.is_empty()))
}

/// What is known of the issuer before the callback.
#[derive(Clone, Copy, Debug)]
pub enum Issuer<'a> {
    /// From metadata that was pinned at set-up.
    Exact {
        /// Its name: compared byte for byte.
        name: &'a str,
        /// Whether it says that it names itself in every answer (RFC 9207, section 3), so that silence is wrong too.
        announced: bool,
    },
    /// Only the authorization endpoint of the definition. An issuer must then have its scheme and its registrable
    /// domain, as issuers often live on a sister host. A redirect URI for each connector already tells apps apart; this
    /// check is the second wall.
    Endpoint(&'a Url),
}

impl Issuer<'_> {
    /// Whether `iss` of a callback may go on. Most apps send none, so a missing one is accepted where none was announced.
    pub fn accepts(self, iss: Option<&str>) -> bool {
        match (self, iss) {
            (Issuer::Exact { announced, .. }, None) => !announced,
            (Issuer::Endpoint(_), None) => true,
            (Issuer::Exact { name, .. }, Some(iss)) => name == iss,
            (Issuer::Endpoint(endpoint), Some(iss)) => {
                Url::parse(iss).is_ok_and(|iss| is_near(&iss, endpoint))
            }
        }
    }
}

fn is_near(iss: &Url, endpoint: &Url) -> bool {
    // RFC 8414, section 2: an issuer has neither query nor fragment.
    let plain = iss.query().is_none()
        && iss.fragment().is_none()
        && iss.username().is_empty()
        && iss.password().is_none();
    let same_host = match (iss.host(), endpoint.host()) {
        (Some(Host::Domain(a)), Some(Host::Domain(b))) => {
            a == b || (registrable(a).is_some() && registrable(a) == registrable(b))
        }
        (a, b) => a.is_some() && a == b,
    };
    plain
        && iss.scheme() == endpoint.scheme()
        && iss.port_or_known_default() == endpoint.port_or_known_default()
        && same_host
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::fuzz::{CASES, mutation};

    fn names() -> AuthorizationResponse {
        AuthorizationResponse {
            code: "auth_code".to_owned(),
            state: "state".to_owned(),
            error: "error".to_owned(),
            error_description: "error_description".to_owned(),
            iss: "iss".to_owned(),
        }
    }

    fn read(query: &str) -> Result<Callback, CallbackError> {
        let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Callback::read(&pairs, &names())
    }

    #[test]
    fn parameters_are_found_by_the_names_of_the_definition() {
        let callback = read("auth_code=c%2B1&code=wrong&state=s&iss=https%3A%2F%2Fa.test").unwrap();
        assert_eq!(callback.state.expose_secret(), "s");
        assert_eq!(callback.iss.as_deref(), Some("https://a.test"));
        assert!(matches!(&callback.outcome, Outcome::Code(code) if code.expose_secret() == "c+1"));
        assert!(!format!("{callback:?}").contains("c+1"));
    }

    #[test]
    fn an_error_wins_and_is_bounded() {
        let long = "x".repeat(1000);
        let callback =
            read(&format!("state=s&auth_code=c&error=Access_Denied&error_description={long}")).unwrap();
        let Outcome::Error { code, description } = callback.outcome else { panic!("no error") };
        assert_eq!((code.as_str(), description.unwrap().len()), ("access_denied", 300));
        let callback = read("state=s&error=x&error_description=%3Cscript%3E").unwrap();
        assert!(matches!(callback.outcome, Outcome::Error { description: None, .. }));
    }

    #[test]
    fn what_cannot_be_a_callback_is_refused() {
        let refused = |query: &str| read(query).unwrap_err();
        assert_eq!(refused("auth_code=c"), CallbackError::NoState);
        assert_eq!(refused("auth_code=c&state="), CallbackError::NoState);
        assert_eq!(refused("state=s&auth_code="), CallbackError::NoOutcome);
        assert_eq!(refused("state=s&state=t&auth_code=c"), CallbackError::Repeated);
        assert_eq!(refused("state=s&auth_code=c&auth_code=c"), CallbackError::Repeated);
        assert_eq!(
            refused(&format!("state=s&auth_code={}", "x".repeat(MAX_VALUE + 1))),
            CallbackError::TooLong
        );
    }

    #[test]
    fn an_issuer_must_be_the_one_that_is_known() {
        let endpoint = Url::parse("https://auth.acme.test/authorize").unwrap();
        let near = Issuer::Endpoint(&endpoint);
        for good in [
            None,
            Some("https://auth.acme.test"),
            Some("https://acme.test/tenant/v2.0"),
            Some("https://id.acme.test/"),
        ] {
            assert!(near.accepts(good), "{good:?}");
        }
        for bad in [
            "https://evil.test",
            "https://acme.test.evil.test",
            "http://auth.acme.test",
            "https://auth.acme.test:8443",
            "acme",
            "",
            "https://acme.test/?a",
            "https://jo@acme.test/",
            "https://test",
        ] {
            assert!(!near.accepts(Some(bad)), "{bad}");
        }
        let shop = Url::parse("https://acme.myshopify.com/admin/oauth/authorize").unwrap();
        assert!(!Issuer::Endpoint(&shop).accepts(Some("https://evil.myshopify.com")));
        let local = Url::parse("http://127.0.0.1:9000/authorize").unwrap();
        assert!(Issuer::Endpoint(&local).accepts(Some("http://127.0.0.1:9000")));
        assert!(!Issuer::Endpoint(&local).accepts(Some("http://127.0.0.2:9000")));
        for announced in [true, false] {
            let exact = Issuer::Exact { name: "https://acme.test/", announced };
            assert!(exact.accepts(Some("https://acme.test/")));
            assert!(!exact.accepts(Some("https://acme.test")));
            assert_eq!(exact.accepts(None), !announced);
        }
    }

    const QUERIES: [&str; 4] = [
        "auth_code=c%2B1&state=s-1&iss=https%3A%2F%2Facme.test&session_state=z",
        "state=s&error=access_denied&error_description=The+user+said+no",
        "error=Server%20Error&auth_code=c&state=s&error_description=%3Cb%3Eno%3C%2Fb%3E%0d%0a",
        "auth_code=c&scope=a+b&state=%F0%9F%94%91",
    ];

    const ISSUERS: [&str; 4] = [
        "https://auth.acme.test",
        "https://acme.test/tenant/v2.0",
        "https://jo@evil.test:443/acme.test?a#b",
        "https://acme.test.evil.test",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(CASES))]

        #[test]
        fn s15_callback(change in mutation()) {
            let query = change.of(&QUERIES);
            let pairs: Vec<_> = url::form_urlencoded::parse(&query).into_owned().collect();
            let Ok(callback) = Callback::read(&pairs, &names()) else { return Ok(()) };
            let said = |name: &str| -> Vec<&str> {
                pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str()).collect()
            };
            prop_assert_eq!(said("state"), [callback.state.expose_secret()]);
            prop_assert!((1..=MAX_VALUE).contains(&callback.state.expose_secret().len()));
            match &callback.outcome {
                Outcome::Code(code) => {
                    prop_assert_eq!(said("auth_code"), [code.expose_secret()]);
                    prop_assert!((1..=MAX_VALUE).contains(&code.expose_secret().len()));
                    prop_assert!(said("error").concat().is_empty());
                }
                Outcome::Error { code, description } => {
                    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.-".contains(c);
                    prop_assert!(code.len() <= 64 && code.chars().all(plain));
                    let text = description.as_deref().unwrap_or_default();
                    prop_assert!(text.chars().count() <= 300);
                    prop_assert!(!text.contains(['<', '>']) && !text.contains(char::is_control));
                }
            }
        }

        #[test]
        fn s15_callback_of_an_issuer(change in mutation()) {
            let iss = change.text_of(&ISSUERS);
            let endpoint = Url::parse("https://auth.acme.test/authorize").unwrap();
            if Issuer::Endpoint(&endpoint).accepts(Some(&iss)) {
                let url = Url::parse(&iss).unwrap();
                let host = url.host_str().unwrap_or_default().trim_end_matches('.');
                prop_assert!(host == "acme.test" || host.ends_with(".acme.test"), "{}", url);
                prop_assert_eq!((url.scheme(), url.port()), ("https", None));
                prop_assert!(url.username().is_empty() && url.password().is_none() && url.query().is_none());
            }
        }
    }
}
