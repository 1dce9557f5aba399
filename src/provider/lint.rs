//! The load-time rules (`providers.md`, section 4): what a definition must not say although it can be read. Most of
//! them keep secrets away from hosts that the author of the file did not choose.

mod hosts;
mod names;

use vouchsafe_entity::kind::Method;

pub(super) use self::hosts::typed_host_flaws;
use super::build::{Draft, Owner, Part, Spot, Use};
use super::definition::Definition;
use super::source::{Flaw, Place};
use super::variable::{LABEL, Pattern, Places, ValueSource, Variable};

/// What the operator allows beyond the defaults.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rules {
    /// `http://` in the operator's own files.
    pub(super) allow_http: bool,
}

/// Checks a draft and completes it: where values end up, and what each method reaches. Only what `is_own` counts.
pub(super) fn lint(
    mut draft: Draft,
    rules: Rules,
    is_own: impl Fn(&Flaw) -> bool,
) -> Result<Definition, Vec<Flaw>> {
    let mut flaws = Vec::new();
    place_variables(&mut draft);
    names::check(&draft, &mut flaws);
    // A mistyped placeholder leaves its variable unused and its method without a credential; once is enough.
    let mistyped = flaws.iter().any(|flaw| flaw.code == "unknown-placeholder");
    variables(&draft, &mut flaws);
    methods(&draft, &mut flaws);
    if mistyped {
        flaws.retain(|flaw| !matches!(flaw.code, "unused-variable" | "no-credential"));
    }
    hosts::check(&draft, rules, &mut flaws);
    flaws.retain(is_own);
    if !flaws.is_empty() {
        return Err(flaws);
    }
    let reach: Vec<Vec<usize>> =
        draft.definition.described.iter().map(|method| reached(&draft, *method)).collect();
    draft.definition.reach = reach;
    Ok(draft.definition)
}

impl Draft {
    fn variable(&self, name: &str) -> Option<&Variable> {
        self.definition.variable(name)
    }
}

fn variable_key(name: &str, key: &str) -> Place {
    Place::Value(vec!["variables".to_owned(), name.to_owned(), key.to_owned()])
}

fn variable_name(name: &str) -> Place {
    Place::Key(vec!["variables".to_owned(), name.to_owned()])
}

/// Notes where each variable ends up, and gives one in a host the pattern of a label if it has none.
fn place_variables(draft: &mut Draft) {
    let mut found = Vec::with_capacity(draft.definition.variables.len());
    for variable in &draft.definition.variables {
        let mut places = Places::default();
        for here in draft.uses.iter().filter(|here| here.name == variable.name) {
            places.host |= matches!(here.part, Part::Host | Part::Origin);
            places.header |= here.part == Part::Header;
            places.user_name |= here.part == Part::UserName;
            places.outside_body |= here.part != Part::Text || here.spot == Spot::Account;
            places.browser |= here.spot == Spot::AuthorizationParam;
            let (calls, tokens) = travels(&draft.definition, here);
            places.calls |= calls;
            places.tokens |= tokens;
        }
        let label = draft.uses.iter().any(|here| here.name == variable.name && here.part == Part::Host);
        found.push((places, label));
    }
    for (variable, (places, label)) in draft.definition.variables.iter_mut().zip(found) {
        if label && variable.pattern.is_none() && variable.options.is_empty() {
            variable.pattern = Some(Pattern::new(LABEL));
        }
        variable.places = places;
    }
}

/// Whether a placeholder is filled in calls to the API, and whether it is in requests for tokens.
fn travels(definition: &Definition, here: &Use) -> (bool, bool) {
    match here.spot {
        Spot::BaseUrl
        | Spot::AllowedHost
        | Spot::Placement
        | Spot::Check
        | Spot::Lookup
        | Spot::Signature => (true, false),
        // What signs each request by itself, or is signed here and sent as it is, is on both ways.
        Spot::Token => (here.owner == Owner::Method(Method::OAuth1), true),
        Spot::JwtPart => (definition.jwt.as_ref().is_some_and(|jwt| jwt.token.is_none()), true),
        Spot::TokenParam | Spot::Refresh | Spot::RefreshParam | Spot::Revocation => (false, true),
        Spot::Authorization | Spot::AuthorizationParam | Spot::Account => (false, false),
    }
}

/// The indexes of the variables that a method reaches: through its own table, through what all methods share, and
/// through the look-ups of variables that it reaches.
fn reached(draft: &Draft, method: Method) -> Vec<usize> {
    let variables = &draft.definition.variables;
    let mut reached = vec![false; variables.len()];
    loop {
        let mut grown = false;
        for here in &draft.uses {
            let counts = match &here.owner {
                Owner::All => true,
                Owner::Method(owner) => *owner == method,
                Owner::Variable(name) => variables
                    .iter()
                    .zip(&reached)
                    .any(|(variable, reached)| *reached && variable.name == *name),
            };
            let index = variables.iter().position(|variable| variable.name == here.name);
            if let Some(flag) = index.filter(|_| counts).and_then(|index| reached.get_mut(index))
                && !*flag
            {
                *flag = true;
                grown = true;
            }
        }
        if !grown {
            break;
        }
    }
    reached.iter().enumerate().filter(|(_, reached)| **reached).map(|(index, _)| index).collect()
}

