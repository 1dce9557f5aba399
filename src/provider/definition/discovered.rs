//! Servers of the Model Context Protocol: what is found out about them is kept with each credential, under these names.

use crate::provider::url_template::UrlTemplate;

/// What calls and tokens are for (RFC 8707).
pub const MCP_RESOURCE: &str = "mcp_resource";
/// Who must answer (RFC 9207).
pub const MCP_ISSUER: &str = "mcp_issuer";
/// There where it says that it names itself in every answer.
pub const MCP_NAMES_ISSUER: &str = "mcp_names_issuer";
/// Where the browser is sent.
pub const MCP_AUTHORIZATION_ENDPOINT: &str = "mcp_authorization_endpoint";
/// Where tokens come from.
pub const MCP_TOKEN_ENDPOINT: &str = "mcp_token_endpoint";
/// Where they end, where the server has that.
pub const MCP_REVOCATION_ENDPOINT: &str = "mcp_revocation_endpoint";
/// There where the server takes a client secret by Basic alone.
pub const MCP_BY_BASIC: &str = "mcp_by_basic";

/// `[mcp]`: OAuth 2.1, of which all but the address is found out when somebody connects.
#[derive(Debug)]
pub struct Mcp {
    /// The address of the server.
    pub url: UrlTemplate,
}
