//! What a case leaves open: it plays one choice of a field, one word of a map, and fills what has a default. Here each
//! of them is taken in turn and only written out, as the hub writes it and as the file says, and nothing is sent.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::ExposeSecret as _;
use serde_json::{Value as Json, json};
use toml::{Table, Value};
use url::Url;
use vouchsafe::provider::{Definition, FieldSource, Params, Registry, Sources, TOKEN_SECRET, Values};
use vouchsafe_entity::kind::Method;

use super::calls;
use super::case::Case;
use super::judge;
use super::mutate;
use super::raw::{self, Address, Raw};

/// What both sides know beside the variables.
const BUILT_IN: [(&str, &str); 7] = [
    ("access_token", "at-1"),
    ("refresh_token", "rt-1"),
    ("redirect_uri", "https://hub.example/callback"),
    ("jwt", "j.w.t"),
    ("nonce", "n-1"),
    ("scope", "one two"),
    (TOKEN_SECRET, "ts-1"),
];

/// What is written out, by what it is.
type Facts = BTreeMap<String, Json>;

/// One thing that a variable may be.
#[derive(Debug)]
enum Choice {
    /// What an option's label or the word of an answer stands for, by the file.
    Named { label: String, value: String },
    /// A word of which another variable is made.
    Word(String),
    /// Nothing is given, and the default stands there.
    Default(String),
}

/// Every choice of a case, each with its variable.
fn choices(case: &Case) -> Vec<(String, Choice)> {
    let mut choices = Vec::new();
    for (name, variable) in case.variables() {
        let made_of = raw::text(&variable, "from").and_then(|from| from.strip_prefix("variables."));
        if let Some(other) = made_of {
            let words = raw::table(&variable, "map");
            choices.extend(words.keys().map(|word| (other.to_owned(), Choice::Word(word.clone()))));
        } else {
            for key in ["options", "map"] {
                let named = raw::table(&variable, key).into_iter().filter_map(|(label, value)| {
                    let value = value.as_str()?.to_owned();
                    Some((name.clone(), Choice::Named { label, value }))
                });
                choices.extend(named);
            }
        }
        let default = raw::text(&variable, "default").map(|text| Choice::Default(text.to_owned()));
        choices.extend(default.map(|default| (name.clone(), default)));
    }
    choices
}

/// The fact that is compared beside all that is written with it.
const VALUE: &str = "the value";

/// A case in which the app has told everything.
fn case_of(raw: &Raw, method: &'static str) -> Case {
    let mut case = Case::of(raw, method, 1);
    case.known.extend(case.told.clone());
    case
}

/// The first choice with which the hub writes something else than the file says.
fn fault(definition: &Definition, case: &Case) -> Option<String> {
    choices(case).into_iter().find_map(|(name, choice)| {
        let fault = differs(definition, case, &name, &choice).err()?;
        Some(format!("{name}, {choice:?}: {fault}"))
    })
}

fn differs(definition: &Definition, case: &Case, name: &str, choice: &Choice) -> Result<(), String> {
    let method: Method = case.word().parse().map_err(|_| "no such method".to_owned())?;
    let variable = definition.of(method).variable(name).ok_or("the hub has no such variable")?;
    let case = match choice {
        Choice::Named { label, value } => {
            let mut offered = variable.options.iter().chain(&variable.map);
            let (_, given) = offered.find(|(other, _)| other == label).ok_or("the hub doesn't offer it")?;
            case.choosing(name, Some(given), value)
        }
        Choice::Word(word) => case.choosing(name, Some(word), word),
        Choice::Default(default) => case.choosing(name, None, default),
    };
    let values = values_of(definition, method, &case)?;
    let mut wanted = wanted(&case);
    let mut found = found(definition, method, &values);
    let used = values.get(name).map(|value| value.expose_secret().to_owned());
    found.insert(VALUE.to_owned(), json!(used.or_else(|| variable.default.clone())));
    wanted.insert(VALUE.to_owned(), json!(case.known.get(name)));
    // The value itself comes last: whatever is written with it tells more.
    let written = wanted.keys().chain(found.keys()).filter(|what| *what != VALUE);
    for what in written.chain([&VALUE.to_owned()]) {
        let (found, wanted) = (found.get(what), wanted.get(what));
        if found != wanted {
            return Err(format!("{what} is {found:?}, not {wanted:?}"));
        }
    }
    Ok(())
}

/// The values of a credential, as the hub keeps them.
fn values_of(definition: &Definition, method: Method, case: &Case) -> Result<Values, String> {
    let typed = definition.validate_fields(method, &case.typed, FieldSource::User);
    let mut values = typed.map_err(|errors| format!("{errors:?}"))?;
    for (name, text) in &case.set {
        let text = text.as_str().unwrap_or_default();
        let checked = definition.of(method).check_value(name, text).map_err(|error| error.to_string())?;
        if let Some(value) = checked {
            values.set(name.as_str(), value);
        }
    }
    for (name, text) in &case.told {
        values.set(name.as_str(), text.as_str());
    }
    values.set("client_id", case.client_id.as_str());
    values.set("client_secret", case.client_secret.as_str());
    for (name, text) in BUILT_IN {
        values.set(name, text);
    }
    Ok(values)
}

