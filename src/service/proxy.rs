//! Calls to apps through the hub: the credential and the secrets are put in on the way out, and both bodies stream.
//!
//! One function says where a call may go with what (`Hub::allow_call`); there is no other way to open a credential
//! for a call. Nothing here follows a redirect, keeps a cookie or looks into a body, unless it is asked to resolve
//! the references in one.

mod allow;
mod body;
mod destination;
mod headers;
mod port;
mod query;
mod record;
mod send;
mod sign;
mod target;
mod trailers;
mod tried;

use std::sync::Arc;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, UPGRADE};
use http::{Method, Response};

use super::references::{Destination, OpenSecrets, Usage};
use super::{Code, Error, Hub};
use crate::domain::actor::Actor;
use crate::domain::call_path;
use crate::domain::role::Action;
use crate::domain::secret_reference::is_dynamic;
pub use crate::egress::StreamBody;
use crate::store;
use allow::Allowed;
use body::Payload;
use record::Entry;
pub use tried::Tried;

/// How the call names what it goes with.
#[derive(Clone, Debug)]
pub enum Via {
    /// A credential, by id.
    Credential(String),
    /// The credential of a user for a connector.
    User {
        /// By either name.
        user: String,
        /// The connector's key.
        connector: String,
    },
    /// No credential: an address, to which the secrets in the call may go.
    Address(String),
}

/// A call as it came in, with what is the hub's taken out of it.
pub struct Call {
    /// The method.
    pub method: Method,
    /// The path below the base, as it is written, without a slash at its start.
    pub path: String,
    /// The query, as it is written.
    pub query: Option<String>,
    /// All headers, those for the hub included.
    pub headers: HeaderMap,
    /// The body, on its way.
    pub body: StreamBody,
    /// What it goes with.
    pub via: Via,
    /// Another of the provider's hosts.
    pub host: Option<String>,
    /// The integration that it is for.
    pub integration: Option<String>,
    /// What is sent as `Authorization` to an address of the caller's.
    pub authorization: Option<HeaderValue>,
    /// Whether references in the body are resolved.
    pub resolve_body: bool,
}

/// A call whose parts are ready to be sent.
struct Prepared {
    allowed: Allowed,
    method: Method,
    path: String,
    /// The caller's query, resolved.
    query: Option<String>,
    /// The caller's headers, filtered and resolved.
    headers: HeaderMap,
    payload: Payload,
    /// What the references stood for.
    secrets: OpenSecrets,
}

impl Hub {
    /// Lets the actor go on who may call apps.
    ///
    /// # Errors
    /// [`Code::Forbidden`]; [`Error::NotFound`] where they are not to know of it.
    pub async fn may_call_apps(&self, actor: &Actor) -> Result<(), Error> {
        self.permit(actor, Action::CallApps).await
    }

    /// Calls an app and gives its answer as it comes. Every call is written down, whatever becomes of it.
    ///
    /// # Errors
    /// [`Code::PathRefused`], [`Code::HostNotAllowed`], [`Code::ProviderUnreachable`], [`Code::ProviderTimeout`],
    /// [`Code::RateLimited`], [`Code::UpgradeNotSupported`], those of a token read and of references.
    pub async fn proxy_call(
        self: &Arc<Self>,
        actor: &Actor,
        call: Call,
    ) -> Result<Response<StreamBody>, Error> {
        Ok(self.make_call(actor, call).await?.0)
    }

    /// Makes a call; its answer, and what went into it.
    async fn make_call(
        self: &Arc<Self>,
        actor: &Actor,
        call: Call,
    ) -> Result<(Response<StreamBody>, Prepared), Error> {
        self.permit(actor, Action::CallApps).await?;
        self.await_room_to_record().await;
        let mut entry = Entry::new(self, actor, &call);
        let mut prepared = match self.prepare_call(actor, call, &mut entry).await {
            Ok(prepared) => prepared,
            Err(error) => return Err(entry.refused(error)),
        };
        self.begin_record(actor, &entry).await?;
        let answer = self.carry(actor, &mut prepared, entry).await?;
        Ok((answer, prepared))
    }

