//! Code exchange and refresh: every format and every way to authenticate, byte for byte.

use secrecy::ExposeSecret as _;

use super::*;

const CODE: &str = "grant_type=authorization_code&code=code-canary\
    &code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const REDIRECT_FIELD: &str = "redirect_uri=https%3A%2F%2Fhub.test%2Foauth%2Fcallback%2Fcon_1%3Fx%3D1";
const POSTED: &str = "client_id=s6BhdRkqt3&client_secret=7Fjfp0ZBr1KtDRbnfVdmIw";

async fn exchanged(keys: &str) -> Request {
    let server = server(token_answer()).await;
    let answer = exchange(&oauth2(&server.uri(), keys), &client()).await.unwrap();
    assert_eq!(answer.access_token.expose_secret(), "at-1");
    only(&server).await
}

#[tokio::test]
async fn the_plain_request_is_a_form_with_the_secret_in_its_body() {
    let request = exchanged("").await;
    assert_eq!((request.method.as_str(), request.url.path(), request.url.query()), ("POST", "/token", None));
    assert_eq!(body(&request), format!("{CODE}&{POSTED}&{REDIRECT_FIELD}"));
    assert_eq!(header(&request, "content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(header(&request, "accept"), Some("application/json"));
    assert_eq!(header(&request, "authorization"), None);
}

/// The header is the example of RFC 6749, section 2.3.1.
#[tokio::test]
async fn basic_is_the_header_of_the_rfc_and_nothing_in_the_body() {
    let request = exchanged("token_endpoint_auth_method = \"client_secret_basic\"").await;
    assert_eq!(header(&request, "authorization"), Some("Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3"));
    assert_eq!(body(&request), format!("{CODE}&{REDIRECT_FIELD}"));
}

#[tokio::test]
async fn basic_form_encodes_id_and_secret_first() {
    let server = server(token_answer()).await;
    let definition = oauth2(&server.uri(), "token_endpoint_auth_method = \"client_secret_basic\"");
    let odd = ClientAuth { client_id: "a b:c".to_owned(), client_secret: Some("p+%ü".into()) };
    exchange(&definition, &odd).await.unwrap();
    // base64 of `a+b%3Ac:p%2B%25%C3%BC`
    assert_eq!(header(&only(&server).await, "authorization"), Some("Basic YStiJTNBYzpwJTJCJTI1JUMzJUJD"));
}

#[tokio::test]
async fn a_public_client_sends_only_its_id() {
    let request = exchanged("token_endpoint_auth_method = \"none\"").await;
    assert_eq!(body(&request), format!("{CODE}&client_id=s6BhdRkqt3&{REDIRECT_FIELD}"));
    assert_eq!(header(&request, "authorization"), None);
}

#[tokio::test]
async fn json_requests_carry_the_same_members() {
    let request = exchanged(
        "token_request_format = \"json\"\ntoken_params = { expiring = 1, deep = { id = \"{client_id}\" }, redirect_uri = \"\" }",
    )
    .await;
    assert_eq!(header(&request, "content-type"), Some("application/json"));
    assert_eq!(
        request.body_json::<serde_json::Value>().unwrap(),
        serde_json::json!({
            "grant_type": "authorization_code", "code": "code-canary",
            "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            "client_id": "s6BhdRkqt3", "client_secret": "7Fjfp0ZBr1KtDRbnfVdmIw",
            "expiring": 1, "deep": { "id": "s6BhdRkqt3" },
        })
    );
}

#[tokio::test]
async fn a_query_request_is_a_get_without_body() {
    let request = exchanged("token_request_format = \"query\"").await;
    assert_eq!(request.method.as_str(), "GET");
    assert_eq!(request.url.query().unwrap(), format!("{CODE}&{POSTED}&{REDIRECT_FIELD}"));
    assert!(request.body.is_empty());
    assert_eq!(header(&request, "content-type"), None);
}

#[tokio::test]
async fn parameters_are_added_replaced_removed_and_renamed() {
    let request = exchanged(
        "rename = { client_id = \"client_key\" }\n\
         token_params = { grant_type = \"web\", type = \"web server\", redirect_uri = \"\" }\n\
         token_headers = { X-Client = \"{client_id}\", Accept = \"application/vnd.acme+json\" }",
    )
    .await;
    assert_eq!(
        body(&request),
        "grant_type=web&code=code-canary&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk\
         &client_key=s6BhdRkqt3&client_secret=7Fjfp0ZBr1KtDRbnfVdmIw&type=web+server"
    );
    assert_eq!(header(&request, "x-client"), Some("s6BhdRkqt3"));
    assert_eq!(header(&request, "accept"), Some("application/vnd.acme+json"));
    assert_eq!(request.headers.get_all("accept").iter().count(), 1);
}

#[tokio::test]
async fn a_refresh_has_its_own_endpoint_and_parameters() {
    let server = server(token_answer()).await;
    let definition = oauth2(
        &server.uri(),
        "token_params = { not_here = \"1\" }\n[oauth2.refresh]\nendpoint = \"$S/refresh\"\nparams = { expires_in = \"172800\" }",
    );
    let answer = refresh(&definition, &client()).await.unwrap();
    assert_eq!(answer.refresh_token.unwrap().expose_secret(), "rt-2");
    let request = only(&server).await;
    assert_eq!(request.url.path(), "/refresh");
    assert_eq!(
        body(&request),
        format!("grant_type=refresh_token&refresh_token=rt-canary&{POSTED}&expires_in=172800")
    );
}

#[tokio::test]
async fn a_complete_answer_is_there_before_it_is_read() {
    let server =
        server(ResponseTemplate::new(200).set_body_string("{\"moved\":{\"access_token\":\"at-9\"}}")).await;
    let before = oauth2(&server.uri(), "");
    let spent = SecretString::from("rt-canary");
    let received = refresh::send(&egress(), &before, &Values::new(), &client(), &spent, now()).await.unwrap();
    assert!(received.is_success());
    let error = refresh::read(&before, &received).unwrap_err();
    assert_eq!(error.class, vouchsafe_entity::kind::FailClass::Unreadable);
    // The definition is mended, and the kept body is read once more.
    let mended = oauth2(&server.uri(), "token_response = { access_token = \"moved.access_token\" }");
    let kept = crate::oauth::Received::from_kept(received.body().to_vec().into(), received.sent_at());
    assert_eq!(refresh::read(&mended, &kept).unwrap().access_token.expose_secret(), "at-9");
    only(&server).await;
}

#[tokio::test]
async fn a_refresh_may_answer_in_another_shape_than_the_code_exchange() {
    use vouchsafe_entity::kind::FailClass::Unreadable;

    let server = server(token_answer()).await;
    let nested =
        "token_response = { access_token = \"user.access_token\", refresh_token = \"user.refresh_token\" }";
    let renewal = "[oauth2.refresh]\ntoken_response = { access_token = \"access_token\" }";
    let told_apart = oauth2(&server.uri(), &format!("{nested}\n{renewal}"));
    assert_eq!(exchange(&told_apart, &client()).await.unwrap_err().class, Unreadable);
    let answer = refresh(&told_apart, &client()).await.unwrap();
    assert_eq!(answer.access_token.expose_secret(), "at-1");
    assert_eq!(answer.refresh_token.unwrap().expose_secret(), "rt-2");
    let told_once = oauth2(&server.uri(), nested);
    assert_eq!(refresh(&told_once, &client()).await.unwrap_err().class, Unreadable);
}

#[test]
fn every_call_can_cross_threads() {
    fn check<T: Send>(_: T) {}
    let (egress, definition) = (egress(), oauth2("http://127.0.0.1:1", ""));
    let (values, client, spent) = (Values::new(), client(), SecretString::from("rt"));
    check(refresh::refresh(&egress, &definition, &values, &client, &spent, now()));
    let token = crate::oauth::revoke::Revocable::RefreshToken(spent.clone());
    check(crate::oauth::revoke::revoke(&egress, &definition, &values, &client, &token, now()));
}

#[tokio::test]
async fn built_ins_are_there_where_a_definition_may_use_them() {
    let keys = "scopes = [\"read\"]\ntoken_params = { scope = \"{scope}\", back = \"{redirect_uri}\", n = \"{nonce}\" }\n\
                [oauth2.refresh]\nparams = { old = \"{access_token}\", scope = \"{scope}\", n = \"{nonce}\" }";
    let server = server(token_answer()).await;
    let definition = oauth2(&server.uri(), keys);
    exchange(&definition, &client()).await.unwrap();
    let values = Values::new().with("access_token", "at-0");
    let spent = SecretString::from("rt-canary");
    refresh::refresh(&egress(), &definition, &values, &client(), &spent, now()).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let fields = |request: &Request| -> std::collections::BTreeMap<String, String> {
        url::form_urlencoded::parse(&request.body).into_owned().collect()
    };
    let (code, renewal) = (fields(&requests[0]), fields(&requests[1]));
    assert_eq!((code["scope"].as_str(), code["back"].as_str()), ("read write", REDIRECT));
    assert_eq!((renewal["scope"].as_str(), renewal["old"].as_str()), ("read", "at-0"));
    assert_eq!(code["n"].len(), 43);
    assert_ne!(code["n"], renewal["n"]);
}
