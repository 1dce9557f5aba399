//! Whose account a credential opens, as people and reconnects see it.

use secrecy::ExposeSecret as _;

use vouchsafe_entity::kind::Method;

use super::Definition;
use crate::provider::template::Template;
use crate::provider::values::Values;

/// The account at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Compared on reconnect, so that another account cannot slip in.
    pub id: String,
    /// What people see.
    pub label: String,
}

impl Definition {
    /// The account that `values` of a method belong to; `None` where the definition names none or a part of it is missing.
    pub fn account(&self, method: Method, values: &Values) -> Option<Account> {
        let text = |template: &Option<Template>| {
            let text = template.as_ref()?.render_text(values).ok()??;
            Some(text.expose_secret().to_owned())
        };
        let one = self.of(method);
        let id = text(&one.account)?;
        let label = text(&one.account_label).unwrap_or_else(|| id.clone());
        Some(Account { id, label })
    }

    /// Name and value of every variable that is no secret, for display.
    pub fn public_variables(&self, method: Method, values: &Values) -> Vec<(String, String)> {
        let public = self.of(method).variables.iter().filter(|variable| !variable.secret);
        public
            .filter_map(|variable| {
                let value = values.get(&variable.name)?.expose_secret();
                (!value.is_empty()).then(|| (variable.name.clone(), value.to_owned()))
            })
            .collect()
    }
}
