//! How often somebody may try: counted in the database before a password is looked at, so that many at once are counted
//! too, by account and by address. A browser that has signed in to an account before is counted by itself, by a mark
//! that only the hub can make: a stranger's guesses, at the account or from the same address, do not keep the owner out.
//! A try that was right is taken back, so that people who sign in do not add up at the address that they share.

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
#[derive(Default)]
pub(super) struct Counting {
    /// By the account or the browser.
    own: Option<Tried>,
    /// By the address.
    address: Option<Tried>,
    /// Where else tries of the account are counted.
    others: Vec<String>,
}

/// A try as it stands in a bucket.
struct Tried {
    key: String,
    what: Counted,
    before: Tries,
    after: Tries,
}

impl Hub {
    /// Counts a try to sign in as `email`. By a browser that is known it is counted for that alone: whoever else is at its
    /// address keeps nobody out of it.
    ///
    /// # Errors
    /// [`Code::RateLimited`], with the seconds to wait.
    pub(super) async fn count_try(&self, email: &str, browser: &Browser) -> Result<Counting, Error> {
        let tx = self.store.begin().await?;
        let counting = if let Some(key) = self.known(email, browser)? {
            let own = Some(self.count_one(&tx, key, Counted::Browser).await?);
            Counting { own, ..Counting::default() }
        } else {
            let key = self.bucket("account", email)?;
            let own = Some(self.count_one(&tx, key, Counted::Account).await?);
            Counting { own, address: self.count_network(&tx, browser).await?, others: Vec::new() }
        };
        tx.commit().await?;
        Ok(counting)
    }

    /// Counts a code that is typed after the password of `email`. Only who knows that gets so far, so strangers who guess
    /// at it, at the account or from the same address, keep nobody from the code.
    ///
    /// # Errors
    /// [`Code::RateLimited`], with the seconds to wait.
    pub(super) async fn count_code(&self, email: &str, browser: &Browser) -> Result<Counting, Error> {
        let (key, what, others) = match self.known(email, browser)? {
            Some(key) => (key, Counted::Browser, Vec::new()),
            None => (self.bucket("code", email)?, Counted::Account, vec![self.bucket("account", email)?]),
        };
        let tx = self.store.begin().await?;
        let own = Some(self.count_one(&tx, key, what).await?);
        tx.commit().await?;
        Ok(Counting { own, address: None, others })
    }

    /// Counts a try that names no account.
    ///
    /// # Errors
    /// [`Code::RateLimited`], with the seconds to wait.
    pub(super) async fn count_address(&self, browser: &Browser) -> Result<Counting, Error> {
        let tx = self.store.begin().await?;
        let address = self.count_network(&tx, browser).await?;
        tx.commit().await?;
        Ok(Counting { address, ..Counting::default() })
    }

    async fn count_network(&self, tx: &Tx, browser: &Browser) -> Result<Option<Tried>, Error> {
        let Some(address) = browser.origin.address else {
            return Ok(None);
        };
        let key = self.bucket("address", &network(address))?;
        Ok(Some(self.count_one(tx, key, Counted::Address).await?))
    }

    async fn count_one(&self, tx: &Tx, key: String, what: Counted) -> Result<Tried, Error> {
        let before = store::sign_in::lock(tx, &key).await?;
        let after = before.count(what, self.now()).map_err(too_often)?;
        store::sign_in::save(tx, &key, after).await?;
        Ok(Tried { key, what, before, after })
    }

    /// Takes back a try that was right, and that one alone.
    pub(super) async fn take_back(&self, tx: &Tx, counting: &Counting) -> Result<(), Error> {
        self.take_one_back(tx, counting.own.as_ref()).await?;
        self.take_one_back(tx, counting.address.as_ref()).await
    }

    async fn take_one_back(&self, tx: &Tx, tried: Option<&Tried>) -> Result<(), Error> {
        let Some(Tried { key, what, before, after }) = tried else {
            return Ok(());
        };
        let present = store::sign_in::lock(tx, key).await?;
        Ok(store::sign_in::save(tx, key, present.without(*what, *before, *after)).await?)
    }

    /// Forgets the tries of an account after one that was right. Of those of the address only that one is taken back: it
    /// may hold many accounts, and whoever has one of them may guess at the others.
    pub(super) async fn forget_tries(&self, tx: &Tx, counting: &Counting) -> Result<(), Error> {
        let own = counting.own.iter().map(|tried| tried.key.clone());
        let keys: Vec<_> = own.chain(counting.others.iter().cloned()).collect();
        store::sign_in::forget(tx, &keys).await?;
        self.take_one_back(tx, counting.address.as_ref()).await
    }

    /// What a browser is counted by that has signed in to this account before.
    fn known(&self, email: &str, browser: &Browser) -> Result<Option<String>, Error> {
        let mark = browser.mark.as_deref().filter(|mark| self.is_mark(email, mark));
        mark.map(|mark| self.bucket("browser", mark)).transpose()
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
