//! Client credentials and logins.

use secrecy::ExposeSecret as _;
use vouchsafe_entity::kind::Method;

use super::*;
use crate::oauth::mint::mint;

async fn minted(toml: &str, method: Method, values: Values, scopes: &[&str]) -> Request {
    let server = server(token_answer()).await;
    let definition = definition(&server.uri(), toml);
    let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let answer = mint(&egress(), &definition, method, &values, &scopes, now()).await.unwrap();
    assert_eq!(answer.access_token.expose_secret(), "at-1");
    only(&server).await
}

fn user_client() -> Values {
    Values::new().with("client_id", "mine").with("client_secret", "se cret")
}

#[tokio::test]
async fn client_credentials_are_those_of_the_user_and_scopes_are_joined() {
    let toml =
        "[client_credentials]\ntoken_endpoint = \"$S/token\"\nscopes = [\"base\"]\nscope_separator = \",\"\n";
    let request = minted(toml, Method::ClientCredentials, user_client(), &["more", "base"]).await;
    assert_eq!(
        body(&request),
        "grant_type=client_credentials&scope=base%2Cmore&client_id=mine&client_secret=se+cret"
    );
}

#[tokio::test]
async fn a_vendor_grant_replaces_the_standard_one() {
    let toml = "[client_credentials]\ntoken_endpoint = \"$S/token\"\ntoken_endpoint_auth_method = \"client_secret_basic\"\n\
                token_params = { grant_type = \"account_credentials\", account_id = \"{account_id}\" }\n\
                [variables]\naccount_id = { label = \"Account\" }\n";
    let values = user_client().with("account_id", "acc/1");
    let request = minted(toml, Method::ClientCredentials, values, &[]).await;
    assert_eq!(body(&request), "grant_type=account_credentials&account_id=acc%2F1");
    // base64 of `mine:se+cret`
    assert_eq!(header(&request, "authorization"), Some("Basic bWluZTpzZStjcmV0"));
}

#[tokio::test]
async fn a_login_sends_what_the_definition_writes_and_nothing_else() {
    let toml = "[variables]\nuser = { label = \"User\" }\nsecret = { label = \"Secret\", secret = true }\n\
                [session]\ntoken_endpoint = \"$S/signin\"\ntoken_request_format = \"json\"\n\
                headers = { X-Auth = \"{access_token}\" }\n\
                token_params = { credentials = { name = \"{user}\", secret = \"{secret}\" } }\n";
    let values = Values::new().with("user", "jo").with("secret", "quote\"");
    let request = minted(toml, Method::Session, values, &[]).await;
    assert_eq!(request.url.path(), "/signin");
    assert_eq!(body(&request), "{\"credentials\":{\"name\":\"jo\",\"secret\":\"quote\\\"\"}}");
    assert_eq!(header(&request, "authorization"), None);
    assert_eq!(header(&request, "accept"), Some("application/json"));
}

#[tokio::test]
async fn a_login_by_basic_is_not_form_encoded() {
    let toml = "[variables]\nuser = { label = \"User\" }\nsecret = { label = \"Secret\", secret = true }\n\
                [session]\ntoken_endpoint = \"$S/signin\"\ntoken_basic = { username = \"{user}\", password = \"{secret}\" }\n";
    let values = Values::new().with("user", "jo").with("secret", "a b:c");
    let request = minted(toml, Method::Session, values, &[]).await;
    // base64 of `jo:a b:c`
    assert_eq!(header(&request, "authorization"), Some("Basic am86YSBiOmM="));
    assert_eq!(body(&request), "");
}
