//! The three steps of OAuth 1.0a (RFC 5849, section 2): temporary credentials, the user's consent, the token. The temporary
//! token comes back in the callback and does what `state` does elsewhere.

use http::Method;
use http::header::{ACCEPT, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;
use vouchsafe_entity::kind::FailClass;
use zeroize::Zeroizing;

use super::{
    ClientAuth, Received, TokenAnswer, TokenError,
    body::{self, Body},
    error::{by_status, tidy_code, tidy_description},
    token::Raw,
    wire::secrets_of,
};
use crate::{
    egress::{Class, Egress, OutboundRequest},
    provider::{AuthorizationResponse, Definition, OAuth1, RenderError, Values},
    signing::{Content, Moment, Unsigned, oauth1, strict_query},
};

/// Temporary credentials.
#[derive(Clone, Debug)]
pub struct Temporary {
    /// Seen by the browser; comes back in the callback.
    pub token: SecretString,
    /// Signs the request for the token.
    pub secret: SecretString,
}

/// Asks for temporary credentials, to be sent back to `callback`.
pub async fn ask(
    egress: &Egress,
    definition: &Definition,
    values: &Values,
    client: &ClientAuth,
    callback: &str,
    moment: &Moment,
) -> Result<Temporary, TokenError> {
    let table = definition.oauth1().ok_or(RenderError::Undeclared)?;
    let values = client.fill(values);
    let keys = table.keys(&values)?;
    let url = table.request_token_endpoint.render(&values)?;
    let more = [("oauth_callback", callback)];
    let answer = post(egress, definition, &values, (url, &keys), moment, &more).await?;
    let (token, secret, _) = pair(&answer)?;
    Ok(Temporary { token, secret })
}

/// Where the browser is sent with a temporary token; `extra` are the connector's own parameters.
pub fn authorization_url(
    definition: &Definition,
    values: &Values,
    temporary: &SecretString,
    scopes: &[String],
    extra: impl Iterator<Item = (String, String)>,
) -> Result<Url, RenderError> {
    let table: &OAuth1 = definition.oauth1().ok_or(RenderError::Undeclared)?;
    let mut values = values.clone();
    if !scopes.is_empty() {
        values.set("scope", scopes.join(","));
    }
    let mut url = table.authorization_endpoint.render(&values)?;
    let own = table.authorization_params.render(&values)?;
    let own =
        own.into_iter().filter_map(|(name, value)| Some((name, value?.text()?.expose_secret().to_owned())));
    url.query_pairs_mut()
        .append_pair("oauth_token", temporary.expose_secret())
        .extend_pairs(own)
        .extend_pairs(extra);
    Ok(url)
}

/// Turns temporary credentials into a token and its secret.
pub async fn exchange(
    egress: &Egress,
    definition: &Definition,
    values: &Values,
    client: &ClientAuth,
    temporary: &Temporary,
    verifier: &SecretString,
    moment: &Moment,
) -> Result<(TokenAnswer, SecretString), TokenError> {
    let table = definition.oauth1().ok_or(RenderError::Undeclared)?;
    let values = client.fill(values);
    let token = Some((temporary.token.clone(), temporary.secret.clone()));
    let keys = oauth1::Keys { token, ..table.keys(&values)? };
    let url = table.token_endpoint.render(&values)?;
    let more = [("oauth_verifier", verifier.expose_secret())];
    let answer = post(egress, definition, &values, (url, &keys), moment, &more).await?;
    let (access_token, secret, raw) = pair(&answer)?;
    let answer = TokenAnswer {
        access_token,
        refresh_token: None,
        token_type: "OAuth".to_owned(),
        expires_in: None,
        refresh_expires_in: None,
        scopes: None,
        raw,
    };
    Ok((answer, secret))
}

/// One signed request without a body.
async fn post(
    egress: &Egress,
    definition: &Definition,
    values: &Values,
    (mut url, keys): (Url, &oauth1::Keys),
    moment: &Moment,
    more: &[(&str, &str)],
) -> Result<Received, TokenError> {
    if let Some(query) = url.query().map(strict_query) {
        url.set_query(Some(&query));
    }
    let mut request = OutboundRequest::new(Method::POST, url, Class::Token);
    // A port in a definition is literal, so whatever stands here was named by it.
    request.allowed_ports = request.url.port().into_iter().collect();
    request.headers.insert(ACCEPT, HeaderValue::from_static("application/x-www-form-urlencoded, */*"));
    request.body = Some(Zeroizing::new(Vec::new()));
    let name = request.url.host_str().unwrap_or_default();
    let host = request.url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
    let unsigned = Unsigned {
        method: &request.method,
        scheme: request.url.scheme(),
        host: &host,
        path: request.url.path(),
        query: request.url.query(),
        headers: &request.headers,
        content: Content::Whole(&[]),
    };
    let mut headers = keys.headers(&unsigned, moment, more).ok_or_else(TokenError::local)?;
    for (_, value) in &mut headers {
        value.set_sensitive(true);
    }
    request.headers.extend(headers);
    let answer = egress.send(request).await?;
    let mut secrets = secrets_of(definition, values);
    secrets.extend(keys.token.iter().map(|(_, secret)| secret.clone()));
    Ok(Received::new(answer, moment.now, secrets))
}

/// A token, its secret, and all that came with them.
fn pair(answer: &Received) -> Result<(SecretString, SecretString, Raw), TokenError> {
    let status = answer.status().as_u16();
    let told = match body::parse(answer.body(), &["oauth_token".to_owned(), "oauth_token_secret".to_owned()])
    {
        Body::Data(value) => Raw::new(value),
        Body::Refused | Body::Noise => Raw::default(),
    };
    let text = |name: &str| told.expose().get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let (true, Some(token), Some(secret)) =
        (answer.is_success(), text("oauth_token"), text("oauth_token_secret"))
    {
        return Ok((token.into(), secret.into(), told));
    }
    let class = by_status(status, None).unwrap_or(match status {
        200..=299 => FailClass::Unreadable,
        // Nothing but the client's signature can be wrong.
        401 | 403 => FailClass::Client,
        _ => FailClass::Other,
    });
    Err(TokenError {
        code: text("oauth_problem").and_then(|code| tidy_code(code, answer.secrets())),
        description: text("oauth_problem_advice").and_then(|words| tidy_description(words, answer.secrets())),
        ..TokenError::of(class).with_status(status)
    })
}

/// The parameters of a callback: the temporary token is the state, the verifier the code.
pub fn callback_names() -> AuthorizationResponse {
    AuthorizationResponse {
        code: "oauth_verifier".to_owned(),
        state: "oauth_token".to_owned(),
        error: "oauth_problem".to_owned(),
        error_description: "oauth_problem_advice".to_owned(),
        ..AuthorizationResponse::default()
    }
}

/// A callback in these names, where the user said no: some apps send the temporary token as `denied`, others a problem.
pub fn callback_pairs(pairs: &[(String, String)]) -> Vec<(String, String)> {
    let mut read = Vec::with_capacity(pairs.len() + 1);
    for (name, value) in pairs {
        match (name.as_str(), value.as_str()) {
            ("denied", token) => {
                read.push(("oauth_token".to_owned(), token.to_owned()));
                read.push(("oauth_problem".to_owned(), "access_denied".to_owned()));
            }
            ("oauth_problem", "user_refused" | "permission_denied") => {
                read.push((name.clone(), "access_denied".to_owned()));
            }
            _ => read.push((name.clone(), value.clone())),
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::callback::{Callback, Outcome};

    fn outcome(query: &str) -> Outcome {
        let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Callback::read(&callback_pairs(&pairs), &callback_names()).unwrap().outcome
    }

    #[test]
    fn a_callback_is_read_by_the_names_of_this_protocol() {
        assert!(
            matches!(outcome("oauth_token=t&oauth_verifier=v"), Outcome::Code(code) if code.expose_secret() == "v")
        );
        for no in ["denied=t", "oauth_token=t&oauth_problem=user_refused"] {
            assert!(matches!(outcome(no), Outcome::Error { code, .. } if code == "access_denied"), "{no}");
        }
    }
}
