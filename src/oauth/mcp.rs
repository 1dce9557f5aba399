//! What a server of the Model Context Protocol says about signing in: which authorization server speaks for it (RFC 9728),
//! what that one offers (RFC 8414), and a client of our own there (RFC 7591). Nothing is believed that does not name what
//! was asked for.

use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

use super::ClientAuth;
use crate::{
    egress::{Class, Egress, EgressError, OutboundRequest},
    provider::{
        MCP_AUTHORIZATION_ENDPOINT, MCP_BY_BASIC, MCP_ISSUER, MCP_NAMES_ISSUER, MCP_RESOURCE,
        MCP_REVOCATION_ENDPOINT, MCP_TOKEN_ENDPOINT, Values,
    },
};

const RESOURCE: &str = "/.well-known/oauth-protected-resource";
const SERVER: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";
const LONGEST: usize = 2_048;
const MOST_SCOPES: usize = 50;
const LONGEST_SCOPE: usize = 200;

/// How one signs in to a server.
#[derive(Clone, Debug)]
pub struct Found {
    resource: String,
    issuer: String,
    /// Whether every answer of its authorization page says who gives it (RFC 9207).
    names_issuer: bool,
    authorization: Url,
    token: Url,
    revocation: Option<Url>,
    registration: Option<Url>,
    /// Ways by which a client may authenticate; none told is Basic.
    auth_methods: Vec<String>,
    /// What the resource says there is to ask for.
    scopes: Vec<String>,
}

/// Why nothing was found.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FindError {
    /// No answer.
    #[error("the server could not be asked")]
    Egress(#[from] EgressError),
    /// There is no such document.
    #[error("the server does not say how to sign in")]
    Nothing,
    /// A document is about something else, or names an address that cannot be one.
    #[error("what the server says about `{0}` cannot be right")]
    Wrong(&'static str),
    /// PKCE is not offered (OAuth 2.1, section 4.1.1).
    #[error("the authorization server does not offer PKCE with S256")]
    NoPkce,
    /// A client is needed, and none is made.
    #[error("the authorization server registers no clients by itself")]
    NoRegistration,
}

/// Asks the server at `url`, and whoever it names.
pub async fn find(egress: &Egress, url: &Url) -> Result<Found, FindError> {
    let told = first(egress, &[beside(url, RESOURCE, true), beside(url, RESOURCE, false)]).await?;
    let (resource, issuer) = match &told {
        Some(told) => protected_resource(told, url)?,
        // Servers of the first edition of the protocol are their own authorization servers.
        None => (url.as_str().to_owned(), own_origin(url)?),
    };
    let places = [
        beside(&issuer, SERVER, true),
        beside(&issuer, OPENID, true),
        below(&issuer, OPENID),
        beside(&issuer, SERVER, false),
    ];
    let metadata = first(egress, &places).await?.ok_or(FindError::Nothing)?;
    let found = authorization_server(&metadata, &issuer, resource, url.scheme())?;
    Ok(Found { scopes: told.as_ref().map(scopes).unwrap_or_default(), ..found })
}

/// Registers a client that comes back to `redirect_uri`.
pub async fn register(egress: &Egress, found: &Found, redirect_uri: &str) -> Result<ClientAuth, FindError> {
    let endpoint = found.registration.clone().ok_or(FindError::NoRegistration)?;
    let offered = |method: &&str| found.auth_methods.iter().any(|other| other == method);
    let by = ["client_secret_post", "client_secret_basic", "none"].into_iter().find(offered);
    let metadata = json!({
        "client_name": "Vouchsafe",
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": by.unwrap_or("client_secret_basic"),
    });
    let mut request = outbound(Method::POST, endpoint);
    request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request.body = Some(Zeroizing::new(metadata.to_string().into_bytes()));
    let answer = egress.send(request).await?;
    let made: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if !answer.status.is_success() {
        return Err(FindError::NoRegistration);
    }
    client(&made)
}

/// The client of an answer to a registration (RFC 7591, section 3.2.1). Without a secret it is a public one, but a
/// secret that cannot be one must not make it public.
fn client(made: &Value) -> Result<ClientAuth, FindError> {
    let needed = |name: &'static str| {
        let text = made.get(name).and_then(Value::as_str).filter(|text| is_credential(text));
        text.ok_or(FindError::Wrong(name))
    };
    let client_secret = match made.get("client_secret") {
        None | Some(Value::Null) => None,
        Some(_) => Some(SecretString::from(needed("client_secret")?)),
    };
    Ok(ClientAuth { client_id: needed("client_id")?.to_owned(), client_secret })
}

