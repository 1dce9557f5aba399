//! `[mcp]`: the sign-in of OAuth 2.1 at addresses that are found out, with the resource in each request (RFC 8707).

use std::collections::BTreeMap;

use vouchsafe_entity::kind::Method;

use super::methods::Methods;
use super::{At, Builder, Owner, Spot, Stand};
use crate::provider::definition::{
    AuthMethod, AuthorizationResponse, CodeChallenge, Headers, MCP_AUTHORIZATION_ENDPOINT, MCP_RESOURCE,
    MCP_REVOCATION_ENDPOINT, MCP_TOKEN_ENDPOINT, Mcp, OAuth2, Param, Params, Refresh, TokenRequest,
    TokenRequestFormat,
};
use crate::provider::format::{self, PlacingKeys};
use crate::provider::source::{Flaw, Place};
use crate::provider::template::Template;
use crate::provider::url_template::UrlTemplate;

impl Builder {
    pub(super) fn mcp(&mut self, raw: &format::Mcp, has_oauth2: bool, methods: &mut Methods) {
        let (top, owner) = (At::top("mcp"), &Owner::Method(Method::OAuth2));
        if has_oauth2 {
            let message = "`[mcp]` finds out what `[oauth2]` would say; a file has one of them";
            self.flaws.push(Flaw::error(Place::Key(vec!["mcp".to_owned()]), "two-sign-ins", message));
            return;
        }
        methods.declared.push(Method::OAuth2);
        let url = self.required_url(top.key("url"), raw.url.as_deref(), Stand { spot: Spot::Token, owner });
        methods.oauth2 = self.found_out(owner);
        methods.mcp = url.map(|url| Mcp { url });
    }

    fn found_out(&mut self, owner: &Owner) -> Option<OAuth2> {
        let top = At::top("mcp");
        let format = TokenRequestFormat::Form;
        let resource = Template::parse(&format!("{{{MCP_RESOURCE}}}")).ok()?;
        let resource = Params(vec![("resource".to_owned(), Param::Text(resource))]);
        let refresh = self.refresh(top, None, owner, format);
        let silent = PlacingKeys { headers: None, query: None, basic: None };
        Some(OAuth2 {
            authorization_endpoint: UrlTemplate::discovered(MCP_AUTHORIZATION_ENDPOINT)?,
            revocation_endpoint: UrlTemplate::discovered(MCP_REVOCATION_ENDPOINT),
            code_challenge: CodeChallenge::S256,
            authorization_params: resource.clone(),
            authorization_response: AuthorizationResponse::default(),
            token: TokenRequest {
                endpoint: UrlTemplate::discovered(MCP_TOKEN_ENDPOINT)?,
                format,
                auth_method: Some(AuthMethod::ClientSecretPost),
                client_assertion: None,
                basic: None,
                params: resource.clone(),
                headers: Headers::default(),
                scopes: Vec::new(),
                scope_separator: " ".to_owned(),
                rename: BTreeMap::new(),
                response: self.token_response(top, None)?,
                error_map: BTreeMap::new(),
                access_token_lifetime: None,
                renewed_by_access_token: false,
            },
            exchange: None,
            refresh: Refresh { params: resource, ..refresh },
            placing: self.placing(top, silent, owner, true),
        })
    }
}
