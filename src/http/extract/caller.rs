//! Who calls: the key, its scopes, and the address behind trusted proxies.

use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Extensions, HeaderMap};
use ipnet::IpNet;

use crate::domain::actor::{Actor, Author, Origin};
use crate::domain::api_key::ApiKey;
use crate::domain::scope::{Scope, Scopes};
use crate::http::layers::RequestId;
use crate::http::{HttpState, Problem};
use crate::service::{Code, Error, Hub};

/// What a handler needs of its caller's key. The type stands in the handler's signature.
pub(in crate::http) trait Need: Send {
    /// As problems name it.
    const WORD: &'static str;

    /// Whether a key with `scopes` has it.
    fn is_met(scopes: &Scopes) -> bool;
}

macro_rules! needs {
    ($($scope:ident),+) => {
        $(
            /// The scope of the same name.
            pub(in crate::http) struct $scope;

            impl Need for $scope {
                const WORD: &'static str = Scope::$scope.as_str();

                fn is_met(scopes: &Scopes) -> bool {
                    scopes.has(Scope::$scope)
                }
            }
        )+
    };
}

needs!(
    ProvidersRead,
    ConnectorsRead,
    ConnectorsWrite,
    UsersRead,
    UsersWrite,
    SessionsWrite,
    CredentialsRead,
    CredentialsWrite,
    CredentialsReveal,
    Proxy,
    SecretsRead,
    SecretsWrite,
    SecretsReveal,
    EventsRead,
    WebhooksWrite,
    AuditRead,
    KeysWrite
);

/// The scope `*`, by name: what is about the whole hub.
pub(in crate::http) struct Everything;

impl Need for Everything {
    const WORD: &'static str = "*";

    fn is_met(scopes: &Scopes) -> bool {
        scopes.has_all()
    }
}

/// A caller whose key has the scope `S`.
pub(in crate::http) struct Caller<S> {
    /// The use cases.
    pub(in crate::http) hub: Arc<Hub>,
    /// Who acts, and where.
    pub(in crate::http) actor: Actor,
    /// The key.
    pub(in crate::http) key: Arc<ApiKey>,
    scope: PhantomData<S>,
}

/// A caller whose key was recognised; among the extensions, so that it is recognised once.
#[derive(Clone)]
pub(in crate::http) struct Authenticated {
    pub(in crate::http) actor: Actor,
    key: Arc<ApiKey>,
}

impl<S: Need> FromRequestParts<HttpState> for Caller<S> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Problem> {
        let Authenticated { actor, key } = authenticate(parts, state).await?;
        if !S::is_met(&key.scopes) {
            state.hub.deny_scope(&actor, S::WORD).await?;
            return Err(Problem::scope_missing(S::WORD));
        }
        Ok(Self { hub: Arc::clone(&state.hub), actor, key, scope: PhantomData })
    }
}

/// Recognises the caller's key.
pub(in crate::http) async fn authenticate(
    parts: &mut Parts,
    state: &HttpState,
) -> Result<Authenticated, Problem> {
    if let Some(known) = parts.extensions.get::<Authenticated>() {
        return Ok(known.clone());
    }
    let address = client_address(&parts.headers, &parts.extensions, &state.trusted_proxies);
    let Some(presented) = bearer(&parts.headers) else {
        // Nothing was guessed, so nothing is counted against the address.
        let detail = "Send a hub API key as `Authorization: Bearer vs_…`.";
        return Err(Error::refused(Code::Unauthenticated, detail).into());
    };
    let key = state.hub.authenticate(presented, address).await?;
    let origin =
        Origin { request_id: parts.extensions.get::<RequestId>().map(|id| Arc::clone(&id.0)), address };
    let caller =
        Authenticated { actor: Actor { author: Author::ApiKey(key.id), tenant: key.tenant, origin }, key };
    parts.extensions.insert(caller.clone());
    Ok(caller)
}

/// The bearer value (RFC 6750); the scheme in any letter case, and one header alone.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let (only, None) = (sent.next()?, sent.next()) else {
        return None;
    };
    let (scheme, value) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| value.trim())
}

/// The address of whoever calls: the peer, or where that is a trusted proxy, the rightmost address in
/// `X-Forwarded-For` that is no trusted proxy. The peer is [`ConnectInfo<SocketAddr>`] among the extensions.
pub fn client_address(headers: &HeaderMap, extensions: &Extensions, trusted: &[IpNet]) -> Option<IpAddr> {
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut address = peer.ip().to_canonical();
    let lines: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
    for hop in hops {
        if !is_trusted(&address) {
            break;
        }
        let Some(before) = hop_address(hop.trim()) else {
            // What stands left of something unreadable proves nothing.
            break;
        };
        address = before;
    }
    Some(address)
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn hop_address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare
        .parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn seen(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_str(line).unwrap());
        }
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        client_address(&headers, &extensions, &trusted).unwrap().to_string()
    }

    #[test]
    fn a_forwarded_address_is_believed_as_far_as_trusted_proxies_go() {
        let proxies = ["10.0.0.0/8", "::1/128"];
        for (peer, forwarded, trusted, address) in [
            ("203.0.113.9", &["198.51.100.1"][..], &proxies[..], "203.0.113.9"),
            ("10.0.0.1", &["198.51.100.1"], &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], &proxies, "198.51.100.1"),
            ("10.0.0.1", &["192.0.2.66, 198.51.100.1, 10.2.2.2"], &proxies, "198.51.100.1"),
            ("10.0.0.1", &["192.0.2.66", "198.51.100.1,10.2.2.2"], &proxies, "198.51.100.1"),
            ("10.0.0.1", &["192.0.2.66, nonsense, 10.2.2.2"], &proxies, "10.2.2.2"),
            ("10.0.0.1", &["198.51.100.1:4711"], &proxies, "198.51.100.1"),
            ("::1", &["[2001:db8::5]:80"], &proxies, "2001:db8::5"),
            ("::1", &["2001:db8::5"], &proxies, "2001:db8::5"),
            ("::ffff:10.0.0.1", &["::ffff:198.51.100.1"], &proxies, "198.51.100.1"),
            ("10.0.0.1", &[], &proxies, "10.0.0.1"),
        ] {
            assert_eq!(seen(peer, forwarded, trusted), address, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn a_bearer_value_comes_alone_and_in_any_letter_case() {
        let read = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(AUTHORIZATION, HeaderValue::from_str(line).unwrap());
            }
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(read(&["Bearer x"]), Some("x".into()));
        assert_eq!(read(&["bEARER x"]), Some("x".into()));
        assert_eq!(read(&["Basic x"]), None);
        assert_eq!(read(&["x"]), None);
        assert_eq!(read(&["Bearer x", "Bearer y"]), None);
        assert_eq!(read(&[]), None);
    }
}
