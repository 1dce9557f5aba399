//! Provider definitions: TOML in, requests out (`providers/*.toml`).
//!
//! A provider is data. This module reads and checks the files, and answers every question about an app: which
//! methods it has, what a form asks for, where requests go and how a credential is placed on them. It must not
//! know the network, the database, the clock, or any provider by name.

mod build;
mod definition;
mod format;
mod lint;
mod path;
mod pattern;
mod registry;
mod report;
mod schema;
mod shipped;
mod source;
mod template;
mod url_template;
mod values;
mod variable;

pub use self::definition::{
    Account, ApiKey, AuthMethod, AuthorizationResponse, AwsSigV4, Basic, CaptureError, Captured, Check,
    CheckOutcome, CheckRequest, ClientCredentials, CodeChallenge, Definition, Exchange, FieldError,
    FieldSource, Headers, HostOwner, Jwt, JwtShape, Limits, MCP_AUTHORIZATION_ENDPOINT, MCP_BY_BASIC,
    MCP_ISSUER, MCP_NAMES_ISSUER, MCP_RESOURCE, MCP_REVOCATION_ENDPOINT, MCP_TOKEN_ENDPOINT, Mcp, OAuth1,
    OAuth2, Param, ParamValue, Params, Placement, Refresh, Reuse, RevokeScope, Session, SettingHosts,
    TOKEN_SECRET, TokenRequest, TokenRequestFormat, TokenResponse,
};
pub use self::path::Path;
pub use self::registry::{Registry, Sources, check_paths, is_called};
pub use self::report::{Problem, Report, Severity, UNVERIFIED};
pub use self::schema::schema;
pub use self::template::{MAX_HEADER, RenderError, Template, TemplateError};
pub use self::url_template::{Authority, HostTemplate, UrlTemplate, UrlTemplateError};
pub use self::values::{NotValues, Values};
pub use self::variable::{Field, Lookup, Pattern, ValueSource, Variable};
