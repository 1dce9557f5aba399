use proptest::prelude::*;

use super::*;
use crate::fuzz::{CASES, mutation};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn nets(list: &[&str]) -> Vec<IpNet> {
    list.iter().map(|net| net.parse().unwrap()).collect()
}

fn url_then_addresses(guard: &Guard, url: &str, ports: &[u16], ips: &[&str]) -> Result<(), Refusal> {
    let target = guard.check_url(&Url::parse(url).unwrap(), ports)?;
    if let Some(literal) = target.literal {
        guard.check_address(&target, literal)?;
    }
    ips.iter().try_for_each(|text| guard.check_address(&target, ip(text)))
}

/// First and last address of each range with their neighbours outside; `None` where the neighbour is blocked too.
pub(in crate::egress) const EDGES: &[(Option<&str>, &str, &str, Option<&str>)] = &[
    (None, "0.0.0.0", "0.255.255.255", Some("1.0.0.0")),
    (Some("9.255.255.255"), "10.0.0.0", "10.255.255.255", Some("11.0.0.0")),
    (Some("100.63.255.255"), "100.64.0.0", "100.127.255.255", Some("100.128.0.0")),
    (Some("126.255.255.255"), "127.0.0.0", "127.255.255.255", Some("128.0.0.0")),
    (Some("169.253.255.255"), "169.254.0.0", "169.254.255.255", Some("169.255.0.0")),
    (Some("172.15.255.255"), "172.16.0.0", "172.31.255.255", Some("172.32.0.0")),
    (Some("191.255.255.255"), "192.0.0.0", "192.0.0.255", Some("192.0.1.0")),
    (Some("192.0.1.255"), "192.0.2.0", "192.0.2.255", Some("192.0.3.0")),
    (Some("192.88.98.255"), "192.88.99.0", "192.88.99.255", Some("192.88.100.0")),
    (Some("192.167.255.255"), "192.168.0.0", "192.168.255.255", Some("192.169.0.0")),
    (Some("198.17.255.255"), "198.18.0.0", "198.19.255.255", Some("198.20.0.0")),
    (Some("198.51.99.255"), "198.51.100.0", "198.51.100.255", Some("198.51.101.0")),
    (Some("203.0.112.255"), "203.0.113.0", "203.0.113.255", Some("203.0.114.0")),
    (Some("223.255.255.255"), "224.0.0.0", "239.255.255.255", None),
    (None, "240.0.0.0", "255.255.255.255", None),
    (None, "::", "::ffff:ffff", Some("::1:0:0")),
    (Some("64:ff9a:ffff:ffff::"), "64:ff9b::", "64:ff9b::ffff:ffff", Some("64:ff9b::1:0:0")),
    (Some("64:ff9b:0:ffff:ffff::"), "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", Some("64:ff9b:2::")),
    (Some("ff:ffff::"), "100::", "100::ffff:ffff:ffff:ffff", Some("100:0:0:1::")),
    (Some("2000:ffff::"), "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", Some("2001:1::")),
    (Some("2001:db7:ffff::"), "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", Some("2001:db9::")),
    (Some("2001:ffff::"), "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some("2003::")),
    (Some("3ffe:ffff::"), "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", Some("3fff:1000::")),
    (Some("5eff:ffff::"), "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some("5f01::")),
    (Some("fbff:ffff::"), "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some("fe00::")),
    (Some("fe7f:ffff::"), "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some("fec0::")),
    (Some("feff:ffff::"), "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
];

#[test]
fn every_range_is_blocked_from_its_first_to_its_last_address_and_no_further() {
    for (before, first, last, after) in EDGES {
        assert!(is_blocked(ip(first)), "{first}");
        assert!(is_blocked(ip(last)), "{last}");
        for open in [before, after].into_iter().flatten() {
            assert!(!is_blocked(ip(open)), "{open}");
        }
    }
    assert_eq!(EDGES.len(), BLOCKED_V4.len() + BLOCKED_V6.len());
}

#[test]
fn every_spelling_of_a_loopback_address_is_refused() {
    let guard = Guard::default();
    for url in [
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::127.0.0.1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://\u{ff11}27.0.0.1/",
    ] {
        assert_eq!(url_then_addresses(&guard, url, &[], &[]), Err(Refusal::Address), "{url}");
    }
    assert_eq!(url_then_addresses(&guard, "https://1.1.1.1/", &[], &[]), Ok(()));
    assert_eq!(url_then_addresses(&guard, "https://[2606:4700::1111]/", &[], &[]), Ok(()));
}

#[test]
fn scheme_and_port_open_only_inside_the_allowed_networks() {
    let guard = Guard::new(nets(&["127.0.0.0/8"]), true);
    let ask = |url, ports: &[u16], ips: &[&str]| url_then_addresses(&guard, url, ports, ips);

    assert_eq!(ask("https://a.test/", &[], &["1.1.1.1"]), Ok(()));
    assert_eq!(ask("https://a.test:8443/", &[], &["1.1.1.1"]), Err(Refusal::Port));
    assert_eq!(ask("https://a.test:8443/", &[8443], &["1.1.1.1"]), Ok(()));
    assert_eq!(ask("https://a.test:8443/", &[], &["127.0.0.1"]), Ok(()));
    assert_eq!(ask("http://a.test/", &[], &["127.0.0.1"]), Ok(()));
    assert_eq!(ask("http://a.test/", &[80], &["1.1.1.1"]), Err(Refusal::Scheme));
    assert_eq!(ask("http://a.test/", &[], &["127.0.0.1", "1.1.1.1"]), Err(Refusal::Scheme));
    assert_eq!(ask("https://a.test/", &[], &["127.0.0.1", "10.0.0.1"]), Err(Refusal::Address));
    assert_eq!(ask("https://a.test/", &[], &["::ffff:127.0.0.1"]), Ok(()));
    assert_eq!(ask("ftp://a.test/", &[21], &[]), Err(Refusal::Scheme));
    assert_eq!(ask("file:///etc/passwd", &[], &[]), Err(Refusal::Scheme));

    let strict = Guard::new(nets(&["127.0.0.0/8"]), false);
    assert_eq!(url_then_addresses(&strict, "http://127.0.0.1/", &[], &[]), Err(Refusal::Scheme));
}

#[test]
fn user_information_is_refused() {
    let guard = Guard::default();
    for url in ["https://jo@a.test/", "https://jo:secret@a.test/", "https://:secret@a.test/"] {
        assert_eq!(url_then_addresses(&guard, url, &[], &[]), Err(Refusal::UserInfo), "{url}");
    }
}

proptest! {
    #[test]
    fn a_mapped_address_is_judged_as_its_ipv4(bits: u32) {
        let plain = Ipv4Addr::from(bits);
        prop_assert_eq!(is_blocked(plain.into()), is_blocked(plain.to_ipv6_mapped().into()));
        prop_assert!(is_blocked(plain.to_ipv6_compatible().into()));
    }

    #[test]
    fn what_the_standard_library_calls_special_is_blocked(bits: u32) {
        let ip = Ipv4Addr::from(bits);
        let special = ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_broadcast()
            || ip.is_documentation() || ip.is_unspecified() || ip.is_multicast();
        prop_assert!(!special || is_blocked(ip.into()));
    }

    #[test]
    fn a_literal_is_parsed_to_the_address_that_is_checked(bits: u32) {
        let ip = Ipv4Addr::from(bits);
        for url in [format!("https://{bits}/"), format!("https://{ip}/"), format!("https://0x{bits:x}/")] {
            let verdict = url_then_addresses(&Guard::default(), &url, &[], &[]);
            prop_assert_eq!(verdict.is_err(), is_blocked(ip.into()), "{}", url);
        }
    }
}

const URLS: [&str; 10] = [
    "https://api.acme.test/v1?x=y",
    "https://api.acme.test:8443/",
    "https://jo:pw@acme.test/",
    "https://1.1.1.1/",
    "https://[2606:4700::1111]:8443/",
    "https://127.0.0.1:443/",
    "https://[::ffff:127.0.0.1]/",
    "https://2852039166/latest/meta-data/",
    "http://127.0.0.1:9000/a",
    "http://10.0.0.1/",
];

/// As the standard library has it, which knows fewer.
fn is_special(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_multicast()
        }
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn s15_egress_url(change in mutation()) {
        let Ok(url) = Url::parse(&change.text_of(&URLS)) else { return Ok(()) };
        for (guard, inside) in [(Guard::default(), false), (Guard::new(nets(&["127.0.0.0/8"]), true), true)] {
            let Ok(target) = guard.check_url(&url, &[8443]) else { continue };
            // A name leads to a public address, where it is one.
            let leads_to = target.literal.unwrap_or(ip("1.1.1.1"));
            if guard.check_address(&target, leads_to).is_err() {
                continue;
            }
            prop_assert!(url.username().is_empty() && url.password().is_none(), "{}", url);
            let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
            prop_assert_eq!(host.parse::<IpAddr>().ok(), target.literal, "{}", url);
            prop_assert_eq!(url.port_or_known_default(), Some(target.port));
            let own = inside && leads_to.to_canonical().is_loopback();
            let plain = url.scheme() == "https" && matches!(target.port, 443 | 8443);
            prop_assert!(own || (plain && !is_special(leads_to)), "{}", url);
        }
    }
}
