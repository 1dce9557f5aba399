//! Exact web origins, as `Origin` headers and `postMessage` have them.

use url::{Host, Url};

/// The origin that `text` is, in its canonical form: `https`, or `http` on loopback, with no path; none otherwise.
pub fn parse_origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let plain = url.username().is_empty() && url.password().is_none() && !text.ends_with('/');
    (bare && plain && is_allowed(&url)).then(|| url.origin().ascii_serialization())
}

/// The origin of an absolute address that a browser may be sent to; none where its scheme or host is not allowed.
pub fn origin_of(address: &Url) -> Option<String> {
    let plain = address.username().is_empty() && address.password().is_none();
    (plain && is_allowed(address)).then(|| address.origin().ascii_serialization())
}

fn is_allowed(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.host().is_some_and(|host| match host {
            // The URL standard lets more through than any name has.
            Host::Domain(name) => {
                name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
            }
            Host::Ipv4(_) | Host::Ipv6(_) => true,
        }),
        "http" => is_loopback(url),
        _ => false,
    }
}

/// Whether the host of `url` is this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port_alone() {
        assert_eq!(parse_origin("https://App.Acme.test"), Some("https://app.acme.test".into()));
        assert_eq!(parse_origin("https://acme.test:443"), Some("https://acme.test".into()));
        assert_eq!(parse_origin("http://localhost:3000"), Some("http://localhost:3000".into()));
        for bad in [
            "https://acme.test/",
            "https://acme.test/app",
            "http://acme.test",
            "https://*.acme.test",
            "null",
            "https://jo@acme.test",
            "acme.test",
            "",
            "*",
            "javascript:alert(1)",
        ] {
            assert_eq!(parse_origin(bad), None, "{bad}");
        }
    }
}
