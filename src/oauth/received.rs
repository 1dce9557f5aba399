//! A complete answer to a token request, and how it is read: normalised to the shape of RFC 6749, then parsed by the
//! crate `oauth2`, then classed (`refresh.md`, section 6).

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, NaiveDateTime, Utc};
use http::{StatusCode, header::RETRY_AFTER};
use oauth2::{
    ClientId, HttpRequest, HttpResponse, RefreshToken, RequestTokenError, TokenResponse as _, TokenUrl,
    basic::BasicErrorResponse,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use vouchsafe_entity::kind::{FailClass, Method};
use zeroize::Zeroizing;

use super::{
    body::{self, Body},
    error::{TokenError, by_code, by_status, tidy_code, tidy_description},
    token::{ProviderToken, Raw, TokenAnswer},
    wire::{HubClient, Kept},
};
use crate::{
    egress::Answer,
    provider::{Definition, Path, RenderError, TokenRequest, TokenResponse},
    signing::jwt::BACKDATED,
};

const MAX_TOKEN: usize = 16 * 1024;
/// GitHub, Microsoft and others; Keycloak; Intuit.
const REFRESH_LIFETIMES: [&str; 3] =
    ["refresh_token_expires_in", "refresh_expires_in", "x_refresh_token_expires_in"];
const MAX_LIFETIME: f64 = 10.0 * 365.25 * 86400.0;

/// A complete answer, not yet read. A successful one may hold the only live refresh token, so keep its body before
/// reading it.
#[derive(Clone)]
pub struct Received {
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Zeroizing<Vec<u8>>,
    sent_at: DateTime<Utc>,
    secrets: Vec<SecretString>,
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Received {
    pub(super) fn new(answer: Answer, sent_at: DateTime<Utc>, secrets: Vec<SecretString>) -> Self {
        let retry_after = answer.retry_after().or_else(|| retry_date(&answer, sent_at));
        Self { status: answer.status, retry_after, body: answer.body, sent_at, secrets }
    }

    /// A body that was kept from an earlier successful answer to a request sent at `sent_at`.
    pub fn from_kept(body: Zeroizing<Vec<u8>>, sent_at: DateTime<Utc>) -> Self {
        Self { status: StatusCode::OK, retry_after: None, body, sent_at, secrets: Vec::new() }
    }

    /// A token that nobody gave: the hub signed it itself, to live so long from its date on.
    pub(super) fn signed_here(jwt: &SecretString, lifetime: Duration, sent_at: DateTime<Utc>) -> Self {
        let dated_back = Duration::from_secs(BACKDATED.unsigned_abs());
        let seconds = lifetime.saturating_sub(dated_back).as_secs();
        let answer = Raw::new(json!({"access_token": jwt.expose_secret(), "expires_in": seconds}));
        let body = Zeroizing::new(answer.expose().to_string().into_bytes());
        Self { status: StatusCode::OK, retry_after: None, body, sent_at, secrets: Vec::new() }
    }

    /// Reads what [`signed_here`](Self::signed_here) made.
    fn read_signed(&self) -> Result<TokenAnswer, TokenError> {
        let raw = Raw::new(serde_json::from_slice(&self.body).map_err(|_| TokenError::local())?);
        let token = raw.expose().get("access_token").and_then(Value::as_str).ok_or_else(TokenError::local)?;
        Ok(TokenAnswer {
            access_token: token.into(),
            refresh_token: None,
            token_type: "Bearer".to_owned(),
            expires_in: raw.expose().get("expires_in").and_then(Value::as_u64),
            refresh_expires_in: None,
            scopes: None,
            raw,
        })
    }

    /// Whether the status says success: only then is the body worth keeping.
    pub fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// The body as it came.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    pub(super) fn secrets(&self) -> &[SecretString] {
        &self.secrets
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// When the request was sent.
    pub fn sent_at(&self) -> DateTime<Utc> {
        self.sent_at
    }

    /// Reads the answer to a token request of `method` that needs no user: a renewal, or what is made anew.
    pub fn read_for(&self, definition: &Definition, method: Method) -> Result<TokenAnswer, TokenError> {
        match definition.token_request_of(method) {
            Some(token) => {
                let renewal = definition.refresh().filter(|_| method == Method::OAuth2);
                let paths = renewal.and_then(|refresh| refresh.response.as_ref());
                self.read_at(token, paths.unwrap_or(&token.response))
            }
            None if method == Method::Jwt => self.read_signed(),
            None => Err(RenderError::Undeclared.into()),
        }
    }

    /// Reads the answer as the definition's `token` request describes it.
    pub fn read(&self, token: &TokenRequest) -> Result<TokenAnswer, TokenError> {
        self.read_at(token, &token.response)
    }

    fn read_at(&self, token: &TokenRequest, paths: &TokenResponse) -> Result<TokenAnswer, TokenError> {
        let success = self.is_success();
        match body::parse(&self.body, &once(paths)) {
            Body::Data(value) => {
                let value = Raw::new(value);
                match paths.access_token.text(value.expose()) {
                    // An answer with both is taken at its better half: losing a rotated token cannot be undone.
                    Some(access) if success => self.success(token, paths, &access, value),
                    _ => Err(self.failure(token, paths, value.expose())),
                }
            }
            Body::Refused if success => Err(self.error(FailClass::Unreadable)),
            Body::Noise if success => Err(self.error(FailClass::Ambiguous)),
            Body::Refused | Body::Noise => Err(self.error(self.by_status().unwrap_or(FailClass::Other))),
        }
    }

    fn by_status(&self) -> Option<FailClass> {
        by_status(self.status.as_u16(), self.retry_after)
    }

    fn error(&self, class: FailClass) -> TokenError {
        TokenError::of(class).with_status(self.status.as_u16()).with_retry_after(self.retry_after)
    }

    fn success(
        &self,
        token: &TokenRequest,
        paths: &TokenResponse,
        access: &str,
        raw: Raw,
    ) -> Result<TokenAnswer, TokenError> {
        let refresh = if token.renewed_by_access_token {
            Some(access.to_owned())
        } else {
            paths.refresh_token.text(raw.expose())
        };
        if !is_token(access) || !refresh.as_deref().is_none_or(is_token) {
            return Err(self.error(FailClass::Unreadable));
        }
        let kind = raw.expose().get("token_type").and_then(Value::as_str).filter(|kind| is_token(kind));
        let told = self.lifetime(paths, raw.expose());
        let told = told.or(token.access_token_lifetime.map(|lifetime| lifetime.as_secs()));
        // What a token says of itself can only shorten what is said of it.
        let lifetime = told.map(|told| self.own_lifetime(access).map_or(told, |own| own.min(told)));
        let mut normal = json!({
            "access_token": access,
            "expires_in": lifetime,
            "refresh_token": refresh,
            "scope": scopes(paths.scope.get(raw.expose()), &token.scope_separator),
        });
        if let Some(kind) = kind {
            normal["token_type"] = Value::from(kind);
        }
        let parsed = parse_by_crate(StatusCode::OK, &Raw::new(normal));
        let token = parsed.map_err(|_| self.error(FailClass::Unreadable))?;
        Ok(TokenAnswer {
            access_token: token.access_token().secret().as_str().into(),
            refresh_token: token.refresh_token().map(|refresh| refresh.secret().as_str().into()),
            token_type: token.token_type.0.clone(),
            expires_in: token.expires_in().map(|lifetime| lifetime.as_secs()),
            refresh_expires_in: refresh_lifetime(raw.expose()),
            scopes: token.scopes().map(|scopes| scopes.iter().map(|scope| scope.to_string()).collect()),
            raw,
        })
    }

    fn failure(&self, token: &TokenRequest, paths: &TokenResponse, value: &Value) -> TokenError {
        let stated = paths.error.holds(value);
        let description = ["/error_description", "/error_message", "/message", "/error/message"]
            .iter()
            .find_map(|place| value.pointer(place)?.as_str())
            .and_then(|text| tidy_description(text, &self.secrets));
        let error = |class, code: Option<&str>| TokenError {
            code: code.and_then(|code| tidy_code(code, &self.secrets)),
            description: description.clone(),
            ..self.error(class)
        };
        let code = paths.error.text(value).filter(|_| stated);
        if let Some(class) = self.by_status() {
            return error(class, code.as_deref());
        }
        let Some(code) = code else {
            let class = if self.is_success() && !stated { FailClass::Unreadable } else { FailClass::Other };
            return error(class, None);
        };
        let normal = Raw::new(json!({ "error": code }));
        match parse_by_crate(StatusCode::BAD_REQUEST, &normal) {
            Err(RequestTokenError::ServerResponse(told)) => {
                let code = told.error().as_ref();
                error(by_code(code, self.status.as_u16(), &token.error_map), Some(code))
            }
            _ => error(FailClass::Other, None),
        }
    }

    /// Seconds from sending on that an access token gives itself, if it is a JWT. Nobody proves it: the signature is
    /// the business of the app's API.
    fn own_lifetime(&self, access: &str) -> Option<u64> {
        #[derive(Deserialize)]
        struct Claims {
            exp: f64,
        }
        let mut parts = access.split('.');
        let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        let claims = Zeroizing::new(URL_SAFE_NO_PAD.decode(claims).ok()?);
        let claims: Claims = serde_json::from_slice(&claims).ok()?;
        #[expect(clippy::cast_precision_loss, reason = "exact for every date")]
        let sent_at = self.sent_at.timestamp() as f64;
        seconds(claims.exp - sent_at)
    }

    /// Seconds from sending on; anything that is no sensible lifetime counts as unsaid.
    fn lifetime(&self, paths: &TokenResponse, value: &Value) -> Option<u64> {
        let until = |end: DateTime<Utc>| (end - self.sent_at).num_seconds();
        let stated = paths.expires_in.text(value).and_then(|text| text.trim().parse::<f64>().ok());
        #[expect(clippy::cast_precision_loss, reason = "exact far beyond the ten years that are accepted")]
        let computed =
            || paths.expires_at.text(value).and_then(|text| moment(text.trim())).map(|end| until(end) as f64);
        [stated, computed()].into_iter().flatten().find_map(seconds)
    }
}

/// Lets the crate read a normalised answer as if it had just arrived.
fn parse_by_crate(
    status: StatusCode,
    normal: &Raw,
) -> Result<ProviderToken, RequestTokenError<Kept, BasicErrorResponse>> {
    let nowhere = Url::parse("https://localhost/").map_err(|_| RequestTokenError::Request(Kept))?;
    let client = HubClient::new(ClientId::new(String::new())).set_token_uri(TokenUrl::from_url(nowhere));
    let replay = |_: HttpRequest| {
        let mut response = HttpResponse::new(normal.expose().to_string().into_bytes());
        *response.status_mut() = status;
        Ok(response)
    };
    client.exchange_refresh_token(&RefreshToken::new(String::new())).request(&replay)
}

/// The names that may stand only once: two values for a token would leave open which one is meant.
fn once(paths: &TokenResponse) -> Vec<String> {
    let last = |path: &Path| path.to_string().rsplit('.').next().map(str::to_owned);
    ["access_token", "refresh_token"]
        .map(str::to_owned)
        .into_iter()
        .chain(last(&paths.access_token))
        .chain(last(&paths.refresh_token))
        .collect()
}

fn is_token(text: &str) -> bool {
    text.len() <= MAX_TOKEN && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Seconds for which a refresh token lives, where an answer says so. No standard names it, so apps do.
fn refresh_lifetime(value: &Value) -> Option<u64> {
    let told = |name: &&str| match value.get(name)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    REFRESH_LIFETIMES.iter().find_map(|name| told(name).and_then(seconds))
}

fn seconds(value: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked before"
    )]
    (1.0..=MAX_LIFETIME).contains(&value).then_some(value as u64)
}

/// ISO 8601 with or without offset (then UTC), the date of RFC 2822, or seconds or milliseconds since 1970.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(epoch) = text.parse::<f64>() {
        let millis = if epoch.abs() < 1e11 { epoch * 1000.0 } else { epoch };
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and what saturates is no date")]
        return DateTime::from_timestamp_millis(millis as i64);
    }
    let offset = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .or_else(|_| DateTime::parse_from_rfc2822(text));
    let naive = || {
        let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"];
        formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
    };
    offset.map(|at| at.to_utc()).ok().or_else(|| naive().map(|at| at.and_utc()))
}

/// Scopes from a list or a text; commas separate where neither the separator nor a space does.
fn scopes(value: Option<&Value>, separator: &str) -> Option<Vec<String>> {
    let scopes: Vec<String> = match value? {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::String(text) => {
            let plain = separator.trim();
            let spaced = text.trim().contains(char::is_whitespace);
            let splits =
                |c: char| c.is_whitespace() || plain.contains(c) || (plain.is_empty() && !spaced && c == ',');
            text.split(splits).map(str::to_owned).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return None,
    };
    // A NUL fits into no column of PostgreSQL, and no scope has one (RFC 6749, section 3.3).
    let is_scope = |scope: &String| !scope.is_empty() && !scope.contains(char::is_control);
    let scopes: Vec<String> = scopes.into_iter().filter(is_scope).collect();
    (!scopes.is_empty()).then_some(scopes)
}

fn retry_date(answer: &Answer, now: DateTime<Utc>) -> Option<Duration> {
    let text = answer.headers.get(RETRY_AFTER)?.to_str().ok()?;
    (moment(text.trim())? - now).to_std().ok()
}

#[cfg(test)]
mod tests;