fn address(host: &str, path: &str, query: impl IntoIterator<Item = (String, String)>) -> Json {
    let query: BTreeSet<(String, String)> = query.into_iter().collect();
    json!([host, path, query])
}

/// What the file says.
fn wanted(case: &Case) -> Facts {
    let values = judge::with(case, &BUILT_IN);
    let mut facts = Facts::new();
    let (headers, query) = calls::placed(case, &values);
    facts.extend(headers.into_iter().map(|(name, value)| (format!("header {name}"), Json::from(value))));
    let mut add = |what: String, template: Option<Address>| {
        facts.extend(template.map(|one| (what, address(&one.host, &one.path, one.query))));
    };
    let base = raw::text(&case.file, "base_url").and_then(|base| Address::of(base, &values));
    add("base_url".to_owned(), base.clone());
    for &key in endpoints(case) {
        let stated = raw::text(&case.table, key);
        let endpoint = if case.method == "oauth2" && key == "refresh.endpoint" {
            stated.or_else(|| raw::text(&case.table, "token_endpoint"))
        } else {
            stated
        };
        add(key.to_owned(), endpoint.and_then(|endpoint| Address::of(endpoint, &values)));
    }
    let placed = |mut asked: Address| {
        asked.query.extend(query.clone());
        asked
    };
    let check = case.check();
    let path = check.as_ref().and_then(|check| raw::text(check, "path"));
    let asked = path.and_then(|path| {
        if path.starts_with('/') { base.clone()?.below(path, &values) } else { Address::of(path, &values) }
    });
    add("check".to_owned(), asked.map(&placed));
    for (name, url, _) in case.lookups() {
        add(format!("look-up of {name}"), Address::of(&url, &values).map(&placed));
    }
    if let Some(base) = base {
        let hosts: BTreeSet<String> = calls::hosts(case).into_iter().chain([base.host]).collect();
        facts.insert("hosts".to_owned(), json!(hosts));
    }
    if case.mcp.is_none() {
        for key in ["authorization_params", "token_params", "refresh.params"] {
            facts.extend(stated(key, &raw::table(&case.table, key), &values));
        }
    }
    facts.extend(calls::account(case).map(|account| ("account".to_owned(), Json::from(account))));
    facts
}

/// The keys of the addresses that a method has of its own; those of a server that says them itself are not the file's.
fn endpoints(case: &Case) -> &'static [&'static str] {
    match case.method {
        "oauth2" if case.mcp.is_none() => &[
            "authorization_endpoint",
            "token_endpoint",
            "exchange.endpoint",
            "refresh.endpoint",
            "revocation_endpoint",
        ],
        "oauth1" => &["request_token_endpoint", "authorization_endpoint", "token_endpoint"],
        "client_credentials" | "session" | "jwt" => &["token_endpoint"],
        _ => &[],
    }
}

/// The parameters of a table; one that is an empty text takes another away.
fn stated(key: &str, own: &Table, values: &raw::Values) -> Facts {
    let one = |(name, value): (&String, &Value)| {
        let value = if value.as_str() == Some("") { Json::Null } else { judge::filled(value, values)? };
        Some((format!("{key}.{name}"), value))
    };
    own.iter().filter_map(one).collect()
}

/// What the hub writes.
fn found(definition: &Definition, method: Method, values: &Values) -> Facts {
    let mut facts = Facts::new();
    let mut add = |what: String, url: Option<Url>| {
        let pairs = |url: &Url| url.query_pairs().into_owned().collect::<Vec<_>>();
        let shown =
            |url: Url| address(url.host_str().unwrap_or_default(), &raw::decoded(url.path()), pairs(&url));
        facts.extend(url.map(|url| (what, shown(url))));
    };
    add("base_url".to_owned(), definition.base_url(method, values).ok());
    for (key, url) in endpoints_of(definition, method, values) {
        add(key.to_owned(), url);
    }
    let check = definition.check_request(method, values).and_then(Result::ok);
    add("check".to_owned(), check.map(|check| check.url));
    for (variable, lookup) in definition.lookups(method) {
        let request = definition.lookup_request(lookup, method, values).ok();
        add(format!("look-up of {}", variable.name), request.map(|request| request.url));
    }
    let text = |value: &http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let headers = definition.placement(method, values).unwrap_or_default().headers;
    facts.extend(headers.iter().map(|(name, value)| (format!("header {name}"), Json::from(text(value)))));
    if let Ok(hosts) = definition.allowed_hosts(method, values) {
        let hosts: BTreeSet<String> = hosts.into_iter().map(|authority| authority.host).collect();
        facts.insert("hosts".to_owned(), json!(hosts));
    }
    if method != Method::OAuth2 || definition.mcp().is_none() {
        facts.extend(parameters_of(definition, method, values));
    }
    facts.extend(
        definition.account(method, values).map(|account| ("account".to_owned(), Json::from(account.id))),
    );
    facts
}

