//! The URLs that follow from a definition and the values of a credential.

use url::Url;
use vouchsafe_entity::kind::Method;

use super::{Definition, MCP_REVOCATION_ENDPOINT};
use crate::provider::template::RenderError;
use crate::provider::url_template::Authority;
use crate::provider::values::Values;

impl Definition {
    /// The base of the API with a credential of `method`.
    pub fn base_url(&self, method: Method, values: &Values) -> Result<Url, RenderError> {
        self.of(method).base_url.render(values)
    }

    /// The hosts that the proxy may call with this credential: that of the base URL first.
    pub fn allowed_hosts(&self, method: Method, values: &Values) -> Result<Vec<Authority>, RenderError> {
        let base = self.base_url(method, values)?;
        let host = base.host_str().ok_or(RenderError::Url)?.to_owned();
        let port = base.port_or_known_default().ok_or(RenderError::Url)?;
        let mut hosts = vec![Authority { host, port }];
        for template in &self.of(method).allowed_hosts {
            let authority = Authority { host: template.render(values)?, port: template.port.unwrap_or(443) };
            if !hosts.contains(&authority) {
                hosts.push(authority);
            }
        }
        Ok(hosts)
    }

    /// Where the browser is sent for consent, without parameters.
    pub fn authorization_endpoint(&self, values: &Values) -> Result<Url, RenderError> {
        let signed = self.oauth1().map(|table| &table.authorization_endpoint);
        let endpoint = self.oauth2().map(|table| &table.authorization_endpoint).or(signed);
        endpoint.ok_or(RenderError::Undeclared)?.render(values)
    }

    /// Where the token request of `method` goes.
    pub fn token_endpoint(&self, method: Method, values: &Values) -> Result<Url, RenderError> {
        self.token_request_of(method).ok_or(RenderError::Undeclared)?.endpoint.render(values)
    }

    /// Where refresh requests of `[oauth2]` go.
    pub fn refresh_endpoint(&self, values: &Values) -> Result<Url, RenderError> {
        let oauth2 = self.oauth2().ok_or(RenderError::Undeclared)?;
        oauth2.refresh.endpoint.as_ref().unwrap_or(&oauth2.token.endpoint).render(values)
    }

    /// Where tokens are revoked (RFC 7009); `None` where the app offers nothing of the kind.
    pub fn revocation_endpoint(&self, values: &Values) -> Option<Result<Url, RenderError>> {
        let endpoint = self.oauth2()?.revocation_endpoint.as_ref()?;
        let announced = self.mcp().is_none() || values.get(MCP_REVOCATION_ENDPOINT).is_some();
        announced.then(|| endpoint.render(values))
    }
}
