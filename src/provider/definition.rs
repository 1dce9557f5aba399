//! A loaded provider definition: what an app is, how it authenticates, and the requests that follow from it.
//! Every question about an app is answered here, from data; nothing here does I/O or knows a clock.

mod account;
mod capture;
mod check;
mod discovered;
mod endpoint;
mod fields;
mod hosts;
mod method;
mod params;
mod placement;
mod signer;

use std::borrow::Cow;
use std::fmt;

use vouchsafe_entity::kind::Method;

pub use self::account::Account;
pub use self::capture::{CaptureError, Captured};
pub(in crate::provider) use self::check::Target;
pub use self::check::{Check, CheckOutcome, CheckRequest};
pub use self::discovered::{
    MCP_AUTHORIZATION_ENDPOINT, MCP_BY_BASIC, MCP_ISSUER, MCP_NAMES_ISSUER, MCP_RESOURCE,
    MCP_REVOCATION_ENDPOINT, MCP_TOKEN_ENDPOINT, Mcp,
};
pub use self::fields::{FieldError, FieldSource};
pub use self::hosts::{HostOwner, SettingHosts};
pub use self::method::{
    ApiKey, AuthMethod, AuthorizationResponse, Basic, ClientCredentials, CodeChallenge, Exchange, Jwt,
    JwtShape, OAuth2, Refresh, Reuse, RevokeScope, Session, TokenRequest, TokenRequestFormat, TokenResponse,
};
pub use self::params::{Param, ParamValue, Params};
pub(in crate::provider) use self::placement::Placing;
pub use self::placement::{Headers, Placement};
pub use self::signer::{AwsSigV4, OAuth1, TOKEN_SECRET};

use super::shipped;
use super::template::Template;
use super::url_template::{HostTemplate, UrlTemplate};
use super::variable::Variable;

/// One provider, as its file describes it.
pub struct Definition {
    pub(super) slug: String,
    /// The slug of the definition that it started from.
    pub(super) extends: Option<String>,
    pub(super) name: String,
    pub(super) documentation: String,
    pub(super) categories: Vec<String>,
    pub(super) hash: String,
    pub(super) base_url: UrlTemplate,
    pub(super) allowed_hosts: Vec<HostTemplate>,
    pub(super) headers: Headers,
    pub(super) account: Option<Template>,
    pub(super) account_label: Option<Template>,
    pub(super) variables: Vec<Variable>,
    /// Methods on offer, those of `views` included.
    pub(super) offered: Vec<Method>,
    /// The same for methods to which the file says something of their own.
    pub(super) views: Vec<Definition>,
    /// Methods that are described here, each with the indexes of the variables that it reaches.
    pub(super) described: Vec<Method>,
    pub(super) reach: Vec<Vec<usize>>,
    pub(super) oauth2: Option<OAuth2>,
    pub(super) client_credentials: Option<ClientCredentials>,
    pub(super) api_key: Option<ApiKey>,
    pub(super) session: Option<Session>,
    pub(super) jwt: Option<Jwt>,
    pub(super) mcp: Option<Mcp>,
    pub(super) oauth1: Option<OAuth1>,
    pub(super) aws_sigv4: Option<AwsSigV4>,
    pub(super) check: Option<Check>,
    pub(super) limits: Limits,
}

/// How hard the hub may call a provider on its own account, per token host and replica.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Calls in flight.
    pub concurrency: u16,
    /// Calls started per second.
    pub rate: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { concurrency: 8, rate: 10.0 }
    }
}

impl Definition {
    /// The file name without its ending; the key of a connector.
    pub fn slug(&self) -> &str {
        &self.slug
    }

    /// Display name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it stands among others: by name in any letter case, then by slug.
    pub fn sort_key(&self) -> String {
        format!("{}\n{}", self.name.to_lowercase(), self.slug)
    }

