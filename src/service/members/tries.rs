//! How often somebody may try: counted in the database before a password is looked at, so that many at once are counted
//! too, by account and by address. A browser that has signed in to an account before is counted by itself, by a mark
//! that only the hub can make: a stranger's guesses do not keep the owner out.

use std::net::IpAddr;

use super::session::Browser;
use crate::domain::data_key::KeyPurpose;
use crate::domain::member::Member;
use crate::domain::sign_in::{Counted, Tries};
use crate::secret::PlainToken;
use crate::service::{Code, Error, Hub};
use crate::store::{self, Tx};

/// What the hub's MACs of marks and buckets are told apart by.
const MARK: &[u8] = b"browser mark";
const BUCKET: &[u8] = b"sign-in bucket";

/// A try that was counted.
pub(super) struct Counting {
    account: String,
}

impl Hub {
    /// Counts a try to sign in as `email`.
    ///
    /// # Errors
    /// [`Code::RateLimited`], with the seconds to wait.
    pub(super) async fn count_try(&self, email: &str, browser: &Browser) -> Result<Counting, Error> {
        let known = browser.mark.as_deref().filter(|mark| self.is_mark(email, mark));
        let (what, account) = match known {
            Some(mark) => (Counted::Browser, self.bucket("browser", mark)?),
            None => (Counted::Account, self.bucket("account", email)?),
        };
        let tx = self.store.begin().await?;
        let mut wait = self.count_one(&tx, &account, what).await?;
        if wait.is_none() {
            wait = self.count_network(&tx, browser).await?;
        }
        if let Some(seconds) = wait {
            return Err(too_often(seconds));
        }
        tx.commit().await?;
        Ok(Counting { account })
    }

    /// Counts a try that names no account.
    ///
    /// # Errors
    /// [`Code::RateLimited`], with the seconds to wait.
    pub(super) async fn count_address(&self, browser: &Browser) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        if let Some(seconds) = self.count_network(&tx, browser).await? {
            return Err(too_often(seconds));
        }
        Ok(tx.commit().await?)
    }

    async fn count_network(&self, tx: &Tx, browser: &Browser) -> Result<Option<u64>, Error> {
        let Some(address) = browser.origin.address else {
            return Ok(None);
        };
        let key = self.bucket("address", &network(address))?;
        self.count_one(tx, &key, Counted::Address).await
    }

    async fn count_one(&self, tx: &Tx, key: &str, what: Counted) -> Result<Option<u64>, Error> {
        let tries: Tries = store::sign_in::lock(tx, key).await?;
        match tries.count(what, self.now()) {
            Ok(counted) => {
                store::sign_in::save(tx, key, counted).await?;
                Ok(None)
            }
            Err(seconds) => Ok(Some(seconds)),
        }
    }

    /// Forgets the tries of an account after one that was right. Those of the address stand: it may hold many accounts.
    pub(super) async fn forget_tries(&self, tx: &Tx, counting: &Counting) -> Result<(), Error> {
        Ok(store::sign_in::forget(tx, std::slice::from_ref(&counting.account)).await?)
    }

    fn bucket(&self, kind: &str, what: &str) -> Result<String, Error> {
        Ok(self.vault.mac(KeyPurpose::Requests, &[BUCKET, kind.as_bytes(), what.as_bytes()])?)
    }

    /// A mark for a browser in which `member` signed in.
    pub(super) fn browser_mark(&self, member: &Member) -> Result<String, Error> {
        let nonce = PlainToken::random(self.random.as_ref());
        Ok(format!("{}.{}", nonce.expose(), self.mark_mac(&member.email, nonce.expose())?))
    }

    fn is_mark(&self, email: &str, mark: &str) -> bool {
        let Some((nonce, mac)) = mark.split_once('.') else {
            return false;
        };
        let right = self.mark_mac(email, nonce);
        right.is_ok_and(|right| subtle::ConstantTimeEq::ct_eq(right.as_bytes(), mac.as_bytes()).into())
    }

    fn mark_mac(&self, email: &str, nonce: &str) -> Result<String, Error> {
        Ok(self.vault.mac(KeyPurpose::Requests, &[MARK, email.as_bytes(), nonce.as_bytes()])?)
    }
}

fn too_often(seconds: u64) -> Error {
    let detail = format!("That was tried too often. Wait {} and try again.", in_words(seconds));
    Error::later(Code::RateLimited, detail, seconds)
}

/// An address, or the network that one customer usually has of the newer kind.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

fn in_words(seconds: u64) -> String {
    match seconds {
        0..=1 => "a second".to_owned(),
        2..=90 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}
