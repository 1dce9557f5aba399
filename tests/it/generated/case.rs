//! One method of one definition, with a value for everything that it names: what the user types, what the embedder
//! sets, and what the app will tell in its answers.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};
use toml::{Table, Value};

use super::found;
use super::raw::{self, Raw, Values};
use super::sample;
use super::signed;

/// What an app asks for that no definition names.
pub(super) const SCOPES: [&str; 2] = ["one:read", "two.write"];

/// A method, ready to be played.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) slug: String,
    /// Where the hub finds its definition; another than `slug` where that one was changed.
    pub(super) hub_slug: String,
    /// The name of its table.
    pub(super) method: &'static str,
    pub(super) file: Table,
    /// Its own table.
    pub(super) table: Table,
    /// What is known so far.
    pub(super) known: Values,
    /// What the app will tell, by variable.
    pub(super) told: Values,
    /// The words that the app tells where the file maps them to something else.
    words: Values,
    /// What the user types.
    pub(super) typed: Map<String, Json>,
    /// What the embedder sets.
    pub(super) set: Map<String, Json>,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) number: u64,
    /// The address of a server that says the rest of the file itself.
    pub(super) mcp: Option<String>,
}

/// The file with what a method table has of its own in the place of what is shared, and that table without it.
fn seen_by(raw: &Raw, method: &str) -> (Table, Table) {
    let (mut file, mut table) = (raw.table.clone(), raw::table(&raw.table, method));
    for key in ["base_url", "account", "account_label", "check"] {
        file.extend(table.remove(key).map(|own| (key.to_owned(), own)));
    }
    if let Some(Value::Table(own)) = table.remove("variables") {
        let shared = file.entry("variables").or_insert_with(|| Table::new().into());
        shared.as_table_mut().unwrap().extend(own);
    }
    (file, table)
}

impl Case {
    /// The case of a method.
    pub(super) fn of(raw: &Raw, method: &'static str, number: u64) -> Self {
        let (file, table) = seen_by(raw, method);
        let mut case = Self {
            slug: raw.slug.clone(),
            hub_slug: raw.slug.clone(),
            method,
            file,
            table,
            known: Values::new(),
            told: Values::new(),
            words: Values::new(),
            typed: Map::new(),
            set: Map::new(),
            client_id: format!("id+{number}/%"),
            client_secret: format!("secret &={number}:~"),
            number,
            mcp: None,
        };
        if method == "mcp" {
            let url = raw::text(&case.table, "url").unwrap().to_owned();
            case.table = found::told_by(&raw.slug, &url);
            case.method = "oauth2";
            case.mcp = Some(url);
        }
        let shape = signed::shape(method, &case.table);
        if let Some(pem) = shape.as_ref().and_then(|shape| signed::pem_for("client_secret", shape)) {
            case.client_secret = pem;
        }
        let variables = case.variables();
        // Those that others are made of come first.
        let (made, plain): (Vec<_>, Vec<_>) = variables.iter().enumerate().partition(|(_, (_, variable))| {
            raw::text(variable, "from").is_some_and(|from| from.starts_with("variables."))
        });
        for (place, (name, variable)) in plain.into_iter().chain(made) {
            let seed = number * 64 + u64::try_from(place).unwrap() + 1;
            case.give(name, variable, seed);
        }
        if method == "client_credentials" {
            case.typed.insert("client_id".to_owned(), case.client_id.clone().into());
            let own_key =
                |shape: &Table| raw::text(shape, "key").is_some_and(|key| !key.contains("{client_secret}"));
            if !shape.as_ref().is_some_and(own_key) {
                case.typed.insert("client_secret".to_owned(), case.client_secret.clone().into());
            }
        }
        case
    }

