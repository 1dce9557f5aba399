//! Rules 1 to 4: schemes and ports, what may stand in a host, and which hosts must be pinned.

use vouchsafe_entity::kind::Method;

use super::super::build::{Draft, Owner, Part, Spot};
use super::super::definition::{AuthMethod, Definition, Target};
use super::super::pattern::pinned_suffix;
use super::super::source::{Flaw, Place, Trust};
use super::super::template::{Part as Piece, Template};
use super::super::url_template::{HostTemplate, Origin};
use super::super::variable::{Pattern, ValueSource, Variable};
use super::{Rules, variable_key};

/// One URL or host of a definition.
struct Site<'a> {
    host: Host<'a>,
    spot: Spot,
    owner: Owner,
    path: Vec<String>,
}

#[derive(Clone, Copy)]
enum Host<'a> {
    Whole(&'a Template),
    Parts { https: bool, host: &'a HostTemplate },
}

impl<'a> Site<'a> {
    fn new(origin: &'a Origin, spot: Spot, owner: Owner, path: &[&str]) -> Self {
        let host = match origin {
            Origin::Whole(template) | Origin::Discovered(template) => Host::Whole(template),
            Origin::Parts { https, host } => Host::Parts { https: *https, host },
        };
        Self { host, spot, owner, path: path.iter().map(|key| (*key).to_owned()).collect() }
    }
}

pub(super) fn check(draft: &Draft, rules: Rules, flaws: &mut Vec<Flaw>) {
    for site in sites(draft) {
        scheme(draft, &site, rules, flaws);
        let always = matches!(site.spot, Spot::AllowedHost | Spot::Lookup | Spot::Check);
        let carried = carries(draft, site.spot, &site.owner);
        if (always || carried.is_some()) && !pinned(draft, site.host) {
            let message = match carried {
                Some(what) => format!("{what} would go to a host that the user chooses"),
                None if site.spot == Spot::AllowedHost => "an allowed host that the user chooses".to_owned(),
                None => "the user's credential would go to a host that is not fixed".to_owned(),
            };
            let names: Vec<&str> = template(site.host).names().collect();
            let help = match names.last() {
                Some(name) => {
                    format!("end the host in a literal domain, or give `{name}` `from = \"connector\"`")
                }
                None => "end the host in a literal domain".to_owned(),
            };
            flaws.push(Flaw::error(Place::Value(site.path), "host-not-pinned", message).help(help));
        }
    }
    for variable in &draft.definition.variables {
        if let Some(flaw) = shape(draft, variable) {
            flaws.push(flaw);
        }
    }
}

/// A warning where a variable of the connector that is no secret, but may refer to one, goes to a host that a user types.
pub(in crate::provider) fn typed_host_flaws(definition: &Definition) -> Vec<Flaw> {
    let Some((setting, host)) = definition.setting_to_typed_host() else {
        return Vec::new();
    };
    let (setting, host) = (&setting.name, &host.name);
    let message = format!("`{setting}` of the connector goes to a host that is typed as `{host}`");
    let help = "a secret in it needs a list of hosts; end the host in a literal domain, and it needs none";
    vec![Flaw::warning(super::variable_name(setting), "typed-host", message).help(help)]
}

fn template(host: Host<'_>) -> &Template {
    match host {
        Host::Whole(template) => template,
        Host::Parts { host, .. } => &host.host,
    }
}

/// Every URL of the definition.
fn sites(draft: &Draft) -> Vec<Site<'_>> {
    let definition = &draft.definition;
    let mut sites = Vec::new();
    let mut add = |origin, spot, owner, path: &[&str]| sites.push(Site::new(origin, spot, owner, path));
    add(&definition.base_url.origin, Spot::BaseUrl, Owner::All, &["base_url"]);
    if let Some(mcp) = &definition.mcp {
        // The server names the others, so whoever chose it chose them.
        add(&mcp.url.origin, Spot::Token, Owner::Method(Method::OAuth2), &["mcp", "url"]);
    } else if let Some(table) = &definition.oauth2 {
        let owner = || Owner::Method(Method::OAuth2);
        let authorization = &table.authorization_endpoint.origin;
        add(authorization, Spot::Authorization, owner(), &["oauth2", "authorization_endpoint"]);
        add(&table.token.endpoint.origin, Spot::Token, owner(), &["oauth2", "token_endpoint"]);
        if let Some(url) = &table.refresh.endpoint {
            add(&url.origin, Spot::Refresh, owner(), &["oauth2", "refresh", "endpoint"]);
        }
        if let Some(exchange) = &table.exchange {
            add(&exchange.endpoint.origin, Spot::Refresh, owner(), &["oauth2", "exchange", "endpoint"]);
        }
        if let Some(url) = &table.revocation_endpoint {
            add(&url.origin, Spot::Revocation, owner(), &["oauth2", "revocation_endpoint"]);
        }
    }
    if let Some(table) = &definition.oauth1 {
        let owner = || Owner::Method(Method::OAuth1);
        let authorization = &table.authorization_endpoint.origin;
        add(authorization, Spot::Authorization, owner(), &["oauth1", "authorization_endpoint"]);
        let request = &table.request_token_endpoint.origin;
        add(request, Spot::Token, owner(), &["oauth1", "request_token_endpoint"]);
        add(&table.token_endpoint.origin, Spot::Token, owner(), &["oauth1", "token_endpoint"]);
    }
    for method in [Method::ClientCredentials, Method::Session, Method::Jwt] {
        if let Some(token) = definition.token_request_of(method) {
            let path = [method.as_str(), "token_endpoint"];
            add(&token.endpoint.origin, Spot::Token, Owner::Method(method), &path);
        }
    }
    if let Some(Target::Absolute(url)) = definition.check.as_ref().map(|check| &check.target) {
        add(&url.origin, Spot::Check, Owner::All, &["check", "path"]);
    }
    for variable in &definition.variables {
        if let ValueSource::Lookup(lookup) = &variable.source {
            let path = ["variables", &variable.name, "lookup", "url"];
            add(&lookup.url.origin, Spot::Lookup, Owner::Variable(variable.name.clone()), &path);
        }
    }
    for (index, host) in definition.allowed_hosts.iter().enumerate() {
        let path = vec!["allowed_hosts".to_owned(), index.to_string()];
        let host = Host::Parts { https: true, host };
        sites.push(Site { host, spot: Spot::AllowedHost, owner: Owner::All, path });
    }
    sites
}

