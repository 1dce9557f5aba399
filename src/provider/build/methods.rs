//! The method tables.

use std::collections::BTreeMap;

use http::header::AUTHORIZATION;
use vouchsafe_entity::kind::Method;

use super::{At, Builder, Owner, Part, Spot, Stand, seconds};
use crate::provider::definition::{
    ApiKey, AuthMethod, AuthorizationResponse, ClientCredentials, Headers, Jwt, OAuth2, Placing, Refresh,
    Reuse, Session, TokenRequest, TokenRequestFormat, TokenResponse,
};
use crate::provider::format::{self, AuthMethodWord, File, Ordered, PlacingKeys, TokenKeys};
use crate::provider::path::Path;
use crate::provider::source::{Flaw, Place};

/// All method tables of a file.
#[derive(Default)]
pub(super) struct Methods {
    pub(super) offered: Vec<Method>,
    pub(super) declared: Vec<Method>,
    pub(super) oauth2: Option<OAuth2>,
    pub(super) client_credentials: Option<ClientCredentials>,
    pub(super) api_key: Option<ApiKey>,
    pub(super) session: Option<Session>,
    pub(super) jwt: Option<Jwt>,
}

/// What the OAuth tables add to a token request.
#[derive(Default)]
struct Client<'a> {
    auth_method: Option<AuthMethodWord>,
    scopes: Option<&'a Vec<String>>,
    scope_separator: Option<&'a str>,
    rename: Option<&'a format::Rename>,
}

