//! Tokens that an app has just given, before anything is stored: asked for, tested, and had anew once where the app
//! refuses them. They are nobody else's yet, so nothing is claimed and nothing written down.

use vouchsafe_entity::kind::Method;
use vouchsafe_entity::millis::Millis;

use super::accept::{capture, rejected};
use crate::domain::actor::Actor;
use crate::domain::connector::Connector;
use crate::domain::refresh::is_minted;
use crate::oauth::TokenAnswer;
use crate::provider::{Captured, Definition};
use crate::service::material::Material;
use crate::service::refresh::{Anew, endpoint_anew};
use crate::service::throttle::Patience;
use crate::service::{Code, Error, Hub};

/// Where a credential comes from.
#[derive(Clone, Copy)]
pub(in crate::service) struct Source<'a> {
    pub(in crate::service) actor: &'a Actor,
    pub(in crate::service) connector: &'a Connector,
    pub(in crate::service) definition: &'a Definition,
    pub(in crate::service) method: Method,
    /// What a user granted; none where nobody was asked.
    pub(in crate::service) scopes: &'a [String],
}

/// What the app told with its latest tokens. The tokens themselves lie in the material.
pub(in crate::service) struct Fresh {
    pub(in crate::service) answer: TokenAnswer,
    /// When they were asked for.
    pub(in crate::service) sent_at: Millis,
}

impl Fresh {
    /// Takes what a renewal told; what it does not repeat stays as it was.
    fn renewed(&mut self, newer: Self) {
        let older = std::mem::replace(self, newer);
        let elapsed = u64::try_from(self.sent_at.since(older.sent_at)).unwrap_or(0).div_ceil(1_000);
        let answer = &mut self.answer;
        if answer.refresh_token.is_none() && answer.refresh_expires_in.is_none() {
            let left = older.answer.refresh_expires_in;
            answer.refresh_expires_in = left.map(|seconds| seconds.saturating_sub(elapsed));
        }
        answer.scopes = answer.scopes.take().or(older.answer.scopes);
    }
}

impl Source<'_> {
    /// Whether new tokens can be had without the user.
    fn renews(&self, material: &Material) -> bool {
        is_minted(self.method) || (self.method == Method::OAuth2 && material.refresh_token.is_some())
    }
}

impl Hub {
    /// Runs the check of what was typed or given. Tokens that came with `fresh` and are refused may not be known
    /// everywhere yet: new ones are asked for once, and the check repeated (`providers.md`, section 7). Whatever comes
    /// of it, the material then holds the newest.
    ///
    /// # Errors
    /// What app or definition refuses, and [`Code::ProviderBusy`] as far as `patience` goes.
    pub(in crate::service) async fn check_fresh(
        &self,
        source: Source<'_>,
        material: &mut Material,
        fresh: Option<&mut Fresh>,
        patience: Patience,
    ) -> Result<Vec<&'static str>, Error> {
        let learned = self.check_and_learn(source, material, patience).await;
        let refused = |error: &Error| error.code() == Some(Code::CredentialRejected);
        match (learned, fresh) {
            (Err(error), Some(fresh)) if refused(&error) && source.renews(material) => {
                Box::pin(self.check_renewed(source, material, fresh)).await
            }
            (learned, _) => learned,
        }
    }

    async fn check_renewed(
        &self,
        source: Source<'_>,
        material: &mut Material,
        fresh: &mut Fresh,
    ) -> Result<Vec<&'static str>, Error> {
        let newer = self.ask_anew(source, material, Patience::Spent).await?;
        fresh.renewed(newer);
        self.check_and_learn(source, material, Patience::Spent).await
    }

    /// Asks the app for tokens with what the material holds, and takes them.
    ///
    /// # Errors
    /// As [`Hub::check_fresh`].
    pub(super) async fn ask_anew(
        &self,
        source: Source<'_>,
        material: &mut Material,
        patience: Patience,
    ) -> Result<Fresh, Error> {
        let Source { actor, connector, definition, method, scopes } = source;
        let anew = Anew { tenant: actor.tenant, connector, definition, method, material, scopes };
        let values = self.values_anew(&anew).await?;
        let url = endpoint_anew(definition, method, &values);
        let turn = self.turn_to(actor.workspace(), definition, url, patience).await?;
        let now = self.clock.now();
        let sent = self.send_anew(&anew, &values, now).await?;
        drop(turn);
        let read = sent.and_then(|received| received.read_for(definition, method));
        let answer = read.map_err(|error| rejected(definition, &error))?;
        // First of all: what it replaces may be spent.
        material.take(&answer);
        match capture(definition, method, Captured::Token(answer.raw.expose()), material) {
            // What a refresh does not repeat stays as it was.
            Err(_) if method == Method::OAuth2 => {}
            captured => captured?,
        }
        Ok(Fresh { answer, sent_at: now.into() })
    }
}
