//! The method tables.

use http::header::AUTHORIZATION;
use vouchsafe_entity::kind::Method;

use super::token::Client;
use super::{At, Builder, Owner, Part, Spot, Stand};
use crate::provider::definition::{
    ApiKey, AuthorizationResponse, AwsSigV4, ClientCredentials, Headers, Jwt, Mcp, OAuth1, OAuth2, Placing,
    Session, TokenRequest, TokenRequestFormat,
};
use crate::provider::format::{self, AuthMethodWord, File, PlacingKeys, RenewWord};

/// All method tables of a file.
#[derive(Default)]
pub(super) struct Methods {
    pub(super) declared: Vec<Method>,
    pub(super) oauth2: Option<OAuth2>,
    pub(super) client_credentials: Option<ClientCredentials>,
    pub(super) api_key: Option<ApiKey>,
    pub(super) session: Option<Session>,
    pub(super) jwt: Option<Jwt>,
    pub(super) mcp: Option<Mcp>,
    pub(super) oauth1: Option<OAuth1>,
    pub(super) aws_sigv4: Option<AwsSigV4>,
}

impl Builder {
    pub(super) fn methods(&mut self, file: &File) -> Methods {
        let mut methods = Methods::default();
        if let Some(raw) = &file.oauth2 {
            methods.declared.push(Method::OAuth2);
            methods.oauth2 = self.oauth2(raw);
        }
        if let Some(raw) = &file.mcp {
            self.mcp(raw, file.oauth2.is_some(), &mut methods);
        }
        if let Some(raw) = &file.client_credentials {
            methods.declared.push(Method::ClientCredentials);
            methods.client_credentials = self.client_credentials(raw);
        }
        if let Some(raw) = &file.api_key {
            let method = if raw.basic.is_some() { Method::Basic } else { Method::ApiKey };
            methods.declared.push(method);
            let owner = &Owner::Method(method);
            methods.api_key =
                Some(ApiKey { placing: self.placing(At::top("api_key"), raw.placing(), owner, false) });
        }
        if let Some(raw) = &file.session {
            methods.declared.push(Method::Session);
            methods.session = self.session(raw);
        }
        if let Some(raw) = &file.jwt {
            methods.declared.push(Method::Jwt);
            methods.jwt = self.jwt(raw);
        }
        if let Some(raw) = &file.oauth1 {
            methods.declared.push(Method::OAuth1);
            methods.oauth1 = self.oauth1(raw);
        }
        if let Some(raw) = &file.aws_sigv4 {
            methods.declared.push(Method::AwsSigV4);
            methods.aws_sigv4 = self.aws_sigv4(raw);
        }
        methods
    }

    fn oauth2(&mut self, raw: &format::OAuth2) -> Option<OAuth2> {
        let (top, owner) = (At::top("oauth2"), &Owner::Method(Method::OAuth2));
        let url = |spot| Stand { spot, owner };
        let authorization_endpoint = self.required_url(
            top.key("authorization_endpoint"),
            raw.authorization_endpoint.as_deref(),
            url(Spot::Authorization),
        );
        let revocation_endpoint = raw
            .revocation_endpoint
            .as_deref()
            .and_then(|source| self.url(top.key("revocation_endpoint"), source, url(Spot::Revocation)));
        let client = Client {
            auth_method: Some(raw.token_endpoint_auth_method.unwrap_or(AuthMethodWord::ClientSecretPost)),
            assertion: raw.client_assertion.as_ref(),
            scopes: raw.scopes.as_ref(),
            scope_separator: raw.scope_separator.as_deref(),
            rename: raw.rename.as_ref(),
        };
        let token = self.token(top, raw.token(), &client, owner);
        let authorization_params = self.params(
            top.key("authorization_params"),
            raw.authorization_params.as_ref(),
            url(Spot::AuthorizationParam),
            TokenRequestFormat::Form,
        );
        let format = raw.token_request_format.map_or(TokenRequestFormat::Form, Into::into);
        let exchange = raw.exchange.as_ref().and_then(|raw| self.exchange(top, raw, owner, format));
        let refresh = self.refresh(top, raw.refresh.as_ref(), owner, format);
        let placing = self.placing(top, raw.placing(), owner, true);
        let by_access_token =
            raw.refresh.as_ref().and_then(|refresh| refresh.by) == Some(RenewWord::AccessToken);
        Some(OAuth2 {
            authorization_endpoint: authorization_endpoint?,
            revocation_endpoint,
            code_challenge: raw.code_challenge_method.map(Into::into).unwrap_or_default(),
            authorization_params,
            authorization_response: authorization_response(raw.authorization_response.as_ref()),
            token: TokenRequest { renewed_by_access_token: by_access_token, ..token? },
            exchange,
            refresh,
            placing,
        })
    }

