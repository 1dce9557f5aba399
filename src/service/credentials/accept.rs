//! Testing what was given: fields, the provider's check, what is captured.

use super::fresh::Source;
use crate::domain::actor::Actor;
use crate::domain::connector::Connector;
use crate::domain::credential::Account;
use crate::domain::refresh::is_minted;
use crate::oauth::{Cause, TokenError};
use crate::provider::{CaptureError, Captured, CheckOutcome, CheckRequest, Definition, RenderError, Values};
use crate::service::check::{Checked, refusal};
use crate::service::material::Material;
use crate::service::throttle::Patience;
use crate::service::{Code, Error, Hub};
use secrecy::SecretString;
use serde_json::Value;
use std::sync::Arc;
use vouchsafe_entity::kind::{FailClass, Method};
use vouchsafe_entity::millis::Millis;

/// Values that were accepted: what will be sealed and shown.
pub(in crate::service) struct Accepted {
    pub(in crate::service) method: Method,
    pub(in crate::service) material: Material,
    /// Whether the material has an access token, with its lifetime in seconds where the app told it.
    pub(in crate::service) minted: bool,
    pub(in crate::service) expires_in: Option<u64>,
    /// The same of the refresh token.
    pub(in crate::service) refresh_expires_in: Option<u64>,
    pub(in crate::service) sent_at: Millis,
    pub(in crate::service) account: Option<Account>,
    pub(in crate::service) variables: std::collections::BTreeMap<String, String>,
    /// What was granted, where a token answer told it.
    pub(in crate::service) scopes: Vec<String>,
    pub(in crate::service) warnings: Vec<&'static str>,
}

impl Hub {
    /// Tests typed values against the app, and learns what the definition captures.
    ///
    /// # Errors
    /// [`Code::ProviderBusy`] before the app was asked anything, and what it or its definition refuses.
    pub(in crate::service) async fn accept(
        &self,
        actor: &Actor,
        connector: &Connector,
        definition: &Arc<Definition>,
        method: Method,
        typed: &Values,
        verify: bool,
    ) -> Result<Accepted, Error> {
        definition.check_key(method, typed).map_err(|error| Error::fields("/data", vec![error]))?;
        let mut material = Material::of_values(typed);
        let began = self.now();
        let source = Source { actor, connector, definition, method, scopes: &[] };
        let mut patience = Patience::Refusable;
        let mut fresh = None;
        if is_minted(method) && verify {
            fresh = Some(self.ask_anew(source, &mut material, patience).await?);
            if definition.token_request_of(method).is_some() {
                patience = Patience::Spent;
            }
        }
        let warnings = if verify {
            self.check_fresh(source, &mut material, fresh.as_mut(), patience).await?
        } else {
            Vec::new()
        };
        let (values, _) = self.open_values(actor.tenant, connector, &material.values()).await?;
        let account = definition
            .account(method, &values)
            .map(|account| Account { id: account.id, label: account.label });
        Ok(Accepted {
            method,
            account,
            variables: definition.public_variables(method, &material.values()).into_iter().collect(),
            material,
            minted: fresh.is_some(),
            expires_in: fresh.as_ref().and_then(|fresh| fresh.answer.expires_in),
            refresh_expires_in: None,
            sent_at: fresh.as_ref().map_or(began, |fresh| fresh.sent_at),
            scopes: fresh.and_then(|fresh| fresh.answer.scopes).unwrap_or_default(),
            warnings,
        })
    }

    /// Looks up what the definition wants to know, runs its check, and captures from both. Once the app was asked, no
    /// further question is refused.
    pub(super) async fn check_and_learn(
        &self,
        source: Source<'_>,
        material: &mut Material,
        patience: Patience,
    ) -> Result<Vec<&'static str>, Error> {
        let Source { actor, connector, definition, method, .. } = source;
        let patience = self.look_up(source, material, patience).await?;
        let values = self.all_values(actor.tenant, connector, material).await?;
        let workspace = actor.workspace();
        let Some(checked) = self.run_check(workspace, definition, method, &values, patience).await? else {
            return Ok(Vec::new());
        };
        if let Some(refusal) = refusal(definition, &checked) {
            return Err(refusal);
        }
        let missing = checked.outcome == CheckOutcome::MissingPermission;
        if let Some(body) = &checked.body
            && !missing
        {
            capture(definition, method, Captured::Check(body), material)?;
        }
        Ok(if missing { vec!["permission_missing"] } else { Vec::new() })
    }

    /// Says how patient the next call is.
    async fn look_up(
        &self,
        source: Source<'_>,
        material: &mut Material,
        mut patience: Patience,
    ) -> Result<Patience, Error> {
        let Source { actor, connector, definition, method, .. } = source;
        for (variable, lookup) in definition.lookups(method) {
            let values = self.all_values(actor.tenant, connector, material).await?;
            let request: CheckRequest = definition
                .lookup_request(lookup, method, &values)
                .map_err(|_| unexpected(definition, None))?;
            let turn = self.turn_at(actor.workspace(), definition, &request.url, patience).await?;
            patience = Patience::Spent;
            let answer = self.call_app(&request, turn).await.map_err(|_| unexpected(definition, None))?;
            let status = answer.status.as_u16();
            if !answer.status.is_success() {
                return Err(unexpected(definition, Some(status)));
            }
            let body: Value =
                serde_json::from_slice(&answer.body).map_err(|_| unexpected(definition, Some(status)))?;
            let found =
                definition.lookup_value(variable, &body).map_err(|error| not_captured(definition, &error))?;
            if let Some(value) = found {
                material.set(&variable.name, value);
            }
        }
        Ok(patience)
    }
}

pub(in crate::service) fn capture(
    definition: &Definition,
    method: Method,
    answer: Captured<'_>,
    material: &mut Material,
) -> Result<(), Error> {
    let captured: Vec<(String, SecretString)> =
        definition.captures(method, answer).map_err(|error| not_captured(definition, &error))?;
    for (name, value) in captured {
        material.set(&name, value);
    }
    Ok(())
}

fn not_captured(definition: &Definition, error: &CaptureError) -> Error {
    let detail = format!("{}'s answer lacks what the hub needs: {error}.", definition.name());
    Error::refused(Code::ProviderUnreachable, detail)
}

fn unexpected(definition: &Definition, status: Option<u16>) -> Error {
    let outcome = if status.is_some() { CheckOutcome::Unexpected } else { CheckOutcome::Unreachable };
    let checked = Checked { outcome, status, body: None };
    refusal(definition, &checked).unwrap_or(Error::internal("an unexpected answer that is no refusal"))
}

/// What a refused token request says to whoever typed the values.
pub(super) fn rejected(definition: &Definition, error: &TokenError) -> Error {
    if error.cause == Some(Cause::Render(RenderError::Missing("scope".to_owned()))) {
        let detail =
            format!("Name the scopes of the connector first: {} asks for at least one.", definition.name());
        return Error::refused(Code::ConnectorIncomplete, detail);
    }
    let outcome = match error.class {
        FailClass::Refused | FailClass::Revoked | FailClass::Client => CheckOutcome::WrongKey,
        FailClass::Other if matches!(error.status, Some(400 | 401 | 403)) => CheckOutcome::WrongKey,
        FailClass::NotSent | FailClass::Ambiguous | FailClass::Throttled => CheckOutcome::Unreachable,
        FailClass::Unreadable | FailClass::Local | FailClass::Unopened | FailClass::Other => {
            CheckOutcome::Unexpected
        }
    };
    let checked = Checked { outcome, status: error.status, body: None };
    refusal(definition, &checked).unwrap_or(Error::internal("a failed token request that is no refusal"))
}
