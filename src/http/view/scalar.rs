//! Times and closed words as they are described and written.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};
use vouchsafe_entity::kind::{
    Binding, DeliveryStatus, DisabledReason, Method, SecretType, Status, Visibility,
};
use vouchsafe_entity::millis::Millis;

/// A time, RFC 3339 in UTC with milliseconds.
#[derive(Serialize)]
#[serde(transparent)]
pub(in crate::http) struct Time(pub(in crate::http) Millis);

impl From<Millis> for Time {
    fn from(at: Millis) -> Self {
        Self(at)
    }
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("RFC 3339, UTC, with milliseconds"))
            .examples(["2030-01-31T12:00:00.000Z"])
            .into()
    }
}

impl ToSchema for Time {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Time")
    }
}

/// Describes a closed set of words.
macro_rules! words {
    ($($(#[$meta:meta])* $name:ident of $kind:ident,)+) => {
        $(
            $(#[$meta])*
            pub(in crate::http) struct $name;

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    ObjectBuilder::new()
                        .schema_type(Type::String)
                        .enum_values(Some($kind::ALL.iter().map(|word| word.as_str())))
                        .into()
                }
            }

            impl ToSchema for $name {
                fn name() -> Cow<'static, str> {
                    Cow::Borrowed(stringify!($kind))
                }
            }
        )+
    };
}

words! {
    /// How a credential is given.
    MethodWord of Method,
    /// How a credential stands.
    StatusWord of Status,
    /// How strongly browser and user are bound.
    BindingWord of Binding,
    /// How far a delivery is.
    DeliveryStatusWord of DeliveryStatus,
    /// Why the hub switched a webhook endpoint off.
    DisabledReasonWord of DisabledReason,
    /// What kind of value a secret is.
    SecretTypeWord of SecretType,
    /// Whether a secret may ever be shown.
    VisibilityWord of Visibility,
}
