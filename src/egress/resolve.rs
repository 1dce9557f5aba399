//! Names to addresses, guarded: a name is resolved once, every answer is checked, and only checked addresses are
//! handed to the connector. It knows nothing of requests; the target it resolves for comes with the task.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::Arc,
};

use arc_swap::ArcSwap;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::guard::{Guard, Refusal, Target};

tokio::task_local! {
    /// What the current call is aimed at. The connector resolves inside the task of its call, and a look-up outside
    /// of one is refused.
    pub(super) static TARGET: Target;
}

/// A name that did not resolve.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the host name does not resolve")]
pub(super) struct Unresolved;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The addresses of a name, in the place of the system's resolver.
pub(super) type LookUp = Box<dyn Fn(&str) -> Vec<SocketAddr> + Send + Sync>;

/// Guard, own listeners and, in tests, something else instead of the system's resolver.
pub(super) struct Resolver {
    pub(super) guard: Guard,
    pub(super) own: ArcSwap<Vec<SocketAddr>>,
    pub(super) names: Option<LookUp>,
}

impl Resolver {
    /// Checks one address for `target`, the hub's own listeners included.
    pub(super) fn check(&self, target: &Target, address: SocketAddr) -> Result<(), Refusal> {
        self.guard.check_address(target, address.ip())?;
        let ip = address.ip().to_canonical();
        let own = self.own.load();
        let hit = own.iter().any(|listener| {
            listener.port() == address.port()
                && (listener.ip().to_canonical() == ip
                    || (listener.ip().is_unspecified() && is_of_this_machine(ip)))
        });
        if hit { Err(Refusal::Own) } else { Ok(()) }
    }

    async fn look_up(&self, name: &str) -> Result<Vec<SocketAddr>, Unresolved> {
        let found = match &self.names {
            Some(look_up) => look_up(name),
            None => tokio::net::lookup_host((name, 0)).await.map_err(|_| Unresolved)?.collect(),
        };
        if found.is_empty() { Err(Unresolved) } else { Ok(found) }
    }

    /// Checks every address that `name` has now.
    pub(super) async fn check_name(&self, name: &str, target: &Target) -> Result<(), Refusal> {
        match self.look_up(name).await {
            Ok(found) => found.iter().try_for_each(|address| self.check_found(target, *address)),
            Err(Unresolved) => target.unproven(),
        }
    }

    fn check_found(&self, target: &Target, found: SocketAddr) -> Result<(), Refusal> {
        let port = if found.port() == 0 { target.port } else { found.port() };
        self.check(target, SocketAddr::new(found.ip(), port))
    }

    pub(super) async fn resolve_checked(&self, name: &str, target: &Target) -> Result<Addrs, Failure> {
        let found = self.look_up(name).await?;
        for address in &found {
            self.check_found(target, *address)?;
        }
        Ok(Box::new(found.into_iter()))
    }
}

/// The resolver as reqwest wants it.
#[derive(Clone)]
pub(super) struct Guarded(pub(super) Arc<Resolver>);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = Arc::clone(&self.0);
        let target = TARGET.try_with(Clone::clone);
        Box::pin(async move {
            let target = target.map_err(|_| Refusal::Address)?;
            resolver.resolve_checked(name.as_str(), &target).await
        })
    }
}

/// Only an address of this machine can be bound.
fn is_of_this_machine(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}