fn endpoints_of(
    definition: &Definition,
    method: Method,
    values: &Values,
) -> Vec<(&'static str, Option<Url>)> {
    if let Some(table) = definition.oauth1().filter(|_| method == Method::OAuth1) {
        return vec![
            ("request_token_endpoint", table.request_token_endpoint.render(values).ok()),
            ("authorization_endpoint", table.authorization_endpoint.render(values).ok()),
            ("token_endpoint", table.token_endpoint.render(values).ok()),
        ];
    }
    let token = ("token_endpoint", definition.token_endpoint(method, values).ok());
    let Some(table) = definition.oauth2().filter(|_| method == Method::OAuth2) else { return vec![token] };
    if definition.mcp().is_some() {
        return Vec::new();
    }
    let exchange = table.exchange.as_ref().and_then(|exchange| exchange.endpoint.render(values).ok());
    vec![
        token,
        ("authorization_endpoint", definition.authorization_endpoint(values).ok()),
        ("exchange.endpoint", exchange),
        ("refresh.endpoint", definition.refresh_endpoint(values).ok()),
        ("revocation_endpoint", definition.revocation_endpoint(values).and_then(Result::ok)),
    ]
}

fn parameters_of(definition: &Definition, method: Method, values: &Values) -> Facts {
    let oauth1 = definition.oauth1().filter(|_| method == Method::OAuth1);
    let oauth2 = definition.oauth2().filter(|_| method == Method::OAuth2);
    let of_oauth1 = oauth1.map(|table| ("authorization_params", &table.authorization_params));
    let of_oauth2 = oauth2.map(|table| {
        [("authorization_params", &table.authorization_params), ("refresh.params", &table.refresh.params)]
    });
    let of_token = definition.token_request_of(method).map(|request| ("token_params", &request.params));
    let all: Vec<(&str, &Params)> =
        of_oauth1.into_iter().chain(of_oauth2.into_iter().flatten()).chain(of_token).collect();
    let mut facts = Facts::new();
    for (key, params) in all {
        for (name, value) in params.render(values).unwrap_or_default() {
            let value = value.map_or(Json::Null, |value| value.expose_json());
            facts.insert(format!("{key}.{name}"), value);
        }
    }
    facts
}

#[test]
fn every_choice_and_every_default_leads_where_its_file_says() {
    let sources = Sources { builtin: false, dir: Some(crate::providers::folder()), allow_http: false };
    let registry = Registry::load(&sources).unwrap_or_else(|report| panic!("{report}"));
    let mut files = Raw::all();
    if let Ok(only) = std::env::var("TEST_PROVIDER") {
        files.retain(|raw| raw.slug == only);
    }
    let (mut taken, mut failures) = (0, Vec::new());
    for (raw, method) in super::methods(&files) {
        let case = case_of(raw, method);
        taken += choices(&case).len();
        let fault = fault(&registry.get(&raw.slug).unwrap(), &case);
        failures.extend(fault.map(|fault| format!("{}: {fault}", case.name())));
    }
    eprintln!("{taken} choices, words and defaults taken, {} of them wrong", failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The facts that the run with an app leaves out, as the app sees one choice of each variable. All of them at every
/// commit: nothing is sent.
#[test]
fn a_wrong_fact_of_a_choice_or_a_default_is_noticed() {
    let (files, mut refused, mut caught, mut alone, mut uncaught) = (Raw::all(), 0, 0, 0, Vec::new());
    for (raw, method) in super::methods(&files) {
        let mut mutants = mutate::wrong_choices(raw, method).peekable();
        if mutants.peek().is_none() {
            continue;
        }
        let case = case_of(raw, method);
        let read = |raw: &Raw| Definition::from_toml(&raw.slug, &raw.standalone(), false);
        let right = read(raw).unwrap_or_else(|report| panic!("{report}"));
        assert_eq!(fault(&right, &case), None, "{}: not even right as it is", case.name());
        for (what, mutant) in mutants {
            match read(&mutant) {
                Err(_) => refused += 1,
                Ok(wrong) => match fault(&wrong, &case) {
                    Some(told) => {
                        caught += 1;
                        alone += usize::from(told.contains(&format!(": {VALUE} is ")));
                    }
                    None => uncaught.push(format!("{}: {what}", case.name())),
                },
            }
        }
    }
    let tried = refused + caught + uncaught.len();
    eprintln!(
        "{tried} wrong choices, words and defaults: {refused} refused when loaded, {caught} noticed, {alone} of \
         them by the value alone, {} not noticed",
        uncaught.len()
    );
    assert!(uncaught.is_empty(), "not noticed:\n{}", uncaught.join("\n"));
    assert!(caught > 100, "too few to show anything: {caught}");
}
