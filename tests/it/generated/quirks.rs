//! The kinds of quirks that apps have, and where each is shown to work.

use chrono::DateTime;
use toml::{Table, Value};

use super::case::Case;
use super::expect::Answer;
use super::judge;
use super::raw::{Raw, at, list, placeholders, table, text, texts};
use super::signed;

/// The ids of the kinds that the collected facts know (`quirks.json` there), one a line.
const KNOWN: &str = include_str!("quirks.txt");

/// Where a kind of quirk is shown to work.
enum Shown {
    /// By the files that have it.
    Files(fn(&Raw) -> bool),
    /// By an app that is made up.
    MadeUp(fn(&Raw) -> bool),
    /// By how the apps of the files answer, since files leave that open.
    Answers(fn(&[Told]) -> bool),
    /// By a test of its own: its text, and its name there.
    Test(&'static str, &'static str),
    /// The format leaves it out, for this reason.
    LeftOut(&'static str),
}

use Shown::{Answers, Files, LeftOut, MadeUp, Test};

/// The first tokens of an app, as it is played.
struct Told {
    case: Case,
    answer: Answer,
}

impl Told {
    /// Of each case whose app is asked for a token in the way of OAuth 2.0.
    fn by(cases: &[Case]) -> Vec<Self> {
        let asked = cases.iter().filter(|case| case.has_tokens() && !signed::is_direct(case));
        asked
            .map(|case| Self { case: case.clone(), answer: judge::tokens(case, 1, DateTime::UNIX_EPOCH) })
            .collect()
    }
}

fn oauth(raw: &Raw) -> Table {
    table(&raw.table, "oauth2")
}

fn any_variable(raw: &Raw, holds: fn(&Value) -> bool) -> bool {
    table(&raw.table, "variables").values().any(holds)
}

fn from(raw: &Raw, source: &str) -> bool {
    let of = |variable: &Value| {
        variable.get("from").and_then(Value::as_str).is_some_and(|f| f.starts_with(source))
    };
    table(&raw.table, "variables").values().any(of)
}

fn separated_by(raw: &Raw, separator: &str) -> bool {
    text(&oauth(raw), "scope_separator") == Some(separator)
}

/// Whether a URL has a placeholder in its host.
fn host_varies(url: Option<&str>) -> bool {
    let Some(url) = url else { return false };
    let rest = url.trim_start_matches("https://");
    rest[..rest.find('/').unwrap_or(rest.len())].contains('{')
}

/// Whether a choice decides about a host, and one of its labels has one of these words.
fn host_of(raw: &Raw, words: &[&str]) -> bool {
    let whole = Value::Table(raw.table.clone());
    let urls: Vec<&str> = texts(&whole).into_iter().filter(|text| text.starts_with("https://")).collect();
    table(&raw.table, "variables").iter().any(|(name, variable)| {
        let labels = variable.get("options").and_then(Value::as_table).into_iter().flat_map(Table::keys);
        let mut words_in = labels.flat_map(|label| label.split([' ', '(', ')']));
        let placeholder = format!("{{{name}}}");
        words_in.any(|word| words.contains(&word))
            && urls.iter().any(|url| {
                let rest = &url["https://".len()..];
                rest[..rest.find(['/', '?']).unwrap_or(rest.len())].contains(&placeholder)
            })
    })
}

/// Whether it is one of the apps of which the collected facts say so, and no key does.
fn is_one_of(raw: &Raw, slugs: &[&str]) -> bool {
    slugs.contains(&raw.slug.as_str())
}

fn placed(raw: &Raw, of: &str) -> Table {
    table(&raw.table, &format!("{of}.headers"))
}

fn authorization(raw: &Raw) -> Option<String> {
    text(&placed(raw, "api_key"), "Authorization").map(str::to_owned)
}

fn fields(raw: &Raw) -> usize {
    table(&raw.table, "api_key").iter().flat_map(|(_, value)| texts(value)).flat_map(placeholders).count()
}

fn has(raw: &Raw, path: &str) -> bool {
    at(&raw.table, path).is_some()
}

fn format_of(raw: &Raw, format: &str) -> bool {
    ["oauth2", "client_credentials", "session"]
        .iter()
        .any(|method| text(&raw.table, &format!("{method}.token_request_format")) == Some(format))
}

fn response_names(raw: &Raw) -> Vec<String> {
    ["oauth2", "client_credentials", "session"]
        .iter()
        .flat_map(|method| table(&raw.table, &format!("{method}.token_response")))
        .filter_map(|(_, value)| value.as_str().map(str::to_owned))
        .collect()
}

/// Whether a key of the user stands in the path of the API base.
fn secret_in_base(raw: &Raw) -> bool {
    let secret = |name: &String| at(&raw.table, &format!("variables.{name}.secret")).is_some();
    let base = text(&raw.table, "base_url").map(placeholders).unwrap_or_default();
    base.iter().any(secret)
}

/// Each kind that the collected facts know, by its id there.
const QUIRKS: &[(&str, Shown)] = &[
    ("nested_token_response", Files(|raw| response_names(raw).iter().any(|path| path.contains('.')))),
    ("token_response_field_names_differ_from_rfc_6749", Files(|raw| !response_names(raw).is_empty())),
    (
        "non_json_token_response_form_or_text",
        Answers(|told| told.iter().any(|one| one.answer.kind == "text/plain")),
    ),
    (
        "missing_or_odd_token_type",
        Answers(|told| {
            let is_named = |one: &Told| one.answer.body.contains("token_type");
            told.iter().any(is_named) && !told.iter().all(is_named)
        }),
    ),
    (
        "expires_in_not_an_integer_of_seconds",
        Answers(|told| {
            let as_text = |one: &Told| format!("\"{}\"", judge::lifetime(&one.case));
            told.iter().any(|one| one.answer.body.contains(&as_text(one)))
        }),
    ),
    (
        "lifetime_absent_from_response_must_be_configured",
        Files(|raw| ["oauth2", "session"].iter().any(|m| has(raw, &format!("{m}.access_token_lifetime")))),
    ),
    ("extra_data_only_in_token_response_instance_url_tenant_id", Files(|raw| from(raw, "token."))),
    ("extra_data_only_in_the_callback_query", Files(|raw| from(raw, "callback."))),
    ("json_token_request_body", Files(|raw| format_of(raw, "json"))),
    ("token_request_via_get_or_other_verb", Files(|raw| format_of(raw, "query"))),
    ("extra_params_on_token_request", Files(|raw| has(raw, "oauth2.token_params"))),
    ("extra_headers_on_token_request", Files(|raw| has(raw, "oauth2.token_headers"))),
    (
        "client_secret_basic_preferred_or_required",
        Files(|raw| text(&oauth(raw), "token_endpoint_auth_method") == Some("client_secret_basic")),
    ),
    (
        "client_secret_basic_and_no_source_uses_post",
        Files(|raw| {
            is_one_of(raw, &["airtable", "bungie", "deel", "get-response", "klaviyo", "philips-hue"])
                && text(&oauth(raw), "token_endpoint_auth_method") == Some("client_secret_basic")
        }),
    ),
    ("client_secret_is_a_signed_jwt_certificate_mtls", Files(|raw| has(raw, "oauth2.client_assertion"))),
    (
        "client_id_parameter_renamed",
        Files(|raw| has(raw, "oauth2.rename.client_id") || has(raw, "oauth2.token_params.clientId")),
    ),
    (
        "other_authorization_parameter_renamed_or_removed",
        Files(|raw| {
            has(raw, "oauth2.rename")
                || table(&oauth(raw), "authorization_params").values().any(|v| v.as_str() == Some(""))
        }),
    ),
    ("code_arrives_under_another_name_or_place", Files(|raw| has(raw, "oauth2.authorization_response.code"))),
    ("refresh_at_another_url", Files(|raw| has(raw, "oauth2.refresh.endpoint"))),
    ("refresh_request_differs_params_headers_verb", Files(|raw| has(raw, "oauth2.refresh.params"))),
    (
        "refresh_token_rotates",
        Files(|raw| has(raw, "oauth2.refresh.reuse") && text(&oauth(raw), "refresh.reuse") != Some("static")),
    ),
    ("refresh_token_expires", Files(|raw| has(raw, "oauth2.refresh.idle_expiry"))),
    (
        "no_refresh_token_access_token_long_or_endless",
        Test(
            include_str!("../real/quirks/refreshing.rs"),
            "q14_without_a_refresh_token_the_user_is_asked_to_come_back",
        ),
    ),
    (
        "refresh_token_needs_a_scope",
        Files(|raw| {
            list(&oauth(raw), "scopes")
                .iter()
                .any(|scope| scope.contains("offline") || scope == "refresh_token")
        }),
    ),
    (
        "refresh_token_needs_an_authorization_parameter",
        Files(|raw| {
            has(raw, "oauth2.authorization_params.access_type")
                || has(raw, "oauth2.authorization_params.token_access_type")
        }),
    ),
    ("scope_separator_comma", Files(|raw| separated_by(raw, ","))),
    // A query writes a space as a plus, and that is how these were written down.
    (
        "scope_separator_plus",
        Files(|raw| {
            is_one_of(raw, &["attio", "battlenet", "cilogon", "meetup", "trovo", "unsplash"])
                && has(raw, "oauth2")
                && !has(raw, "oauth2.scope_separator")
        }),
    ),
    ("scope_separator_semicolon", Files(|raw| separated_by(raw, ";"))),
    // The facts name Dwolla alone, by one source; what it offers today asks for no scopes of a user.
    ("scope_separator_pipe", MadeUp(|raw| separated_by(raw, "|"))),
    (
        "pkce_s256_used_by_at_least_one_source",
        Files(|raw| has(raw, "oauth2") && text(&oauth(raw), "code_challenge_method") != Some("none")),
    ),
    (
        "pkce_must_be_off_source_disables_it",
        Files(|raw| text(&oauth(raw), "code_challenge_method") == Some("none")),
    ),
    (
        "pkce_required",
        Files(|raw| {
            is_one_of(raw, &["airtable", "etsy", "fitbit", "twitter"])
                && has(raw, "oauth2")
                && text(&oauth(raw), "code_challenge_method") != Some("none")
        }),
    ),
    (
        "audience_or_resource_parameter_required",
        Files(|raw| has(raw, "oauth2.authorization_params.audience")),
    ),
    ("state_not_round_tripped", LeftOut("a callback without state proves nothing")),
    (
        "oidc_nonce_missing_from_id_token",
        Answers(|told| {
            let is_asked = |one: &Told| list(&one.case.table, "scopes").iter().any(|scope| scope == "openid");
            told.iter().any(|one| is_asked(one) && !one.answer.body.contains("id_token"))
        }),
    ),
    // A nonce of the hub's is only in the app that is made up for it.
    (
        "nonce_or_response_mode_demanded",
        Files(|raw| text(&oauth(raw), "authorization_params.response_mode") == Some("form_post")),
    ),
    (
        "https_redirect_only_or_localhost_restricted",
        LeftOut("a matter of where the hub is; the README says what apps take"),
    ),
    ("per_tenant_oauth_endpoints", Files(|raw| host_varies(text(&oauth(raw), "token_endpoint")))),
    ("per_tenant_api_base_url", Files(|raw| host_varies(text(&raw.table, "base_url")))),
    ("separate_sandbox_host", Files(|raw| host_of(raw, &["Sandbox", "Demo", "Developer"]))),
    ("regional_hosts", Files(|raw| host_of(raw, &["Europe", "European"]))),
    (
        "token_or_key_in_a_custom_header_oauth",
        Files(|raw| placed(raw, "oauth2").keys().any(|name| name != "Authorization")),
    ),
    (
        "api_key_in_a_custom_header",
        Files(|raw| placed(raw, "api_key").keys().any(|name| name != "Authorization")),
    ),
    (
        "authorization_without_or_with_odd_prefix",
        Files(|raw| authorization(raw).is_some_and(|value| !value.starts_with("Bearer "))),
    ),
    ("credential_in_the_query_string", Files(|raw| has(raw, "api_key.query"))),
    ("credential_in_the_request_body", LeftOut("a body is the caller's, streamed as it is")),
    ("http_basic_user_password_or_two_keys", Files(|raw| has(raw, "api_key.basic") && fields(raw) > 1)),
    ("basic_with_one_key_as_user_or_as_password", Files(|raw| has(raw, "api_key.basic") && fields(raw) == 1)),
    ("two_or_more_key_fields", Files(|raw| has(raw, "api_key") && fields(raw) > 1)),
    ("fixed_extra_header_needed_on_api_calls", Files(|raw| has(raw, "headers"))),
    ("secret_inside_the_url_path_or_host", Files(secret_in_base)),
    ("client_credentials_grant", Files(|raw| has(raw, "client_credentials"))),
    ("password_grant", Files(|raw| text(&raw.table, "session.token_params.grant_type") == Some("password"))),
    ("login_call_returns_a_session_token", Files(|raw| has(raw, "session"))),
    ("multi_step_login", LeftOut("no scripts in a definition")),
    ("jwt_service_account_or_self_signed_jwt", Files(|raw| has(raw, "jwt.token_endpoint"))),
    ("saml_assertion_grant", LeftOut("no scripts in a definition")),
    ("github_app_installation_token", Files(|raw| has(raw, "jwt.token_headers"))),
    ("aws_sigv4_or_assumerole", Files(|raw| has(raw, "aws_sigv4"))),
    ("per_request_hmac_or_wsse_signature", LeftOut("a method table in Rust, where somebody needs it")),
    ("oauth_1_0a", Files(|raw| has(raw, "oauth1"))),
    ("mcp_oauth_2_1", Files(|raw| has(raw, "mcp"))),
    ("dynamic_client_registration_rfc_7591", Files(|raw| has(raw, "mcp"))),
    ("user_token_versus_bot_token", Files(|raw| has(raw, "extends") && has(raw, "oauth2.rename.scope"))),
    ("app_install_flow_instead_of_authorize", LeftOut("the code comes elsewhere")),
    ("userinfo_needs_post_or_graphql", Files(|raw| has(raw, "check.json"))),
];

/// Further kinds, which the format has a key for.
const FURTHER: &[(&str, Shown)] = &[
    ("client without a secret", Files(|raw| text(&oauth(raw), "token_endpoint_auth_method") == Some("none"))),
    ("consent that ends", Files(|raw| has(raw, "oauth2.refresh.lifetime"))),
    (
        "host of the embedder",
        Files(|raw| any_variable(raw, |v| v.get("from").and_then(Value::as_str) == Some("connector"))),
    ),
    ("host looked up", Files(|raw| any_variable(raw, |variable| variable.get("lookup").is_some()))),
    ("token in the query", Files(|raw| has(raw, "oauth2.query"))),
    ("grant type of its own", Files(|raw| has(raw, "client_credentials.token_params.grant_type"))),
    ("error in an answer of 200", Files(|raw| has(raw, "oauth2.error_map"))),
    ("second request for a token that lives longer", Files(|raw| has(raw, "oauth2.exchange"))),
    ("refresh by the access token", Files(|raw| text(&oauth(raw), "refresh.by") == Some("access_token"))),
    (
        "Basic of id and secret as they are",
        Files(|raw| text(&oauth(raw), "token_endpoint_auth_method") == Some("client_secret_basic_unencoded")),
    ),
    ("hosts by a map", Files(|raw| any_variable(raw, |variable| variable.get("map").is_some()))),
    ("API base of one method", Files(|raw| has(raw, "api_key.base_url"))),
    ("check of one method", Files(|raw| has(raw, "api_key.check"))),
    ("value that one method asks for and another finds", Files(|raw| has(raw, "api_key.variables"))),
    ("two forms of key", Files(|raw| has(raw, "api_key") && has(raw, "basic"))),
    ("signed JWT as the token", Files(|raw| has(raw, "jwt") && !has(raw, "jwt.token_endpoint"))),
    ("client that authenticates by a key", Files(|raw| has(raw, "client_credentials.client_assertion"))),
];

/// Finds each kind where it is said to be, among the files, their cases and the apps that are made up; how many have a
/// file, an answer or a test.
pub(super) fn counted(files: &[Raw], cases: &[Case], made_up: &[Raw]) -> String {
    for id in KNOWN.lines() {
        assert!(QUIRKS.iter().any(|(kind, _)| *kind == id), "nothing is said about {id}");
    }
    for (kind, _) in QUIRKS {
        assert!(KNOWN.lines().any(|id| id == *kind), "the facts know no {kind}");
    }
    let told = Told::by(cases);
    let (mut by_files, mut as_played, mut left_out) = (0, 0, 0);
    for (kind, shown) in QUIRKS.iter().chain(FURTHER) {
        match shown {
            Files(has) => {
                assert!(files.iter().any(has), "no file has: {kind}");
                by_files += 1;
            }
            MadeUp(has) => {
                assert!(made_up.iter().any(has), "no app that is made up has: {kind}");
                as_played += 1;
            }
            Answers(show) => {
                assert!(show(&told), "no app answers like this: {kind}");
                as_played += 1;
            }
            Test(file, name) => {
                assert!(file.contains(&format!("async fn {name}()")), "{kind}: there is no test {name}");
                eprintln!("{kind}: {name}");
                as_played += 1;
            }
            LeftOut(reason) => {
                eprintln!("{kind}: left out, {reason}");
                left_out += 1;
            }
        }
    }
    format!("{by_files} kinds of quirks in files, {as_played} in what is played, {left_out} left out")
}
