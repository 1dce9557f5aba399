//! The adapter between the crate `oauth2` and the network: one for each call. It rewrites the crate's request as the
//! definition says and keeps the answer, unread.

use std::{collections::BTreeMap, pin::Pin, sync::OnceLock};

use chrono::{DateTime, Utc};
use http::{
    HeaderMap, HeaderValue, Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName},
};
use oauth2::{
    AsyncHttpClient, AuthType, Client, ClientId, ClientSecret, EndpointNotSet, HttpRequest, HttpResponse,
    StandardRevocableToken,
    basic::{BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

use super::{
    ClientAuth,
    error::TokenError,
    received::Received,
    token::{ProviderToken, wipe},
};
use crate::{
    egress::{Answer, Class, Egress, OutboundRequest},
    provider::{AuthMethod, Definition, MCP_BY_BASIC, ParamValue, TokenRequest, TokenRequestFormat, Values},
};

/// The crate's client with our token type.
pub(super) type HubClient<Auth = EndpointNotSet, Revocation = EndpointNotSet, Token = EndpointNotSet> =
    Client<
        BasicErrorResponse,
        ProviderToken,
        BasicTokenIntrospectionResponse,
        StandardRevocableToken,
        BasicRevocationErrorResponse,
        Auth,
        EndpointNotSet,
        EndpointNotSet,
        Revocation,
        Token,
    >;

/// The crate's client for `client`, authenticating as the definition says.
pub(super) fn hub_client(client: &ClientAuth, method: Option<AuthMethod>) -> HubClient {
    let made = HubClient::new(ClientId::new(client.client_id.clone()));
    let (auth_type, secret) = match method.unwrap_or_default() {
        AuthMethod::ClientSecretPost => (AuthType::RequestBody, client.client_secret.as_ref()),
        // The crate form-encodes id and secret before base64 (RFC 6749, section 2.3.1).
        AuthMethod::ClientSecretBasic => (AuthType::BasicAuth, client.client_secret.as_ref()),
        // The assertion is a parameter of the plan.
        AuthMethod::PrivateKeyJwt | AuthMethod::None => (AuthType::RequestBody, None),
    };
    let made = made.set_auth_type(auth_type);
    match secret {
        Some(secret) => made.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned())),
        None => made,
    }
}

/// How the client authenticates to `token`; a server that was found out may want Basic.
pub(super) fn auth_method(token: &TokenRequest, values: &Values) -> Option<AuthMethod> {
    let by_basic = values.get(MCP_BY_BASIC).is_some();
    if by_basic { Some(AuthMethod::ClientSecretBasic) } else { token.auth_method }
}

/// How one request is written.
pub(super) struct Plan<'a> {
    pub(super) url: Url,
    pub(super) class: Class,
    pub(super) format: TokenRequestFormat,
    /// Added, replaced (`Some`) or removed (`None`) parameters, by standard name.
    pub(super) params: Vec<(String, Option<ParamValue>)>,
    pub(super) rename: Option<&'a BTreeMap<String, String>>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

type Fields = Vec<(String, ParamValue)>;

impl Plan<'_> {
    /// The request made of the standard parameters and headers.
    pub(super) fn build(&self, standard: Fields, mut headers: HeaderMap) -> OutboundRequest {
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        if let Some(authorization) = headers.get_mut(AUTHORIZATION) {
            authorization.set_sensitive(true);
        }
        let mut fields = merge(standard, &self.params);
        for (name, _) in &mut fields {
            if let Some(renamed) = self.rename.and_then(|rename| rename.get(name.as_str())) {
                name.clone_from(renamed);
            }
        }
        let mut request = OutboundRequest::new(Method::POST, self.url.clone(), self.class);
        // A port in a definition is literal, so whatever stands here was named by it.
        request.allowed_ports = request.url.port().into_iter().collect();
        match self.format {
            TokenRequestFormat::Form => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
                request.body = Some(form_body(&fields));
            }
            TokenRequestFormat::Json => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                request.body = Some(json_body(fields));
            }
            TokenRequestFormat::Query => {
                headers.remove(CONTENT_TYPE);
                request.method = Method::GET;
                let mut query = request.url.query_pairs_mut();
                for (name, value) in &fields {
                    if let Some(text) = value.text() {
                        query.append_pair(name, text.expose_secret());
                    }
                }
            }
        }
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        request.headers = headers;
        request
    }
}

