//! The form of a secret: what it asks for, and what is shown again.

use secrecy::SecretString;
use vouchsafe_entity::millis::Millis;

use crate::domain::secret::{SecretEnd, SecretScope};
use crate::http::Problem;
use crate::http::dashboard::form::{Form, FormView};
use crate::service::secrets::{NewSecret, SecretChange, SecretView};
use crate::service::{Error, Seen, Violation};

/// Fields of which a form sends nothing where nothing is chosen.
const CHOICES: [&str; 2] = ["environments", "visibility"];

/// A form for a new secret.
pub(super) fn blank(environment: &str) -> FormView {
    FormView::new()
        .with("visibility", "masked")
        .with("type", "api_key")
        .with("ends", "never")
        .with_chosen("environments", &[environment])
}

fn has_expired(view: &SecretView, now: Millis) -> bool {
    view.secret.end(now) == Some(SecretEnd::Expired)
}

/// A form with what a secret is now. Its value is not among it.
pub(super) fn filled(view: &SecretView, now: Millis) -> FormView {
    let secret = &view.secret;
    let ends = if has_expired(view, now) { "" } else { "keep" };
    let hosts: Vec<_> = secret.allowed_hosts.iter().map(ToString::to_string).collect();
    let environments: Vec<_> = view.environments.iter().map(String::as_str).collect();
    FormView::new()
        .with("name", secret.name.clone())
        .with("description", secret.description.clone().unwrap_or_default())
        .with("scopes", secret.scopes.clone().unwrap_or_default())
        .with("products", secret.scope.products.join("\n"))
        .with("apps", secret.scope.apps.join("\n"))
        .with("allowedHosts", hosts.join("\n"))
        .with("ends", ends)
        .with_chosen("environments", &environments)
        .seeing(Seen(Some(secret.updated_at)))
}

/// Words on lines of their own, or with commas between.
fn words(form: &Form, name: &str) -> Vec<String> {
    let lines = form.lines(name);
    let words = lines.iter().flat_map(|line| line.split([',', ' '])).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

fn scope(form: &Form) -> SecretScope {
    SecretScope { products: words(form, "products"), apps: words(form, "apps") }
}

/// The end that was chosen: a date or a period; neither = never.
fn end(form: &Form) -> Result<(Option<String>, Option<String>), Error> {
    let (ends, day) = (form.raw("ends"), form.text("expiresAt"));
    if ends == "date" {
        // A day begins at midnight of UTC.
        return Ok((Some(format!("{day}T00:00:00Z")), None));
    }
    if !day.is_empty() {
        let message = "Choose “On the day below” for this day to count, or leave it empty.";
        return Err(Error::invalid("/expiresAt", "conflict", message));
    }
    let period = Some(ends).filter(|ends| !["", "never", "keep"].contains(ends));
    Ok((None, period.map(str::to_owned)))
}

/// The secret that a form asks for, whose fields for key and value have names that begin with `prefix`.
///
/// # Errors
/// A type or visibility that is none.
pub(in crate::http::dashboard) fn new_secret(form: &Form, prefix: &str) -> Result<NewSecret, Error> {
    let unknown = |pointer| Error::invalid(pointer, "unknown", "Choose one of these.");
    let kind = form.raw("type").parse().map_err(|_| unknown("/type"))?;
    let visibility = form.raw("visibility").parse().map_err(|_| unknown("/visibility"))?;
    let (expires_at, period) = end(form)?;
    let environments = form.all("environments");
    Ok(NewSecret {
        key: form.text(&format!("{prefix}key")),
        value: SecretString::from(form.raw(&format!("{prefix}value"))),
        kind,
        visibility,
        name: form.optional("name"),
        description: form.optional("description"),
        issuer: form.optional("issuer"),
        scopes: form.optional("scopes"),
        scope: scope(form),
        environments: Some(environments),
        issued_at: None,
        allowed_hosts: words(form, "allowedHosts"),
        expires_at,
        period,
    })
}

/// The change of `view` that a form asks for. A value that is left empty stays.
///
/// # Errors
/// A new value of one that has expired without a choice of its new end: without any it would never end again.
pub(super) fn change(form: &Form, view: &SecretView, now: Millis) -> Result<SecretChange, Error> {
    let value = form.raw("value");
    let ends = form.raw("ends");
    if !value.is_empty() && has_expired(view, now) && ["", "keep"].contains(&ends) {
        return Err(Error::invalid("/ends", "required", "It has expired: choose when the new value ends."));
    }
    let (date, period) = end(form)?;
    Ok(SecretChange {
        value: (!value.is_empty()).then(|| SecretString::from(value)),
        name: Some(form.text("name")),
        description: Some(form.optional("description")),
        scopes: Some(form.optional("scopes")),
        scope: Some(scope(form)),
        environments: Some(form.all("environments")),
        allowed_hosts: Some(words(form, "allowedHosts")),
        expires_at: if ends == "never" { Some(None) } else { date.map(Some) },
        period,
    })
}

/// A new value for `view`, and nothing else of it.
///
/// # Errors
/// It has expired, so that its end is to be chosen too.
pub(in crate::http::dashboard) fn new_value(
    form: &Form,
    view: &SecretView,
    now: Millis,
) -> Result<SecretChange, Error> {
    if has_expired(view, now) {
        let message = "It has expired. Open it among the secrets, where you choose its new end as well.";
        return Err(Error::invalid("/value", "expired", message));
    }
    let value = Some(SecretString::from(form.raw("value")));
    Ok(SecretChange { value, ..SecretChange::default() })
}

/// The form again with each mistake at its field, or above it where it has no such field.
///
/// # Errors
/// What is not about what was typed.
pub(in crate::http::dashboard) fn shown_again(form: &Form, error: Error) -> Result<FormView, Problem> {
    // The scope is two fields here, and the end is chosen in one.
    let at_its_field = |violation: Violation| {
        let pointer = violation.pointer.replacen("/scope/", "/", 1).replacen("/period", "/ends", 1);
        let name = pointer.split('/').nth(1).unwrap_or_default();
        let shown = form.has(name) || CHOICES.contains(&name);
        Violation { pointer: if shown { pointer } else { String::new() }, ..violation }
    };
    let placed = |violations: Vec<Violation>| violations.into_iter().map(at_its_field).collect::<Vec<_>>();
    let error = match error {
        Error::Invalid(violations) => Error::Invalid(placed(violations)),
        Error::Refused { code, detail, violations, retry_after, app_status } => {
            Error::Refused { code, detail, violations: placed(violations), retry_after, app_status }
        }
        other @ (Error::NotFound | Error::Store(_) | Error::Internal(_)) => other,
    };
    form.refused(error)
}
