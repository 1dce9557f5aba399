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

    /// Host and port of [`base_url`](Self::base_url), whatever its path needs.
    pub fn base_host(&self, method: Method, values: &Values) -> Result<Authority, RenderError> {
        self.of(method).base_url.authority(values)
    }

    /// The hosts that the proxy may call with this credential: that of the base URL first.
    pub fn allowed_hosts(&self, method: Method, values: &Values) -> Result<Vec<Authority>, RenderError> {
        let base = self.base_url(method, values)?;
        let host = base.host_str().ok_or(RenderError::Url)?.to_owned();
        let port = base.port_or_known_default().ok_or(RenderError::Url)?;
        let mut hosts = vec![Authority { host, port }];
        for template in &self.of(method).allowed_hosts {
            let authority = template.authority(values)?;
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

    /// Where a sign-in takes the browser, and where what comes back is sent: the addresses as the file writes them, with
    /// the defaults that fill them. A sign-in may end with any definition that says the same of it.
    pub fn sign_in_addresses(&self) -> String {
        let of_oauth2 = self.oauth2().into_iter().flat_map(|table| {
            let further = table.exchange.as_ref().map(|exchange| &exchange.endpoint);
            [Some(&table.authorization_endpoint), Some(&table.token.endpoint), further]
        });
        let of_oauth1 = self.oauth1().into_iter().flat_map(|table| {
            [&table.request_token_endpoint, &table.authorization_endpoint, &table.token_endpoint].map(Some)
        });
        let urls = of_oauth2.chain(of_oauth1).flatten();
        let mut lines: Vec<String> = urls.map(|url| url.source().to_owned()).collect();
        for method in [Method::OAuth2, Method::OAuth1] {
            lines.push(self.of(method).base_url.source().to_owned());
            let variables = self.variables_of(method);
            let filled = variables.filter_map(|variable| Some((&variable.name, variable.default.as_ref()?)));
            lines.extend(filled.map(|(name, default)| format!("{name}={default}")));
        }
        lines.join("\n")
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
