//! What a definition says about hosts before any credential is there: whose they are, and who names them.

use secrecy::{ExposeSecret as _, SecretString};

use super::{Definition, Target};
use crate::provider::pattern::pinned_suffix;
use crate::provider::template::{Fallback, Part as Piece, RenderError, Slot, Template};
use crate::provider::url_template::{Authority, HostTemplate, Origin, UrlTemplate};
use crate::provider::values::Values;
use crate::provider::variable::{Pattern, ValueSource, Variable};

/// Whether a host belongs to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostOwner {
    /// It is none of the provider's.
    Another,
    /// Some credential of the provider could have it; the file alone does not say.
    Perhaps,
    /// The file names it.
    Provider,
}

/// Where a setting of a connector goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingHosts {
    /// The hosts that are known.
    pub known: Vec<Authority>,
    /// Those of them that the connector or a user names by a variable that the file pins neither by a literal nor by a
    /// pattern: whoever sets the connector, or types the host, decides where they are.
    pub named: Vec<Authority>,
}

impl Definition {
    /// Whether API calls of this provider go to `host`, which is in lower case, and `port`.
    pub fn host_owner(&self, host: &str, port: u16) -> HostOwner {
        self.all().map(|part| part.own_host(host, port)).fold(HostOwner::Another, HostOwner::max)
    }

    fn own_host(&self, host: &str, port: u16) -> HostOwner {
        let base = match &self.base_url.origin {
            Origin::Whole(_) | Origin::Discovered(_) => HostOwner::Perhaps,
            Origin::Parts { https, host: template } => {
                owner(template, template.port.unwrap_or(if *https { 443 } else { 80 }), host, port)
            }
        };
        let allowed = self
            .allowed_hosts
            .iter()
            .map(|template| owner(template, template.port.unwrap_or(443), host, port));
        allowed.fold(base, HostOwner::max)
    }

    /// Where the setting `name` of a connector goes with requests that have all of `values`. The client secret is the
    /// setting `client_secret`, and the others are variables.
    pub fn hosts_of_setting(&self, name: &str, values: &Values) -> SettingHosts {
        // What can't be made of these values is not sent.
        self.setting_hosts(name, values, |_| true)
    }

    /// The same as far as the values of the connector alone say it: users may give more, and instead of defaults, and
    /// where that leads shows once they do.
    pub fn known_hosts_of_setting(&self, name: &str, values: &Values) -> SettingHosts {
        self.setting_hosts(name, values, |host| host.slots().all(|slot| self.is_settled(slot, values)))
    }

    fn setting_hosts(
        &self,
        name: &str,
        values: &Values,
        is_settled: impl Fn(&Template) -> bool,
    ) -> SettingHosts {
        let mut found = SettingHosts::default();
        let mut add = |host: &Template, chosen: bool, authority: Result<Authority, RenderError>| {
            let Some(authority) = authority.ok().filter(|_| is_settled(host)) else {
                return;
            };
            if chosen && !found.named.contains(&authority) {
                found.named.push(authority.clone());
            }
            if !found.known.contains(&authority) {
                found.known.push(authority);
            }
        };
        for part in self.all() {
            let (calls, tokens) = self.ways_of(part, name);
            let called = part.call_urls().filter(|_| calls);
            for url in called.chain(part.token_urls().filter(|_| tokens)) {
                add(url.host(), part.is_chosen(url, values), url.authority(values));
            }
            for host in part.allowed_hosts.iter().filter(|_| calls) {
                add(&host.host, is_typed(&part.free_in_host(host), values), host.authority(values));
            }
        }
        found
    }

    /// Whether calls to the API of `part` have a setting, and whether requests for tokens do.
    fn ways_of(&self, part: &Self, name: &str) -> (bool, bool) {
        if name == "client_secret" {
            return (self.places_client_secret(), true);
        }
        let variable = part.variables.iter().find(|variable| variable.name == name);
        variable.map_or((false, false), |variable| (variable.places.calls, variable.places.tokens))
    }

