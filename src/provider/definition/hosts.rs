//! What a definition says about hosts before any credential is there: whose they are, and who names them.

use super::Definition;
use crate::provider::template::Template;
use crate::provider::url_template::{Authority, HostTemplate, Origin, UrlTemplate};
use crate::provider::values::Values;
use crate::provider::variable::ValueSource;

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

    /// The hosts that the connector names by its variables and that no literal of the file pins: whoever sets the
    /// connector decides where they are.
    pub fn hosts_of_connector(&self, values: &Values) -> Vec<Authority> {
        let mut hosts = Vec::new();
        for url in self.all().flat_map(Self::urls).filter(|url| self.is_chosen_by_connector(url)) {
            if let Ok(url) = url.render(values)
                && let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default())
            {
                hosts.push(Authority { host: host.to_owned(), port });
            }
        }
        hosts
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
            || templates.flat_map(Template::names).any(|other| other == name)
            || authorization.is_some_and(|url| url.source().contains(&format!("{{{name}}}")))
    }

    fn is_chosen_by_connector(&self, url: &UrlTemplate) -> bool {
        let mut names = match &url.origin {
            Origin::Whole(template) => template.names().collect::<Vec<_>>(),
            Origin::Parts { host, .. } if host.literal_suffix().is_empty() => host.host.names().collect(),
            Origin::Parts { .. } | Origin::Discovered(_) => Vec::new(),
        }
        .into_iter();
        names.any(|name| {
            self.variable(name).is_some_and(|variable| {
                variable.source == ValueSource::Connector && variable.options.is_empty()
            })
        })
    }

    /// Every address that the file has for requests of the hub.
    fn urls(&self) -> impl Iterator<Item = &UrlTemplate> {
        let oauth2 = self.oauth2.iter().flat_map(|table| {
            let exchange = table.exchange.as_ref().map(|exchange| &exchange.endpoint);
            let refresh = table.refresh.endpoint.as_ref();
            [Some(&table.token.endpoint), exchange, refresh, table.revocation_endpoint.as_ref()]
        });
        let others = [
            self.client_credentials.as_ref().map(|table| &table.token.endpoint),
            self.session.as_ref().map(|table| &table.token.endpoint),
            self.jwt.as_ref().and_then(|table| table.token.as_ref()).map(|token| &token.endpoint),
            self.oauth1.as_ref().map(|table| &table.request_token_endpoint),
            self.oauth1.as_ref().map(|table| &table.token_endpoint),
        ];
        std::iter::once(&self.base_url).chain(oauth2.chain(others).flatten())
    }
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
mod tests {
    use super::*;
    use crate::provider::{Registry, Sources};

    fn definition(text: &str) -> std::sync::Arc<Definition> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("acme.toml"), text).unwrap();
        let sources = Sources { builtin: false, dir: Some(folder.path().to_owned()), allow_http: false };
        let registry = Registry::load(&sources).unwrap_or_else(|report| panic!("{report}"));
        registry.get("acme").unwrap()
    }

    const HEAD: &str = "name = \"Acme\"\ndocumentation = \"https://acme.test/docs\"\n";
    const KEY: &str = "key = { label = \"Key\", secret = true }\n";
    const REST: &str = "[api_key]\nheaders = { X-Api-Key = \"{key}\" }\n[check]\npath = \"/me\"\n";

    #[test]
    fn a_host_is_the_providers_perhaps_or_anothers() {
        let text = format!(
            "{HEAD}base_url = \"https://api.acme.test/v1\"\nallowed_hosts = [\"files.acme.test:8443\", \"{{shop}}.acme-shops.test\"]\n\
             [variables]\nshop = {{ label = \"Shop\" }}\n{KEY}{REST}"
        );
        let definition = definition(&text);
        for (host, port, wanted) in [
            ("api.acme.test", 443, HostOwner::Provider),
            ("api.acme.test", 8443, HostOwner::Another),
            ("files.acme.test", 8443, HostOwner::Provider),
            ("files.acme.test", 443, HostOwner::Another),
            ("x.acme-shops.test", 443, HostOwner::Perhaps),
            ("acme.test", 443, HostOwner::Another),
            ("api.acme.test.evil.test", 443, HostOwner::Another),
        ] {
            assert_eq!(definition.host_owner(host, port), wanted, "{host}:{port}");
        }
        assert_eq!(definition.hosts_of_connector(&Values::new()), []);
        assert!(definition.shows_variable("shop") && !definition.shows_variable("key"));
    }

    #[test]
    fn a_host_that_the_connector_names_is_found() {
        let text = format!(
            "{HEAD}base_url = \"{{server}}/api\"\n[variables]\nserver = {{ from = \"connector\", label = \"Server\", pattern = 'https://[a-z0-9.-]+' }}\n{KEY}{REST}"
        );
        let definition = definition(&text);
        let values = Values::new().with("server", "https://git.example.test");
        let host = Authority { host: "git.example.test".to_owned(), port: 443 };
        assert_eq!(definition.hosts_of_connector(&values), [host]);
        assert_eq!(definition.host_owner("anything.test", 443), HostOwner::Perhaps);
        assert!(definition.shows_variable("server"));
    }
}
