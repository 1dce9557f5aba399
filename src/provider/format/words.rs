//! The closed sets of words in the format.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vouchsafe_entity::kind::FailClass;

use crate::provider::definition::{AuthMethod, CodeChallenge, RevokeScope, TokenRequestFormat};
use crate::signing;

/// Catalogue categories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::provider) enum Category {
    Accounting,
    Ai,
    Analytics,
    Ats,
    Banking,
    Cms,
    Communication,
    Crm,
    Design,
    DevTools,
    ECommerce,
    Erp,
    Gaming,
    Hr,
    Iam,
    Invoicing,
    KnowledgeBase,
    Legal,
    Marketing,
    Other,
    Payment,
    Productivity,
    Search,
    Social,
    Sports,
    Storage,
    Support,
    Surveys,
    Ticketing,
    Video,
}

impl Category {
    /// The word as written in a file.
    pub(in crate::provider) const fn as_str(self) -> &'static str {
        match self {
            Self::Accounting => "accounting",
            Self::Ai => "ai",
            Self::Analytics => "analytics",
            Self::Ats => "ats",
            Self::Banking => "banking",
            Self::Cms => "cms",
            Self::Communication => "communication",
            Self::Crm => "crm",
            Self::Design => "design",
            Self::DevTools => "dev-tools",
            Self::ECommerce => "e-commerce",
            Self::Erp => "erp",
            Self::Gaming => "gaming",
            Self::Hr => "hr",
            Self::Iam => "iam",
            Self::Invoicing => "invoicing",
            Self::KnowledgeBase => "knowledge-base",
            Self::Legal => "legal",
            Self::Marketing => "marketing",
            Self::Other => "other",
            Self::Payment => "payment",
            Self::Productivity => "productivity",
            Self::Search => "search",
            Self::Social => "social",
            Self::Sports => "sports",
            Self::Storage => "storage",
            Self::Support => "support",
            Self::Surveys => "surveys",
            Self::Ticketing => "ticketing",
            Self::Video => "video",
        }
    }
}

/// How a token request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::provider) enum FormatWord {
    Form,
    Json,
    Query,
}

impl From<FormatWord> for TokenRequestFormat {
    fn from(word: FormatWord) -> Self {
        match word {
            FormatWord::Form => Self::Form,
            FormatWord::Json => Self::Json,
            FormatWord::Query => Self::Query,
        }
    }
}

/// How the client authenticates at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::provider) enum AuthMethodWord {
    ClientSecretPost,
    ClientSecretBasic,
    /// Basic of id and secret as they are, against RFC 6749, section 2.3.1.
    ClientSecretBasicUnencoded,
    /// A JWT signed with the client's key (RFC 7523, section 2.2).
    PrivateKeyJwt,
    None,
}

impl From<AuthMethodWord> for AuthMethod {
    fn from(word: AuthMethodWord) -> Self {
        match word {
            AuthMethodWord::ClientSecretPost => Self::ClientSecretPost,
            AuthMethodWord::ClientSecretBasic | AuthMethodWord::ClientSecretBasicUnencoded => {
                Self::ClientSecretBasic
            }
            AuthMethodWord::PrivateKeyJwt => Self::PrivateKeyJwt,
            AuthMethodWord::None => Self::None,
        }
    }
}

/// PKCE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub(in crate::provider) enum ChallengeWord {
    S256,
    #[serde(rename = "none")]
    None,
}

impl From<ChallengeWord> for CodeChallenge {
    fn from(word: ChallengeWord) -> Self {
        match word {
            ChallengeWord::S256 => Self::S256,
            ChallengeWord::None => Self::None,
        }
    }
}

/// What a vendor's error code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::provider) enum ErrorClass {
    /// The user must reconnect.
    Refused,
    /// The same, revoked by the provider.
    Revoked,
    /// The connector is at fault.
    Client,
    /// Slow down.
    Throttled,
    /// A passing fault.
    Transient,
}

impl From<ErrorClass> for FailClass {
    fn from(class: ErrorClass) -> Self {
        match class {
            ErrorClass::Refused => Self::Refused,
            ErrorClass::Revoked => Self::Revoked,
            ErrorClass::Client => Self::Client,
            ErrorClass::Throttled => Self::Throttled,
            ErrorClass::Transient => Self::Ambiguous,
        }
    }
}

/// What a refresh spends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::provider) enum RenewWord {
    RefreshToken,
    AccessToken,
}

/// What revoking one token ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::provider) enum RevokeWord {
    Token,
    Grant,
}

impl From<RevokeWord> for RevokeScope {
    fn from(word: RevokeWord) -> Self {
        match word {
            RevokeWord::Token => Self::Token,
            RevokeWord::Grant => Self::Grant,
        }
    }
}

/// JWT signature algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(in crate::provider) enum Algorithm {
    Rs256,
    Es256,
    Hs256,
}

impl From<Algorithm> for signing::Algorithm {
    fn from(word: Algorithm) -> Self {
        match word {
            Algorithm::Rs256 => Self::Rs256,
            Algorithm::Es256 => Self::Es256,
            Algorithm::Hs256 => Self::Hs256,
        }
    }
}

/// By what OAuth 1.0a signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub(in crate::provider) enum SignatureMethod {
    #[serde(rename = "HMAC-SHA1")]
    HmacSha1,
    #[serde(rename = "HMAC-SHA256")]
    HmacSha256,
}

impl From<SignatureMethod> for signing::oauth1::Hash {
    fn from(word: SignatureMethod) -> Self {
        match word {
            SignatureMethod::HmacSha1 => Self::Sha1,
            SignatureMethod::HmacSha256 => Self::Sha256,
        }
    }
}

/// How a shared secret is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::provider) enum EncodingWord {
    /// Its characters are the key.
    Text,
    /// Hexadecimal digits.
    Hex,
    /// Base64, of either alphabet.
    Base64,
}

impl From<EncodingWord> for signing::KeyEncoding {
    fn from(word: EncodingWord) -> Self {
        match word {
            EncodingWord::Text => Self::Text,
            EncodingWord::Hex => Self::Hex,
            EncodingWord::Base64 => Self::Base64,
        }
    }
}

/// Methods of the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(in crate::provider) enum CheckMethod {
    Get,
    Head,
    Post,
}

impl From<CheckMethod> for http::Method {
    fn from(word: CheckMethod) -> Self {
        match word {
            CheckMethod::Get => Self::GET,
            CheckMethod::Head => Self::HEAD,
            CheckMethod::Post => Self::POST,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_is_shown_as_it_is_written() {
        let schema = serde_json::to_value(schemars::schema_for!(Category)).unwrap();
        let words = schema["enum"].as_array().expect("a closed list");
        assert_eq!(words.len(), 30);
        for word in words {
            let category: Category = serde_json::from_value(word.clone()).unwrap();
            assert_eq!(Some(category.as_str()), word.as_str());
        }
    }
}
