//! `[variables]`.

use super::{At, Builder, Owner, Part, Spot, Stand, Use};
use crate::provider::definition::TOKEN_SECRET;
use crate::provider::format::{self, File};
use crate::provider::path::Path;
use crate::provider::pattern;
use crate::provider::source::{Flaw, Place};
use crate::provider::template::is_name;
use crate::provider::variable::{Lookup, Pattern, Places, ValueSource, Variable};

/// Names that the hub fills itself.
pub(in crate::provider) const BUILT_INS: [&str; 9] = [
    "client_id",
    "client_secret",
    "redirect_uri",
    "scope",
    "access_token",
    "refresh_token",
    "jwt",
    "nonce",
    TOKEN_SECRET,
];

const MAX_VARIABLES: usize = 40;

impl Builder {
    pub(super) fn read_variables(&mut self, file: &File) {
        let top = At::top("variables");
        let Some(table) = &file.variables else { return };
        if table.0.len() > MAX_VARIABLES {
            self.error(
                top,
                "too-many-variables",
                format!("a definition has at most {MAX_VARIABLES} variables"),
            );
        }
        // What a look-up's URL uses is only known once all variables are.
        let mut lookups = Vec::new();
        for (name, raw) in table.iter() {
            let at = top.key(name);
            if !is_name(name) || BUILT_INS.contains(&name) {
                let place = Place::Key(at.path());
                let message = format!("`{name}` cannot be the name of a variable");
                let help =
                    "lower-case letters, digits and `_`, and none of the names that the hub fills itself";
                self.flaws.push(Flaw::error(place, "bad-name", message).help(help));
            }
            if let Some(lookup) = &raw.lookup {
                lookups.push((name, lookup));
            }
            let variable = self.variable(at, name, raw);
            self.variables.push(variable);
        }
        self.check_maps(top);
        for (name, lookup) in lookups {
            let at = top.key(name);
            let (at, owner) = (at.key("lookup"), Owner::Variable(name.to_owned()));
            let url = self.url(at.key("url"), &lookup.url, Stand { spot: Spot::Lookup, owner: &owner });
            let path = self.dotted(at.key("path"), &lookup.path);
            let variable = self.variables.iter_mut().find(|variable| variable.name == name);
            if let (Some(url), Some(path), Some(variable)) = (url, path, variable) {
                variable.source = ValueSource::Lookup(Box::new(Lookup { url, path }));
            }
        }
    }

    fn variable(&mut self, at: At<'_>, name: &str, raw: &format::Variable) -> Variable {
        let source = self.source(at, name, raw);
        let asked = matches!(source, ValueSource::User | ValueSource::Connector) && raw.lookup.is_none();
        if asked && raw.label.as_ref().is_none_or(|label| label.trim().is_empty()) {
            self.missing(at.key("label"));
        }
        if let Some(help) = &raw.help {
            self.https(at.key("help"), help);
        }
        let mut compiled = None;
        if let Some(text) = &raw.pattern {
            if let Err(error) = pattern::parse(text) {
                self.error(at.key("pattern"), "bad-pattern", error.to_string());
            }
            compiled = Some(Pattern::new(text));
        }
        let map = raw.map.as_ref().map(|map| map.0.clone()).unwrap_or_default();
        let given = matches!(source, ValueSource::User | ValueSource::Connector) && raw.lookup.is_none();
        let derived = matches!(source, ValueSource::Variable(_));
        if given && raw.map.is_some() || derived && map.is_empty() {
            let message = "a map stands with a value from elsewhere, and `variables.<name>` needs one";
            self.error(at.key("map"), "bad-map", message);
        }
        // Whatever comes, one of these is the value; they are as good as options.
        let mapped = || map.iter().map(|(word, value)| (word.clone(), value.clone())).collect();
        let options = raw.options.as_ref().map_or_else(mapped, |options| options.0.clone());
        if raw.options.is_some() && (options.is_empty() || raw.pattern.is_some()) {
            self.error(
                at.key("options"),
                "bad-options",
                "options have entries and stand instead of a pattern",
            );
        }
        Variable {
            name: name.to_owned(),
            source,
            label: raw.label.clone(),
            help: raw.help.clone(),
            example: raw.example.clone(),
            pattern: compiled,
            options,
            map,
            default: raw.default.clone(),
            optional: raw.optional.unwrap_or(false),
            secret: raw.secret.unwrap_or(false),
            places: Places::default(),
        }
    }

    fn source(&mut self, at: At<'_>, variable: &str, raw: &format::Variable) -> ValueSource {
        let Some(from) = &raw.from else {
            return ValueSource::User;
        };
        if raw.lookup.is_some() {
            self.error(
                at.key("from"),
                "bad-source",
                "a value is looked up or comes from elsewhere, not both",
            );
        }
        let source = match from.split_once('.') {
            None if from == "user" => Some(ValueSource::User),
            None if from == "connector" => Some(ValueSource::Connector),
            Some(("token", path)) => Path::parse(path).map(ValueSource::Token),
            Some(("check", path)) => Path::parse(path).map(ValueSource::Check),
            Some(("variables", name)) if is_name(name) => {
                let (name, owner) = (name.to_owned(), Owner::Variable(variable.to_owned()));
                let path = at.key("from").path();
                let (spot, part) = (Spot::Account, Part::Text);
                self.uses.push(Use { name: name.clone(), spot, part, owner, path });
                Some(ValueSource::Variable(name))
            }
            Some(("callback", name)) if !name.is_empty() => Some(ValueSource::Callback(name.to_owned())),
            None | Some(_) => None,
        };
        source.unwrap_or_else(|| {
            let flaw = self.error(at.key("from"), "unknown-word", format!("`{from}` is no source of values"));
            flaw.help =
                Some("`user`, `connector`, `token.<path>`, `callback.<name>`, `check.<path>` or `variables.<name>`".to_owned());
            ValueSource::User
        })
    }

    /// A map knows every value of the variable that it is about, where these are listed.
    fn check_maps(&mut self, top: At<'_>) {
        let mut missing = Vec::new();
        for variable in &self.variables {
            let ValueSource::Variable(other) = &variable.source else { continue };
            let source = self.variables.iter().find(|one| one.name == *other);
            let values = source.map(listed).unwrap_or_default();
            let unknown = values.iter().find(|value| !variable.map.iter().any(|(word, _)| word == *value));
            if let Some(value) = unknown {
                missing
                    .push((variable.name.clone(), format!("the map has nothing for `{value}` of `{other}`")));
            }
            if source.is_some_and(|source| matches!(source.source, ValueSource::Variable(_))) {
                missing
                    .push((variable.name.clone(), format!("`{other}` is made of another variable itself")));
            }
        }
        for (name, message) in missing {
            self.error(top.key(&name).key("map"), "bad-map", message);
        }
    }
}

/// The values that a variable may have, where they are listed: as options, or by a pattern that is a list of them.
fn listed(variable: &Variable) -> Vec<String> {
    let options: Vec<String> = variable.options.iter().map(|(_, value)| value.clone()).collect();
    if !options.is_empty() {
        return options;
    }
    variable.pattern.as_ref().and_then(|one| pattern::alternatives(one.source())).unwrap_or_default()
}
