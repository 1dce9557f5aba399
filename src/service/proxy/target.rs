//! Where a call goes: scheme and authority that no path or header can change, and the path below which it stays.

use http::Uri;
use http::uri::{Authority as UriAuthority, PathAndQuery, Scheme};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;
use zeroize::Zeroizing;

use super::path_refused;
use crate::domain::call_path;
use crate::provider::Authority;
use crate::service::{Code, Error};

/// The place below which a call stays.
#[derive(Clone)]
pub(super) struct Base {
    scheme: Scheme,
    authority: UriAuthority,
    /// Without a slash at its end. A definition may put a secret into it.
    path: SecretString,
}

impl Base {
    /// The base that an absolute address is; its query is left out.
    pub(super) fn of(url: &Url) -> Option<(Self, Authority)> {
        let scheme = match url.scheme() {
            "https" => Scheme::HTTPS,
            "http" => Scheme::HTTP,
            _ => return None,
        };
        let host = url.host_str()?.to_owned();
        let port = url.port_or_known_default()?;
        let written = url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let authority = written.parse().ok()?;
        let path = SecretString::from(url.path().trim_end_matches('/'));
        Some((Self { scheme, authority, path }, Authority { host, port }))
    }

    /// The same at the root of another host.
    pub(super) fn at(&self, to: &Authority) -> Option<Self> {
        let usual = if self.scheme == Scheme::HTTPS { 443 } else { 80 };
        let written = if to.port == usual { to.host.clone() } else { format!("{}:{}", to.host, to.port) };
        Some(Self { scheme: self.scheme.clone(), authority: written.parse().ok()?, path: "".into() })
    }

    /// The port that the address writes.
    pub(super) fn port(&self) -> Option<u16> {
        self.authority.port_u16()
    }

    /// The path of a call, with room for so many bytes more.
    fn below(&self, path: &str, room: usize) -> Zeroizing<String> {
        let base = self.path.expose_secret();
        let mut text = Zeroizing::new(String::with_capacity(base.len() + path.len() + 1 + room));
        text.push_str(base);
        if !path.is_empty() || base.is_empty() {
            text.push('/');
            text.push_str(path);
        }
        text
    }

    /// What is written down of the whole path of a call.
    pub(super) fn template(&self, path: &str) -> String {
        call_path::template(self.below(path, 0).trim_start_matches('/'))
    }

    /// The address of a call with a checked path.
    pub(super) fn address(&self, path: &str, query: Option<&str>) -> Result<Uri, Error> {
        let mut text = self.below(path, query.map_or(0, |query| query.len() + 1));
        if let Some(query) = query {
            text.push('?');
            text.push_str(query);
        }
        let path = PathAndQuery::try_from(text.as_bytes()).map_err(|_| path_refused())?;
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .map_err(|_| path_refused())
    }
}

/// An address that the caller gives: its base, where it leads, and its query as it is written.
pub(super) fn given(text: &str) -> Result<(Base, Authority, Option<String>), Error> {
    let wrong = || {
        let message =
            "Write an absolute address such as https://api.acme.test/v1, without user name or fragment.";
        Error::invalid("/vouchsafe-url", "invalid_url", message)
    };
    let (_, rest) = text.split_once("://").ok_or_else(wrong)?;
    if text.contains('#') || text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err(wrong());
    }
    let (before, query) = rest.split_once('?').map_or((rest, None), |(before, query)| (before, Some(query)));
    if let Some((_, path)) = before.split_once('/') {
        call_path::check(path).map_err(|_| path_refused())?;
    }
    let url = Url::parse(text).map_err(|_| wrong())?;
    if !url.username().is_empty() || url.password().is_some() || before.contains('@') && !before.contains('/')
    {
        return Err(wrong());
    }
    let (base, to) = Base::of(&url).ok_or_else(wrong)?;
    Ok((base, to, query.map(str::to_owned)))
}

