//! Templates of URLs and hosts. A value is encoded for the component it stands in, and the built URL is parsed
//! again and compared, so that no value can change host, port or path structure (`providers.md`, section 4).

use std::borrow::Cow;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;
use zeroize::Zeroizing;

use super::template::{Fallback, Part, RenderError, Template, TemplateError};
use super::values::Values;

/// A host and port that requests may go to; the host in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Authority {
    /// Host name or IPv4 address.
    pub host: String,
    /// Port, 443 unless the definition writes one.
    pub port: u16,
}

/// A URL with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlTemplate {
    source: String,
    pub(super) origin: Origin,
    pub(super) tail: Tail,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// One placeholder stands for scheme, host and port.
    Whole(Template),
    /// One built-in stands for the whole URL, which was found out and checked before.
    Discovered(Template),
    /// Written out.
    Parts { https: bool, host: HostTemplate },
}

/// A host with placeholders and, where written, a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostTemplate {
    pub(super) host: Template,
    pub(super) port: Option<u16>,
}

/// Path and query with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    pub(super) path: Template,
    pub(super) query: Vec<(String, Template)>,
}

/// Why a URL template cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlTemplateError {
    /// A placeholder is wrong.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Neither `https://` nor `http://` nor a placeholder for the origin at its start.
    #[error("a URL starts with `https://` or with one placeholder for the whole origin")]
    Scheme,
    /// The port is no number.
    #[error("a port is a number from 1 to 65535")]
    Port,
    /// User name, password or fragment, or a character that does not belong into a URL.
    #[error("no URL that could be built from this would be read as it is written")]
    Malformed,
    /// A placeholder in the name of a query parameter.
    #[error("a placeholder in the query stands for a value, not for a name")]
    QueryName,
}

impl HostTemplate {
    /// Reads `host` or `host:port`.
    pub fn parse(source: &str) -> Result<Self, UrlTemplateError> {
        let (host, port) = match source.rsplit_once(':') {
            None => (source, None),
            Some((host, port)) => {
                let number = port.parse::<u16>().ok().filter(|port| *port > 0);
                (host, Some(number.ok_or(UrlTemplateError::Port)?))
            }
        };
        let host = Template::parse(host)?;
        for part in host.parts() {
            if let Part::Literal(literal) = part
                && !literal.bytes().all(|byte| is_label_byte(byte) || byte == b'.')
            {
                return Err(UrlTemplateError::Malformed);
            }
        }
        if host.parts().is_empty() {
            return Err(UrlTemplateError::Malformed);
        }
        Ok(Self { host, port })
    }

    /// Host and port, as [`render`](Self::render) has them.
    pub(super) fn authority(&self, values: &Values) -> Result<Authority, RenderError> {
        Ok(Authority { host: self.render(values)?, port: self.port.unwrap_or(443) })
    }

    /// The host filled and checked: labels of `[a-z0-9_-]`, none empty or over 63 characters.
    pub fn render(&self, values: &Values) -> Result<String, RenderError> {
        let filled = self.host.fill(values, |name, value| {
            let value = value.to_ascii_lowercase();
            if value.bytes().all(|byte| is_label_byte(byte) || byte == b'.') {
                Ok(Cow::Owned(value))
            } else {
                Err(RenderError::UrlValue(name.to_owned()))
            }
        })?;
        let host = filled.ok_or(RenderError::Url)?;
        let sound = host.len() <= 253
            && host.split('.').all(|label| !label.is_empty() && label.len() <= 63)
            && host.ends_with(self.literal_suffix());
        if sound { Ok(host.to_string()) } else { Err(RenderError::Url) }
    }

    /// The literal text behind the last placeholder; the whole host if there is none.
    pub(super) fn literal_suffix(&self) -> &str {
        match self.host.parts().last() {
            Some(Part::Literal(literal)) => literal,
            Some(Part::Slot(_)) | None => "",
        }
    }

    pub(super) fn bind(&mut self, fallback: &dyn Fn(&str) -> Fallback) {
        self.host.bind(fallback);
    }
}

const fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-'
}

