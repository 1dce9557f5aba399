//! Forms: what a method asks for, and whether what was typed can be used.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use vouchsafe_entity::kind::Method;
use zeroize::Zeroizing;

use super::Definition;
use crate::provider::template::{MAX_HEADER, fits_header};
use crate::provider::values::Values;
use crate::provider::variable::{Field, ValueSource, Variable, affixes};
use crate::signing::{Algorithm, SigningKey};

/// The longest value that only goes into a body, in bytes.
const MAX_VALUE: usize = 64 * 1024;

/// Who gives the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldSource {
    /// The user, in the form of a method.
    User,
    /// The embedder, with the connector. What a reference stands for is checked with [`Definition::check_value`].
    Connector,
}

/// What is wrong with one value. The message is for the person who typed it and never repeats the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FieldError {
    /// The name of the field.
    pub name: String,
    /// `unknown_field`, `required`, `not_a_string`, `invalid_format`, `not_an_option`, `invalid_characters`,
    /// `too_long` or `invalid_key`.
    pub code: &'static str,
    /// In words.
    pub message: String,
}

impl Definition {
    /// What the form of a method asks the user for, in the order of the file.
    pub fn fields(&self, method: Method) -> Vec<Field> {
        let own = self.variables_of(method).filter(|variable| variable.source == ValueSource::User);
        let client = self.of(method).client_fields(method);
        own.map(|variable| self.of(method).field(variable)).chain(client).collect()
    }

    /// What the embedder gives with a connector, over all methods.
    pub fn connector_fields(&self) -> Vec<Field> {
        let mut fields: Vec<Field> = Vec::new();
        for part in self.all() {
            let own = part.variables.iter().filter(|variable| variable.source == ValueSource::Connector);
            for field in own.map(|variable| part.field(variable)) {
                if !fields.iter().any(|other| other.name == field.name) {
                    fields.push(field);
                }
            }
        }
        fields
    }

    fn field(&self, variable: &Variable) -> Field {
        let endpoints = [
            self.oauth2.as_ref().map(|table| &table.authorization_endpoint),
            self.client_credentials.as_ref().map(|table| &table.token.endpoint),
            self.session.as_ref().map(|table| &table.token.endpoint),
            self.oauth1.as_ref().map(|table| &table.authorization_endpoint),
        ];
        let mut templates = std::iter::once(&self.base_url).chain(endpoints.into_iter().flatten());
        let (prefix, suffix) =
            templates.find_map(|template| affixes(template, &variable.name)).unwrap_or_default();
        Field {
            name: variable.name.clone(),
            label: variable.label.clone().unwrap_or_else(|| variable.name.clone()),
            help: variable.help.clone(),
            example: variable.example.clone(),
            prefix,
            suffix,
            required: !variable.optional && variable.default.is_none(),
            secret: variable.secret,
            multiline: self.is_pem(&variable.name),
            lower: variable.places.host,
            pattern: variable.pattern.as_ref().map(|pattern| pattern.source().to_owned()),
            options: variable.options.clone(),
            default: variable.default.clone(),
        }
    }

    /// Whether a value is a private key in PEM.
    fn is_pem(&self, name: &str) -> bool {
        let shapes = Method::ALL.iter().filter_map(|method| self.jwt_shape_of(*method));
        shapes
            .filter(|shape| shape.algorithm != Some(Algorithm::Hs256))
            .any(|shape| shape.key.names().any(|other| other == name))
    }

    /// The user's own client, which `[client_credentials]` asks for without a variable.
    fn client_fields(&self, method: Method) -> Vec<Field> {
        if method != Method::ClientCredentials {
            return Vec::new();
        }
        let shape = self.jwt_shape_of(method);
        let mut fields = vec![client_field("client_id", "Client ID", false)];
        match shape {
            None => fields.push(client_field("client_secret", "Client secret", true)),
            Some(shape) if shape.key.names().any(|name| name == "client_secret") => {
                let key = client_field("client_secret", "Private key", true);
                fields.push(Field { multiline: true, ..key });
            }
            Some(_) => {}
        }
        // There is no variable to say it, and the page behind the file is about clients.
        let help = || Some(self.documentation.clone());
        fields.into_iter().map(|field| Field { help: help(), ..field }).collect()
    }

    /// Whether the client, the login or the key that a method asks for tokens with is the user's alone: where a secret
    /// that comes with the connector has a part in it, a refusal may as well be of that one.
    pub fn takes_own_client(&self, method: Method) -> bool {
        let of_connector = |variable: &Variable| variable.secret && variable.source == ValueSource::Connector;
        method != Method::OAuth2 && !self.variables_of(method).any(of_connector)
    }

    /// The form with a key file taken apart: where the key that signs is given as a JSON object that has it as a
    /// member, that member is the key, and its other members fill the fields of the same names that were left empty.
    fn with_key_file(&self, method: Method, given: &Map<String, Value>) -> Map<String, Value> {
        let mut taken = given.clone();
        let names = self.jwt_shape_of(method).into_iter().flat_map(|shape| shape.key.names());
        for name in names {
            let text = given.get(name).and_then(Value::as_str).map(str::trim);
            let file = text.filter(|text| text.starts_with('{')).and_then(|text| {
                serde_json::from_str::<Map<String, Value>>(text).ok().filter(|file| file.contains_key(name))
            });
            for field in self.fields(method) {
                let empty =
                    given.get(&field.name).and_then(Value::as_str).is_none_or(|text| text.trim().is_empty());
                let member =
                    file.as_ref().and_then(|file| file.get(&field.name)).filter(|member| member.is_string());
                if let Some(member) = member.filter(|_| empty || field.name == name) {
                    taken.insert(field.name, member.clone());
                }
            }
        }
        taken
    }

