//! Refresh and revocation: what each kind of provider does with a token it has seen before.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Grant, GrantId, Issued, Ledger, Mint, Owner, Refusal};
use crate::demo::fake::config::{RefreshKind, RevokeScope};
use crate::demo::fake::counters::{GrantEnd, VersionView};

/// What a live grant says to a refresh token of one of its versions.
enum Verdict {
    /// Takes it; the successor is new.
    Rotate,
    /// Takes it; the token stays.
    Keep,
    /// Takes it again; the successor is the one it gave before.
    Repeat,
    Refuse,
    RefuseAndEnd,
}

fn verdict(kind: RefreshKind, seen: &VersionView, spent: bool, now: DateTime<Utc>) -> Verdict {
    match (kind, spent) {
        (RefreshKind::Static, _) => Verdict::Keep,
        (RefreshKind::Grace(_) | RefreshKind::Reject | RefreshKind::Strict, false) => Verdict::Rotate,
        (RefreshKind::Grace(seconds), true) => {
            let until = seen.spent_at.map(|at| at + TimeDelta::seconds(seconds.into()));
            if until.is_some_and(|until| now <= until) { Verdict::Repeat } else { Verdict::Refuse }
        }
        (RefreshKind::Reject, true) => Verdict::Refuse,
        (RefreshKind::Strict, true) => Verdict::RefuseAndEnd,
    }
}

impl Grant {
    /// Takes the refresh token of `version`, or not; the answer is its successor, none where it stays.
    fn spend(&mut self, version: u64, mint: &Mint<'_>) -> Result<Option<String>, Refusal> {
        let Some(seen) = self.versions.get_mut(&version) else {
            return Err(Refusal::grant("the refresh token is unknown"));
        };
        let spent = version < self.current;
        seen.reuse += u64::from(spent);
        if self.end.is_some() {
            seen.refused += 1;
            return Err(Refusal::grant("the grant has ended"));
        }
        match verdict(self.kind, seen, spent, mint.now) {
            Verdict::Refuse => {
                seen.refused += 1;
                Err(Refusal::grant("the refresh token was used before"))
            }
            Verdict::RefuseAndEnd => {
                seen.refused += 1;
                seen.ended_grant = true;
                self.end = Some(GrantEnd::Reuse);
                Err(Refusal::grant("the refresh token was used before; the grant is revoked"))
            }
            Verdict::Keep => {
                seen.accepted += 1;
                Ok(None)
            }
            Verdict::Repeat => {
                seen.accepted += 1;
                Ok(Some(self.current_token.clone()))
            }
            Verdict::Rotate => {
                seen.accepted += 1;
                seen.spent_at = Some(mint.now);
                let next = version + 1;
                self.current = next;
                self.current_token = mint.token("fhr_");
                self.versions.insert(next, VersionView { version: next, ..VersionView::default() });
                Ok(Some(self.current_token.clone()))
            }
        }
    }
}

impl Ledger {
    /// Notes that a refresh token arrived, before anything is done with it.
    pub(in crate::demo::fake) fn arrived(&mut self, refresh_token: &str) -> Option<(GrantId, u64)> {
        let (id, version) = *self.refresh.get(refresh_token)?;
        if let Some(seen) = self.grants.get_mut(&id).and_then(|grant| grant.versions.get_mut(&version)) {
            seen.requests += 1;
        }
        Some((id, version))
    }

    /// Spends a refresh token.
    pub(in crate::demo::fake) fn refresh(
        &mut self,
        refresh_token: &str,
        client_id: &str,
        scope: Option<&str>,
        mint: &Mint<'_>,
    ) -> Result<Issued, Refusal> {
        let Some(&(id, version)) = self.refresh.get(refresh_token) else {
            return Err(Refusal::grant("the refresh token is unknown"));
        };
        let Some(grant) = self.grants.get_mut(&id).filter(|grant| grant.client_id == client_id) else {
            return Err(Refusal::grant("the refresh token belongs to another client"));
        };
        let scopes = match scope {
            None => grant.scopes.clone(),
            Some(asked) => asked.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>(),
        };
        if !scopes.iter().all(|scope| grant.scopes.contains(scope)) {
            return Err(Refusal::new("invalid_scope", "more than the user allowed"));
        }
        let kept = self.settings.repeat_refresh_token;
        let refresh_token = grant.spend(version, mint)?.or_else(|| kept.then(|| grant.current_token.clone()));
        let current = grant.current;
        let owner = Owner::Grant { id, version: current, username: grant.username.clone() };
        if let Some(token) = &refresh_token {
            self.refresh.insert(token.clone(), (id, current));
        }
        Ok(Issued { grant: Some(id), refresh_token, ..self.access_token(owner, scopes, mint) })
    }

    /// Changes the refresh kind of a grant; false if there is no such grant.
    pub(in crate::demo::fake) fn change_kind(&mut self, id: GrantId, kind: RefreshKind) -> bool {
        let grant = self.grants.get_mut(&id);
        grant.map(|grant| grant.kind = kind).is_some()
    }

    /// Revokes a token of this client (RFC 7009); an unknown one is no error. Gives the number of grants ended.
    pub(in crate::demo::fake) fn revoke(&mut self, token: &str, client_id: &str) -> u64 {
        let Some((id, version)) = self.identify(token) else {
            if let Some(access) = self.access.get_mut(token)
                && access.owner == Owner::Client(client_id.to_owned())
            {
                access.revoked = true;
            }
            return 0;
        };
        let Some(grant) = self.grants.get(&id).filter(|grant| grant.client_id == client_id) else {
            return 0;
        };
        let ended = match self.settings.revoke_scope {
            RevokeScope::Token => {
                if let Some(access) = self.access.get_mut(token) {
                    access.revoked = true;
                    Vec::new()
                } else if version == grant.current {
                    vec![id]
                } else {
                    Vec::new()
                }
            }
            RevokeScope::Grant => vec![id],
            RevokeScope::Account => {
                let same =
                    |other: &Grant| other.username == grant.username && other.client_id == grant.client_id;
                self.grants.iter().filter(|(_, other)| same(other)).map(|(id, _)| *id).collect()
            }
        };
        ended.into_iter().map(|id| u64::from(self.end(id, GrantEnd::Revoked))).sum()
    }
}