    fn give(&mut self, name: &str, variable: &Table, seed: u64) {
        if let Some(other) = raw::text(variable, "from").and_then(|from| from.strip_prefix("variables.")) {
            let map = raw::table(variable, "map");
            let value = self.known.get(other).or_else(|| self.told.get(other)).unwrap();
            self.known.insert(name.to_owned(), map[value].as_str().unwrap().to_owned());
            return;
        }
        let mut value = sample::value(name, variable, seed, self.is_in_host(name));
        let of_this = format!("variables.{name}");
        let made = self.variables().into_iter().find(|(_, other)| raw::text(other, "from") == Some(&of_this));
        if let Some(word) =
            made.and_then(|(_, other)| Some(raw::table(&other, "map").keys().next_back()?.clone()))
        {
            // One that the map knows.
            value = word;
        }
        if let Some((word, meaning)) =
            variable.get("map").and_then(Value::as_table).and_then(|m| m.iter().next_back())
        {
            self.words.insert(name.to_owned(), word.clone());
            meaning.as_str().unwrap().clone_into(&mut value);
        }
        if let Some(pem) =
            signed::shape(self.method, &self.table).and_then(|shape| signed::pem_for(name, &shape))
        {
            value = pem;
        }
        match (raw::text(variable, "from").unwrap_or("user"), variable.contains_key("lookup")) {
            ("user", false) => {
                self.typed.insert(name.to_owned(), value.clone().into());
                self.known.insert(name.to_owned(), value);
            }
            ("connector", _) => {
                self.set.insert(name.to_owned(), value.clone().into());
                self.known.insert(name.to_owned(), value);
            }
            (from, _) => {
                // Until the app tells it, its default stands there.
                if let Some(default) = raw::text(variable, "default") {
                    self.known.insert(name.to_owned(), default.to_owned());
                }
                let signs_in = matches!(self.method, "oauth2" | "oauth1");
                let never = from.starts_with("token.") && !self.has_tokens() && !signs_in
                    || from.starts_with("callback.") && !signs_in;
                if !never {
                    self.told.insert(name.to_owned(), value);
                }
            }
        }
    }

    /// The same with another choice of a variable: what is given for it, if anything is, and what it then is.
    pub(super) fn choosing(&self, name: &str, given: Option<&str>, value: &str) -> Self {
        let mut case = self.clone();
        for inputs in [&mut case.typed, &mut case.set].into_iter().filter(|inputs| inputs.contains_key(name))
        {
            match given {
                Some(text) => inputs.insert(name.to_owned(), text.into()),
                None => inputs.remove(name),
            };
        }
        if let Some(told) = case.told.remove(name).and(given) {
            case.told.insert(name.to_owned(), told.to_owned());
        }
        case.known.insert(name.to_owned(), value.to_owned());
        let of_this = format!("variables.{name}");
        for (made, variable) in case.variables() {
            if raw::text(&variable, "from") != Some(&of_this) {
                continue;
            }
            match raw::table(&variable, "map").get(value).and_then(Value::as_str) {
                Some(meaning) => case.known.insert(made, meaning.to_owned()),
                None => case.known.remove(&made),
            };
        }
        case
    }