/// Puts the definition's parameters over the standard ones. A replaced one keeps its place.
fn merge(mut fields: Fields, overrides: &[(String, Option<ParamValue>)]) -> Fields {
    for (name, value) in overrides {
        let place = fields.iter().position(|(other, _)| other == name);
        match (place, value) {
            (Some(place), Some(value)) => fields[place].1.clone_from(value),
            (Some(place), None) => drop(fields.remove(place)),
            (None, Some(value)) => fields.push((name.clone(), value.clone())),
            (None, None) => {}
        }
    }
    fields
}

fn form_body(fields: &Fields) -> Zeroizing<Vec<u8>> {
    let texts: Vec<_> = fields.iter().filter_map(|(name, value)| Some((name, value.text()?))).collect();
    // Encoded, a byte takes three at most; a buffer that grows would leave copies behind.
    let size = texts.iter().map(|(name, text)| 3 * (name.len() + text.expose_secret().len()) + 2).sum();
    let mut form = form_urlencoded::Serializer::new(String::with_capacity(size));
    for (name, text) in &texts {
        form.append_pair(name, text.expose_secret());
    }
    Zeroizing::new(form.finish().into_bytes())
}

fn json_body(fields: Fields) -> Zeroizing<Vec<u8>> {
    let members: Map<String, Value> =
        fields.into_iter().map(|(name, value)| (name, value.expose_json())).collect();
    let mut object = Value::Object(members);
    let body = Zeroizing::new(object.to_string().into_bytes());
    wipe(&mut object);
    body
}

/// One call: what it is made of, besides the request itself.
pub(super) struct Call<'a> {
    pub(super) egress: &'a Egress,
    pub(super) sent_at: DateTime<Utc>,
    /// What was sent and must not come back in an error text.
    pub(super) secrets: Vec<SecretString>,
}

impl Call<'_> {
    /// Sends a request that the crate knows nothing of.
    pub(super) async fn send(self, request: OutboundRequest) -> Result<Received, TokenError> {
        let answer = self.egress.send(request).await?;
        Ok(Received::new(answer, self.sent_at, self.secrets))
    }
}

/// Where the crate's request goes. The crate would read the answer at once, so it is stopped there: `call` always
/// fails, and the answer waits in `kept`.
pub(super) struct Wire<'a> {
    egress: &'a Egress,
    plan: Plan<'a>,
    kept: OnceLock<Result<Answer, TokenError>>,
}

/// The answer is kept; reading it is the next step.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the answer is kept for reading")]
pub(super) struct Kept;

impl<'a> Wire<'a> {
    pub(super) fn new(egress: &'a Egress, plan: Plan<'a>) -> Self {
        Self { egress, plan, kept: OnceLock::new() }
    }

    /// What became of the call. Without one, the crate refused to build its request.
    pub(super) fn into_received(
        self,
        sent_at: DateTime<Utc>,
        secrets: Vec<SecretString>,
    ) -> Result<Received, TokenError> {
        let answer = self.kept.into_inner().unwrap_or_else(|| Err(TokenError::local()))?;
        Ok(Received::new(answer, sent_at, secrets))
    }
}

impl<'c> AsyncHttpClient<'c> for Wire<'_> {
    type Error = Kept;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Kept>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = Zeroizing::new(body);
            let standard = form_urlencoded::parse(&body)
                .map(|(name, value)| (name.into_owned(), ParamValue::Text(value.into_owned().into())))
                .collect();
            let answer = self.egress.send(self.plan.build(standard, head.headers)).await;
            // The crate calls once.
            let _ = self.kept.set(answer.map_err(TokenError::from));
            Err(Kept)
        })
    }
}

/// The plan of a token request of `token`, with the parameters that go with this grant.
pub(super) fn plan<'a>(
    token: &'a TokenRequest,
    url: Url,
    params: Vec<(String, Option<ParamValue>)>,
    values: &Values,
) -> Result<Plan<'a>, TokenError> {
    let mut headers = token.headers.render(values)?;
    if let Some(basic) = &token.basic {
        headers.push((AUTHORIZATION, basic.render(values)?));
    }
    Ok(Plan { url, class: Class::Token, format: token.format, params, rename: Some(&token.rename), headers })
}

/// The values of secret variables: none of them belongs into an error text.
pub(super) fn secrets_of(definition: &Definition, values: &Values) -> Vec<SecretString> {
    let secret = |name: &str| {
        matches!(name, "client_secret" | "refresh_token" | "access_token" | "jwt")
            || definition.variable(name).is_some_and(|variable| variable.secret)
    };
    values.iter().filter(|(name, _)| secret(name)).map(|(_, value)| value.clone()).collect()
}
