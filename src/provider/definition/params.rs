//! Request parameters made of templates; nested where the request is JSON.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::provider::template::{RenderError, Template};
use crate::provider::values::Values;

/// Parameters that are added to, replace or remove standard ones, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params(pub(in crate::provider) Vec<(String, Param)>);

/// One parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Param {
    /// Takes the standard parameter of this name away.
    Remove,
    /// Text.
    Text(Template),
    /// A number, sent as one in JSON.
    Number(i64),
    /// A truth value, sent as one in JSON.
    Flag(bool),
    /// Members, in JSON only.
    Table(Vec<(String, Param)>),
}

/// A filled parameter.
#[derive(Clone, Debug)]
pub enum ParamValue {
    /// Text.
    Text(SecretString),
    /// A number.
    Number(i64),
    /// A truth value.
    Flag(bool),
    /// Members.
    Table(Vec<(String, ParamValue)>),
}

impl Params {
    /// The parameters filled; `None` as value takes the standard parameter of that name away. A parameter whose
    /// optional variable was left empty is not in the result.
    pub fn render(&self, values: &Values) -> Result<Vec<(String, Option<ParamValue>)>, RenderError> {
        let mut rendered = Vec::with_capacity(self.0.len());
        for (name, param) in &self.0 {
            if *param == Param::Remove {
                rendered.push((name.clone(), None));
            } else if let Some(value) = param.render(values)? {
                rendered.push((name.clone(), Some(value)));
            }
        }
        Ok(rendered)
    }

    /// The constant text of a parameter, if it is there and has no placeholder.
    pub fn literal(&self, name: &str) -> Option<&str> {
        match self.0.iter().find(|(other, _)| other == name)? {
            (_, Param::Text(template)) if template.is_literal() => Some(template.source()),
            _ => None,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Param {
    fn render(&self, values: &Values) -> Result<Option<ParamValue>, RenderError> {
        Ok(match self {
            Self::Remove => None,
            Self::Text(template) => template.render_text(values)?.map(ParamValue::Text),
            Self::Number(number) => Some(ParamValue::Number(*number)),
            Self::Flag(flag) => Some(ParamValue::Flag(*flag)),
            Self::Table(members) => {
                let mut table = Vec::with_capacity(members.len());
                for (name, member) in members {
                    if let Some(value) = member.render(values)? {
                        table.push((name.clone(), value));
                    }
                }
                Some(ParamValue::Table(table))
            }
        })
    }
}

impl ParamValue {
    /// The value in the clear as JSON.
    pub fn expose_json(&self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.expose_secret().to_owned()),
            Self::Number(number) => Value::from(*number),
            Self::Flag(flag) => Value::Bool(*flag),
            Self::Table(members) => {
                members.iter().map(|(name, value)| (name.clone(), value.expose_json())).collect()
            }
        }
    }

    /// The value as form or query text; `None` for a table, which the linter lets through in JSON only.
    pub fn text(&self) -> Option<SecretString> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Number(number) => Some(number.to_string().into()),
            Self::Flag(flag) => Some(flag.to_string().into()),
            Self::Table(_) => None,
        }
    }
}
