//! Forms: what a browser sent, and what is shown again with each mistake at its field.

mod seen;
mod sure;

use std::collections::BTreeMap;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::http::{HttpState, Problem};
use crate::service::{Code, Error};
use seen::Changed;

/// Fields that are never shown again.
const UNSHOWN: [&str; 5] = ["password", "newPassword", "code", "value", "invitation"];

/// Nor are those that begin so.
const SECRET: &str = "secret-";

/// A form as it was sent: fields may be there several times.
pub(in crate::http) struct Form(Vec<(String, Zeroizing<String>)>);

impl FromRequest<HttpState> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &HttpState) -> Result<Self, Problem> {
        let body = Bytes::from_request(request, state).await.map_err(|_| Problem::body_too_large())?;
        let fields: Vec<_> = url::form_urlencoded::parse(&body)
            .map(|(name, value)| (name.into_owned(), Zeroizing::new(value.replace("\r\n", "\n"))))
            .collect();
        // No text has one, and PostgreSQL could not be given it.
        if fields.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
            return Err(Problem::invalid_at(
                "",
                "invalid_characters",
                "The character U+0000 is not allowed.",
            ));
        }
        Ok(Self(fields))
    }
}

impl Form {
    /// A field as it was typed; empty where it is missing.
    pub(in crate::http) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value.as_str())
    }

    /// A field without the space around it.
    pub(in crate::http) fn text(&self, name: &str) -> String {
        self.raw(name).trim().to_owned()
    }

    /// The same; none where nothing was typed.
    pub(in crate::http) fn optional(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// All values of a field: the boxes that are ticked.
    pub(in crate::http) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(other, _)| other == name).map(|(_, value)| value.to_string()).collect()
    }

    /// The lines of a field that have something in them.
    pub(in crate::http) fn lines(&self, name: &str) -> Vec<String> {
        self.raw(name).lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    /// Whether a box is ticked.
    pub(in crate::http) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| other == name)
    }

    /// The form to be shown again, with what is wrong with it.
    ///
    /// # Errors
    /// What is not about what was typed.
    pub(in crate::http) fn refused(&self, error: Error) -> Result<FormView, Problem> {
        let mut view = self.view();
        match error {
            Error::Invalid(violations) => view.mark(violations, None),
            Error::Refused { code, detail, violations, retry_after, app_status } => {
                if ["step_up_required", "authenticator_required", "session_expired"].contains(&code.as_str())
                {
                    return Err(Error::Refused { code, detail, violations, retry_after, app_status }.into());
                }
                if code == Code::ChangedMeanwhile {
                    view.changed = Some(Changed::default());
                } else {
                    view.mark(violations, Some(detail));
                }
            }
            other @ (Error::NotFound | Error::Store(_) | Error::Internal(_)) => return Err(other.into()),
        }
        Ok(view)
    }

    /// The same, where a role that may not is told that and nothing else.
    ///
    /// # Errors
    /// What is not about what was typed.
    pub(in crate::http) fn refused_or_denied(&self, error: Error) -> Result<FormView, Problem> {
        match error.code() {
            Some(Code::Forbidden) => Err(error.into()),
            _ => self.refused(error),
        }
    }

    /// The form as it was sent, without what is never shown again.
    pub(in crate::http) fn view(&self) -> FormView {
        let mut view = FormView::default();
        for (name, value) in &self.0 {
            if !UNSHOWN.contains(&name.as_str()) && !name.starts_with(SECRET) {
                view.values.entry(name.clone()).or_insert_with(|| Value::String(value.to_string()));
                view.chosen.entry(name.clone()).or_default().push(value.to_string());
            } else if name.starts_with(SECRET) && !value.is_empty() {
                view.retype.push(name.clone());
            }
            view.fields.push(name.clone());
        }
        view
    }
}

/// A form as it is shown.
#[derive(Clone, Debug, Default, Serialize)]
pub(in crate::http) struct FormView {
    values: Map<String, Value>,
    chosen: BTreeMap<String, Vec<String>>,
    errors: BTreeMap<String, String>,
    problem: Option<String>,
    changed: Option<Changed>,
    question: Option<String>,
    /// The secrets that were typed.
    retype: Vec<String>,
    #[serde(skip)]
    fields: Vec<String>,
}

impl FormView {
    /// A form that was not sent yet.
    pub(in crate::http) fn new() -> Self {
        Self::default()
    }

    /// The same with a text in a field.
    pub(in crate::http) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.values.insert(name.to_owned(), Value::String(value.into()));
        self
    }

    /// The text in a field; empty where there is none.
    pub(in crate::http) fn text(&self, name: &str) -> &str {
        self.values.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// The same with boxes ticked.
    pub(in crate::http) fn with_chosen(mut self, name: &str, values: &[&str]) -> Self {
        self.chosen.insert(name.to_owned(), values.iter().map(ToString::to_string).collect());
        self
    }

    /// The same with a mistake of no field, for samples.
    pub(in crate::http) fn saying(mut self, problem: &str) -> Self {
        self.problem = Some(problem.to_owned());
        self
    }

    /// The same with a mistake at a field.
    pub(in crate::http) fn with_error(mut self, name: &str, message: &str) -> Self {
        self.errors.insert(name.to_owned(), message.to_owned());
        self
    }

    /// Puts each mistake at its field; those of no field, and `detail` where there are none, above the form.
    fn mark(&mut self, violations: Vec<crate::service::Violation>, detail: Option<String>) {
        let mut above: Vec<String> = Vec::new();
        let none = violations.is_empty();
        for violation in violations {
            let name = violation.pointer.split('/').nth(1).unwrap_or_default().to_owned();
            // A box that is not ticked is not sent.
            if name.is_empty() {
                above.push(violation.message);
            } else {
                self.errors.entry(name).or_insert(violation.message);
            }
        }
        if none {
            above.extend(detail);
        }
        self.problem = (!above.is_empty()).then(|| above.join(" "));
    }
}
