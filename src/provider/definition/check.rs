//! The requests that the hub makes with a credential on its own account, and how the check's answer is read.

use std::fmt;

use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use serde_json::Value;
use url::Url;
use vouchsafe_entity::kind::Method;

use super::Definition;
use crate::provider::path::Path;
use crate::provider::template::RenderError;
use crate::provider::url_template::{Tail, UrlTemplate};
use crate::provider::values::Values;
use crate::provider::variable::{Lookup, ValueSource, Variable};
use crate::signing::Signer;

/// `[check]`: one request that shows whether a credential works.
#[derive(Debug)]
pub struct Check {
    pub(in crate::provider) target: Target,
    pub(in crate::provider) method: http::Method,
    pub(in crate::provider) json: Option<Value>,
    pub(in crate::provider) success: Option<Path>,
    pub(in crate::provider) wrong_key: Vec<u16>,
    pub(in crate::provider) missing_permission: Vec<u16>,
    /// Whether variables are captured from the answer, so that it must be JSON.
    pub(in crate::provider) captures: bool,
}

/// Where the check goes.
#[derive(Debug)]
pub(in crate::provider) enum Target {
    /// Below the base URL.
    Below(Tail),
    /// To a host of its own.
    Absolute(UrlTemplate),
}

/// A request ready to be sent.
#[derive(Clone)]
pub struct CheckRequest {
    /// GET unless the definition says otherwise.
    pub method: http::Method,
    /// With the credential in its query where the definition places it there: never to be logged.
    pub url: Url,
    /// The placement of the credential, marked sensitive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// A constant body.
    pub json: Option<Value>,
    /// Who signs it.
    pub signer: Option<Signer>,
}

/// What the answer to a check says (`providers.md`, section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CheckOutcome {
    /// The credential works.
    Ok,
    /// The credential is wrong.
    WrongKey,
    /// The credential is genuine but lacks a right.
    MissingPermission,
    /// The provider cannot answer now.
    Unreachable,
    /// An answer that says nothing about the credential, usually from a wrong address.
    Unexpected,
}

impl Definition {
    /// The check with a credential of `method`; `None` if the definition has no check.
    pub fn check_request(
        &self,
        method: Method,
        values: &Values,
    ) -> Option<Result<CheckRequest, RenderError>> {
        let one = self.of(method);
        Some(one.build_check(one.check.as_ref()?, method, values))
    }

    fn build_check(
        &self,
        check: &Check,
        method: Method,
        values: &Values,
    ) -> Result<CheckRequest, RenderError> {
        let later = |name: &str| {
            self.variable(name).is_some_and(|variable| matches!(variable.source, ValueSource::Check(_)))
        };
        let placement = self.placement_without(method, values, &later)?;
        let url = match &check.target {
            Target::Below(tail) => self.base_url.render_under(values, Some(tail), &placement.query)?,
            Target::Absolute(url) => url.render_under(values, None, &placement.query)?,
        };
        let signer = self.check_signer(method, values)?;
        let (method, json) = (check.method.clone(), check.json.clone());
        Ok(CheckRequest { method, url, headers: placement.headers, json, signer })
    }

    /// Reads the answer to a check. Where no answer came, the outcome is [`CheckOutcome::Unreachable`].
    pub fn read_check(&self, method: Method, status: StatusCode, body: &[u8]) -> CheckOutcome {
        let Some(check) = self.check(method) else {
            return CheckOutcome::Unexpected;
        };
        let code = status.as_u16();
        if check.wrong_key.contains(&code) {
            return CheckOutcome::WrongKey;
        }
        if check.missing_permission.contains(&code) {
            return CheckOutcome::MissingPermission;
        }
        if status.is_server_error() || matches!(code, 408 | 425 | 429) {
            return CheckOutcome::Unreachable;
        }
        if !status.is_success() {
            return CheckOutcome::Unexpected;
        }
        if check.success.is_none() && !check.captures {
            return CheckOutcome::Ok;
        }
        match (serde_json::from_slice::<Value>(body), &check.success) {
            (Err(_), _) => CheckOutcome::Unexpected,
            (Ok(value), Some(success)) if !success.holds(&value) => CheckOutcome::WrongKey,
            (Ok(_), _) => CheckOutcome::Ok,
        }
    }

    /// The look-ups that a method needs after connecting, in the order of the file.
    pub fn lookups(&self, method: Method) -> impl Iterator<Item = (&Variable, &Lookup)> {
        self.variables_of(method).filter_map(|variable| match &variable.source {
            ValueSource::Lookup(lookup) => Some((variable, &**lookup)),
            ValueSource::User
            | ValueSource::Connector
            | ValueSource::Token(_)
            | ValueSource::Callback(_)
            | ValueSource::Check(_)
            | ValueSource::Variable(_) => None,
        })
    }

    /// The request of one look-up.
    pub fn lookup_request(
        &self,
        lookup: &Lookup,
        method: Method,
        values: &Values,
    ) -> Result<CheckRequest, RenderError> {
        let one = self.of(method);
        let later = |name: &str| {
            let source = one.variable(name).map(|variable| &variable.source);
            matches!(source, Some(ValueSource::Check(_) | ValueSource::Lookup(_)))
        };
        let placement = one.placement_without(method, values, &later)?;
        let url = lookup.url.render_under(values, None, &placement.query)?;
        let signer = one.signer(method, values)?;
        Ok(CheckRequest { method: http::Method::GET, url, headers: placement.headers, json: None, signer })
    }
}

impl fmt::Debug for CheckRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Path and query may hold the credential.
        let host = self.url.host_str().unwrap_or_default();
        f.debug_struct("CheckRequest")
            .field("method", &self.method)
            .field("host", &host)
            .finish_non_exhaustive()
    }
}