/// Rule 1.
fn scheme(draft: &Draft, site: &Site<'_>, rules: Rules, flaws: &mut Vec<Flaw>) {
    let Host::Parts { https, host } = site.host else {
        return;
    };
    let own = draft.trust == Trust::Operator;
    let http_allowed = own && rules.allow_http;
    if !https && !http_allowed {
        let flaw = Flaw::error(Place::Value(site.path.clone()), "http-url", "a URL that is not https");
        let help = "only files of the operator's directory may use http, with VOUCHSAFE_EGRESS_HTTP";
        flaws.push(flaw.help(help));
    }
    if host.port.is_some() && !own {
        let message = "only files of the operator's directory may write a port";
        flaws.push(Flaw::error(Place::Value(site.path.clone()), "port-not-allowed", message));
    }
}

/// What of the embedder's a request carries, if anything (rule 3).
fn carries(draft: &Draft, spot: Spot, owner: &Owner) -> Option<&'static str> {
    let connector = |name: &str| {
        let variable = draft.variable(name);
        variable.is_some_and(|variable| variable.secret && variable.source == ValueSource::Connector)
    };
    let oauth = Owner::Method(Method::OAuth2);
    let (spots, methods): (&[Spot], Vec<&Owner>) = match spot {
        Spot::Token => (&[Spot::Token, Spot::TokenParam, Spot::JwtPart, Spot::RefreshParam], vec![owner]),
        Spot::Refresh => (&[Spot::Refresh, Spot::RefreshParam, Spot::TokenParam], vec![owner]),
        Spot::Revocation => (&[Spot::Revocation], vec![owner]),
        Spot::BaseUrl | Spot::AllowedHost => {
            (&[Spot::Placement, Spot::BaseUrl, Spot::Check, Spot::Signature], Vec::new())
        }
        _ => (&[], Vec::new()),
    };
    let uses = draft
        .uses
        .iter()
        .filter(|here| spots.contains(&here.spot) && (methods.is_empty() || methods.contains(&&here.owner)));
    let authenticates = *owner == oauth
        && matches!(spot, Spot::Token | Spot::Refresh | Spot::Revocation)
        && draft
            .definition
            .oauth2
            .as_ref()
            .is_some_and(|table| table.token.auth_method != Some(AuthMethod::None));
    let signs = draft.definition.oauth2.as_ref().is_some_and(|table| table.token.client_assertion.is_some());
    let what = if signs { "what the client's key signed" } else { "the client secret" };
    let mut found = authenticates.then_some(what);
    let by_client = *owner == Owner::Method(Method::OAuth1) && spot == Spot::Token
        || draft.definition.oauth1.is_some() && matches!(spot, Spot::BaseUrl | Spot::AllowedHost);
    if by_client {
        found = Some("what the client secret signed");
    }
    for here in uses {
        // In every other method the client is the user's own.
        let client = here.name == "client_secret" && (here.owner == oauth || here.owner == Owner::All);
        if client {
            found = Some("the client secret");
        } else if connector(&here.name) {
            found = found.or(Some("a secret of the connector"));
        }
    }
    found
}

