//! Token requests and renewal, which several method tables share.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{At, Builder, Owner, Part, Spot, Stand, seconds};
use crate::provider::definition::{
    Basic, Exchange, JwtShape, Refresh, Reuse, TokenRequest, TokenRequestFormat, TokenResponse,
};
use crate::provider::format::{self, AuthMethodWord, ClientAssertion, JwtKeys, Ordered, TokenKeys};
use crate::provider::path::Path;

/// What a client assertion lives where the file does not say, and what any signed token may, in seconds.
const ASSERTION_LIFETIME: u64 = 300;
const LIFETIMES: std::ops::RangeInclusive<u64> = 60..=15_552_000;

/// What the OAuth tables add to a token request.
#[derive(Default)]
pub(super) struct Client<'a> {
    pub(super) auth_method: Option<AuthMethodWord>,
    pub(super) assertion: Option<&'a ClientAssertion>,
    pub(super) scopes: Option<&'a Vec<String>>,
    pub(super) scope_separator: Option<&'a str>,
    pub(super) rename: Option<&'a format::Rename>,
}

impl Builder {
    pub(super) fn token(
        &mut self,
        top: At<'_>,
        keys: TokenKeys<'_>,
        client: &Client<'_>,
        owner: &Owner,
    ) -> Option<TokenRequest> {
        let stand = Stand { spot: Spot::Token, owner };
        let endpoint = self.required_url(top.key("token_endpoint"), keys.token_endpoint, stand);
        let format = keys.token_request_format.map_or(TokenRequestFormat::Form, Into::into);
        let stand = Stand { spot: Spot::TokenParam, owner };
        let params = self.params(top.key("token_params"), keys.token_params, stand, format);
        let headers = keys
            .token_headers
            .map(|table| self.headers(top.key("token_headers"), table, stand))
            .unwrap_or_default();
        let response = self.token_response(top.key("token_response"), keys.token_response);
        let client_assertion = self.client_assertion(top, client, owner);
        let unencoded = client.auth_method == Some(AuthMethodWord::ClientSecretBasicUnencoded);
        let basic = unencoded.then(|| self.unencoded(top, stand)).flatten();
        let classes = keys.error_map.into_iter().flat_map(Ordered::iter);
        Some(TokenRequest {
            endpoint: endpoint?,
            format,
            auth_method: client.auth_method.map(Into::into),
            client_assertion,
            basic,
            params,
            headers,
            scopes: client.scopes.cloned().unwrap_or_default(),
            scope_separator: client.scope_separator.unwrap_or(" ").to_owned(),
            rename: renames(client.rename),
            response: response?,
            error_map: classes.map(|(code, class)| (code.to_owned(), (*class).into())).collect(),
            access_token_lifetime: seconds(keys.access_token_lifetime),
            renewed_by_access_token: false,
        })
    }

    /// The JWT by which a client authenticates; `private_key_jwt` has one in any case.
    fn client_assertion(&mut self, top: At<'_>, client: &Client<'_>, owner: &Owner) -> Option<JwtShape> {
        let by_key = client.auth_method == Some(AuthMethodWord::PrivateKeyJwt);
        let usual = ClientAssertion::default();
        let raw = client.assertion.or(by_key.then_some(&usual))?;
        let at = top.key("client_assertion");
        let nothing_sent = client.auth_method == Some(AuthMethodWord::None);
        if nothing_sent || client.auth_method == Some(AuthMethodWord::ClientSecretBasicUnencoded) {
            self.error(at, "bad-client-assertion", "the client does not authenticate by anything signed");
        }
        let keys = raw.keys();
        let keys = JwtKeys {
            key: keys.key.or(Some("{client_secret}")),
            lifetime: keys.lifetime.or(Some(ASSERTION_LIFETIME)),
            ..keys
        };
        self.jwt_shape(at, keys, owner)
    }

