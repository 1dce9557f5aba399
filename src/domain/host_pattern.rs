//! Hosts that a secret may be sent to: exact ones, or all that stand one label below a name that somebody registered.

use std::fmt;
use std::str::FromStr;

use url::Host;

use crate::public_suffix::registrable;

/// `host`, `host:port`, `*.host` or `*.host:port`. Without a port it means every port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    /// In lower case; an IPv6 address in brackets.
    host: String,
    any_label: bool,
    port: Option<u16>,
}

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHost {
    /// Not a host, perhaps with a port.
    #[error("not a host name or address, perhaps with a port")]
    Malformed,
    /// A star that stands elsewhere than as the whole first label.
    #[error("a star stands for the whole first label")]
    Star,
    /// A star over a name below which anybody can register.
    #[error("a star needs a registered name behind it")]
    Public,
}

impl FromStr for HostPattern {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let (any_label, rest) = text.strip_prefix("*.").map_or((false, text), |rest| (true, rest));
        if rest.contains('*') {
            return Err(InvalidHost::Star);
        }
        let (host, port) = split_port(rest).ok_or(InvalidHost::Malformed)?;
        let host = match host_of(host).ok_or(InvalidHost::Malformed)? {
            Host::Domain(name) => {
                if any_label && registrable(&name).is_none() {
                    return Err(InvalidHost::Public);
                }
                name
            }
            address @ (Host::Ipv4(_) | Host::Ipv6(_)) if !any_label => address.to_string(),
            Host::Ipv4(_) | Host::Ipv6(_) => return Err(InvalidHost::Star),
        };
        Ok(Self { host, any_label, port })
    }
}

/// Host and port of `host` or `host:port`.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let colon = match text.rfind(']') {
        Some(end) => text[end..].find(':').map(|at| at + end),
        None => text.find(':'),
    };
    match colon {
        None => Some((text, None)),
        Some(at) => {
            let digits = &text[at + 1..];
            let port = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
            port.filter(|port| *port > 0).map(|port| (&text[..at], Some(port)))
        }
    }
}

/// A host that reads the same everywhere: letters, digits, dashes and underscores in labels that are not empty.
fn host_of(text: &str) -> Option<Host> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'[' | b']');
    if !text.bytes().all(plain) {
        return None;
    }
    let host = Host::parse(text).ok()?;
    match &host {
        Host::Domain(name) => {
            let sound = name.len() <= 253 && name.split('.').all(|label| (1..=63).contains(&label.len()));
            sound.then_some(host)
        }
        Host::Ipv4(_) | Host::Ipv6(_) => Some(host),
    }
}

impl HostPattern {
    /// Whether it lets a call through to `host`, which is in lower case, and `port`.
    pub fn matches(&self, host: &str, port: u16) -> bool {
        let named = if self.any_label {
            host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == self.host)
        } else {
            host == self.host
        };
        named && self.port.is_none_or(|own| own == port)
    }

    /// Whether it lets that call through and says the port itself.
    pub fn names(&self, host: &str, port: u16) -> bool {
        self.port.is_some() && self.matches(host, port)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.any_label {
            f.write_str("*.")?;
        }
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> HostPattern {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn patterns_are_hosts_in_one_writing() {
        for (text, shown) in [
            ("api.stripe.com", "api.stripe.com"),
            ("API.Stripe.com:443", "api.stripe.com:443"),
            ("*.acme.test", "*.acme.test"),
            ("*.acme.co.uk:8443", "*.acme.co.uk:8443"),
            ("127.0.0.1", "127.0.0.1"),
            ("2130706433:80", "127.0.0.1:80"),
            ("[::1]:8080", "[::1]:8080"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(pattern(text).to_string(), shown);
            assert_eq!(pattern(shown), pattern(text));
        }
    }

    #[test]
    fn what_is_no_host_or_too_wide_is_refused() {
        use InvalidHost::{Malformed, Public, Star};
        for (text, error) in [
            ("", Malformed),
            ("https://api.stripe.com", Malformed),
            ("api.stripe.com/", Malformed),
            ("api.stripe.com:0", Malformed),
            ("api.stripe.com:99999", Malformed),
            ("api.stripe.com:", Malformed),
            ("a..b", Malformed),
            ("acme.test.", Malformed),
            ("a@b", Malformed),
            ("a b", Malformed),
            ("a%2e", Malformed),
            ("*", Star),
            ("*.*.acme.test", Star),
            ("api.*.test", Star),
            ("*api.acme.test", Star),
            ("*.127.0.0.1", Star),
            ("*.com", Public),
            ("*.co.uk", Public),
            ("*.github.io", Public),
            ("*.localhost", Public),
        ] {
            assert_eq!(text.parse::<HostPattern>().unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn a_star_is_one_label_and_a_port_is_itself() {
        let wide = pattern("*.acme.test");
        assert!(wide.matches("eu.acme.test", 443) && wide.matches("us.acme.test", 8443));
        for host in ["acme.test", "a.b.acme.test", ".acme.test", "evilacme.test", "eu.acme.test.evil.test"] {
            assert!(!wide.matches(host, 443), "{host}");
        }
        let exact = pattern("api.acme.test:8443");
        assert!(exact.matches("api.acme.test", 8443) && !exact.matches("api.acme.test", 443));
        assert!(exact.names("api.acme.test", 8443) && !exact.names("api.acme.test", 443));
        assert!(!wide.names("eu.acme.test", 443) && !exact.names("eu.acme.test", 8443));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn no_other_host_matches(
            label in "[a-z0-9]{1,10}",
            host in "([a-z0-9.@/:-]{0,12}\\.)?acme\\.test([a-z0-9./@:#-]{0,12})?",
        ) {
            let exact = pattern("acme.test").matches(&host, 443);
            prop_assert_eq!(exact, host == "acme.test");
            let wide = pattern("*.acme.test").matches(&host, 443);
            let below = host.strip_suffix(".acme.test").is_some_and(|label| !label.is_empty() && !label.contains('.'));
            prop_assert_eq!(wide, below);
            let written = format!("{label}.acme.test");
            prop_assert!(pattern("*.acme.test").matches(&written, 1));
        }
    }
}