    /// Whether no user can give another value than the one that is filled in now.
    fn is_settled(&self, slot: &Slot, values: &Values) -> bool {
        let name = match &slot.fallback {
            Fallback::Mapped { of, .. } => of,
            Fallback::Required | Fallback::Optional | Fallback::Default(_) => &slot.name,
        };
        let by_connector =
            || self.variable(name).is_some_and(|variable| variable.source == ValueSource::Connector);
        values.get(name).is_some() || by_connector()
    }

    /// Whether a value of the variable is seen by others than the app: as a host name, as the account, in the address
    /// that the browser is sent to.
    pub fn shows_variable(&self, name: &str) -> bool {
        self.all().any(|part| part.shows(name))
    }

    fn shows(&self, name: &str) -> bool {
        let own = self.variables.iter().find(|variable| variable.name == name);
        let in_host = own.is_some_and(|variable| variable.places.host);
        let templates = self.account.iter().chain(&self.account_label);
        let signed = self.oauth1.as_ref().map(|table| &table.authorization_endpoint);
        let authorization = self.oauth2.as_ref().map(|table| &table.authorization_endpoint).or(signed);
        in_host
            || own.is_some_and(|variable| variable.places.browser)
            || templates.flat_map(Template::names).any(|other| other == name)
            || authorization.is_some_and(|url| url.source().contains(&format!("{{{name}}}")))
    }

    /// Whether somebody else than the author of the file says by `values` that calls go to `host`.
    pub fn is_typed_host(&self, host: &Authority, values: &Values) -> bool {
        let is_it = |found: Result<Authority, RenderError>| found.is_ok_and(|found| found == *host);
        self.all().any(|part| {
            let mut called = part.call_urls().filter(|url| part.is_chosen(url, values));
            let mut allowed =
                part.allowed_hosts.iter().filter(|one| is_typed(&part.free_in_host(one), values));
            called.any(|url| is_it(url.authority(values))) || allowed.any(|one| is_it(one.authority(values)))
        })
    }

    /// Whether somebody else than the author of the file says by `values` where `url` leads.
    fn is_chosen(&self, url: &UrlTemplate, values: &Values) -> bool {
        is_typed(&self.free_in(url), values)
    }

    /// The variables by which others than the author of the file say where `url` leads: none where that is pinned.
    fn free_in<'a>(&'a self, url: &'a UrlTemplate) -> Vec<&'a Variable> {
        match &url.origin {
            Origin::Whole(template) => {
                let pins = |variable: &Variable| {
                    let facts = variable.pattern.as_ref().and_then(Pattern::origin);
                    facts.is_some_and(|facts| facts.pins_whole)
                };
                self.free_of(template).filter(|variable| !pins(variable)).collect()
            }
            Origin::Parts { host, .. } => self.free_in_host(host),
            Origin::Discovered(_) => Vec::new(),
        }
    }

    fn free_in_host<'a>(&'a self, host: &'a HostTemplate) -> Vec<&'a Variable> {
        let free: Vec<_> = self.free_of(&host.host).collect();
        // Most hosts have none, and then nothing is looked up: each call asks this.
        if free.is_empty() || self.is_pinned(host) { Vec::new() } else { free }
    }

    fn free_of<'a>(&'a self, template: &'a Template) -> impl Iterator<Item = &'a Variable> {
        template.names().filter_map(move |name| self.variable(name)).filter(|variable| variable.is_free())
    }

    /// Whether a host ends in a domain of the file's, by its literal or by the pattern of what stands there.
    fn is_pinned(&self, host: &HostTemplate) -> bool {
        if pinned_suffix(host.literal_suffix()) {
            return true;
        }
        let Some(Piece::Slot(last)) = host.host.parts().last() else {
            return false;
        };
        let whole = host.host.parts().len() == 1;
        let pattern = self.variable(&last.name).and_then(|variable| variable.pattern.as_ref());
        let facts = pattern.and_then(Pattern::host);
        facts.is_some_and(|facts| if whole { facts.pins_whole } else { facts.pins_end })
    }

