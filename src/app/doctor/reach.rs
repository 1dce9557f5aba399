//! Whether the hub is reached at its public URL, and whether the hub reaches its identity provider. Neither is a failure:
//! a hub that does not run answers nobody, and some networks do not lead back to where they began.

use std::net::SocketAddr;

use http::{Method, StatusCode};
use ipnet::{Ipv4Net, Ipv6Net};
use serde_json::Value;
use url::Url;

use super::{Finding, Health, causes};
use crate::config::Config;
use crate::egress::{Answer, Class, Egress, EgressConfig, EgressHooks, OutboundRequest};

const PUBLIC_URL: &str = "public URL";
const SIGN_ON: &str = "single sign-on";

/// Asks the hub for its health at the address that browsers and apps see.
pub(super) async fn public_url(config: &Config, hooks: &EgressHooks) -> Finding {
    let Some(url) = address(config) else {
        let words = "the hub takes a free port, and none has run here yet";
        return Finding::new(PUBLIC_URL, Health::Warning, words);
    };
    // Only the operator names this address, so it may be private, and plain on this machine. Nothing is sent with it.
    let anywhere = EgressConfig {
        allow: vec![Ipv4Net::default().into(), Ipv6Net::default().into()],
        allow_http: true,
        ..EgressConfig::default()
    };
    let health = match (Egress::with_hooks(anywhere, hooks.clone()), url.join("healthz")) {
        (Ok(egress), Ok(health)) => {
            egress.send(OutboundRequest::new(Method::GET, health, Class::Check)).await
        }
        (Err(error), _) => return Finding::new(PUBLIC_URL, Health::Fails, causes(&error)),
        (_, Err(error)) => return Finding::new(PUBLIC_URL, Health::Misconfigured, causes(&error)),
    };
    let (health, words) = match health {
        Ok(answer) if is_healthy(&answer) => (Health::Ok, format!("a hub answers at {url}")),
        Ok(answer) => (
            Health::Warning,
            format!(
                "{url} answers {} and is no hub; see where the proxy in front leads",
                answer.status.as_u16()
            ),
        ),
        Err(error) => (
            Health::Warning,
            format!(
                "no answer at {url} ({}); start the hub, or look at VOUCHSAFE_PUBLIC_URL and the proxy in front",
                causes(&error)
            ),
        ),
    };
    Finding::new(PUBLIC_URL, health, words)
}

/// What browsers and apps see; a hub on a free port says in a file which one it got.
fn address(config: &Config) -> Option<Url> {
    let server = &config.server;
    if server.public_url.is_some() || server.listen.port() != 0 {
        return super::super::public_url(config, server.listen).ok();
    }
    let written = std::fs::read_to_string(config.database.data_dir.join("address")).ok()?;
    let address: SocketAddr = written.trim().parse().ok()?;
    super::super::public_url(config, address).ok()
}

fn is_healthy(answer: &Answer) -> bool {
    let status = |body: Value| body.get("status").and_then(Value::as_str).map(str::to_owned);
    let body = serde_json::from_slice(&answer.body).ok().and_then(status);
    answer.status == StatusCode::OK && body.as_deref() == Some("ok")
}

/// Asks the identity provider for its metadata, as a sign-in does; none where there is no identity provider.
pub(super) async fn identity_provider(config: &Config, hooks: &EgressHooks) -> Option<Finding> {
    let sign_on = super::super::single_sign_on(config)?;
    let as_the_hub = EgressConfig {
        allow: config.egress.allow.clone(),
        allow_http: config.egress.http,
        own_listeners: vec![config.server.listen],
        ..EgressConfig::default()
    };
    let egress = match Egress::with_hooks(as_the_hub, hooks.clone()) {
        Ok(egress) => egress,
        Err(error) => return Some(Finding::new(SIGN_ON, Health::Fails, causes(&error))),
    };
    Some(match sign_on.reach(&egress).await {
        Ok(()) => Finding::new(SIGN_ON, Health::Ok, "the identity provider answers"),
        Err(error) => {
            let words = format!(
                "{}; members with a password can sign in, others can't; see VOUCHSAFE_OIDC_ISSUER, and \
                 VOUCHSAFE_EGRESS_ALLOW where it is in a private network",
                causes(&error)
            );
            Finding::new(SIGN_ON, Health::Warning, words)
        }
    })
}
