//! How a credential goes on an API call.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use vouchsafe_entity::kind::Method;
use zeroize::Zeroizing;

use super::Definition;
use super::method::Basic;
use crate::provider::template::{RenderError, Template};
use crate::provider::values::Values;

/// Header templates, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(pub(in crate::provider) Vec<(HeaderName, Template)>);

impl Headers {
    /// The headers filled, marked sensitive. A header whose optional variable was left empty is not in the result.
    pub fn render(&self, values: &Values) -> Result<Vec<(HeaderName, HeaderValue)>, RenderError> {
        self.render_without(values, &|_| false)
    }

    /// As [`render`](Self::render), leaving out headers whose values are to come `later`.
    fn render_without(
        &self,
        values: &Values,
        later: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, RenderError> {
        let mut rendered = Vec::with_capacity(self.0.len());
        for (name, template) in &self.0 {
            if let Some(value) = unless_later(template.render_header(values), later)? {
                rendered.push((name.clone(), value));
            }
        }
        Ok(rendered)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The placement keys of a method table.
#[derive(Clone, Debug, Default)]
pub(in crate::provider) struct Placing {
    pub(in crate::provider) headers: Headers,
    pub(in crate::provider) query: Vec<(String, Template)>,
    pub(in crate::provider) basic: Option<Basic>,
}

impl Placing {
    pub(in crate::provider) fn is_empty(&self) -> bool {
        self.headers.is_empty() && self.query.is_empty() && self.basic.is_none()
    }
}

/// What is put on an API call.
#[derive(Clone, Default)]
pub struct Placement {
    /// Headers, each marked sensitive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Query parameters, not yet encoded.
    pub query: Vec<(String, SecretString)>,
}

impl Basic {
    /// The `Authorization` header: UTF-8, then base64 (RFC 7617).
    pub fn render(&self, values: &Values) -> Result<HeaderValue, RenderError> {
        let part = |template: &Template| {
            let text = template.render_text(values)?.unwrap_or_default();
            let bad = text.expose_secret().contains(char::is_control);
            if bad { Err(RenderError::Basic) } else { Ok(text) }
        };
        let (username, password) = (part(&self.username)?, part(&self.password)?);
        if username.expose_secret().contains(':') {
            return Err(RenderError::Basic);
        }
        let pair = Zeroizing::new([username.expose_secret(), password.expose_secret()].join(":"));
        let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
        let mut header = HeaderValue::from_str(&text).map_err(|_| RenderError::Basic)?;
        header.set_sensitive(true);
        Ok(header)
    }
}

impl Definition {
    /// The headers and query parameters of an API call with a credential of `method`: the fixed headers of the
    /// definition, then those of the method, which win.
    pub fn placement(&self, method: Method, values: &Values) -> Result<Placement, RenderError> {
        self.of(method).placement_without(method, values, &|_| false)
    }

    /// As [`placement`](Self::placement), leaving out what needs values that are to come `later`.
    pub(super) fn placement_without(
        &self,
        method: Method,
        values: &Values,
        later: &dyn Fn(&str) -> bool,
    ) -> Result<Placement, RenderError> {
        if !self.described.contains(&method) {
            return Err(RenderError::Undeclared);
        }
        let nothing = Placing::default();
        let placing = self.placing(method).unwrap_or(&nothing);
        let mut headers = self.headers.render_without(values, later)?;
        let mut own = placing.headers.render_without(values, later)?;
        if let Some(basic) = &placing.basic {
            own.push((AUTHORIZATION, basic.render(values)?));
        }
        headers.retain(|(name, _)| !own.iter().any(|(other, _)| other == name));
        headers.extend(own);
        let mut query = Vec::with_capacity(placing.query.len());
        for (name, template) in &placing.query {
            if let Some(value) = unless_later(template.render_text(values), later)? {
                query.push((name.clone(), value));
            }
        }
        Ok(Placement { headers, query })
    }

    /// Whether API calls carry the connector's client secret, as some apps want it beside the token, or are signed by it.
    pub fn places_client_secret(&self) -> bool {
        if self.oauth1().is_some() {
            return true;
        }
        let Some(placing) = self.oauth2().map(|table| &table.placing) else { return false };
        let headers = self.headers.0.iter().chain(&placing.headers.0).map(|(_, template)| template);
        let query = placing.query.iter().map(|(_, template)| template);
        let basic = placing.basic.iter().flat_map(|basic| [&basic.username, &basic.password]);
        headers.chain(query).chain(basic).any(|template| template.names().any(|name| name == "client_secret"))
    }

    fn placing(&self, method: Method) -> Option<&Placing> {
        match method {
            Method::OAuth2 => self.oauth2.as_ref().map(|table| &table.placing),
            Method::ClientCredentials => self.client_credentials.as_ref().map(|table| &table.placing),
            Method::ApiKey | Method::Basic => self.api_key.as_ref().map(|table| &table.placing),
            Method::Session => self.session.as_ref().map(|table| &table.placing),
            Method::Jwt => self.jwt.as_ref().map(|table| &table.placing),
            // A signature goes on the call as a whole.
            Method::AwsSigV4 | Method::OAuth1 => None,
        }
    }
}

/// Takes a missing value for an empty one if it is to come later.
fn unless_later<T>(
    rendered: Result<Option<T>, RenderError>,
    later: &dyn Fn(&str) -> bool,
) -> Result<Option<T>, RenderError> {
    match rendered {
        Err(RenderError::Missing(name)) if later(&name) => Ok(None),
        other => other,
    }
}

impl fmt::Debug for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        let query: Vec<_> = self.query.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Placement").field("headers", &headers).field("query", &query).finish()
    }
}
