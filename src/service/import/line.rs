//! The lines of an export as they are read, which is the format itself: JSON, one object a line. The first line is
//! `{"vouchsafe": "export", "version": 1}`; each other one has a single member, which says what it is. Names and rules
//! are those of the API; what is not there has the API's default.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};
use vouchsafe_entity::id::{CredentialId, UserId};
use vouchsafe_entity::json::Need;
use vouchsafe_entity::kind::{Method, SecretType, Visibility};

use crate::domain::secret::SecretScope;
use crate::service::Violation;
use crate::service::connectors::NewConnector;
use crate::service::integrations::NewIntegration;
use crate::service::secrets::NewSecret;
use crate::service::shape::violation;
use crate::service::users::NewUser;

/// What the first line says that the text is.
pub(in crate::service) const FORMAT: &str = "export";
/// The only version so far.
pub(in crate::service) const VERSION: u32 = 1;

/// The first line. Members that are not known here say nothing about how to read the others.
#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) vouchsafe: String,
    pub(super) version: u32,
}

/// Any other line.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Line {
    /// A variable, in the environment that is imported into.
    Secret(Box<SecretLine>),
    /// A provider with the embedder's client and settings.
    Connector(Box<ConnectorLine>),
    /// What a feature of the embedder's product needs.
    Integration(IntegrationLine),
    /// An end user.
    User(Box<UserLine>),
    /// What a user gave for a connector.
    Credential(Box<CredentialLine>),
}

const fn yes() -> bool {
    true
}

/// `{"secret": …}`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SecretLine {
    pub(super) key: String,
    value: SecretString,
    #[serde(rename = "type")]
    kind: SecretType,
    visibility: Visibility,
    name: Option<String>,
    description: Option<String>,
    issuer: Option<String>,
    /// The providers that the issuer has named, also those of which the importing hub has no definition.
    #[serde(default)]
    pub(super) issuer_providers: Vec<String>,
    scopes: Option<String>,
    #[serde(default)]
    scope: ScopeLine,
    #[serde(default)]
    allowed_hosts: Vec<String>,
    #[serde(default = "yes")]
    pub(super) active: bool,
    issued_at: Option<String>,
    pub(super) expires_at: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopeLine {
    #[serde(default)]
    products: Vec<String>,
    #[serde(default)]
    apps: Vec<String>,
}

impl From<SecretLine> for NewSecret {
    fn from(line: SecretLine) -> Self {
        Self {
            key: line.key,
            value: line.value,
            kind: line.kind,
            visibility: line.visibility,
            name: line.name,
            description: line.description,
            issuer: line.issuer,
            scopes: line.scopes,
            scope: SecretScope { products: line.scope.products, apps: line.scope.apps },
            environments: None,
            issued_at: line.issued_at,
            allowed_hosts: line.allowed_hosts,
            expires_at: line.expires_at,
            period: None,
        }
    }
}

/// `{"connector": …}`: a provider by its slug; secret variables stand among the others.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ConnectorLine {
    pub(super) key: String,
    provider: String,
    methods: Option<Vec<Method>>,
    client_id: Option<String>,
    client_secret: Option<SecretString>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    authorization_params: BTreeMap<String, String>,
    #[serde(default)]
    variables: Map<String, Value>,
    #[serde(default = "yes")]
    enabled: bool,
}

impl From<ConnectorLine> for NewConnector {
    fn from(line: ConnectorLine) -> Self {
        Self {
            provider: line.provider,
            methods: line.methods,
            client_id: line.client_id,
            client_secret: line.client_secret.map(Some),
            scopes: line.scopes,
            authorization_params: line.authorization_params,
            variables: line.variables,
            enabled: line.enabled,
        }
    }
}

/// `{"integration": …}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IntegrationLine {
    pub(super) slug: String,
    name: String,
    description: Option<String>,
    connectors: Vec<NeedLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NeedLine {
    connector: String,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    optional: bool,
}

impl From<IntegrationLine> for NewIntegration {
    fn from(line: IntegrationLine) -> Self {
        let need =
            |need: NeedLine| Need { connector: need.connector, scopes: need.scopes, optional: need.optional };
        Self {
            name: line.name,
            description: line.description,
            connectors: line.connectors.into_iter().map(need).collect(),
        }
    }
}

