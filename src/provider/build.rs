//! Turns a file as written into a [`Definition`]: templates are parsed, words become types, and every placeholder
//! is noted with the place where it stands, for `lint` to judge. Mistakes are collected, not returned one by one.

mod discovered;
mod methods;
mod signed;
mod text;
mod token;
mod variables;

use std::time::Duration;

use url::Url;
use vouchsafe_entity::kind::Method;

pub(super) use self::variables::BUILT_INS;

use super::definition::{Check, Definition, Limits, Target};
use super::format::{self, File};
use super::path::Path;
use super::source::{Flaw, Place, Trust};
use super::template::Template;
use super::variable::{ValueSource, Variable};

/// A definition whose rules have not been checked yet.
pub(super) struct Draft {
    pub(super) definition: Definition,
    pub(super) uses: Vec<Use>,
    /// Method tables of the file, those included that are not on offer.
    pub(super) declared: Vec<Method>,
    pub(super) trust: Trust,
}

/// One placeholder in one place.
#[derive(Clone, Debug)]
pub(super) struct Use {
    pub(super) name: String,
    pub(super) spot: Spot,
    pub(super) part: Part,
    pub(super) owner: Owner,
    pub(super) path: Vec<String>,
}

/// What kind of key a placeholder stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    BaseUrl,
    AllowedHost,
    Authorization,
    AuthorizationParam,
    Token,
    TokenParam,
    Refresh,
    RefreshParam,
    Revocation,
    JwtPart,
    Signature,
    Placement,
    Check,
    Lookup,
    Account,
}

/// The part of the key in which it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Host,
    Origin,
    Path,
    Query,
    Header,
    UserName,
    Password,
    Text,
}

/// Which methods a key matters to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    All,
    Method(Method),
    /// The methods that reach this variable.
    Variable(String),
}

/// A path of keys, built up without allocating.
#[derive(Clone, Copy)]
struct At<'a> {
    above: Option<&'a At<'a>>,
    key: &'a str,
}

impl<'a> At<'a> {
    const fn top(key: &'a str) -> Self {
        Self { above: None, key }
    }

    const fn key(&'a self, key: &'a str) -> Self {
        Self { above: Some(self), key }
    }

    fn path(&self) -> Vec<String> {
        let mut path = self.above.map(At::path).unwrap_or_default();
        path.push(self.key.to_owned());
        path
    }
}

/// What is common to all templates of one key.
#[derive(Clone, Copy)]
struct Stand<'a> {
    spot: Spot,
    owner: &'a Owner,
}

/// Collects what is wrong and which placeholders are used.
struct Builder {
    flaws: Vec<Flaw>,
    uses: Vec<Use>,
    variables: Vec<Variable>,
}

impl Builder {
    fn error(&mut self, at: At<'_>, code: &'static str, message: impl Into<String>) -> &mut Flaw {
        self.flaws.push(Flaw::error(Place::Value(at.path()), code, message));
        let last = self.flaws.len() - 1;
        &mut self.flaws[last]
    }

    fn missing(&mut self, at: At<'_>) {
        let message = format!("missing key `{}`", at.key);
        let mut path = at.path();
        path.pop();
        let place = if path.is_empty() { Place::File } else { Place::Key(path) };
        self.flaws.push(Flaw::error(place, "missing-key", message));
    }

    fn dotted(&mut self, at: At<'_>, text: &str) -> Option<Path> {
        let path = Path::parse(text);
        if path.is_none() {
            self.error(at, "bad-path", "a dotted path has no empty parts");
        }
        path
    }

    fn https(&mut self, at: At<'_>, text: &str) {
        if !Url::parse(text).is_ok_and(|url| url.scheme() == "https") {
            self.error(at, "bad-url", "an https URL is expected here");
        }
    }
}

/// Builds the definition of a file, with what is wrong. A draft with flaws is there to find more of them, and for
/// nothing else.
pub(super) fn build(slug: &str, hash: &str, file: &File, trust: Trust) -> (Option<Draft>, Vec<Flaw>) {
    let mut builder = Builder { flaws: Vec::new(), uses: Vec::new(), variables: Vec::new() };
    builder.refuse_reserved(file);
    builder.read_variables(file);
    let draft = builder.assemble(slug, hash, file, trust);
    (draft, builder.flaws)
}

impl Builder {
    fn refuse_reserved(&mut self, file: &File) {
        let reserved =
            [("aws_sigv4.role_arn", file.aws_sigv4.as_ref().is_some_and(|table| table.role_arn.is_some()))];
        for (table, there) in reserved {
            if there {
                let place = Place::Key(table.split('.').map(str::to_owned).collect());
                self.flaws.push(Flaw::error(
                    place,
                    "not-built",
                    format!("`{table}` is not built in this version"),
                ));
            }
        }
    }

