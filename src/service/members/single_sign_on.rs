//! Single sign-on: an identity provider that the operator names signs members in, and proves again who they are.
//!
//! No row is written before the answer: what a sign-in is for lies in a cookie of its browser, and `state`, nonce and PKCE
//! verifier are made of that cookie, so that nobody else's browser can finish it.

mod admit;
mod arrive;
mod errand;
mod provider;

pub use errand::Purpose;

use secrecy::SecretString;
use tokio::sync::Mutex;
use url::Url;

use super::sign_in::Entry;
use crate::egress::Egress;
use crate::oauth::ClientAuth;
use crate::oauth::oidc::{Departure, Metadata, OidcError, Registration};
use crate::service::{Error, Hub};
use errand::Errand;

/// Where the identity provider sends browsers back to, below the public URL.
const CALLBACK: &str = "dashboard/sign-in/callback";

/// The identity provider of a hub, and what is known of it at present.
pub struct SingleSignOn {
    name: String,
    registration: Registration,
    known: Mutex<provider::Known>,
}

impl SingleSignOn {
    /// One that is called `name`.
    pub fn new(name: &str, issuer: &str, client_id: &str, client_secret: SecretString) -> Self {
        let client = ClientAuth { client_id: client_id.to_owned(), client_secret: Some(client_secret) };
        Self {
            name: name.to_owned(),
            registration: Registration { issuer: issuer.to_owned(), client },
            known: Mutex::default(),
        }
    }

    /// Asks the identity provider what it says of itself, and forgets it.
    ///
    /// # Errors
    /// [`OidcError`], where no sign-in could begin now.
    pub async fn reach(&self, egress: &Egress) -> Result<(), OidcError> {
        Metadata::discover(egress, &self.registration).await.map(drop)
    }
}

/// The redirect URI to register at the identity provider.
pub fn redirect_uri(public_url: &Url) -> Option<Url> {
    public_url.join(CALLBACK).ok()
}

/// Why the identity provider's word lets nobody in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The answer belongs to no sign-in of this browser, or comes too late.
    Stray,
    /// The person, or the identity provider for them, said no.
    Declined,
    /// The identity provider gives no answer.
    Outage,
    /// Its answer can't be trusted.
    Fault,
    /// It does not say whose address it is.
    NoAddress,
    /// It does not say that the address is theirs.
    Unverified(String),
    /// Nobody with this address was invited.
    NotInvited(String),
    /// The invitation is for another address.
    OtherAddress(String),
    /// Somebody else than the member who is asked.
    SomebodyElse,
}

/// A browser on its way to the identity provider.
pub enum Away {
    /// There it goes.
    To {
        /// With `state`, so it must not be logged.
        address: Url,
        /// The value of the cookie that it takes along.
        cookie: SecretString,
    },
    /// The identity provider can't be asked.
    Refused(Refusal),
}

/// A browser that came back.
#[derive(Debug)]
pub enum Arrival {
    /// Signed in.
    Entered {
        /// What the browser is given.
        entry: Entry,
        /// Where it goes on to.
        next: String,
    },
    /// Who it is was proven again.
    Proven {
        /// Where it goes on to.
        next: String,
    },
    /// Nobody was let in.
    Refused {
        /// Why.
        why: Refusal,
        /// What it was for and where it would have gone on to, where that is known.
        errand: Option<(Purpose, String)>,
    },
}

impl Hub {
    /// What the identity provider is called; none where members sign in by password alone.
    pub fn single_sign_on(&self) -> Option<&str> {
        self.single_sign_on.as_ref().map(|sign_on| sign_on.name.as_str())
    }

    fn sign_on(&self) -> Result<&SingleSignOn, Error> {
        self.single_sign_on.as_ref().ok_or(Error::NotFound)
    }

    fn sign_on_redirect(&self) -> Result<String, Error> {
        let uri = redirect_uri(&self.public_url).ok_or(Error::internal("the public URL takes no path"))?;
        Ok(uri.into())
    }

    /// Sends a browser to the identity provider; back here it goes on to `next`.
    ///
    /// # Errors
    /// [`Error::NotFound`] without single sign-on, [`crate::service::Code::InvitationOver`].
    pub async fn begin_single_sign_on(&self, purpose: Purpose, next: &str) -> Result<Away, Error> {
        let sign_on = self.sign_on()?;
        if let Purpose::Join { invitation } = &purpose {
            self.invitation(invitation.expose()).await?;
        }
        let metadata = match sign_on.metadata(&self.egress, self.now()).await {
            Ok(metadata) => metadata,
            Err(fault) => return Ok(Away::Refused(fault.refusal())),
        };
        let errand = Errand::new(self.random.as_ref(), purpose, next, self.now());
        let redirect_uri = self.sign_on_redirect()?;
        let (state, nonce) = (self.state_of(&errand)?, self.nonce_of(&errand)?);
        let departure = Departure {
            redirect_uri: &redirect_uri,
            state: &state,
            nonce: &nonce,
            verifier: &self.verifier_of(&errand)?,
            anew: matches!(errand.purpose, Purpose::StepUp { .. }),
        };
        let address = metadata.authorization_url(&sign_on.registration, &departure);
        Ok(Away::To { address, cookie: errand.text })
    }
}
