//! The settings of a connector as a form: what is shown of them, and what is read from it.
//!
//! Fields whose name begins with `secret-` are never shown again.

use serde_json::{Map, Value};

use super::{Found, credentials};
use crate::http::dashboard::form::{Form, FormView};
use crate::provider::Definition;
use crate::service::connectors::{ConnectorView, NewConnector};
use crate::service::{Error, Seen, Violation};

/// The name of the field of the client secret.
pub(super) const CLIENT_SECRET: &str = "secret-client";

/// The name of a variable's field.
pub(super) fn field_name(name: &str, secret: bool) -> String {
    format!("{}{name}", if secret { "secret-var-" } else { "var-" })
}

/// The form as it is first shown.
pub(super) fn of(view: &ConnectorView, definition: Option<&Definition>) -> FormView {
    let connector = &view.connector;
    let methods: Vec<&str> = connector.methods.iter().flatten().map(|method| method.as_str()).collect();
    let parameters: Vec<String> =
        connector.authorization_params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut form = FormView::new()
        .with("clientId", connector.client_id.clone().unwrap_or_default())
        .with("scopes", connector.scopes.join("\n"))
        .with("authorizationParams", parameters.join("\n"))
        .with_chosen("methods", &methods)
        .seeing(Seen(connector.set_at()));
    for field in definition.map(Definition::connector_fields).unwrap_or_default() {
        let kept = connector.variables.get(&field.name).filter(|_| !field.secret);
        form = form.with(&field_name(&field.name, field.secret), kept.cloned().unwrap_or_default());
    }
    form
}

/// What the form asks for. One that has only scopes leaves the rest as it is.
pub(super) fn read(form: &Form, view: &ConnectorView, definition: Option<&Definition>) -> NewConnector {
    let scopes = form.raw("scopes").split_whitespace().map(str::to_owned).collect();
    if !form.has("settings") {
        return NewConnector { scopes, ..NewConnector::unchanged(&view.connector) };
    }
    let mut variables = Map::new();
    for field in definition.map(Definition::connector_fields).unwrap_or_default() {
        let text = form.raw(&field_name(&field.name, field.secret));
        if !text.trim().is_empty() {
            variables.insert(field.name, Value::String(text.to_owned()));
        }
    }
    let methods: Vec<_> = form.all("methods").iter().filter_map(|word| word.parse().ok()).collect();
    let parameter = |line: String| {
        let (name, value) = line.split_once('=').unwrap_or((&line, ""));
        (name.trim().to_owned(), value.trim().to_owned())
    };
    NewConnector {
        provider: view.connector.provider.clone(),
        methods: (!methods.is_empty()).then_some(methods),
        client_id: form.optional("clientId"),
        client_secret: form.optional(CLIENT_SECRET).map(|secret| Some(secret.into())),
        scopes,
        authorization_params: form.lines("authorizationParams").into_iter().map(parameter).collect(),
        variables,
        enabled: view.connector.enabled,
    }
}

/// What the credentials of a connector lose by `new`; none where they go on as before.
pub(super) fn loses(new: &NewConnector, Found { view, definition, .. }: &Found) -> Option<String> {
    let before = view.connector.client_id.as_deref()?;
    // A client that registered itself stays where none is given.
    let registered = definition.as_ref().is_some_and(|definition| definition.mcp().is_some());
    let stays = match new.client_id.as_deref() {
        Some(after) => after == before,
        None => registered,
    };
    (!stays && view.credentials > 0).then(|| lost(before, view.credentials))
}

/// The sentence about so many credentials, some of them of a client that is replaced.
pub(super) fn lost(client: &str, count: i64) -> String {
    format!(
        "It has {}. What was granted to the client {client}, most apps renew for no other: once the access tokens \
         have run out, those users must connect again.",
        credentials(count)
    )
}

/// The same error with its mistakes at the fields of the form.
pub(super) fn placed(error: Error, definition: Option<&Definition>) -> Error {
    let fields = definition.map(Definition::connector_fields).unwrap_or_default();
    let place = |mut violation: Violation| {
        if violation.pointer == "/clientSecret" {
            violation.pointer = format!("/{CLIENT_SECRET}");
        } else if let Some(name) = violation.pointer.strip_prefix("/variables/") {
            let secret = fields.iter().any(|field| field.name == name && field.secret);
            violation.pointer = format!("/{}", field_name(name, secret));
        }
        violation
    };
    match error {
        Error::Invalid(violations) => Error::Invalid(violations.into_iter().map(place).collect()),
        Error::Refused { code, detail, violations, retry_after, app_status } => {
            let violations = violations.into_iter().map(place).collect();
            Error::Refused { code, detail, violations, retry_after, app_status }
        }
        other @ (Error::NotFound | Error::Store(_) | Error::Internal(_)) => other,
    }
}