    async fn prepare_call(&self, actor: &Actor, call: Call, entry: &mut Entry) -> Result<Prepared, Error> {
        refuse_upgrade(&call.headers)?;
        call_path::check(&call.path).map_err(|_| path_refused())?;
        if let Some(slug) = &call.integration {
            let found = store::integration::by_slug(&self.store, actor.environment(), slug).await?;
            found.ok_or(Error::NotFound)?;
        }
        let mut allowed = self.allow_call(actor, &call.via, call.host.as_deref()).await?;
        entry.aims_at(&allowed, &call.path);
        let mut headers = headers::forwarded(&call.headers, &allowed.injected());
        if allowed.app.is_none()
            && let Some(authorization) = call.authorization
        {
            headers.insert(http::header::AUTHORIZATION, authorization);
        }
        let caller_query = query::without(call.query.as_deref(), &allowed.injected_query());
        let query = query::joined(allowed.own_query.as_deref(), caller_query.as_deref());
        let filter = headers::Filter::of_caller(&call.headers, &allowed.injected());
        let body = trailers::filtered(call.body, filter);
        let mut payload = Payload::of(body, &call.headers, call.resolve_body).await?;
        if allowed.signer.as_ref().is_some_and(|signer| signer.needs_body(&media_type(&call.headers))) {
            payload = payload.at_hand().await?;
        }

        let texts: Vec<String> = headers::dynamic(&headers)?
            .chain(query.as_deref().into_iter().flat_map(query::dynamic))
            .chain(payload.dynamic())
            .collect();
        let secrets = self.open_call_secrets(actor, &allowed, call.integration.as_deref(), &texts).await?;
        if allowed.app.is_none() && secrets.is_empty() {
            return Err(Error::refused(
                Code::HostNotAllowed,
                "An address is called only with a secret that may go there; this call refers to none.",
            ));
        }
        if allowed.app.is_none() {
            allowed.named_port = self.listed_port(actor, &allowed.to, &texts).await?;
        }
        headers::resolve(&mut headers, &secrets)?;
        let query = query.map(|query| query::resolve(&query, &secrets)).transpose()?;
        if payload.resolve(&secrets)? || payload.has_trailers() {
            headers.remove(CONTENT_LENGTH);
        }
        Ok(Prepared { method: call.method, path: call.path, query, headers, payload, secrets, allowed })
    }

    /// Opens every secret that the call refers to, for where it goes.
    async fn open_call_secrets(
        &self,
        actor: &Actor,
        allowed: &Allowed,
        integration: Option<&str>,
        texts: &[String],
    ) -> Result<OpenSecrets, Error> {
        let usage = Usage {
            product: integration,
            app: allowed.app.as_ref().map(|app| (app.connector.as_str(), app.provider.as_str())),
            destination: Destination::Call {
                to: &allowed.to,
                typed: allowed.app.as_ref().is_some_and(|app| app.is_typed),
            },
        };
        self.open_references(actor, texts.iter().map(String::as_str), &usage).await
    }
}

/// Whether a text holds something to replace.
fn dynamic_text(text: &str) -> bool {
    is_dynamic(text.as_bytes())
}

/// A connection that is to become another protocol ends at the hub. What merely offers HTTP/2 goes on without.
fn refuse_upgrade(headers: &HeaderMap) -> Result<(), Error> {
    let offers = headers.get_all(UPGRADE).iter().filter_map(|value| value.to_str().ok());
    let other = offers.flat_map(|line| line.split(',')).any(|protocol| {
        let protocol = protocol.trim();
        !protocol.is_empty() && !protocol.eq_ignore_ascii_case("h2c")
    });
    if other {
        let detail = "The hub passes no upgraded connections, such as WebSocket; call the app directly.";
        return Err(Error::refused(Code::UpgradeNotSupported, detail));
    }
    Ok(())
}

fn path_refused() -> Error {
    let detail = "A path may not have empty or dot segments, backslashes, control characters or an address, \
                  encoded or not.";
    Error::refused(Code::PathRefused, detail)
}

/// The media type of a body, without its parameters, in lower case.
fn media_type(headers: &HeaderMap) -> String {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