/// Whether the author of the file chose where the request goes.
fn pinned(draft: &Draft, host: Host<'_>) -> bool {
    let variable = |name: &str| draft.variable(name);
    let chosen = |name: &str| {
        variable(name)
            .is_some_and(|variable| variable.source == ValueSource::Connector || !variable.options.is_empty())
    };
    let facts = |name: &str, origin| {
        let pattern = variable(name)?.pattern.as_ref()?;
        if origin { pattern.origin() } else { pattern.host() }
    };
    match host {
        Host::Whole(template) => template
            .names()
            .all(|name| chosen(name) || facts(name, true).is_some_and(|facts| facts.pins_whole)),
        Host::Parts { host, .. } => {
            if host.host.is_literal() || host.host.names().all(chosen) || pinned_suffix(host.literal_suffix())
            {
                return true;
            }
            let Some(Piece::Slot(slot)) = host.host.parts().last() else {
                return false;
            };
            let whole = host.host.parts().len() == 1;
            facts(&slot.name, false)
                .is_some_and(|facts| if whole { facts.pins_whole } else { facts.pins_end })
        }
    }
}

/// Rule 2, and rule 4 for origins: whether the values of a variable can only be what its place takes.
fn shape(draft: &Draft, variable: &Variable) -> Option<Flaw> {
    let part = |part| draft.uses.iter().any(|here| here.name == variable.name && here.part == part);
    let (in_host, is_origin) = (part(Part::Host), part(Part::Origin));
    let name = &variable.name;
    let at_pattern = || variable_key(name, "pattern");
    if in_host && is_origin {
        let message = format!("`{name}` stands for a host in one place and for a whole origin in another");
        return Some(Flaw::error(super::variable_name(name), "unsafe-host-pattern", message));
    }
    if in_host {
        let options = variable.options.iter().map(|(_, value)| value);
        let odd = |value: &String| {
            !value.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
        };
        if options.clone().any(odd) {
            let message = format!("an option of `{name}` cannot stand in a host");
            return Some(Flaw::error(variable_key(name, "options"), "unsafe-host-pattern", message));
        }
        let found = variable.pattern.as_ref()?.host()?.unsafe_char?;
        let message =
            format!("`{name}` stands in a host, and its pattern lets `{}` through", found.escape_default());
        return Some(
            Flaw::error(at_pattern(), "unsafe-host-pattern", message).help(
                "without a pattern it takes one label of a host name; write classes such as `[a-z0-9-]`",
            ),
        );
    }
    if !is_origin {
        return None;
    }
    if !variable.options.is_empty() {
        let odd = variable.options.iter().any(|(_, value)| !value.starts_with("https://"));
        let message = format!("an option of `{name}` is no https origin");
        return odd.then(|| Flaw::error(variable_key(name, "options"), "unsafe-host-pattern", message));
    }
    let facts = variable.pattern.as_ref().and_then(Pattern::origin);
    let safe = facts.is_some_and(|facts| facts.unsafe_char.is_none());
    if !safe {
        let message = format!("`{name}` stands for a whole origin, so its pattern is `https://` and a host");
        let place = if variable.pattern.is_some() { at_pattern() } else { super::variable_name(name) };
        let help = "for instance `https://[a-z0-9-]+\\.example\\.com`; alternatives go into brackets";
        return Some(Flaw::error(place, "unsafe-host-pattern", message).help(help));
    }
    let given = matches!(variable.source, ValueSource::User | ValueSource::Connector);
    let fixed = facts.is_some_and(|facts| facts.pins_whole);
    (!given && !fixed).then(|| {
        let message = format!("`{name}` is captured, and its pattern does not end in a domain of the vendor");
        Flaw::error(at_pattern(), "host-not-pinned", message).help("end the pattern in a literal domain")
    })
}