/// Rules about single variables.
fn variables(draft: &Draft, flaws: &mut Vec<Flaw>) {
    for variable in &draft.definition.variables {
        let name = &variable.name;
        if !draft.uses.iter().any(|here| here.name == *name) {
            let message = format!("nothing uses the variable `{name}`");
            flaws.push(Flaw::error(variable_name(name), "unused-variable", message));
        }
        let samples = [("default", &variable.default), ("example", &variable.example)];
        for (key, sample) in samples {
            let Some(sample) = sample.as_deref().filter(|sample| !sample.is_empty()) else {
                continue;
            };
            let optional_list = key == "example" && variable.pattern.is_none();
            if !optional_list && !variable.allows_sample(sample) {
                let message = format!("the {key} of `{name}` is not a value that `{name}` accepts");
                flaws.push(Flaw::error(variable_key(name, key), "bad-sample", message));
            }
        }
        let captured = matches!(variable.source, ValueSource::Check(_));
        if captured && draft.definition.check.is_none() {
            let message = format!("`{name}` is captured from a check, but there is no `[check]`");
            flaws.push(Flaw::error(variable_key(name, "from"), "capture-without-check", message));
        }
    }
}

/// Rules about methods as a whole.
fn methods(draft: &Draft, flaws: &mut Vec<Flaw>) {
    if draft.declared.is_empty() {
        let help = "`[oauth2]`, `[client_credentials]`, `[api_key]`, `[session]`, `[jwt]` or `[aws_sigv4]`";
        flaws.push(Flaw::error(Place::File, "no-method", "no method table").help(help));
    }
    for method in &draft.declared {
        let table = table_of(*method);
        let place = Place::Key(vec![table.to_owned()]);
        if table == "api_key" && draft.definition.check.is_none() {
            let message = "a key can only be verified by a `[check]`, and there is none";
            flaws.push(Flaw::error(place.clone(), "missing-check", message));
        }
        // What signs by itself needs no place for the token.
        let placed = |here| carries_credential(draft, *method, here);
        if *method != Method::OAuth1 && !draft.uses.iter().any(placed) {
            let what = match method {
                Method::ApiKey | Method::Basic | Method::AwsSigV4 => "a secret variable",
                _ => "`{access_token}`",
            };
            let message = format!("nothing puts {what} on an API call");
            let help = "use it in `headers`, `query` or `basic` of the table, or in `base_url`";
            flaws.push(Flaw::error(place, "no-credential", message).help(help));
        }
        let signs = |here: &Use| {
            let secret = draft.variable(&here.name).is_some_and(|variable| variable.secret);
            here.spot == Spot::JwtPart && here.path.last().is_some_and(|key| key == "key") && secret
        };
        if *method == Method::Jwt && !draft.uses.iter().any(signs) {
            let message = "the key that signs is no secret variable";
            flaws.push(Flaw::error(
                Place::Value(vec!["jwt".into(), "key".into()]),
                "key-not-secret",
                message,
            ));
        }
        for index in reached(draft, *method) {
            let Some(variable) = draft.definition.variables.get(index) else {
                continue;
            };
            let known = match &variable.source {
                ValueSource::Token(_) => !matches!(table, "api_key" | "aws_sigv4"),
                ValueSource::Callback(_) => matches!(method, Method::OAuth2 | Method::OAuth1),
                ValueSource::User
                | ValueSource::Connector
                | ValueSource::Check(_)
                | ValueSource::Lookup(_)
                | ValueSource::Variable(_) => true,
            };
            if !known && !variable.optional && variable.default.is_none() {
                let name = &variable.name;
                let message = format!("`[{table}]` needs `{name}`, which only another method can capture");
                let flaw = Flaw::error(variable_key(name, "from"), "capture-unavailable", message);
                flaws.push(flaw.help("make it optional, or give it a default"));
            }
        }
    }
}

fn carries_credential(draft: &Draft, method: Method, here: &Use) -> bool {
    let secret = || draft.variable(&here.name).is_some_and(|variable| variable.secret);
    if method == Method::AwsSigV4 {
        return here.spot == Spot::Signature
            && here.path.last().is_some_and(|key| key == "secret_access_key")
            && secret();
    }
    let placed = matches!(here.spot, Spot::Placement | Spot::BaseUrl)
        && (here.owner == Owner::All || here.owner == Owner::Method(method));
    placed
        && match method {
            Method::ApiKey | Method::Basic => secret(),
            Method::AwsSigV4 | Method::OAuth1 => false,
            Method::OAuth2 | Method::ClientCredentials | Method::Session | Method::Jwt => {
                here.name == "access_token"
            }
        }
}

const fn table_of(method: Method) -> &'static str {
    match method {
        Method::OAuth2 => "oauth2",
        Method::ClientCredentials => "client_credentials",
        Method::ApiKey | Method::Basic => "api_key",
        Method::Session => "session",
        Method::Jwt => "jwt",
        Method::OAuth1 => "oauth1",
        Method::AwsSigV4 => "aws_sigv4",
    }
}

#[cfg(test)]
mod tests;
