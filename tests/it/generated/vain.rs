//! What comes to nothing at the first try: an app that names a host of somebody else's, and one that breaks off in the
//! middle of its tokens. Nothing is kept of it and nothing more is asked, and the next try finds all as it was.

use serde_json::Value;

use super::drive::{Drive, Outcome, wants};
use super::judge;

impl Drive<'_> {
    /// Sign-ins that fail by what the app says.
    pub(super) async fn sign_in_in_vain(&mut self) -> Outcome {
        let (case, answers) = (self.case.clone(), self.answers);
        for (name, word) in case.foreign() {
            self.a_foreign_host_is_refused(&name, &word)
                .await
                .map_err(|fault| format!("`{name}`: {fault}"))?;
            (self.case, self.answers) = (case.clone(), answers);
        }
        // The same for every file, so that not each has to show it.
        if case.is_played_at_length() {
            self.tokens_break_off().await?;
            (self.case, self.answers) = (case, answers);
        }
        Ok(())
    }

    /// From the moment at which the app names a host that isn't its own, nobody is asked anything more.
    async fn a_foreign_host_is_refused(&mut self, name: &str, word: &str) -> Outcome {
        self.case.tell(name, word);
        let away = self.go_to_the_app().await?;
        let tells = |source: &str| self.case.captured(source).iter().any(|(other, _)| other == name);
        let (in_callback, in_tokens) = (tells("callback."), tells("token."));
        if !in_callback {
            self.case.learn(&self.case.captured("callback."));
            self.expect_exchange(&away);
            if !in_tokens {
                self.expect_learning_up_to(Some(name));
            }
        }
        self.come_back(&away.browser, &away.back).await?;
        let code = if in_callback { "unexpected_answer" } else { "provider_unreachable" };
        self.failed_as(&away.session, code).await
    }

    /// The tokens of a sign-in arrive in part.
    async fn tokens_break_off(&mut self) -> Outcome {
        let away = self.go_to_the_app().await?;
        self.case.learn(&self.case.captured("callback."));
        let wanted = self.wanted_exchange(&away);
        let answer = self.next_tokens().cut();
        self.apps.expect(wanted, answer);
        self.come_back(&away.browser, &away.back).await?;
        self.failed_as(&away.session, "provider_unreachable").await
    }

    /// Nothing was connected, and the session says why.
    pub(super) async fn failed_as(&self, session: &str, code: &str) -> Outcome {
        let path = format!("/connect/sessions/{session}");
        let ended = wants(&self.app.as_key().get(&path).await, 200, "reading the session")?;
        let result = &ended["results"][0];
        if result["status"] == "failed" && result["error"] == code && result["credentialId"].is_null() {
            return Ok(());
        }
        Err(format!("the sign-in should have failed as {code}: {ended}"))
    }

    /// The token that typed values make arrives in part, where the app is asked for one.
    pub(super) async fn break_off_first(&mut self, body: &Value) -> Outcome {
        let Some(wanted) = judge::mint(&self.case).filter(|_| self.case.is_played_at_length()) else {
            return Ok(());
        };
        let answer = self.next_tokens().cut();
        self.answers -= 1;
        self.apps.expect(wanted, answer);
        let refused = self.app.as_key().post("/credentials", body).await;
        self.apps.verdict()?;
        let code = wants(&refused, 502, "a token that arrives in part")?["code"].clone();
        if code == "provider_unreachable" {
            Ok(())
        } else {
            Err(format!("the half token was answered {code}"))
        }
    }
}
