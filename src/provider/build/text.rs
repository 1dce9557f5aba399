//! Templates in their places: text, headers, parameters, hosts and URLs.

use http::header::HeaderName;

use super::{At, Builder, Part, Stand, Use};
use crate::provider::definition::{Basic, Headers, Param, Params, TokenRequestFormat};
use crate::provider::format::{self, Ordered, Parameter};
use crate::provider::source::{Flaw, Place};
use crate::provider::template::{Fallback, Template, fits_header};
use crate::provider::url_template::{HostTemplate, Origin, Tail, UrlTemplate, UrlTemplateError};
use crate::provider::values::Values;
use crate::provider::variable::{ValueSource, Variable};

/// Headers that belong to the connection or to whoever stands between.
const FORBIDDEN: [&str; 8] =
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "forwarded"];

impl Builder {
    /// A template of plain text.
    pub(super) fn text(
        &mut self,
        at: At<'_>,
        source: &str,
        stand: Stand<'_>,
        part: Part,
    ) -> Option<Template> {
        match Template::parse(source) {
            Ok(mut template) => {
                self.note(at, &template, stand, part);
                template.bind(&|name| self.fallback(name));
                Some(template)
            }
            Err(error) => {
                self.error(at, "bad-template", error.to_string());
                None
            }
        }
    }

    pub(super) fn basic(&mut self, at: At<'_>, raw: &format::Basic, stand: Stand<'_>) -> Option<Basic> {
        let username = self.text(at.key("username"), &raw.username, stand, Part::UserName);
        let password = self.text(at.key("password"), &raw.password, stand, Part::Password);
        Some(Basic { username: username?, password: password? })
    }

    pub(super) fn headers(&mut self, at: At<'_>, table: &Ordered<String>, stand: Stand<'_>) -> Headers {
        let mut headers: Vec<(HeaderName, Template)> = Vec::new();
        for (name, source) in table.iter() {
            let here = at.key(name);
            let parsed =
                HeaderName::from_bytes(name.as_bytes()).ok().filter(|name| allowed_header(name.as_str()));
            let Some(parsed) = parsed.filter(|name| !headers.iter().any(|(other, _)| other == name)) else {
                let message = format!("`{name}` is no header that a definition may set, or is set twice");
                self.flaws.push(Flaw::error(Place::Key(here.path()), "header-not-allowed", message));
                continue;
            };
            if source.trim().is_empty() || !fits_header(source) {
                self.error(here, "bad-header", "a header value is visible ASCII and not empty");
            } else if let Some(template) = self.text(here, source, stand, Part::Header) {
                headers.push((parsed, template));
            }
        }
        Headers(headers)
    }

    pub(super) fn query(
        &mut self,
        at: At<'_>,
        table: Option<&Ordered<String>>,
        stand: Stand<'_>,
    ) -> Vec<(String, Template)> {
        let mut query = Vec::new();
        for (name, source) in table.into_iter().flat_map(Ordered::iter) {
            if let Some(template) = self.text(at.key(name), source, stand, Part::Query) {
                query.push((name.to_owned(), template));
            }
        }
        query
    }

    pub(super) fn params(
        &mut self,
        at: At<'_>,
        table: Option<&Ordered<Parameter>>,
        stand: Stand<'_>,
        format: TokenRequestFormat,
    ) -> Params {
        let mut params = Vec::new();
        for (name, raw) in table.into_iter().flat_map(Ordered::iter) {
            let removed = matches!(raw, Parameter::Text(text) if text.is_empty());
            let param =
                if removed { Some(Param::Remove) } else { self.param(at.key(name), raw, stand, format) };
            params.extend(param.map(|param| (name.to_owned(), param)));
        }
        Params(params)
    }

    fn param(
        &mut self,
        at: At<'_>,
        raw: &Parameter,
        stand: Stand<'_>,
        format: TokenRequestFormat,
    ) -> Option<Param> {
        match raw {
            Parameter::Text(source) => self.text(at, source, stand, Part::Text).map(Param::Text),
            Parameter::Number(number) => Some(Param::Number(*number)),
            Parameter::Flag(flag) => Some(Param::Flag(*flag)),
            Parameter::Table(_) if format != TokenRequestFormat::Json => {
                self.error(at, "nested-param", "only a JSON request has nested parameters");
                None
            }
            Parameter::Table(table) => {
                let mut members = Vec::new();
                for (name, raw) in table.iter() {
                    let member = self.param(at.key(name), raw, stand, format);
                    members.extend(member.map(|member| (name.to_owned(), member)));
                }
                Some(Param::Table(members))
            }
        }
    }