impl Found {
    /// What to ask for where nobody says what.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// What is kept with a credential, so that it can be renewed and revoked.
    pub fn values(&self) -> Values {
        let mut values = Values::new()
            .with(MCP_RESOURCE, self.resource.as_str())
            .with(MCP_ISSUER, self.issuer.as_str())
            .with(MCP_AUTHORIZATION_ENDPOINT, self.authorization.as_str())
            .with(MCP_TOKEN_ENDPOINT, self.token.as_str());
        if self.names_issuer {
            values.set(MCP_NAMES_ISSUER, "true");
        }
        if let Some(url) = &self.revocation {
            values.set(MCP_REVOCATION_ENDPOINT, url.as_str());
        }
        if !self.auth_methods.iter().any(|method| method == "client_secret_post") {
            values.set(MCP_BY_BASIC, "true");
        }
        values
    }
}

fn fits(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether a text can be the id or secret of a client: spaces are allowed there (RFC 6749, appendix A.1 and A.2).
fn is_credential(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Whether a text can be one scope (RFC 6749, section 3.3).
fn is_scope(text: &str) -> bool {
    (1..=LONGEST_SCOPE).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
}

fn outbound(method: Method, url: Url) -> OutboundRequest {
    let mut request = OutboundRequest::new(method, url, Class::Check);
    request.allowed_ports = request.url.port().into_iter().collect();
    request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    request
}

/// A well-known document of `url` (RFC 8414, section 3): before its path, or without it.
fn beside(url: &Url, name: &str, with_path: bool) -> Url {
    let path = if with_path { url.path().trim_end_matches('/') } else { "" };
    let mut place = url.clone();
    place.set_query(None);
    place.set_path(&format!("{name}{path}"));
    place
}

fn below(url: &Url, name: &str) -> Url {
    let mut place = url.clone();
    place.set_path(&format!("{}{name}", url.path().trim_end_matches('/')));
    place
}

fn own_origin(url: &Url) -> Result<Url, FindError> {
    Url::parse(&url.origin().ascii_serialization()).map_err(|_| FindError::Wrong("issuer"))
}

/// The first of these documents that is there; the answer to the last decides whether somebody can be asked at all.
async fn first(egress: &Egress, places: &[Url]) -> Result<Option<Value>, FindError> {
    let mut asked = Vec::with_capacity(places.len());
    for place in places {
        if asked.contains(&place) {
            continue;
        }
        asked.push(place);
        let answer = egress.send(outbound(Method::GET, place.clone())).await?;
        if answer.status.is_success()
            && let Ok(document @ Value::Object(_)) = serde_json::from_slice(&answer.body)
        {
            return Ok(Some(document));
        }
    }
    Ok(None)
}

fn text<'d>(document: &'d Value, name: &'static str) -> Result<&'d str, FindError> {
    document.get(name).and_then(Value::as_str).filter(|text| fits(text)).ok_or(FindError::Wrong(name))
}

fn list(document: &Value, name: &str) -> Vec<String> {
    let items = document.get(name).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The scopes of a resource (RFC 9728, section 2).
fn scopes(told: &Value) -> Vec<String> {
    list(told, "scopes_supported").into_iter().filter(|scope| is_scope(scope)).take(MOST_SCOPES).collect()
}

fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

/// The resource and its authorization server (RFC 9728, sections 2 and 3.3).
fn protected_resource(told: &Value, url: &Url) -> Result<(String, Url), FindError> {
    let resource = text(told, "resource")?;
    let named = Url::parse(resource).map_err(|_| FindError::Wrong("resource"))?;
    let above = same(named.path(), "") || same(named.path(), url.path());
    if named.origin() != url.origin() || !above {
        return Err(FindError::Wrong("resource"));
    }
    let servers = told.get("authorization_servers").and_then(Value::as_array);
    let issuer = servers.and_then(|servers| servers.first()).and_then(Value::as_str);
    let issuer = issuer.filter(|text| fits(text)).ok_or(FindError::Wrong("authorization_servers"))?;
    let issuer = address(issuer, url.scheme()).ok_or(FindError::Wrong("authorization_servers"))?;
    Ok((resource.to_owned(), issuer))
}

/// An address of the scheme of the server, without anything that could mislead.
fn address(text: &str, scheme: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = (url.scheme() == "https" || url.scheme() == scheme)
        && url.host_str().is_some()
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none();
    plain.then_some(url)
}

fn authorization_server(
    metadata: &Value,
    issuer: &Url,
    resource: String,
    scheme: &str,
) -> Result<Found, FindError> {
    let named = text(metadata, "issuer")?;
    if !same(named, issuer.as_str()) {
        return Err(FindError::Wrong("issuer"));
    }
    if !list(metadata, "code_challenge_methods_supported").iter().any(|method| method == "S256") {
        return Err(FindError::NoPkce);
    }
    let names_issuer = metadata.get("authorization_response_iss_parameter_supported");
    let needed = |name| address(text(metadata, name)?, scheme).ok_or(FindError::Wrong(name));
    let optional =
        |name: &str| metadata.get(name).and_then(Value::as_str).and_then(|text| address(text, scheme));
    Ok(Found {
        resource,
        issuer: named.to_owned(),
        names_issuer: names_issuer == Some(&Value::Bool(true)),
        authorization: needed("authorization_endpoint")?,
        token: needed("token_endpoint")?,
        revocation: optional("revocation_endpoint"),
        registration: optional("registration_endpoint"),
        auth_methods: list(metadata, "token_endpoint_auth_methods_supported"),
        scopes: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn documents_are_where_the_rfcs_have_them() {
        let server = url("https://mcp.acme.test/v1/mcp?x=1");
        let place = |with_path| beside(&server, RESOURCE, with_path).to_string();
        assert_eq!(place(true), "https://mcp.acme.test/.well-known/oauth-protected-resource/v1/mcp");
        assert_eq!(place(false), "https://mcp.acme.test/.well-known/oauth-protected-resource");
        let issuer = url("https://as.acme.test/tenant");
        assert_eq!(
            below(&issuer, OPENID).as_str(),
            "https://as.acme.test/tenant/.well-known/openid-configuration"
        );
    }

    #[test]
    fn a_resource_names_itself_and_its_server() {
        let server = url("https://mcp.acme.test/mcp");
        let told =
            |resource: &str, issuer: &str| json!({"resource": resource, "authorization_servers": [issuer]});
        let read = |told: &Value| {
            protected_resource(told, &server).map(|(resource, issuer)| (resource, issuer.to_string()))
        };
        let good = read(&told("https://mcp.acme.test/mcp", "https://as.acme.test")).unwrap();
        assert_eq!(good, ("https://mcp.acme.test/mcp".to_owned(), "https://as.acme.test/".to_owned()));
        assert!(read(&told("https://mcp.acme.test/", "https://as.acme.test")).is_ok());
        for (resource, issuer) in [
            ("https://mcp.evil.test/mcp", "https://as.acme.test"),
            ("https://mcp.acme.test/other", "https://as.acme.test"),
            ("https://mcp.acme.test/mcp", "http://as.acme.test"),
            ("https://mcp.acme.test/mcp", "https://jo:x@as.acme.test"),
            ("https://mcp.acme.test/mcp", "not an address"),
        ] {
            assert!(read(&told(resource, issuer)).is_err(), "{resource} {issuer}");
        }
    }

    #[test]
    fn a_client_has_the_secret_that_it_was_given_or_none() {
        let secret = |made: Value| {
            client(&made).map(|client| client.client_secret.map(|secret| secret.expose_secret().to_owned()))
        };
        let given = secret(json!({"client_id": "a b", "client_secret": "c &=~ d"}));
        assert_eq!(given.unwrap().as_deref(), Some("c &=~ d"));
        assert_eq!(secret(json!({"client_id": "a"})).unwrap(), None);
        assert_eq!(secret(json!({"client_id": "a", "client_secret": null})).unwrap(), None);
        for wrong in [json!(""), json!("c\nd"), json!("é"), json!(7)] {
            let answer = secret(json!({"client_id": "a", "client_secret": wrong}));
            assert!(matches!(answer, Err(FindError::Wrong("client_secret"))), "{wrong}");
        }
        let nobody = secret(json!({"client_secret": "c"}));
        assert!(matches!(nobody, Err(FindError::Wrong("client_id"))));
    }

    #[test]
    fn scopes_are_those_of_the_resource_that_can_be_some() {
        let told = json!({"scopes_supported": ["read", "two words", "", "quo\"te", 7, "files:write"]});
        assert_eq!(scopes(&told), ["read", "files:write"]);
        assert!(scopes(&json!({})).is_empty());
    }

    #[test]
    fn a_server_must_be_the_one_that_was_asked_and_offer_pkce() {
        let issuer = url("https://as.acme.test");
        let metadata = json!({
            "issuer": "https://as.acme.test",
            "authorization_endpoint": "https://as.acme.test/authorize",
            "token_endpoint": "https://as.acme.test/token",
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
        });
        let read = |metadata: &Value| authorization_server(metadata, &issuer, "r".to_owned(), "https");
        let values = read(&metadata).unwrap().values();
        assert_eq!(values.get(MCP_TOKEN_ENDPOINT).unwrap().expose_secret(), "https://as.acme.test/token");
        let with = |name: &str, value: Value| {
            let mut changed = metadata.clone();
            changed[name] = value;
            read(&changed)
        };
        assert!(matches!(with("issuer", json!("https://as.evil.test")), Err(FindError::Wrong("issuer"))));
        assert!(matches!(with("code_challenge_methods_supported", json!(["plain"])), Err(FindError::NoPkce)));
        let announces = |value: Value| {
            let found = with("authorization_response_iss_parameter_supported", value).unwrap();
            found.values().get(MCP_NAMES_ISSUER).is_some()
        };
        assert!(values.get(MCP_NAMES_ISSUER).is_none());
        assert!(announces(json!(true)) && !announces(json!(false)) && !announces(json!("true")));
        let plain = with("token_endpoint", json!("http://as.acme.test/token"));
        assert!(matches!(plain, Err(FindError::Wrong("token_endpoint"))));
    }
}