    /// The word of the API for the method.
    pub(super) fn word(&self) -> &'static str {
        if self.table.contains_key("basic") && !self.has_tokens() { "basic" } else { self.method }
    }

    /// Whether the method makes access tokens.
    pub(super) fn has_tokens(&self) -> bool {
        !matches!(self.method, "api_key" | "basic" | "oauth1" | "aws_sigv4")
    }

    /// What the app tells for a variable.
    pub(super) fn word_for(&self, name: &str) -> String {
        self.words.get(name).unwrap_or(&self.told[name]).clone()
    }

    /// What the app must not tell: for each variable of its own that the file holds to something, a value that ends in
    /// somebody else's host.
    pub(super) fn foreign(&self) -> Vec<(String, String)> {
        let held = self.variables().into_iter().filter(|(name, variable)| {
            let limits = ["pattern", "options", "map"].iter().any(|key| variable.contains_key(*key));
            self.told.contains_key(name) && (limits || self.is_in_host(name))
        });
        let foreign = held.map(|(name, _)| {
            let word = format!("{}.elsewhere.example", self.word_for(&name));
            (name, word)
        });
        foreign.collect()
    }

    /// The app tells another word for a variable.
    pub(super) fn tell(&mut self, name: &str, word: &str) {
        self.words.insert(name.to_owned(), word.to_owned());
    }

    /// Whether the case is played in the ways too that are the same for every file of its method: of the common methods
    /// some are.
    pub(super) fn is_played_at_length(&self) -> bool {
        !matches!(self.method, "oauth2" | "jwt") || self.turn(8) == 3
    }

    /// The check that goes with the method.
    pub(super) fn check(&self) -> Option<Table> {
        self.file.get("check").and_then(Value::as_table).cloned()
    }

    /// The variables that the method reaches, in the order of the file.
    pub(super) fn variables(&self) -> Vec<(String, Table)> {
        let all = raw::table(&self.file, "variables");
        let shared = ["base_url", "allowed_hosts", "headers", "account", "account_label"];
        let mut texts: Vec<&str> =
            shared.iter().filter_map(|key| self.file.get(*key)).flat_map(raw::texts).collect();
        let mut check = self.check().unwrap_or_default();
        // Its body is sent as it is written.
        check.remove("json");
        let check = Value::Table(check);
        texts.extend(raw::texts(&check));
        texts.extend(self.table.iter().flat_map(|(_, value)| raw::texts(value)));
        let mut reached: BTreeSet<String> = texts.into_iter().flat_map(raw::placeholders).collect();
        loop {
            let made = all.iter().filter(|(name, _)| reached.contains(*name)).filter_map(|(_, variable)| {
                Some(variable.get("from")?.as_str()?.strip_prefix("variables.")?.to_owned())
            });
            let made: Vec<String> = made.filter(|name| !reached.contains(name)).collect();
            reached.extend(made.iter().cloned());
            let lookups = all.iter().filter(|(name, _)| reached.contains(*name));
            let urls = lookups.filter_map(|(_, variable)| variable.get("lookup")?.get("url")?.as_str());
            let more: Vec<String> =
                urls.flat_map(raw::placeholders).filter(|name| !reached.contains(name)).collect();
            if more.is_empty() && made.is_empty() {
                break;
            }
            reached.extend(more);
        }
        let own = all.into_iter().filter(|(name, _)| reached.contains(name));
        own.filter_map(|(name, value)| Some((name, value.as_table()?.clone()))).collect()
    }

    /// Whether a variable stands in a host anywhere in the file.
    fn is_in_host(&self, name: &str) -> bool {
        let urls = self.file.iter().flat_map(|(_, value)| raw::texts(value));
        let placeholder = format!("{{{name}}}");
        let hosts = raw::list(&self.file, "allowed_hosts");
        let in_url = urls.filter_map(|text| text.strip_prefix("https://")).any(|rest| {
            let host = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
            host.contains(&placeholder)
        });
        in_url || hosts.iter().any(|host| host.contains(&placeholder))
    }

    /// The variables whose values come from an answer, with the path there: `token.`, `callback.` or `check.`.
    pub(super) fn captured(&self, from: &str) -> Vec<(String, String)> {
        let captured = self.variables().into_iter().filter_map(|(name, variable)| {
            let path = raw::text(&variable, "from")?.strip_prefix(from)?.to_owned();
            Some((name, path))
        });
        captured.collect()
    }

    /// The look-ups, in the order of the file: variable, URL and path.
    pub(super) fn lookups(&self) -> Vec<(String, String, String)> {
        let found = self.variables().into_iter().filter_map(|(name, variable)| {
            let text = |key| raw::text(&variable, key).map(str::to_owned);
            Some((name, text("lookup.url")?, text("lookup.path")?))
        });
        found.collect()
    }

    /// The app has told these variables.
    pub(super) fn learn(&mut self, names: &[(String, String)]) {
        for (name, _) in names {
            if let Some(value) = self.told.get(name) {
                self.known.insert(name.clone(), value.clone());
            }
        }
    }

    /// The scopes that are asked for: the file's, then the connector's.
    pub(super) fn scopes(&self) -> Vec<String> {
        let mut scopes = raw::list(&self.table, "scopes");
        if matches!(self.method, "oauth2" | "client_credentials" | "jwt" | "oauth1") {
            scopes.extend(SCOPES.map(str::to_owned));
        }
        scopes
    }

    /// The same in one text.
    pub(super) fn scope(&self) -> String {
        self.joined(&self.scopes())
    }

    /// The scopes that the app grants: one more than it was asked for.
    pub(super) fn granted(&self) -> Vec<String> {
        let mut scopes = self.scopes();
        scopes.push("three:granted".to_owned());
        scopes
    }

    /// Scopes in one text.
    pub(super) fn joined(&self, scopes: &[String]) -> String {
        scopes.join(raw::text(&self.table, "scope_separator").unwrap_or(" "))
    }

    /// What a failure calls it.
    pub(super) fn name(&self) -> String {
        format!("{} [{}]", self.slug, self.method)
    }

    /// Varies what a file leaves open, the same way in every run.
    pub(super) fn turn(&self, of: u64) -> u64 {
        self.slug.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte)) % of
    }
}
