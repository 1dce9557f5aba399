//! Which part of a host name somebody has registered (publicsuffix.org). Knows nothing of what hangs on it.

/// The registrable domain of a host name: `acme.co.uk` of `www.acme.co.uk`, none of `co.uk`.
pub fn registrable(name: &str) -> Option<&str> {
    addr::parse_dns_name(name).ok()?.root()
}

/// Whether a whole name is one under which a registry gives names to anybody, as `com` and `co.uk` are. What no DNS name
/// is counts as one.
pub fn is_registry(name: &str) -> bool {
    addr::parse_dns_name(name).map_or(true, |parsed| parsed.is_icann() && parsed.suffix() == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registrable_domain_is_one_label_below_a_public_suffix() {
        for (name, domain) in [
            ("www.acme.co.uk", Some("acme.co.uk")),
            ("acme.co.uk", Some("acme.co.uk")),
            ("co.uk", None),
            ("com", None),
            ("a_b.example.com", Some("example.com")),
            ("bucket.s3.amazonaws.com", Some("bucket.s3.amazonaws.com")),
            ("app.test", Some("app.test")),
            ("", None),
        ] {
            assert_eq!(registrable(name), domain, "{name}");
        }
    }

    #[test]
    fn a_registry_gives_names_to_anybody() {
        for (name, registry) in [
            ("co.uk", true),
            ("com", true),
            ("zendesk.com", false),
            ("s3.amazonaws.com", false),
            ("a b", true),
        ] {
            assert_eq!(is_registry(name), registry, "{name}");
        }
    }
}