    fn client_credentials(&mut self, raw: &format::ClientCredentials) -> Option<ClientCredentials> {
        let (top, owner) = (At::top("client_credentials"), &Owner::Method(Method::ClientCredentials));
        let client = Client {
            auth_method: Some(raw.token_endpoint_auth_method.unwrap_or(AuthMethodWord::ClientSecretPost)),
            assertion: raw.client_assertion.as_ref(),
            scopes: raw.scopes.as_ref(),
            scope_separator: raw.scope_separator.as_deref(),
            rename: None,
        };
        let token = self.token(top, raw.token(), &client, owner);
        let placing = self.placing(top, raw.placing(), owner, true);
        Some(ClientCredentials { token: token?, placing })
    }

    fn session(&mut self, raw: &format::Session) -> Option<Session> {
        let (top, owner) = (At::top("session"), &Owner::Method(Method::Session));
        let token = self.token(top, raw.token(), &Client::default(), owner);
        let stand = Stand { spot: Spot::TokenParam, owner };
        let basic =
            raw.token_basic.as_ref().and_then(|basic| self.basic(top.key("token_basic"), basic, stand));
        let placing = self.placing(top, raw.placing(), owner, true);
        Some(Session { token: TokenRequest { basic, ..token? }, placing })
    }

    fn jwt(&mut self, raw: &format::Jwt) -> Option<Jwt> {
        let (top, owner) = (At::top("jwt"), &Owner::Method(Method::Jwt));
        for (key, there) in [
            ("algorithm", raw.algorithm.is_some()),
            ("key", raw.key.is_some()),
            ("lifetime", raw.lifetime.is_some()),
        ] {
            if !there {
                self.missing(top.key(key));
            }
        }
        let shape = self.jwt_shape(top, raw.keys(), owner);
        let token = match raw.token_endpoint {
            Some(_) => Some(self.token(top, raw.token(), &Client::default(), owner)?),
            None => None,
        };
        let placing = self.placing(top, raw.placing(), owner, true);
        Some(Jwt { shape: shape?, token, placing })
    }

    /// The placement keys of a method table; a bearer token where there are none and the method makes tokens.
    pub(super) fn placing(
        &mut self,
        top: At<'_>,
        keys: PlacingKeys<'_>,
        owner: &Owner,
        tokens: bool,
    ) -> Placing {
        let stand = Stand { spot: Spot::Placement, owner };
        let headers =
            keys.headers.map(|table| self.headers(top.key("headers"), table, stand)).unwrap_or_default();
        let mut placing = Placing {
            headers,
            query: self.query(top.key("query"), keys.query, stand),
            basic: keys.basic.and_then(|basic| self.basic(top.key("basic"), basic, stand)),
        };
        if placing.basic.is_some() && placing.headers.0.iter().any(|(name, _)| name == AUTHORIZATION) {
            self.error(top.key("basic"), "placed-twice", "`basic` and a header both set `Authorization`");
        }
        let silent = keys.headers.is_none() && keys.query.is_none() && keys.basic.is_none();
        if tokens && silent && placing.is_empty() {
            let bearer = self.text(top, "Bearer {access_token}", stand, Part::Header);
            placing.headers = Headers(bearer.map(|bearer| (AUTHORIZATION, bearer)).into_iter().collect());
        }
        placing
    }
}

fn authorization_response(raw: Option<&format::AuthorizationResponse>) -> AuthorizationResponse {
    let empty = format::AuthorizationResponse::default();
    let raw = raw.unwrap_or(&empty);
    let name =
        |vendor: &Option<String>, standard: &str| vendor.clone().unwrap_or_else(|| standard.to_owned());
    AuthorizationResponse {
        code: name(&raw.code, "code"),
        state: name(&raw.state, "state"),
        error: name(&raw.error, "error"),
        error_description: name(&raw.error_description, "error_description"),
        iss: name(&raw.iss, "iss"),
    }
}
