//! The address guard: pure decisions about where the hub may connect. It knows no sockets, names or requests, so
//! that every path out can share it (`security.md`, section 5).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

/// IPv4 that is never a public service (IANA special-purpose registry, multicast and the reserved rest).
const BLOCKED_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

/// IPv6 likewise. `::/96` holds `::`, `::1` and the IPv4-compatible addresses, which `to_canonical` leaves alone.
const BLOCKED_V6: [Ipv6Net; 12] = [
    v6(0, 0, 0, 96),
    v6(0x64, 0xff9b, 0, 96),
    v6(0x64, 0xff9b, 1, 48),
    v6(0x100, 0, 0, 64),
    v6(0x2001, 0, 0, 32),
    v6(0x2001, 0xdb8, 0, 32),
    v6(0x2002, 0, 0, 16),
    v6(0x3fff, 0, 0, 20),
    v6(0x5f00, 0, 0, 16),
    v6(0xfc00, 0, 0, 7),
    v6(0xfe80, 0, 0, 10),
    v6(0xff00, 0, 0, 8),
];

/// Whether `ip` lies in a range that no provider lives in. An IPv4-mapped address is judged as the IPv4 it means.
pub fn is_blocked(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => BLOCKED_V4.iter().any(|net| net.contains(&ip)),
        IpAddr::V6(ip) => BLOCKED_V6.iter().any(|net| net.contains(&ip)),
    }
}

/// Why the guard refuses a call. It names neither URL nor address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not `https`, and not `http` inside the allowed networks.
    #[error("the scheme is not allowed")]
    Scheme,
    /// The URL carries a user name or password.
    #[error("the URL carries user information")]
    UserInfo,
    /// The URL has no host.
    #[error("the URL has no host")]
    Host,
    /// Neither 443, nor a port that definition, connector or secrets name, nor inside the allowed networks.
    #[error("the port is not allowed")]
    Port,
    /// At least one address of the host is private, reserved or otherwise blocked.
    #[error("the address is not allowed")]
    Address,
    /// The address is one on which the hub itself listens.
    #[error("the address is the hub's own")]
    Own,
}

/// A URL that passed [`Guard::check_url`]; its addresses are still to be checked with [`Guard::check_address`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The port that will be connected to.
    pub port: u16,
    /// The address, when the host is a literal: such a host never reaches a resolver.
    pub literal: Option<IpAddr>,
    /// What makes the URL acceptable only inside the allowed networks, if anything does.
    only_inside: Option<Refusal>,
}

impl Target {
    /// What is to be thought of a target whose addresses nobody knows.
    pub(super) fn unproven(&self) -> Result<(), Refusal> {
        self.only_inside.map_or(Ok(()), Err)
    }
}

/// The operator's decisions, on top of the table of blocked ranges.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    allow: Vec<IpNet>,
    allow_http: bool,
}

impl Guard {
    /// `allow` opens networks that are blocked otherwise, with any port; `allow_http` opens plain http inside them.
    pub fn new(allow: Vec<IpNet>, allow_http: bool) -> Self {
        Self { allow, allow_http }
    }

    /// Checks everything about `url` that can be known without resolving its host. Ports other than 443 pass when
    /// `allowed_ports` names them; the rest depends on the address.
    pub fn check_url(&self, url: &Url, allowed_ports: &[u16]) -> Result<Target, Refusal> {
        let plain = match url.scheme() {
            "https" => false,
            "http" if self.allow_http => true,
            _ => return Err(Refusal::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::UserInfo);
        }
        let literal = match url.host().ok_or(Refusal::Host)? {
            Host::Domain(_) => None,
            Host::Ipv4(ip) => Some(IpAddr::V4(ip)),
            Host::Ipv6(ip) => Some(IpAddr::V6(ip)),
        };
        let port = url.port_or_known_default().ok_or(Refusal::Port)?;
        let only_inside = if plain {
            Some(Refusal::Scheme)
        } else if port == 443 || allowed_ports.contains(&port) {
            None
        } else {
            Some(Refusal::Port)
        };
        Ok(Target { port, literal, only_inside })
    }

    /// Checks one address to which `target` leads.
    pub fn check_address(&self, target: &Target, ip: IpAddr) -> Result<(), Refusal> {
        let ip = ip.to_canonical();
        if self.allow.iter().any(|net| net.contains(&ip)) {
            return Ok(());
        }
        if is_blocked(ip) {
            return Err(Refusal::Address);
        }
        target.only_inside.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
pub(super) mod tests;