    /// A variable of the connector that goes to a host which a user types, and the variable of that host: a secret in
    /// the one needs a list of hosts.
    pub(in crate::provider) fn setting_to_typed_host(&self) -> Option<(&Variable, &Variable)> {
        self.all().find_map(|part| {
            let allowed = part.allowed_hosts.iter().flat_map(|host| part.free_in_host(host));
            let mut called = part.call_urls().flat_map(|url| part.free_in(url)).chain(allowed);
            let mut asked = part.token_urls().flat_map(|url| part.free_in(url));
            let typed = |host: &&Variable| host.source != ValueSource::Connector;
            let with = |host: &Variable, goes: fn(&Variable) -> bool| {
                let mut settings = part.variables.iter().filter(|one| one.source == ValueSource::Connector);
                settings.find(|one| goes(one) && one.name != host.name && !self.shows_variable(&one.name))
            };
            let of_calls = called.find(typed);
            let of_calls = of_calls.and_then(|host| Some((with(host, |one| one.places.calls)?, host)));
            of_calls.or_else(|| {
                let host = asked.find(typed)?;
                Some((with(host, |one| one.places.tokens)?, host))
            })
        })
    }

    /// Every address that the file has for calls with a credential; the allowed hosts come beside.
    fn call_urls(&self) -> impl Iterator<Item = &UrlTemplate> {
        let check = self.check.as_ref().and_then(|check| match &check.target {
            Target::Absolute(url) => Some(url),
            Target::Below(_) => None,
        });
        let looked_up = self.variables.iter().filter_map(|variable| {
            if let ValueSource::Lookup(lookup) = &variable.source { Some(&lookup.url) } else { None }
        });
        std::iter::once(&self.base_url).chain(check).chain(looked_up)
    }

    /// Every address that the file has for requests for tokens and about their end.
    fn token_urls(&self) -> impl Iterator<Item = &UrlTemplate> {
        let oauth2 = self.oauth2.iter().flat_map(|table| {
            let exchange = table.exchange.as_ref().map(|exchange| &exchange.endpoint);
            let refresh = table.refresh.endpoint.as_ref();
            [Some(&table.token.endpoint), exchange, refresh, table.revocation_endpoint.as_ref()]
        });
        let others = [
            self.mcp.as_ref().map(|table| &table.url),
            self.client_credentials.as_ref().map(|table| &table.token.endpoint),
            self.session.as_ref().map(|table| &table.token.endpoint),
            self.jwt.as_ref().and_then(|table| table.token.as_ref()).map(|token| &token.endpoint),
            self.oauth1.as_ref().map(|table| &table.request_token_endpoint),
            self.oauth1.as_ref().map(|table| &table.token_endpoint),
        ];
        oauth2.chain(others).flatten()
    }
}

/// Whether one of the variables has a value that somebody gave. A default is the file's, also where it was filled in.
fn is_typed(free: &[&Variable], values: &Values) -> bool {
    free.iter().any(|variable| {
        let value = values.get(&variable.name).map(SecretString::expose_secret);
        value.is_some_and(|value| variable.default.as_deref() != Some(value))
    })
}

fn owner(template: &HostTemplate, own_port: u16, host: &str, port: u16) -> HostOwner {
    if own_port != port {
        return HostOwner::Another;
    }
    if template.host.is_literal() {
        return if template.host.source().eq_ignore_ascii_case(host) {
            HostOwner::Provider
        } else {
            HostOwner::Another
        };
    }
    if host.ends_with(template.literal_suffix()) { HostOwner::Perhaps } else { HostOwner::Another }
}

#[cfg(test)]
mod tests;