    /// The keys that say how a JWT is made.
    pub(super) fn jwt_shape(&mut self, top: At<'_>, keys: JwtKeys<'_>, owner: &Owner) -> Option<JwtShape> {
        let stand = Stand { spot: Spot::JwtPart, owner };
        let key = keys.key.and_then(|key| self.text(top.key("key"), key, stand, Part::Text));
        let header = self.params(top.key("header"), keys.header, stand, TokenRequestFormat::Json);
        let claims = self.params(top.key("claims"), keys.claims, stand, TokenRequestFormat::Json);
        let lifetime = keys.lifetime?;
        if !LIFETIMES.contains(&lifetime) {
            self.error(
                top.key("lifetime"),
                "bad-lifetime",
                "a signed token lives from 60 seconds to 180 days",
            );
        }
        Some(JwtShape {
            algorithm: keys.algorithm.map(Into::into),
            key: key?,
            encoding: keys.key_encoding.map(Into::into).unwrap_or_default(),
            header,
            claims,
            lifetime: Duration::from_secs(lifetime),
        })
    }

    /// Id and secret in Basic as they are, for apps that do not decode them first.
    fn unencoded(&mut self, top: At<'_>, stand: Stand<'_>) -> Option<Basic> {
        let at = top.key("token_endpoint_auth_method");
        let username = self.text(at, "{client_id}", stand, Part::UserName);
        let password = self.text(at, "{client_secret}", stand, Part::Password);
        Some(Basic { username: username?, password: password? })
    }

    pub(super) fn exchange(
        &mut self,
        top: At<'_>,
        raw: &format::Exchange,
        owner: &Owner,
        format: TokenRequestFormat,
    ) -> Option<Exchange> {
        let at = top.key("exchange");
        let format = raw.request_format.map_or(format, Into::into);
        // What a refresh may use is known here as well, and goes to the same hosts.
        let stand = |spot| Stand { spot, owner };
        let endpoint = self.required_url(at.key("endpoint"), raw.endpoint.as_deref(), stand(Spot::Refresh));
        let params = self.params(at.key("params"), raw.params.as_ref(), stand(Spot::RefreshParam), format);
        Some(Exchange { endpoint: endpoint?, format, params })
    }

    pub(super) fn token_response(
        &mut self,
        at: At<'_>,
        raw: Option<&format::TokenResponse>,
    ) -> Option<TokenResponse> {
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

    pub(super) fn refresh(
        &mut self,
        top: At<'_>,
        raw: Option<&format::Refresh>,
        owner: &Owner,
        format: TokenRequestFormat,
    ) -> Refresh {
        let empty = format::Refresh::default();
        let (raw, at) = (raw.unwrap_or(&empty), top.key("refresh"));
        let format = raw.request_format.map_or(format, Into::into);
        let endpoint = raw
            .endpoint
            .as_deref()
            .and_then(|source| self.url(at.key("endpoint"), source, Stand { spot: Spot::Refresh, owner }));
        let response = raw
            .token_response
            .as_ref()
            .and_then(|given| self.token_response(at.key("token_response"), Some(given)));
        let stand = Stand { spot: Spot::RefreshParam, owner };
        let reuse = raw.reuse.as_deref().map_or(Some(Reuse::Unknown), reuse);
        if reuse.is_none() {
            let flaw = self.error(at.key("reuse"), "unknown-word", "this is no kind of reuse");
            flaw.help = Some("`static`, `grace:<seconds>`, `reject`, `strict` or `unknown`".to_owned());
        }
        Refresh {
            endpoint,
            format,
            params: self.params(at.key("params"), raw.params.as_ref(), stand, format),
            response,
            idle_expiry: seconds(raw.idle_expiry),
            lifetime: seconds(raw.lifetime),
            early: seconds(raw.early),
            reuse: reuse.unwrap_or_default(),
            revoke_scope: raw.revoke_scope.map(Into::into).unwrap_or_default(),
        }
    }
}

fn reuse(word: &str) -> Option<Reuse> {
    match word {
        "static" => Some(Reuse::Static),
        "reject" => Some(Reuse::Reject),
        "strict" => Some(Reuse::Strict),
        "unknown" => Some(Reuse::Unknown),
        grace => {
            let window = grace.strip_prefix("grace:")?.parse().ok().filter(|window| *window > 0);
            seconds(window).map(Reuse::Grace)
        }
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
    let given = names.into_iter().filter_map(|(name, vendor)| Some((name.to_owned(), vendor.clone()?)));
    given.collect()
}