    /// The icon of the app as SVG: its own, else that of the definition which it extends.
    pub fn icon(&self) -> Option<Cow<'static, [u8]>> {
        shipped::icon(&self.slug).or_else(|| shipped::icon(self.extends.as_deref()?))
    }

    /// The slug by which its icon is asked for; none for an app without one.
    pub fn icon_slug(&self) -> Option<&str> {
        self.icon().map(|_| self.slug())
    }

    /// The vendor page that the file was written from.
    pub fn documentation(&self) -> &str {
        &self.documentation
    }

    /// Catalogue categories.
    pub fn categories(&self) -> &[String] {
        &self.categories
    }

    /// SHA-256 of the file and, where it extends another, of that file too; in hexadecimal.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The methods on offer, OAuth first.
    pub fn methods(&self) -> &[Method] {
        &self.offered
    }

    /// The definition as a method sees it, with the API base, the variables and the check of its own.
    pub fn of(&self, method: Method) -> &Self {
        self.views.iter().find(|view| view.described.contains(&method)).unwrap_or(self)
    }

    /// Everything that the file describes, the shared part first.
    fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.views)
    }

    /// One definition of the parts of a file; `None` if there are none.
    pub(super) fn joined(parts: Vec<Self>) -> Option<Self> {
        let mut parts = parts.into_iter();
        let mut first = parts.next()?;
        first.views = parts.collect();
        first.offered = first.all().flat_map(|part| part.described.clone()).collect();
        let order = [
            Method::OAuth2,
            Method::OAuth1,
            Method::ClientCredentials,
            Method::ApiKey,
            Method::Basic,
            Method::Session,
            Method::Jwt,
            Method::AwsSigV4,
        ];
        first.offered.sort_by_key(|method| order.iter().position(|other| other == method));
        Some(first)
    }

    /// Whether no method works without a client id of the connector.
    pub fn needs_client(&self) -> bool {
        self.mcp().is_none()
            && self.offered.iter().all(|method| matches!(method, Method::OAuth2 | Method::OAuth1))
    }

    /// Whether the embedder's client proves itself with a secret where users sign in. One that registers itself is
    /// nothing of the embedder's.
    pub fn needs_client_secret(&self) -> bool {
        let by_secret = |oauth2: &OAuth2| match &oauth2.token.client_assertion {
            Some(assertion) => assertion.key.names().any(|name| name == "client_secret"),
            None => oauth2.token.auth_method != Some(AuthMethod::None),
        };
        self.mcp().is_none() && (self.oauth1().is_some() || self.oauth2().is_some_and(by_secret))
    }

    /// Every variable, in the order of the file.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// The variable of that name. One that differs from method to method is asked of [`of`](Self::of).
    pub fn variable(&self, name: &str) -> Option<&Variable> {
        self.all().find_map(|part| part.variables.iter().find(|variable| variable.name == name))
    }

    /// The variables that a method reaches, in the order of the file; none if it is not on offer.
    pub fn variables_of(&self, method: Method) -> impl Iterator<Item = &Variable> {
        let one = self.of(method);
        let place = one.described.iter().position(|offered| *offered == method);
        let reach = place.and_then(|place| one.reach.get(place)).map_or(&[][..], Vec::as_slice);
        reach.iter().filter_map(|index| one.variables.get(*index))
    }

    /// `[oauth2]`.
    pub fn oauth2(&self) -> Option<&OAuth2> {
        self.all().find_map(|part| part.oauth2.as_ref())
    }

    /// `[client_credentials]`.
    pub fn client_credentials(&self) -> Option<&ClientCredentials> {
        self.all().find_map(|part| part.client_credentials.as_ref())
    }

    /// `[session]`.
    pub fn session(&self) -> Option<&Session> {
        self.all().find_map(|part| part.session.as_ref())
    }

    /// `[jwt]`.
    pub fn jwt(&self) -> Option<&Jwt> {
        self.all().find_map(|part| part.jwt.as_ref())
    }

    /// `[mcp]`, whose sign-in is that of [`oauth2`](Self::oauth2) at addresses that are found out.
    pub fn mcp(&self) -> Option<&Mcp> {
        self.all().find_map(|part| part.mcp.as_ref())
    }

    /// `[oauth1]`.
    pub fn oauth1(&self) -> Option<&OAuth1> {
        self.all().find_map(|part| part.oauth1.as_ref())
    }

    /// `[oauth2.refresh]`, with its defaults.
    pub fn refresh(&self) -> Option<&Refresh> {
        self.oauth2().map(|oauth2| &oauth2.refresh)
    }

    /// The token request that a method makes; none for a key.
    pub fn token_request_of(&self, method: Method) -> Option<&TokenRequest> {
        match method {
            Method::OAuth2 => self.oauth2().map(|table| &table.token),
            Method::ClientCredentials => self.client_credentials().map(|table| &table.token),
            Method::Session => self.session().map(|table| &table.token),
            Method::Jwt => self.jwt().and_then(|table| table.token.as_ref()),
            Method::ApiKey | Method::Basic | Method::AwsSigV4 | Method::OAuth1 => None,
        }
    }

    /// Whether the app would read a scope as several, since it holds what joins them.
    pub fn splits(&self, scope: &str) -> bool {
        let requests = self.methods().iter().filter_map(|method| self.token_request_of(*method));
        requests
            .map(|request| request.scope_separator.as_str())
            .any(|separator| !separator.is_empty() && scope.contains(separator))
    }

    /// How the JWT of a method is made: the token itself, or what stands for the client secret.
    pub fn jwt_shape_of(&self, method: Method) -> Option<&JwtShape> {
        match method {
            Method::Jwt => self.jwt().map(|table| &table.shape),
            method => self.token_request_of(method)?.client_assertion.as_ref(),
        }
    }

    /// How hard the hub may call this provider on its own account.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The check of a method.
    pub fn check(&self, method: Method) -> Option<&Check> {
        self.of(method).check.as_ref()
    }
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Definition")
            .field("slug", &self.slug)
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