impl UrlTemplate {
    /// Reads a URL template.
    pub fn parse(source: &str) -> Result<Self, UrlTemplateError> {
        if source.contains('#') || source.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(UrlTemplateError::Malformed);
        }
        let scheme = source.strip_prefix("https://").map(|rest| (true, rest));
        let scheme = scheme.or_else(|| source.strip_prefix("http://").map(|rest| (false, rest)));
        let (origin, rest) = if let Some((https, rest)) = scheme {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            (Origin::Parts { https, host: HostTemplate::parse(&rest[..end])? }, &rest[end..])
        } else if source.starts_with('{') {
            let end = source.find('}').ok_or(UrlTemplateError::Scheme)? + 1;
            (Origin::Whole(Template::parse(&source[..end])?), &source[end..])
        } else {
            return Err(UrlTemplateError::Scheme);
        };
        Ok(Self { source: source.to_owned(), origin, tail: Tail::parse(rest)? })
    }

    /// The template as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// A URL that is found out at run time, kept as the built-in `name`.
    pub(super) fn discovered(name: &str) -> Option<Self> {
        let source = format!("{{{name}}}");
        let origin = Origin::Discovered(Template::parse(&source).ok()?);
        Some(Self { source, origin, tail: Tail { path: Template::parse("").ok()?, query: Vec::new() } })
    }

    /// The URL filled and compared with the template.
    pub fn render(&self, values: &Values) -> Result<Url, RenderError> {
        self.render_under(values, None, &[])
    }

    /// As [`render`](Self::render), with `below` put after path of this template, and more query parameters.
    pub(super) fn render_under(
        &self,
        values: &Values,
        below: Option<&Tail>,
        query: &[(String, SecretString)],
    ) -> Result<Url, RenderError> {
        if let Origin::Discovered(template) = &self.origin {
            return discovered_url(template, values);
        }
        let origin = self.origin.render(values)?;
        let mut path = self.tail.render_path(values)?;
        let mut pairs = self.tail.render_query(values)?;
        if let Some(below) = below {
            let end = path.trim_end_matches('/').len();
            path.truncate(end);
            path.push_str(&below.render_path(values)?);
            pairs.extend(below.render_query(values)?);
        }
        for (name, value) in query {
            pairs.push((Cow::Owned(encode(name)), Zeroizing::new(encode(value.expose_secret()))));
        }
        if path.is_empty() {
            path.push('/');
        }
        let mut text = Zeroizing::new(String::with_capacity(origin.len() + path.len() + 64));
        text.push_str(&origin);
        text.push_str(&path);
        for (index, (name, value)) in pairs.iter().enumerate() {
            text.push(if index == 0 { '?' } else { '&' });
            text.push_str(name);
            text.push('=');
            text.push_str(value);
        }
        let url = Url::parse(&text).map_err(|_| RenderError::Url)?;
        let dots = path.split('/').any(|segment| segment == "." || segment == "..");
        let same = !dots
            && url.as_str() == text.as_str()
            && url.path() == path.as_str()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none();
        if same { Ok(url) } else { Err(RenderError::Url) }
    }

    /// Host and port alone, whatever stands behind them.
    pub(super) fn authority(&self, values: &Values) -> Result<Authority, RenderError> {
        let url = match &self.origin {
            Origin::Discovered(template) => discovered_url(template, values)?,
            origin @ (Origin::Whole(_) | Origin::Parts { .. }) => {
                Url::parse(&origin.render(values)?).map_err(|_| RenderError::Url)?
            }
        };
        let host = url.host_str().ok_or(RenderError::Url)?.to_owned();
        let port = url.port_or_known_default().ok_or(RenderError::Url)?;
        Ok(Authority { host, port })
    }

    /// What decides about host and port.
    pub(super) fn host(&self) -> &Template {
        match &self.origin {
            Origin::Whole(template) | Origin::Discovered(template) => template,
            Origin::Parts { host, .. } => &host.host,
        }
    }

    pub(super) fn bind(&mut self, fallback: &dyn Fn(&str) -> Fallback) {
        match &mut self.origin {
            Origin::Whole(template) | Origin::Discovered(template) => template.bind(fallback),
            Origin::Parts { host, .. } => host.bind(fallback),
        }
        self.tail.bind(fallback);
    }
}

