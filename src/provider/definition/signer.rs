//! Who signs the calls of a method, made of the values of a credential.

use secrecy::{ExposeSecret as _, SecretString};
use vouchsafe_entity::kind::Method;

use super::Definition;
use crate::provider::definition::Params;
use crate::provider::template::{RenderError, Template};
use crate::provider::url_template::UrlTemplate;
use crate::provider::values::Values;
use crate::signing::oauth1::{self, Hash};
use crate::signing::{Signer, aws};

/// The built-in under which the secret of a token of OAuth 1.0a is kept.
pub const TOKEN_SECRET: &str = "oauth_token_secret";

fn needed(values: &Values, name: &str) -> Result<SecretString, RenderError> {
    values.get(name).cloned().ok_or_else(|| RenderError::Missing(name.to_owned()))
}

/// `[aws_sigv4]`: each call is signed by keys that the user typed.
#[derive(Debug)]
pub struct AwsSigV4 {
    pub(in crate::provider) service: Template,
    pub(in crate::provider) region: Template,
    pub(in crate::provider) access_key_id: Template,
    pub(in crate::provider) secret_access_key: Template,
    pub(in crate::provider) session_token: Option<Template>,
    /// The service that the check asks, if another.
    pub(in crate::provider) check_service: Option<Template>,
    pub(in crate::provider) unsigned_payload: bool,
    pub(in crate::provider) path_as_sent: bool,
}

/// `[oauth1]`: the user consents in a browser, and each call is signed (RFC 5849).
#[derive(Debug)]
pub struct OAuth1 {
    /// Where temporary credentials are asked for.
    pub request_token_endpoint: UrlTemplate,
    /// Where the browser is sent.
    pub authorization_endpoint: UrlTemplate,
    /// Where they become a token.
    pub token_endpoint: UrlTemplate,
    /// Added to the authorization request.
    pub authorization_params: Params,
    pub(in crate::provider) hash: Hash,
    pub(in crate::provider) realm: Option<Template>,
}

impl Definition {
    /// Who signs the calls of a credential of `method`; none where a call carries the credential itself.
    pub fn signer(&self, method: Method, values: &Values) -> Result<Option<Signer>, RenderError> {
        match (method, &self.of(method).aws_sigv4) {
            (Method::AwsSigV4, Some(table)) => table.signer(&table.service, values).map(Some),
            (Method::OAuth1, _) => {
                let table = self.oauth1().ok_or(RenderError::Undeclared)?;
                let [token, secret] = ["access_token", TOKEN_SECRET].map(|name| needed(values, name));
                Ok(Some(Signer::OAuth1(oauth1::Keys {
                    token: Some((token?, secret?)),
                    ..table.keys(values)?
                })))
            }
            _ => Ok(None),
        }
    }

    /// The same for the check.
    pub(super) fn check_signer(
        &self,
        method: Method,
        values: &Values,
    ) -> Result<Option<Signer>, RenderError> {
        match (method, &self.of(method).aws_sigv4) {
            (Method::AwsSigV4, Some(table)) => {
                let service = table.check_service.as_ref().unwrap_or(&table.service);
                table.signer(service, values).map(Some)
            }
            _ => self.signer(method, values),
        }
    }
}

impl AwsSigV4 {
    fn signer(&self, service: &Template, values: &Values) -> Result<Signer, RenderError> {
        let optional = |template: &Template| template.render_text(values);
        let needed = |template: &Template| -> Result<SecretString, RenderError> {
            let missing = || RenderError::Missing(template.names().next().unwrap_or("key").to_owned());
            optional(template)?.ok_or_else(missing)
        };
        let plain = |template: &Template| -> Result<String, RenderError> {
            Ok(needed(template)?.expose_secret().to_owned())
        };
        // Another service than the one of calls has its own way with paths, and its bodies are signed.
        let own = service == &self.service;
        Ok(Signer::Aws(aws::Keys {
            access_key_id: plain(&self.access_key_id)?,
            secret_access_key: needed(&self.secret_access_key)?,
            session_token: self.session_token.as_ref().map(optional).transpose()?.flatten(),
            region: plain(&self.region)?,
            service: plain(service)?,
            unsigned_payload: own && self.unsigned_payload,
            path_as_sent: own && self.path_as_sent,
        }))
    }
}

impl OAuth1 {
    /// What signs without a token: the client alone.
    pub fn keys(&self, values: &Values) -> Result<oauth1::Keys, RenderError> {
        let realm = self.realm.as_ref().map(|realm| realm.render_text(values)).transpose()?.flatten();
        Ok(oauth1::Keys {
            client_id: needed(values, "client_id")?.expose_secret().to_owned(),
            client_secret: needed(values, "client_secret")?,
            token: None,
            hash: self.hash,
            realm: realm.map(|realm| realm.expose_secret().to_owned()),
        })
    }
}
