//! Which name may stand where: known at all, known by then, and no secret in the open.

use vouchsafe_entity::kind::Method;

use super::super::build::{BUILT_INS, Draft, Owner, Part, Spot, Use};
use super::super::definition::Target;
use super::super::report::suggestion;
use super::super::source::{Flaw, Place};
use super::super::variable::ValueSource;
use super::{reached, table_of};

pub(super) fn check(draft: &Draft, flaws: &mut Vec<Flaw>) {
    for here in &draft.uses {
        let place = || Place::Value(here.path.clone());
        let name = &here.name;
        let built_in = BUILT_INS.contains(&name.as_str());
        if !built_in && draft.variable(name).is_none() {
            let known = draft.definition.variables.iter().map(|variable| variable.name.as_str());
            let near = suggestion(name, known.chain(BUILT_INS));
            let help = near.map_or_else(
                || format!("add `{name}` to `[variables]`"),
                |near| format!("did you mean `{{{near}}}`?"),
            );
            let message = format!("`{{{name}}}` is neither a variable nor a built-in");
            flaws.push(Flaw::error(place(), "unknown-placeholder", message).help(help));
            continue;
        }
        if secret(draft, name) && misplaced(here) {
            let message = format!("`{{{name}}}` is a secret and must not stand here");
            let help = "secrets go in headers, query, basic and parameters, or in the path of `base_url`";
            flaws.push(Flaw::error(place(), "secret-misplaced", message).help(help));
        } else if name == "client_secret" && signs_for_client(draft, here) {
            let message = "`{client_secret}` is the key that signs, and stands nowhere else";
            flaws.push(Flaw::error(place(), "secret-misplaced", message));
        } else if let Some(method) =
            owners(draft, here).into_iter().find(|method| built_in && !available(name, here.spot, *method))
        {
            let message = format!("`{{{name}}}` does not exist at this point of `[{}]`", table_of(method));
            flaws.push(Flaw::error(place(), "built-in-unavailable", message));
        } else if let Some(message) = too_early(draft, here) {
            flaws.push(Flaw::error(place(), "used-before-known", message));
        } else if empty_in_url(draft, here) {
            let message = format!("`{name}` may stay empty, but this part of a URL must not");
            flaws.push(Flaw::error(place(), "optional-in-url", message).help("give it a default"));
        }
    }
}

/// The methods for which a placeholder is filled.
fn owners(draft: &Draft, here: &Use) -> Vec<Method> {
    match &here.owner {
        Owner::All => draft.declared.clone(),
        Owner::Method(method) => vec![*method],
        Owner::Variable(name) => {
            let index = draft.definition.variables.iter().position(|variable| variable.name == *name);
            let reaching =
                |method: &Method| index.is_some_and(|index| reached(draft, *method).contains(&index));
            draft.declared.iter().copied().filter(reaching).collect()
        }
    }
}

fn secret(draft: &Draft, name: &str) -> bool {
    matches!(name, "client_secret" | "access_token" | "refresh_token" | "jwt")
        || draft.variable(name).is_some_and(|variable| variable.secret)
}

/// Rule 5: no secret in a host, an account, a look-up, a path other than that of the base URL, or a URL that a
/// browser sees.
fn misplaced(here: &Use) -> bool {
    matches!(here.part, Part::Host | Part::Origin)
        || matches!(
            here.spot,
            Spot::Account | Spot::Lookup | Spot::AllowedHost | Spot::Authorization | Spot::AuthorizationParam
        )
        || here.part == Part::Path && here.spot != Spot::BaseUrl
}

/// Whether the client's secret is a key that signs, and this is no place for signing.
fn signs_for_client(draft: &Draft, here: &Use) -> bool {
    let signs = |method: &Method| {
        draft.definition.token_request_of(*method).is_some_and(|token| token.client_assertion.is_some())
    };
    here.spot != Spot::JwtPart && owners(draft, here).iter().any(signs)
}

/// Whether a built-in exists when the key is filled.
fn available(name: &str, spot: Spot, method: Method) -> bool {
    let client = matches!(method, Method::OAuth2 | Method::ClientCredentials);
    let key = matches!(method, Method::ApiKey | Method::Basic | Method::AwsSigV4);
    match spot {
        Spot::Authorization | Spot::AuthorizationParam => {
            matches!(name, "client_id" | "redirect_uri" | "scope" | "nonce")
        }
        Spot::Token | Spot::TokenParam => match name {
            "client_id" | "client_secret" => client,
            "redirect_uri" => method == Method::OAuth2,
            "scope" => method != Method::Session,
            "jwt" => method == Method::Jwt,
            name => name == "nonce",
        },
        Spot::Refresh | Spot::RefreshParam => name != "jwt",
        Spot::Revocation => matches!(name, "client_id" | "nonce"),
        Spot::JwtPart => match name {
            "client_id" | "client_secret" => client,
            name => matches!(name, "scope" | "nonce"),
        },
        Spot::BaseUrl | Spot::AllowedHost | Spot::Placement | Spot::Check | Spot::Lookup => match name {
            "client_id" | "client_secret" => client,
            "access_token" => !key,
            name => name == "nonce",
        },
        Spot::Account | Spot::Signature => false,
    }
}

/// A captured value in a request that is made before it is captured.
fn too_early(draft: &Draft, here: &Use) -> Option<String> {
    let variable = draft.variable(&here.name)?;
    let source = match &variable.source {
        ValueSource::Variable(other) => &draft.variable(other)?.source,
        source => source,
    };
    let (known, whence) = match source {
        ValueSource::User | ValueSource::Connector | ValueSource::Variable(_) => return None,
        ValueSource::Callback(_) => (1, "the callback"),
        ValueSource::Token(_) => (2, "the token response"),
        ValueSource::Lookup(_) => (3, "a look-up"),
        ValueSource::Check(_) => (4, "the check"),
    };
    let check_below =
        draft.definition.check.as_ref().is_some_and(|check| matches!(check.target, Target::Below(_)));
    let needed = match here.spot {
        Spot::Authorization | Spot::AuthorizationParam => 0,
        Spot::Token | Spot::TokenParam | Spot::JwtPart => 1,
        Spot::Lookup => 2,
        Spot::Check | Spot::Signature => 3,
        Spot::BaseUrl if check_below => 3,
        // A header that needs a value from the check is left out of the check itself.
        Spot::BaseUrl
        | Spot::AllowedHost
        | Spot::Refresh
        | Spot::RefreshParam
        | Spot::Revocation
        | Spot::Placement
        | Spot::Account => 4,
    };
    let droppable = variable.optional && !matches!(here.part, Part::Host | Part::Origin | Part::Path);
    let late = known > needed && variable.default.is_none() && !droppable;
    late.then(|| format!("`{}` comes from {whence}, which is after this request", here.name))
}

fn empty_in_url(draft: &Draft, here: &Use) -> bool {
    matches!(here.part, Part::Host | Part::Origin | Part::Path)
        && draft.variable(&here.name).is_some_and(|variable| variable.optional && variable.default.is_none())
}