impl Origin {
    /// Scheme, host and port, as they stand in the URL; a default port is left out.
    fn render(&self, values: &Values) -> Result<String, RenderError> {
        match self {
            // The whole URL is no origin; see `render_under`.
            Self::Discovered(_) => Err(RenderError::Url),
            Self::Whole(template) => {
                let whole = template.fill(values, |_, value| Ok(value.into()))?.ok_or(RenderError::Url)?;
                whole_origin(&whole).ok_or(RenderError::Url)
            }
            Self::Parts { https, host } => {
                let name = host.render(values)?;
                let (scheme, default) = if *https { ("https", 443) } else { ("http", 80) };
                Ok(match host.port.filter(|port| *port != default) {
                    None => format!("{scheme}://{name}"),
                    Some(port) => format!("{scheme}://{name}:{port}"),
                })
            }
        }
    }
}

/// A URL without user name and fragment, as it was found.
fn discovered_url(template: &Template, values: &Values) -> Result<Url, RenderError> {
    let text = template.fill(values, |_, value| Ok(value.into()))?.ok_or(RenderError::Url)?;
    let url = Url::parse(&text).map_err(|_| RenderError::Url)?;
    let plain = matches!(url.scheme(), "https" | "http")
        && url.host_str().is_some()
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none();
    if plain { Ok(url) } else { Err(RenderError::Url) }
}

/// `https://host`, checked as a host is; `None` if `text` says more than that.
fn whole_origin(text: &str) -> Option<String> {
    let host = text.trim_end_matches('/').strip_prefix("https://")?.to_ascii_lowercase();
    let sound = host.len() <= 253
        && host
            .split('.')
            .all(|label| !label.is_empty() && label.len() <= 63 && label.bytes().all(is_label_byte));
    sound.then(|| format!("https://{host}"))
}

/// Names and encoded values of a query.
type Pairs<'a> = Vec<(Cow<'a, str>, Zeroizing<String>)>;

impl Tail {
    pub(super) fn parse(source: &str) -> Result<Self, UrlTemplateError> {
        let (path, query) =
            source.split_once('?').map_or((source, None), |(path, query)| (path, Some(query)));
        let mut pairs = Vec::new();
        for pair in query.into_iter().flat_map(|query| query.split('&')) {
            let (name, value) = pair.split_once('=').ok_or(UrlTemplateError::Malformed)?;
            if name.contains(['{', '}']) {
                return Err(UrlTemplateError::QueryName);
            }
            pairs.push((name.to_owned(), Template::parse(value)?));
        }
        Ok(Self { path: Template::parse(path)?, query: pairs })
    }

    fn render_path(&self, values: &Values) -> Result<Zeroizing<String>, RenderError> {
        let path = self.path.fill(values, |name, value| match value {
            "." | ".." => Err(RenderError::UrlValue(name.to_owned())),
            value => Ok(Cow::Owned(encode(value))),
        })?;
        path.ok_or(RenderError::Url)
    }

    fn render_query(&self, values: &Values) -> Result<Pairs<'_>, RenderError> {
        let mut pairs = Vec::new();
        for (name, template) in &self.query {
            if let Some(value) = template.fill(values, |_, value| Ok(Cow::Owned(encode(value))))? {
                pairs.push((Cow::Borrowed(name.as_str()), value));
            }
        }
        Ok(pairs)
    }

    pub(super) fn bind(&mut self, fallback: &dyn Fn(&str) -> Fallback) {
        self.path.bind(fallback);
        for (_, value) in &mut self.query {
            value.bind(fallback);
        }
    }
}

/// Percent-encodes everything but the unreserved characters of RFC 3986, section 2.3.
///
/// A path segment may hold more as it is (`pchar`), but not from a value: some servers read a method behind `:`,
/// parameters behind `;` (and then `..;` as `..`) or a space for `+`, and what is encoded is read as plain text by all.
pub(super) fn encode(value: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            text.push('%');
            text.push(char::from(HEX[usize::from(byte >> 4)]));
            text.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    text
}

#[cfg(test)]
mod tests;