    /// Reads the key of a method that signs, as it will be read for signing.
    pub fn check_key(&self, method: Method, values: &Values) -> Result<(), FieldError> {
        let Some(shape) = self.jwt_shape_of(method) else { return Ok(()) };
        let text = shape.key.render_text(values).ok().flatten().unwrap_or_default();
        let read = SigningKey::read(shape.algorithm, shape.encoding, text.expose_secret());
        let name = shape.key.names().next().unwrap_or("client_secret");
        read.map(drop).map_err(|error| {
            let mut message = error.to_string();
            message.get_mut(..1).map(str::make_ascii_uppercase);
            FieldError::new(name, "invalid_key", &format!("{message}."))
        })
    }

    /// Checks what was typed and gives the values to keep, defaults included. Without a mistake every required field
    /// has a value. Errors are those of every field.
    pub fn validate_fields(
        &self,
        method: Method,
        given: &Map<String, Value>,
        source: FieldSource,
    ) -> Result<Values, Vec<FieldError>> {
        let (one, fields) = match source {
            FieldSource::User => (self.of(method), self.fields(method)),
            FieldSource::Connector => (self, self.connector_fields()),
        };
        let taken = (source == FieldSource::User).then(|| self.with_key_file(method, given));
        let given = taken.as_ref().unwrap_or(given);
        let mut errors: Vec<FieldError> = given
            .keys()
            .filter(|name| !fields.iter().any(|field| field.name == **name))
            .map(|name| FieldError::new(name, "unknown_field", "This field is not asked for."))
            .collect();
        let mut values = Values::new();
        for field in &fields {
            match one.accept_field(field, given.get(&field.name)) {
                Ok(Some(value)) => values.set(field.name.as_str(), value),
                Ok(None) => {}
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(values) } else { Err(errors) }
    }

    fn accept_field(&self, field: &Field, given: Option<&Value>) -> Result<Option<SecretString>, FieldError> {
        let text = match given {
            None | Some(Value::Null) => "",
            Some(Value::String(text)) => text,
            Some(_) => {
                return Err(FieldError::new(&field.name, "not_a_string", "Text is expected here."));
            }
        };
        match self.check_value(&field.name, text)? {
            Some(value) => Ok(Some(value)),
            None if field.required => {
                Err(FieldError::new(&field.name, "required", &format!("{} is required.", field.label)))
            }
            None => Ok(field.default.as_deref().map(SecretString::from)),
        }
    }

    /// Checks one value as [`validate_fields`](Self::validate_fields) does and gives it as it is kept: trimmed, and in
    /// lower case if it goes into a host; `None` if it is empty.
    pub fn check_value(&self, name: &str, given: &str) -> Result<Option<SecretString>, FieldError> {
        let variable = self.variable(name);
        let places = variable.map(|variable| variable.places).unwrap_or_default();
        // A password may begin or end with a space; a line end comes from the clipboard.
        let trimmed = if places.outside_body { given.trim() } else { given.trim_matches(['\r', '\n']) };
        if trimmed.is_empty() {
            return Ok(None);
        }
        let value =
            Zeroizing::new(if places.host { trimmed.to_ascii_lowercase() } else { trimmed.to_owned() });
        let limit = if places.outside_body { MAX_HEADER } else { MAX_VALUE };
        if value.len() > limit {
            return Err(FieldError::new(name, "too_long", &format!("At most {limit} bytes fit here.")));
        }
        if places.header && !fits_header(&value) {
            let message =
                "Only letters, digits and signs of the English keyboard can be sent. Copy the value again.";
            return Err(FieldError::new(name, "invalid_characters", message));
        }
        if places.outside_body && value.contains(char::is_control) {
            return Err(FieldError::new(
                name,
                "invalid_characters",
                "The value is broken over lines. Copy it again.",
            ));
        }
        if places.user_name && value.contains(':') {
            return Err(FieldError::new(name, "invalid_characters", "A colon cannot be used here."));
        }
        match variable {
            Some(variable) if !variable.allows(&value) => Err(variable.mismatch()),
            _ => Ok(Some(SecretString::from(value.as_str()))),
        }
    }
}

fn client_field(name: &str, label: &str, secret: bool) -> Field {
    Field {
        name: name.to_owned(),
        label: label.to_owned(),
        help: None,
        example: None,
        prefix: None,
        suffix: None,
        required: true,
        secret,
        multiline: false,
        lower: false,
        pattern: None,
        options: Vec::new(),
        default: None,
    }
}

impl Variable {
    fn mismatch(&self) -> FieldError {
        if !self.options.is_empty() {
            return FieldError::new(&self.name, "not_an_option", "Choose one of the options.");
        }
        let label = self.label.as_deref().unwrap_or(&self.name);
        let message = match &self.example {
            Some(example) => format!("This does not look like a value for {label}. It looks like: {example}"),
            None => format!("This does not look like a value for {label}."),
        };
        FieldError::new(&self.name, "invalid_format", &message)
    }
}

impl FieldError {
    fn new(name: &str, code: &'static str, message: &str) -> Self {
        Self { name: name.to_owned(), code, message: message.to_owned() }
    }
}
