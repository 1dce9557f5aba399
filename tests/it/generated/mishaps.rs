//! What goes wrong with a renewal, as the file says that it does: errors by the app's own codes, an answer that is lost,
//! a grant that ends.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use vouchsafe::clock::Clock as _;

use super::drive::{Drive, Outcome, wants};
use super::expect::Answer;
use super::{judge, raw};

impl Drive<'_> {
    /// When the grant ends is told, where the file says how long it lives or may lie unused.
    pub(super) async fn end_of_grant_is_told(&self) -> Outcome {
        let refresh = raw::table(&self.case.table, "refresh");
        let ends = ["idle_expiry", "lifetime"].into_iter().filter_map(|key| refresh.get(key)?.as_integer());
        let Some(seconds) = ends.min().filter(|_| self.case.method == "oauth2") else { return Ok(()) };
        let wanted = self.app.clock.now() + TimeDelta::seconds(seconds);
        let told = self.shown().await?["expiresAt"].clone();
        let found = told.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        let near = found.is_some_and(|found| (found.timestamp() - wanted.timestamp()).abs() <= 60);
        if near { Ok(()) } else { Err(format!("the grant ends at {told}, not at {wanted}")) }
    }

    /// Each error of the file has its class, once, and ends nothing. Where the file says in which place errors stand, one
    /// of RFC 6749 stands there too.
    pub(super) async fn errors_have_their_class(&mut self) -> Outcome {
        let names = judge::answer_names(&self.case, self.answers + 1);
        let place = raw::text(&names, "error").unwrap_or("error");
        let mut errors = raw::table(&self.case.table, "error_map");
        if names.contains_key("error") {
            errors.entry("invalid_grant").or_insert_with(|| "refused".into());
        }
        for (code, class) in errors {
            let (refusal, reason) = match class.as_str() {
                Some("refused" | "revoked") => ("refresh_pending", "refusal_unconfirmed"),
                Some("client") => ("connector_failing", "connector_rejected"),
                Some("throttled") => ("refresh_pending", "throttled"),
                // The token may be spent, unless it never changes.
                Some("transient") if judge::is_static(&self.case) => {
                    ("refresh_pending", "provider_unreachable")
                }
                Some("transient") => ("refresh_pending", "refresh_unconfirmed"),
                _ => return Err(format!("the judge doesn't know how {class} shows")),
            };
            let mut body = json!({});
            judge::put(&mut body, place, code.as_str().into());
            self.spend(Answer::json(400, &body));
            self.is_refused(refusal).await?;
            let found = self.shown().await?["statusReason"].clone();
            if found != reason {
                return Err(format!("`{code}` makes {found} of the credential, not {reason}"));
            }
            // Confirmation, probe and whatever else is tried again are due by then.
            self.app.clock.advance(TimeDelta::minutes(6));
            self.expect_renewal();
            self.token_is(self.answers).await?;
        }
        Ok(())
    }

    /// After a lost answer the spent token is sent again soon where the file says that the app takes it.
    pub(super) async fn answer_is_lost(&mut self) -> Outcome {
        let Some(reuse) = raw::text(&self.case.table, "refresh.reuse") else { return Ok(()) };
        let taken_again = reuse == "static" || reuse.starts_with("grace:");
        // By an app that fails, or with half of the new tokens.
        let lost = if self.case.turn(2) == 0 {
            Answer::json(500, &json!({}))
        } else {
            let soon = self.app.clock.now().with_timezone(&Utc);
            judge::tokens(&self.case, self.answers + 1, soon).cut()
        };
        self.spend(lost);
        self.is_refused("refresh_pending").await?;
        self.app.clock.advance(TimeDelta::seconds(20));
        if !taken_again {
            self.is_refused("refresh_pending").await?;
            self.app.clock.advance(TimeDelta::minutes(1));
        }
        self.expect_renewal();
        self.token_is(self.answers).await
    }

    /// The token ends, and the request for the next one is answered like this.
    fn spend(&self, answer: Answer) {
        self.app.clock.advance(TimeDelta::seconds(judge::lifetime(&self.case) + 1));
        self.apps.expect(judge::refresh(&self.case, self.answers, &self.redirect_uri), answer);
    }

    /// Whoever reads the token is told to come again.
    async fn is_refused(&self, code: &str) -> Outcome {
        let answer = self.app.as_key().get(&format!("/credentials/{}/token", self.credential)).await;
        self.apps.verdict()?;
        let found = wants(&answer, 503, "reading a token that can't be renewed")?["code"].clone();
        if found == code { Ok(()) } else { Err(format!("the token is refused as {found}, not {code}")) }
    }

    async fn shown(&self) -> Outcome<Value> {
        let path = format!("/credentials/{}", self.credential);
        wants(&self.app.as_key().get(&path).await, 200, "reading the credential")
    }
}