    /// A host, with a port where one is written.
    pub(super) fn host(&mut self, at: At<'_>, source: &str, stand: Stand<'_>) -> Option<HostTemplate> {
        match HostTemplate::parse(source) {
            Ok(mut template) => {
                self.note(at, &template.host, stand, Part::Host);
                template.bind(&|name| self.fallback(name));
                Some(template)
            }
            Err(error) => self.bad_url(at, &error),
        }
    }

    /// A URL that must be given. Where it isn't, or is none, another stands for it, so that the keys beside it are
    /// looked at all the same.
    pub(super) fn required_url(
        &mut self,
        at: At<'_>,
        source: Option<&str>,
        stand: Stand<'_>,
    ) -> Option<UrlTemplate> {
        if source.is_none() {
            self.missing(at);
        }
        let url = source.and_then(|source| self.url(at, source, stand));
        url.or_else(|| UrlTemplate::parse("https://unread.invalid").ok())
    }

    pub(super) fn url(&mut self, at: At<'_>, source: &str, stand: Stand<'_>) -> Option<UrlTemplate> {
        let mut template = match UrlTemplate::parse(source) {
            Ok(template) => template,
            Err(error) => return self.bad_url(at, &error),
        };
        if template.render(&samples(&template)).is_err() {
            return self.bad_url(at, &UrlTemplateError::Malformed);
        }
        match &template.origin {
            Origin::Whole(origin) | Origin::Discovered(origin) => self.note(at, origin, stand, Part::Origin),
            Origin::Parts { host, .. } => self.note(at, &host.host, stand, Part::Host),
        }
        self.note_tail(at, &template.tail, stand);
        template.bind(&|name| self.fallback(name));
        Some(template)
    }

    /// Path and query below the base URL.
    pub(super) fn tail(&mut self, at: At<'_>, source: &str, stand: Stand<'_>) -> Option<Tail> {
        // A sample origin in front shows whether path and query survive as they are written.
        let sample = UrlTemplate::parse(&format!("https://a.example{source}"));
        match sample {
            Ok(sample) if sample.render(&samples(&sample)).is_ok() => {
                let mut tail = sample.tail;
                self.note_tail(at, &tail, stand);
                tail.bind(&|name| self.fallback(name));
                Some(tail)
            }
            Ok(_) => self.bad_url(at, &UrlTemplateError::Malformed),
            Err(error) => self.bad_url(at, &error),
        }
    }

    fn bad_url<T>(&mut self, at: At<'_>, error: &UrlTemplateError) -> Option<T> {
        let code = if matches!(error, UrlTemplateError::Template(_)) { "bad-template" } else { "bad-url" };
        self.error(at, code, error.to_string());
        None
    }

    fn note_tail(&mut self, at: At<'_>, tail: &Tail, stand: Stand<'_>) {
        self.note(at, &tail.path, stand, Part::Path);
        for (_, value) in &tail.query {
            self.note(at, value, stand, Part::Query);
        }
    }

    fn note(&mut self, at: At<'_>, template: &Template, stand: Stand<'_>, part: Part) {
        for name in template.names() {
            let (name, owner) = (name.to_owned(), stand.owner.clone());
            self.uses.push(Use { name, spot: stand.spot, part, owner, path: at.path() });
        }
    }

    fn fallback(&self, name: &str) -> Fallback {
        match self.variables.iter().find(|variable| variable.name == name) {
            Some(Variable { source: ValueSource::Variable(other), map, .. }) => {
                let source = self.variables.iter().find(|variable| variable.name == *other);
                let default = source.and_then(|source| source.default.clone());
                Fallback::Mapped { of: other.clone(), default, map: map.clone() }
            }
            Some(variable) => match &variable.default {
                Some(default) => Fallback::Default(default.clone()),
                None if variable.optional => Fallback::Optional,
                None => Fallback::Required,
            },
            None => Fallback::Required,
        }
    }
}

/// Rule 6 of `providers.md`, section 4. `_` counts as `-`, since some servers take them for the same.
fn allowed_header(name: &str) -> bool {
    let name = name.replace('_', "-");
    !FORBIDDEN.contains(&name.as_str()) && !name.starts_with("proxy-") && !name.starts_with("x-forwarded-")
}

/// A harmless value for every placeholder, to see how the literal text of a URL comes out.
fn samples(template: &UrlTemplate) -> Values {
    let mut values = Values::new();
    let texts =
        std::iter::once(&template.tail.path).chain(template.tail.query.iter().map(|(_, value)| value));
    let (origin, host) = match &template.origin {
        Origin::Whole(origin) | Origin::Discovered(origin) => (Some(origin), None),
        Origin::Parts { host, .. } => (None, Some(&host.host)),
    };
    for name in texts.chain(host).flat_map(Template::names) {
        values.set(name, "a");
    }
    for name in origin.into_iter().flat_map(Template::names) {
        values.set(name, "https://a.example");
    }
    values
}