/// Picks a host by the caller's word, `host` or `host:port`, among those that are allowed.
pub(super) fn picked<'a>(wanted: &str, allowed: &'a [Authority]) -> Result<&'a Authority, Error> {
    let wanted = wanted.trim().to_ascii_lowercase();
    let (host, port) = match wanted.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            (host, port.parse::<u16>().ok())
        }
        _ => (wanted.as_str(), None),
    };
    let named_port = host != wanted;
    allowed.iter().find(|one| one.host == host && (!named_port || Some(one.port) == port)).ok_or_else(|| {
        let detail = "This credential may not go to the host that Vouchsafe-Host names.";
        Error::refused(Code::HostNotAllowed, detail)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fuzz::{CASES, mutation};

    fn base(text: &str) -> Base {
        Base::of(&Url::parse(text).unwrap()).unwrap().0
    }

    #[test]
    fn a_call_stays_below_its_base() {
        for (at, path, query, address) in [
            ("https://api.acme.test/v1", "me", None, "https://api.acme.test/v1/me"),
            ("https://api.acme.test/v1/", "me/", Some("a=b"), "https://api.acme.test/v1/me/?a=b"),
            ("https://api.acme.test/v1", "", None, "https://api.acme.test/v1"),
            ("https://api.acme.test", "", Some("x"), "https://api.acme.test/?x"),
            ("http://127.0.0.1:8080/api", "a%20b", None, "http://127.0.0.1:8080/api/a%20b"),
            ("https://api.acme.test:443", "me", None, "https://api.acme.test/me"),
        ] {
            assert_eq!(base(at).address(path, query).unwrap().to_string(), address);
        }
        assert_eq!(
            base("https://api.acme.test/v1").address("a b", None).unwrap_err().code(),
            Some(Code::PathRefused)
        );
    }

    #[test]
    fn an_address_of_the_caller_is_plain_or_refused() {
        let (base, to, query) = given("https://API.acme.test/v1?x=$Secret{K}").unwrap();
        assert_eq!(base.address("me", None).unwrap().to_string(), "https://api.acme.test/v1/me");
        assert_eq!(to, Authority { host: "api.acme.test".to_owned(), port: 443 });
        assert_eq!(query.as_deref(), Some("x=$Secret{K}"));
        assert_eq!([base.template(""), base.template("users/12")], ["/v1", "/v1/users/{}"]);
        for text in [
            "",
            "api.acme.test",
            "/v1",
            "//acme.test",
            "ftp://acme.test",
            "https://",
            "https://jo@acme.test/",
            "https://jo:pw@acme.test",
            "https://acme.test/#x",
            "https://acme.test\\@evil.test/",
            "https://acme test/",
            "https://acme.test/../x",
            "https://acme.test/%2e%2e/x",
            "https://acme.test//x",
            "javascript://acme.test/x",
        ] {
            assert!(given(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_is_picked_from_the_list_alone() {
        let at = |host: &str, port| Authority { host: host.to_owned(), port };
        let allowed = [at("api.acme.test", 443), at("files.acme.test", 8443), at("[::1]", 443)];
        for (wanted, found) in [
            ("api.acme.test", Some(0)),
            ("API.ACME.TEST:443", Some(0)),
            ("files.acme.test", Some(1)),
            ("files.acme.test:8443", Some(1)),
            ("[::1]", Some(2)),
            ("files.acme.test:443", None),
            ("acme.test", None),
            ("evil.test", None),
            ("api.acme.test:99999", None),
            ("api.acme.test.", None),
            ("", None),
        ] {
            let picked = picked(wanted, &allowed).ok();
            assert_eq!(picked, found.map(|at: usize| &allowed[at]), "{wanted}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(10_000), ..ProptestConfig::default() })]

        #[test]
        fn no_path_or_query_leaves_the_host(
            path in "[a-z0-9%./\\\\@:;?#&=+~ -]{0,24}",
            query in prop::option::of("[a-z0-9%./\\\\@:;?&=+~-]{0,24}"),
        ) {
            if call_path::check(&path).is_ok()
                && let Ok(address) = base("https://api.acme.test/v1").address(&path, query.as_deref())
            {
                prop_assert_eq!(address.host(), Some("api.acme.test"));
                prop_assert_eq!(address.port_u16(), None);
                prop_assert!(address.path() == "/v1" || address.path().starts_with("/v1/"), "{}", address);
            }
        }

        #[test]
        fn no_word_picks_a_host_that_is_not_listed(wanted in "[a-z.]{0,10}(api\\.acme\\.test)?[a-z.:@/0-9]{0,10}") {
            let allowed = [Authority { host: "api.acme.test".to_owned(), port: 443 }];
            if picked(&wanted, &allowed).is_ok() {
                prop_assert!(matches!(wanted.as_str(), "api.acme.test" | "api.acme.test:443"), "{}", wanted);
            }
        }

        #[test]
        fn the_address_of_a_caller_leads_where_the_rules_were_asked(
            user in "([a-z]{1,3}(:[a-z]{0,2})?@)?",
            host in "[a-z]{1,6}(\\.[a-z]{1,4}){1,2}",
            tail in "[a-z0-9%./@:;?-]{0,16}",
        ) {
            if let Ok((base, to, query)) = given(&format!("https://{user}{host}/{tail}")) {
                prop_assert!(user.is_empty());
                prop_assert_eq!(&to.host, &host);
                let address = base.address("x", query.as_deref()).unwrap();
                prop_assert_eq!(address.host(), Some(host.as_str()));
            }
        }
    }

    const PATHS: [&str; 9] = [
        "crm/v3/objects/contacts?limit=10",
        "me",
        "a%20b/c;v=1/?x=%2e%2e/",
        "group%2Fproject/users:search?q=a/b",
        "sites/https%3A%2F%2Facme.test%2F/query",
        "../x",
        "..%2fx",
        "%252e%252e/x",
        "\\evil.test/x",
    ];

    const ADDRESSES: [&str; 6] = [
        "https://api.acme.test/v1?x=$Secret{K}",
        "https://API.acme.test:8443/v1/",
        "http://[::1]:8080/a",
        "https://jo:pw@acme.test/",
        "https://acme.test\\@evil.test/",
        "https://acme.test/a%2Fb//evil.test#x",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(CASES))]

        #[test]
        fn s15_proxy_path(change in mutation()) {
            let text = change.text_of(&PATHS);
            let (path, query) = text.split_once('?').map_or((&*text, None), |(path, query)| (path, Some(query)));
            if call_path::check(path).is_ok()
                && let Ok(address) = base("https://api.acme.test/v1").address(path, query)
            {
                prop_assert_eq!(address.authority().map(UriAuthority::as_str), Some("api.acme.test"));
                prop_assert!(address.path() == "/v1" || address.path().starts_with("/v1/"), "{}", address);
                // As a server reads it that resolves dots.
                let url = Url::parse(&address.to_string()).unwrap();
                prop_assert_eq!((url.scheme(), url.host_str()), ("https", Some("api.acme.test")));
                prop_assert!(url.path() == "/v1" || url.path().starts_with("/v1/"), "{}", url);
            }
        }

        #[test]
        fn s15_proxy_path_of_an_address(change in mutation()) {
            let text = change.text_of(&ADDRESSES);
            if let Ok((base, to, query)) = given(&text) {
                let url = Url::parse(&text).unwrap();
                prop_assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
                prop_assert_eq!(url.host_str(), Some(to.host.as_str()));
                prop_assert_eq!(url.port_or_known_default(), Some(to.port));
                if let Ok(address) = base.address("x", query.as_deref()) {
                    prop_assert_eq!(address.host(), Some(to.host.as_str()));
                    prop_assert_eq!(address.port_u16(), url.port());
                    prop_assert!(address.path().ends_with("/x"), "{}", address);
                }
            }
        }
    }
}
