//! What came back from the app becomes tokens, each call in its turn.

use secrecy::SecretString;
use vouchsafe_entity::id::WorkspaceId;
use vouchsafe_entity::millis::Millis;

use super::Taken;
use crate::oauth::exchange::{CodeGrant, exchange_code, prolong};
use crate::oauth::oauth1::{self, Temporary};
use crate::oauth::{ClientAuth, TokenAnswer, TokenError};
use crate::provider::{Definition, TOKEN_SECRET, Values};
use crate::service::connect::flows::cannot_start;
use crate::service::material::Material;
use crate::service::throttle::{Patience, Turn};
use crate::service::{Error, Hub};

/// What came back.
pub(super) enum Came {
    /// A code.
    Code(CodeGrant),
    /// A verifier for temporary credentials (OAuth 1.0a).
    Verifier(Temporary, SecretString),
}

/// Tokens and when they were asked for, or why there are none.
type Exchanged = Result<(TokenAnswer, Millis), TokenError>;

impl Hub {
    /// Exchanges what came back for tokens. The secret of a token of OAuth 1.0a goes into the material.
    ///
    /// # Errors
    /// Those of the connector's settings, before anything was sent.
    pub(super) async fn exchange(
        &self,
        taken: &Taken,
        values: &Values,
        came: Came,
        material: &mut Material,
    ) -> Result<Exchanged, Error> {
        let Taken { visit, connector, definition, .. } = taken;
        let client = self.client(visit.actor.tenant, connector, values).await?.ok_or_else(cannot_start)?;
        let workspace = visit.actor.workspace();
        let url = match (&came, definition.oauth1()) {
            (Came::Verifier(..), Some(table)) => table.token_endpoint.render(values),
            (Came::Verifier(..), None) | (Came::Code(_), _) => {
                definition.token_endpoint(taken.method, values)
            }
        };
        // The flow is taken: what came back can't come again.
        let turn = self.turn_to(workspace, definition, url, Patience::Spent).await?;
        Ok(match came {
            Came::Code(grant) => {
                self.exchange_code_at((workspace, definition), turn, values, &client, &grant).await
            }
            Came::Verifier(temporary, verifier) => {
                let exchanged = self
                    .exchange_verifier(definition, values, &client, &temporary, &verifier, material)
                    .await;
                drop(turn);
                exchanged
            }
        })
    }

    async fn exchange_code_at(
        &self,
        (workspace, definition): (WorkspaceId, &Definition),
        turn: Option<Turn>,
        values: &Values,
        client: &ClientAuth,
        grant: &CodeGrant,
    ) -> Exchanged {
        let now = self.clock.now();
        let first = exchange_code(&self.egress, definition, values, client, grant, now).await?;
        // The next call may go to the same host, where it would wait for this one.
        drop(turn);
        let again = definition.oauth2().and_then(|oauth2| oauth2.exchange.as_ref());
        let _turn = match again.map(|exchange| exchange.endpoint.render(values)) {
            Some(url) => self.turn_to(workspace, definition, url, Patience::Spent).await.ok().flatten(),
            None => None,
        };
        let now = self.clock.now();
        let answer = prolong(&self.egress, definition, values, client, first, now).await?;
        Ok((answer, now.into()))
    }

    async fn exchange_verifier(
        &self,
        definition: &Definition,
        values: &Values,
        client: &ClientAuth,
        temporary: &Temporary,
        verifier: &SecretString,
        material: &mut Material,
    ) -> Exchanged {
        let moment = self.signing_moment();
        let exchanged =
            oauth1::exchange(&self.egress, definition, values, client, temporary, verifier, &moment).await;
        let (answer, secret) = exchanged?;
        material.set(TOKEN_SECRET, secret);
        Ok((answer, moment.now.into()))
    }
}