    fn assemble(&mut self, slug: &str, hash: &str, file: &File, trust: Trust) -> Option<Draft> {
        let shared = &Owner::All;
        if file.name.as_ref().is_none_or(|name| name.trim().is_empty()) {
            self.missing(At::top("name"));
        }
        match &file.documentation {
            Some(text) => self.https(At::top("documentation"), text),
            None => self.missing(At::top("documentation")),
        }
        let base = Stand { spot: Spot::BaseUrl, owner: shared };
        let base_url = self.required_url(At::top("base_url"), file.base_url.as_deref(), base);
        if base_url.as_ref().is_some_and(|url| !url.tail.query.is_empty()) {
            self.error(At::top("base_url"), "bad-url", "a base URL has no query");
        }
        let mut allowed_hosts = Vec::new();
        for (index, entry) in file.allowed_hosts.iter().flatten().enumerate() {
            let (top, index) = (At::top("allowed_hosts"), index.to_string());
            let stand = Stand { spot: Spot::AllowedHost, owner: shared };
            allowed_hosts.extend(self.host(top.key(&index), entry, stand));
        }
        let placed = Stand { spot: Spot::Placement, owner: shared };
        let headers = file.headers.as_ref().map(|table| self.headers(At::top("headers"), table, placed));
        let account = self.account(At::top("account"), file.account.as_deref());
        let account_label = self.account(At::top("account_label"), file.account_label.as_deref());
        let methods = self.methods(file);
        let check = file.check.as_ref().and_then(|check| self.check(check));
        let limits = self.limits(file.limits.as_ref());
        let definition = Definition {
            slug: slug.to_owned(),
            extends: file.extends.clone(),
            name: file.name.clone().unwrap_or_default(),
            documentation: file.documentation.clone().unwrap_or_default(),
            categories: file.categories.iter().flatten().map(|word| word.as_str().to_owned()).collect(),
            hash: hash.to_owned(),
            base_url: base_url?,
            allowed_hosts,
            headers: headers.unwrap_or_default(),
            account,
            account_label,
            variables: std::mem::take(&mut self.variables),
            offered: methods.declared.clone(),
            described: methods.declared.clone(),
            views: Vec::new(),
            reach: Vec::new(),
            oauth2: methods.oauth2,
            client_credentials: methods.client_credentials,
            api_key: methods.api_key,
            session: methods.session,
            jwt: methods.jwt,
            mcp: methods.mcp,
            oauth1: methods.oauth1,
            aws_sigv4: methods.aws_sigv4,
            check,
            limits,
        };
        Some(Draft { definition, uses: std::mem::take(&mut self.uses), declared: methods.declared, trust })
    }

    fn account(&mut self, at: At<'_>, text: Option<&str>) -> Option<Template> {
        self.text(at, text?, Stand { spot: Spot::Account, owner: &Owner::All }, Part::Text)
    }

    fn check(&mut self, check: &format::Check) -> Option<Check> {
        let top = At::top("check");
        let stand = Stand { spot: Spot::Check, owner: &Owner::All };
        let Some(path) = &check.path else {
            self.missing(top.key("path"));
            return None;
        };
        let target = if path.starts_with('/') {
            Target::Below(self.tail(top.key("path"), path, stand)?)
        } else {
            Target::Absolute(self.url(top.key("path"), path, stand)?)
        };
        let method: http::Method = check.method.map_or(http::Method::GET, Into::into);
        if check.json.is_some() && method != http::Method::POST {
            self.error(top.key("json"), "bad-check", "only a POST has a body");
        }
        let success = check.success.as_deref().and_then(|text| self.dotted(top.key("success"), text));
        for (key, statuses) in
            [("wrong_key", &check.wrong_key), ("missing_permission", &check.missing_permission)]
        {
            if statuses.iter().flatten().any(|status| !(100..600).contains(status)) {
                self.error(top.key(key), "bad-check", "a status is a number from 100 to 599");
            }
        }
        let captures = self.variables.iter().any(|variable| matches!(variable.source, ValueSource::Check(_)));
        Some(Check {
            target,
            method,
            json: check.json.clone(),
            success,
            wrong_key: check.wrong_key.clone().unwrap_or_else(|| vec![401]),
            missing_permission: check.missing_permission.clone().unwrap_or_else(|| vec![403]),
            captures,
        })
    }

    fn limits(&mut self, limits: Option<&format::Limits>) -> Limits {
        let default = Limits::default();
        let Some(limits) = limits else { return default };
        let top = At::top("limits");
        let concurrency = limits.concurrency.unwrap_or(default.concurrency);
        if !(1..=64).contains(&concurrency) {
            self.error(top.key("concurrency"), "bad-limit", "from 1 to 64 calls can be in flight");
        }
        let rate = limits.rate.unwrap_or(default.rate);
        if !(rate > 0.0 && rate <= 10_000.0) {
            self.error(top.key("rate"), "bad-limit", "a rate is above 0 and at most 10000 calls per second");
        }
        Limits { concurrency, rate }
    }
}

fn seconds(value: Option<u64>) -> Option<Duration> {
    value.map(Duration::from_secs)
}