impl Builder {
    pub(super) fn methods(&mut self, file: &File) -> Methods {
        let mut methods = Methods::default();
        if let Some(raw) = &file.oauth2 {
            methods.declared.push(Method::OAuth2);
            methods.oauth2 = self.oauth2(raw);
        }
        if let Some(raw) = &file.client_credentials {
            methods.declared.push(Method::ClientCredentials);
            methods.client_credentials = self.client_credentials(raw);
        }
        if let Some(raw) = &file.api_key {
            let method = if raw.basic.is_some() {
                Method::Basic
            } else {
                Method::ApiKey
            };
            methods.declared.push(method);
            let owner = &Owner::Method(method);
            methods.api_key = Some(ApiKey {
                placing: self.placing(At::top("api_key"), raw.placing(), owner, false),
            });
        }
        if let Some(raw) = &file.session {
            methods.declared.push(Method::Session);
            methods.session = self.session(raw);
        }
        methods.offered.clone_from(&methods.declared);
        if let Some(raw) = &file.jwt {
            // The table is checked like any other, but the hub cannot sign yet, so it is not on offer.
            if methods.declared.is_empty() {
                let place = Place::Key(vec!["jwt".to_owned()]);
                self.flaws.push(Flaw::error(
                    place,
                    "not-built",
                    "`[jwt]` is not built in this version",
                ));
            }
            methods.declared.push(Method::Jwt);
            methods.jwt = self.jwt(raw);
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
            auth_method: Some(
                raw.token_endpoint_auth_method
                    .unwrap_or(AuthMethodWord::ClientSecretPost),
            ),
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
        let format = raw
            .token_request_format
            .map_or(TokenRequestFormat::Form, Into::into);
        let refresh = self.refresh(top, raw.refresh.as_ref(), owner, format);
        let placing = self.placing(top, raw.placing(), owner, true);
        Some(OAuth2 {
            authorization_endpoint: authorization_endpoint?,
            revocation_endpoint,
            code_challenge: raw.code_challenge_method.map(Into::into).unwrap_or_default(),
            authorization_params,
            authorization_response: authorization_response(raw.authorization_response.as_ref()),
            token: token?,
            refresh,
            placing,
        })
    }

    fn client_credentials(&mut self, raw: &format::ClientCredentials) -> Option<ClientCredentials> {
        let (top, owner) = (
            At::top("client_credentials"),
            &Owner::Method(Method::ClientCredentials),
        );
        let client = Client {
            auth_method: Some(
                raw.token_endpoint_auth_method
                    .unwrap_or(AuthMethodWord::ClientSecretPost),
            ),
            scopes: raw.scopes.as_ref(),
            scope_separator: raw.scope_separator.as_deref(),
            rename: None,
        };
        let token = self.token(top, raw.token(), &client, owner);
        let placing = self.placing(top, raw.placing(), owner, true);
        Some(ClientCredentials {
            token: token?,
            placing,
        })
    }

    fn session(&mut self, raw: &format::Session) -> Option<Session> {
        let (top, owner) = (At::top("session"), &Owner::Method(Method::Session));
        let token = self.token(top, raw.token(), &Client::default(), owner);
        let stand = Stand {
            spot: Spot::TokenParam,
            owner,
        };
        let basic = raw
            .token_basic
            .as_ref()
            .and_then(|basic| self.basic(top.key("token_basic"), basic, stand));
        let placing = self.placing(top, raw.placing(), owner, true);
        Some(Session {
            token: TokenRequest { basic, ..token? },
            placing,
        })
    }

    fn jwt(&mut self, raw: &format::Jwt) -> Option<Jwt> {
        let (top, owner) = (At::top("jwt"), &Owner::Method(Method::Jwt));
        let stand = Stand {
            spot: Spot::JwtPart,
            owner,
        };
        for (key, there) in [
            ("algorithm", raw.algorithm.is_some()),
            ("key", raw.key.is_some()),
            ("lifetime", raw.lifetime.is_some()),
        ] {
            if !there {
                self.missing(top.key(key));
            }
        }
        let key = raw
            .key
            .as_deref()
            .and_then(|key| self.text(top.key("key"), key, stand, Part::Text));
        let header = self.params(
            top.key("header"),
            raw.header.as_ref(),
            stand,
            TokenRequestFormat::Json,
        );
        let claims = self.params(
            top.key("claims"),
            raw.claims.as_ref(),
            stand,
            TokenRequestFormat::Json,
        );
        let token = match raw.token_endpoint {
            Some(_) => Some(self.token(top, raw.token(), &Client::default(), owner)?),
            None => None,
        };
        let placing = self.placing(top, raw.placing(), owner, true);
        Some(Jwt {
            algorithm: raw.algorithm?.into(),
            key: key?,
            header,
            claims,
            lifetime: seconds(raw.lifetime)?,
            token,
            placing,
        })
    }

    fn token(
        &mut self,
        top: At<'_>,
        keys: TokenKeys<'_>,
        client: &Client<'_>,
        owner: &Owner,
    ) -> Option<TokenRequest> {
        let stand = Stand {
            spot: Spot::Token,
            owner,
        };
        let endpoint = self.required_url(top.key("token_endpoint"), keys.token_endpoint, stand);
        let format = keys
            .token_request_format
            .map_or(TokenRequestFormat::Form, Into::into);
        let stand = Stand {
            spot: Spot::TokenParam,
            owner,
        };
        let params = self.params(top.key("token_params"), keys.token_params, stand, format);
        let headers = keys
            .token_headers
            .map(|table| self.headers(top.key("token_headers"), table, stand))
            .unwrap_or_default();
        let response = self.token_response(top.key("token_response"), keys.token_response);
        let auth_method = client.auth_method.map(|word| {
            word.built().unwrap_or_else(|| {
                let at = top.key("token_endpoint_auth_method");
                self.error(at, "not-built", "`private_key_jwt` is not built in this version");
                AuthMethod::None
            })
        });
        let classes = keys.error_map.into_iter().flat_map(Ordered::iter);
        Some(TokenRequest {
            endpoint: endpoint?,
            format,
            auth_method,
            basic: None,
            params,
            headers,
            scopes: client.scopes.cloned().unwrap_or_default(),
            scope_separator: client.scope_separator.unwrap_or(" ").to_owned(),
            rename: renames(client.rename),
            response: response?,
            error_map: classes
                .map(|(code, class)| (code.to_owned(), (*class).into()))
                .collect(),
            access_token_lifetime: seconds(keys.access_token_lifetime),
        })
    }

    fn token_response(&mut self, at: At<'_>, raw: Option<&format::TokenResponse>) -> Option<TokenResponse> {
        let empty = format::TokenResponse::default();
        let raw = raw.unwrap_or(&empty);
        let mut member = |name: &str, path: &Option<String>| -> Option<Path> {
            self.dotted(at.key(name), path.as_deref().unwrap_or(name))
        };
        Some(TokenResponse {
            access_token: member("access_token", &raw.access_token)?,
            refresh_token: member("refresh_token", &raw.refresh_token)?,
            expires_in: member("expires_in", &raw.expires_in)?,
            expires_at: member("expires_at", &raw.expires_at)?,
            scope: member("scope", &raw.scope)?,
            error: member("error", &raw.error)?,
        })
    }

    fn refresh(
        &mut self,
        top: At<'_>,
        raw: Option<&format::Refresh>,
        owner: &Owner,
        format: TokenRequestFormat,
    ) -> Refresh {
        let empty = format::Refresh::default();
        let (raw, at) = (raw.unwrap_or(&empty), top.key("refresh"));
        let endpoint = raw.endpoint.as_deref().and_then(|source| {
            self.url(
                at.key("endpoint"),
                source,
                Stand {
                    spot: Spot::Refresh,
                    owner,
                },
            )
        });
        let stand = Stand {
            spot: Spot::RefreshParam,
            owner,
        };
        let reuse = raw.reuse.as_deref().map_or(Some(Reuse::Unknown), reuse);
        if reuse.is_none() {
            let flaw = self.error(at.key("reuse"), "unknown-word", "this is no kind of reuse");
            flaw.help = Some("`static`, `grace:<seconds>`, `reject`, `strict` or `unknown`".to_owned());
        }
        Refresh {
            endpoint,
            params: self.params(at.key("params"), raw.params.as_ref(), stand, format),
            idle_expiry: seconds(raw.idle_expiry),
            lifetime: seconds(raw.lifetime),
            early: seconds(raw.early),
            reuse: reuse.unwrap_or_default(),
            revoke_scope: raw.revoke_scope.map(Into::into).unwrap_or_default(),
        }
    }

    /// The placement keys of a method table; a bearer token where there are none and the method makes tokens.
    fn placing(&mut self, top: At<'_>, keys: PlacingKeys<'_>, owner: &Owner, tokens: bool) -> Placing {
        let stand = Stand {
            spot: Spot::Placement,
            owner,
        };
        let headers = keys
            .headers
            .map(|table| self.headers(top.key("headers"), table, stand))
            .unwrap_or_default();
        let mut placing = Placing {
            headers,
            query: self.query(top.key("query"), keys.query, stand),
            basic: keys
                .basic
                .and_then(|basic| self.basic(top.key("basic"), basic, stand)),
        };
        if placing.basic.is_some() && placing.headers.0.iter().any(|(name, _)| name == AUTHORIZATION) {
            self.error(
                top.key("basic"),
                "placed-twice",
                "`basic` and a header both set `Authorization`",
            );
        }
        let silent = keys.headers.is_none() && keys.query.is_none() && keys.basic.is_none();
        if tokens && silent && placing.is_empty() {
            let bearer = self.text(top, "Bearer {access_token}", stand, Part::Header);
            placing.headers = Headers(bearer.map(|bearer| (AUTHORIZATION, bearer)).into_iter().collect());
        }
        placing
    }
}

fn reuse(word: &str) -> Option<Reuse> {
    match word {
        "static" => Some(Reuse::Static),
        "reject" => Some(Reuse::Reject),
        "strict" => Some(Reuse::Strict),
        "unknown" => Some(Reuse::Unknown),
        grace => {
            let window = grace
                .strip_prefix("grace:")?
                .parse()
                .ok()
                .filter(|window| *window > 0);
            seconds(window).map(Reuse::Grace)
        }
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

fn renames(raw: Option<&format::Rename>) -> BTreeMap<String, String> {
    let Some(raw) = raw else { return BTreeMap::new() };
    let names = [
        ("client_id", &raw.client_id),
        ("client_secret", &raw.client_secret),
        ("redirect_uri", &raw.redirect_uri),
        ("response_type", &raw.response_type),
        ("scope", &raw.scope),
        ("state", &raw.state),
        ("grant_type", &raw.grant_type),
        ("code", &raw.code),
        ("refresh_token", &raw.refresh_token),
        ("code_challenge", &raw.code_challenge),
        ("code_challenge_method", &raw.code_challenge_method),
        ("code_verifier", &raw.code_verifier),
    ];
    let given = names
        .into_iter()
        .filter_map(|(name, vendor)| Some((name.to_owned(), vendor.clone()?)));
    given.collect()
}
