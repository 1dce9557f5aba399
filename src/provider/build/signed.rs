//! The method tables whose calls are signed.

use vouchsafe_entity::kind::Method;

use super::{At, Builder, Owner, Part, Spot, Stand};
use crate::provider::definition::{AwsSigV4, OAuth1, TokenRequestFormat};
use crate::provider::format;

impl Builder {
    pub(super) fn aws_sigv4(&mut self, raw: &format::AwsSigV4) -> Option<AwsSigV4> {
        let (top, owner) = (At::top("aws_sigv4"), &Owner::Method(Method::AwsSigV4));
        let stand = Stand { spot: Spot::Signature, owner };
        let keys = [
            ("service", &raw.service),
            ("region", &raw.region),
            ("access_key_id", &raw.access_key_id),
            ("secret_access_key", &raw.secret_access_key),
        ];
        for (key, text) in keys {
            if text.is_none() {
                self.missing(top.key(key));
            }
        }
        let mut part =
            |key, text: &Option<String>| self.text(top.key(key), text.as_deref()?, stand, Part::Header);
        let [service, region, access_key_id, secret_access_key] = keys.map(|(key, text)| part(key, text));
        let session_token = part("session_token", &raw.session_token);
        let check_service = part("check_service", &raw.check_service);
        Some(AwsSigV4 {
            service: service?,
            region: region?,
            access_key_id: access_key_id?,
            secret_access_key: secret_access_key?,
            session_token,
            check_service,
            unsigned_payload: raw.unsigned_payload.unwrap_or(false),
            path_as_sent: raw.path_as_sent.unwrap_or(false),
        })
    }

    pub(super) fn oauth1(&mut self, raw: &format::OAuth1) -> Option<OAuth1> {
        let (top, owner) = (At::top("oauth1"), &Owner::Method(Method::OAuth1));
        let url = |spot| Stand { spot, owner };
        let endpoint = &raw.request_token_endpoint;
        let request =
            self.required_url(top.key("request_token_endpoint"), endpoint.as_deref(), url(Spot::Token));
        let endpoint = &raw.authorization_endpoint;
        let authorization = self.required_url(
            top.key("authorization_endpoint"),
            endpoint.as_deref(),
            url(Spot::Authorization),
        );
        let endpoint = &raw.token_endpoint;
        let token = self.required_url(top.key("token_endpoint"), endpoint.as_deref(), url(Spot::Token));
        let authorization_params = self.params(
            top.key("authorization_params"),
            raw.authorization_params.as_ref(),
            url(Spot::AuthorizationParam),
            TokenRequestFormat::Form,
        );
        let realm = raw.realm.as_deref();
        let realm =
            realm.and_then(|realm| self.text(top.key("realm"), realm, url(Spot::Token), Part::Header));
        Some(OAuth1 {
            request_token_endpoint: request?,
            authorization_endpoint: authorization?,
            token_endpoint: token?,
            authorization_params,
            hash: raw.signature_method.map(Into::into).unwrap_or_default(),
            realm,
        })
    }
}