/// `{"user": …}`: told apart by `username`; `userId` is kept where one is given.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UserLine {
    pub(super) user_id: Option<UserId>,
    pub(super) username: String,
    full_name: Option<String>,
    email: Option<String>,
    organization: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
}

impl From<UserLine> for NewUser {
    fn from(line: UserLine) -> Self {
        Self {
            username: line.username,
            full_name: line.full_name,
            email: line.email,
            organization: line.organization,
            tags: line.tags,
        }
    }
}

/// `{"credential": …}`: of a user and a connector that are there or stand before it. With a `credentialId` it is told
/// apart by that, and keeps it; without one by user, connector and account, or name where no account is given.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CredentialLine {
    pub(super) credential_id: Option<CredentialId>,
    pub(super) username: String,
    pub(super) connector: String,
    /// Needed where the provider has several.
    pub(super) method: Option<Method>,
    pub(super) name: Option<String>,
    pub(super) account: Option<AccountLine>,
    /// The provider's fields: what the user typed, and what the hub learned from the app.
    #[serde(default)]
    pub(super) data: Map<String, Value>,
    pub(super) access_token: Option<SecretString>,
    pub(super) token_type: Option<String>,
    pub(super) refresh_token: Option<SecretString>,
    /// When the app gave these tokens; none = now.
    pub(super) tokens_issued_at: Option<String>,
    /// None = nobody knows.
    pub(super) access_token_expires_at: Option<String>,
    /// What was granted.
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    #[serde(default)]
    pub(super) metadata: Map<String, Value>,
    #[serde(default = "yes")]
    pub(super) active: bool,
    /// When the user gave it; none = now.
    pub(super) issued_at: Option<String>,
    pub(super) last_used_at: Option<String>,
    /// The end set by hand, for keys alone.
    pub(super) expires_at: Option<String>,
}

/// The account at the provider, by which a reconnect is known to be of the same.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountLine {
    pub(super) id: String,
    pub(super) label: Option<String>,
}

/// Reads a line of the shape `T`. What is wrong is said without any value.
pub(super) fn read<T: serde::de::DeserializeOwned>(line: &[u8]) -> Result<T, Violation> {
    // PostgreSQL keeps no NUL in a text; it can only come as an escape.
    if line.windows(6).any(|six| six == br"\u0000") {
        return Err(Violation::new("", "invalid_characters", "The escape \\u0000 is not allowed."));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    let broken = || Violation::new("", "malformed_json", "A line is one JSON object, and this is none.");
    let read = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let inner = error.inner();
        if inner.is_data() { violation(error.path(), &inner.to_string()) } else { broken() }
    })?;
    deserializer.end().map_err(|_| broken())?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_wrong_is_pointed_at_and_its_value_never_repeated() {
        for (line, pointer, code) in [
            (r#"{"credential":{"username":"u"}}"#, "/credential/connector", "required"),
            (
                r#"{"credential":{"username":"u","connector":"c","acces_token":"hunter2"}}"#,
                "/credential/acces_token",
                "unknown_field",
            ),
            (
                r#"{"credential":{"username":"u","connector":"c","accessToken":["hunter2"]}}"#,
                "/credential/accessToken",
                "invalid_type",
            ),
            (
                r#"{"credential":{"username":"u","connector":"c","method":"hunter2"}}"#,
                "/credential/method",
                "unknown",
            ),
            (
                r#"{"secret":{"key":"K","value":"v","type":"api_key","visibility":"masked","scope":{"apps":"hunter2"}}}"#,
                "/secret/scope/apps",
                "invalid_type",
            ),
            (r#"{"user":{"username":"hunter2"#, "", "malformed_json"),
            (r#"{"user":{"username":"u"}} hunter2"#, "", "malformed_json"),
            (r#"{"user":{"username":"u\u0000"}}"#, "", "invalid_characters"),
        ] {
            let told = read::<Line>(line.as_bytes()).err().unwrap();
            assert_eq!((told.pointer.as_str(), told.code), (pointer, code), "{line}");
            assert!(!told.message.contains("hunter2"), "{}", told.message);
        }
        assert!(matches!(read::<Line>(br#"{"user":{"username":"u"}}"#), Ok(Line::User(_))));
        assert_eq!(read::<Line>(br#"{"hunter2":{}}"#).err().unwrap().code, "unknown");
    }
}
