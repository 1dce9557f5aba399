//! Who may call what with which credential: one function for caller, credential and host together.

use std::sync::Arc;

use http::header::{HeaderName, HeaderValue};
use secrecy::SecretString;
use vouchsafe_entity::id::{ConnectorId, CredentialId};

use super::Via;
use super::target::{Base, given, picked};
use crate::domain::actor::Actor;
use crate::domain::credential::ServedCredential;
use crate::provider::{Authority, RenderError};
use crate::service::references::SecretUses;
use crate::service::tokens::Served;
use crate::service::{Code, Error, Hub};
use crate::signing::Signer;

/// A call that may be made, and what is put into it.
#[derive(Clone)]
pub(super) struct Allowed {
    pub(super) base: Base,
    /// Where it leads.
    pub(super) to: Authority,
    /// The port that the definition writes, where it writes one.
    pub(super) named_port: Option<u16>,
    /// The query of the base itself.
    pub(super) own_query: Option<String>,
    /// What the hub injects.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) query: Vec<(String, SecretString)>,
    /// Who signs the call, where its credential does not travel.
    pub(super) signer: Option<Signer>,
    /// The app that is called; none where the caller gave an address.
    pub(super) app: Option<CalledApp>,
}

/// The app behind a call.
#[derive(Clone)]
pub(super) struct CalledApp {
    pub(super) connector: String,
    /// The secrets that its settings put into the call.
    pub(super) settings: SecretUses,
    pub(super) connector_id: ConnectorId,
    pub(super) provider: String,
    /// Whether somebody typed the host of the call, and the definition does not fix its domain.
    pub(super) is_typed: bool,
    pub(super) credential: Arc<ServedCredential>,
}

impl Allowed {
    /// The names of the headers that the caller can't set.
    pub(super) fn injected(&self) -> Vec<&HeaderName> {
        let signed = self.signer.as_ref().map(Signer::owns).into_iter().flatten();
        self.headers.iter().map(|(name, _)| name).chain(signed).collect()
    }

    /// The names of the query parameters that the caller can't set.
    pub(super) fn injected_query(&self) -> Vec<&str> {
        self.query.iter().map(|(name, _)| name.as_str()).collect()
    }
}

impl Hub {
    /// Decides whether the actor may make this call, and opens what goes with it. There is no other way to open a
    /// credential for a call.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Code::HostNotAllowed`], those of a token read.
    pub(super) async fn allow_call(
        &self,
        actor: &Actor,
        via: &Via,
        host: Option<&str>,
    ) -> Result<Allowed, Error> {
        let served = match via {
            Via::Credential(id) => {
                let id: CredentialId = id.parse().map_err(|_| Error::NotFound)?;
                self.serve(actor, id).await?
            }
            Via::User { user, connector } => {
                let credential = self.credential_of(actor, user, connector).await?;
                self.serve_whole(actor, credential).await?
            }
            Via::Address(address) => return allow_address(address),
        };
        self.allow_with(actor, served, host).await
    }

    /// The same for a credential of the actor's environment.
    pub(super) async fn allow_with(
        &self,
        actor: &Actor,
        served: Served,
        host: Option<&str>,
    ) -> Result<Allowed, Error> {
        let Served { credential, connector, definition, material } = served;
        let (values, settings) = self.open_values(actor.tenant, &connector, &material.values()).await?;
        let unfit = |_: RenderError| {
            let detail = format!(
                "A call can't be made of what is stored for `{}`; check the connector `{}` and connect again.",
                credential.id, connector.key
            );
            Error::refused(Code::ConnectorIncomplete, detail)
        };
        let url = definition.base_url(credential.condition.method, &values).map_err(unfit)?;
        let (base, own) = Base::of(&url).ok_or(Error::internal("a base that is no address"))?;
        let to = match host {
            None => own.clone(),
            Some(wanted) => picked(
                wanted,
                &definition.allowed_hosts(credential.condition.method, &values).map_err(unfit)?,
            )?
            .clone(),
        };
        let (base, own_query) = if to == own {
            (base, url.query().map(str::to_owned))
        } else {
            (base.at(&to).ok_or(Error::internal("a host that is none"))?, None)
        };
        let is_typed = definition.is_typed_host(&to, &values);
        let placement = definition.placement(credential.condition.method, &values).map_err(unfit)?;
        let signer = definition.signer(credential.condition.method, &values).map_err(unfit)?;
        Ok(Allowed {
            // A port stands literally in a definition, so the one of the address is the definition's.
            named_port: base.port(),
            base,
            to,
            own_query,
            headers: placement.headers,
            query: placement.query,
            signer,
            app: Some(CalledApp {
                connector: connector.key.clone(),
                settings,
                connector_id: connector.id,
                provider: connector.provider.clone(),
                is_typed,
                credential,
            }),
        })
    }
}

/// An address of the caller's: whether it may be called is decided by the secrets in the call.
fn allow_address(address: &str) -> Result<Allowed, Error> {
    let (base, to, own_query) = given(address)?;
    let (headers, query) = (Vec::new(), Vec::new());
    Ok(Allowed { base, to, named_port: None, own_query, headers, query, signer: None, app: None })
}
