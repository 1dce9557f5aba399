//! Providers on the wire.

use serde::Serialize;
use utoipa::ToSchema;
use vouchsafe_entity::kind::Method;

use super::MethodWord;
use crate::provider::{Definition, Field};

/// How one app authenticates.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct ProviderOut {
    /// Its name in the API.
    #[schema(example = "hubspot")]
    slug: String,
    /// Its name for people.
    #[schema(example = "HubSpot")]
    name: String,
    /// The vendor's page about it.
    documentation: String,
    /// What kinds of app it is.
    categories: Vec<String>,
    /// The methods on offer.
    methods: Vec<MethodOut>,
    /// Whether no method works without a client id of the connector.
    needs_client: bool,
}

/// One method, with what its form asks for.
#[derive(Serialize, ToSchema)]
struct MethodOut {
    /// The method.
    #[serde(rename = "type")]
    #[schema(value_type = MethodWord)]
    kind: Method,
    /// What the user types.
    fields: Vec<FieldOut>,
}

/// One field of a form.
#[derive(Serialize, ToSchema)]
struct FieldOut {
    /// Its name in `data`.
    #[schema(example = "key")]
    name: String,
    /// Its name for people.
    label: String,
    /// A page that says where to find the value.
    help: Option<String>,
    /// A sample.
    example: Option<String>,
    /// Text that stands before it.
    prefix: Option<String>,
    /// Text that stands behind it.
    suffix: Option<String>,
    /// Whether it may not stay empty.
    required: bool,
    /// Whether it is masked and never shown again.
    secret: bool,
    /// A regular expression for the whole value.
    pattern: Option<String>,
    /// The only values; empty = any.
    options: Vec<OptionOut>,
    /// Used when left empty.
    default: Option<String>,
}

/// One value to choose.
#[derive(Serialize, ToSchema)]
struct OptionOut {
    /// For people.
    label: String,
    /// For `data`.
    value: String,
}

impl From<Field> for FieldOut {
    fn from(field: Field) -> Self {
        let option = |(label, value)| OptionOut { label, value };
        Self {
            name: field.name,
            label: field.label,
            help: field.help,
            example: field.example,
            prefix: field.prefix,
            suffix: field.suffix,
            required: field.required,
            secret: field.secret,
            pattern: field.pattern,
            options: field.options.into_iter().map(option).collect(),
            default: field.default,
        }
    }
}

impl From<&Definition> for ProviderOut {
    fn from(definition: &Definition) -> Self {
        let method = |kind: &Method| MethodOut {
            kind: *kind,
            fields: definition.fields(*kind).into_iter().map(FieldOut::from).collect(),
        };
        Self {
            slug: definition.slug().to_owned(),
            name: definition.name().to_owned(),
            documentation: definition.documentation().to_owned(),
            categories: definition.categories().to_vec(),
            methods: definition.methods().iter().map(method).collect(),
            needs_client: definition.needs_client(),
        }
    }
}
