//! The identity provider that signs members in to the dashboard (OpenID Connect).

use secrecy::SecretString;
use url::Url;

use super::raw::Raw;
use super::{ConfigError, parse_url, secret};
use crate::domain::origin;

const ISSUER: &str = "VOUCHSAFE_OIDC_ISSUER";
const CLIENT_ID: &str = "VOUCHSAFE_OIDC_CLIENT_ID";
const CLIENT_SECRET: &str = "VOUCHSAFE_OIDC_CLIENT_SECRET";
const NAME: &str = "VOUCHSAFE_OIDC_NAME";
/// Letters that fit on the button.
const LONGEST_NAME: usize = 40;

/// `VOUCHSAFE_OIDC_…`: issuer, client, and the name on the button.
#[derive(Clone, Debug)]
pub struct SingleSignOnConfig {
    /// `VOUCHSAFE_OIDC_ISSUER`, letter for letter: it is compared with what the identity provider says of itself.
    pub issuer: String,
    /// `VOUCHSAFE_OIDC_CLIENT_ID`.
    pub client_id: String,
    /// `VOUCHSAFE_OIDC_CLIENT_SECRET`, or the file that `VOUCHSAFE_OIDC_CLIENT_SECRET_FILE` names.
    pub client_secret: SecretString,
    /// `VOUCHSAFE_OIDC_NAME`; left out, the issuer's host.
    pub name: String,
}

impl SingleSignOnConfig {
    pub(super) fn from_raw(raw: &Raw) -> Result<Option<Self>, ConfigError> {
        let file = raw.oidc_client_secret_file.as_deref();
        let client_secret = secret(raw.oidc_client_secret.as_ref(), file, CLIENT_SECRET)?;
        let (issuer, client_id) = (raw.oidc_issuer.as_ref(), raw.oidc_client_id.as_ref());
        let (Some(issuer), Some(client_id), Some(client_secret)) = (issuer, client_id, &client_secret) else {
            let given = [
                (ISSUER, issuer.is_some()),
                (CLIENT_ID, client_id.is_some()),
                (CLIENT_SECRET, client_secret.is_some()),
            ];
            let nothing = given.iter().all(|(_, given)| !given) && raw.oidc_name.is_none();
            return if nothing { Ok(None) } else { Err(incomplete(&given)) };
        };
        let url = issuer_url(issuer, raw.egress_http.unwrap_or(false))?;
        let name = match &raw.oidc_name {
            Some(name) => checked_name(name)?,
            None => url.host_str().unwrap_or_default().to_owned(),
        };
        Ok(Some(Self {
            issuer: issuer.clone(),
            client_id: client_id.clone(),
            client_secret: client_secret.clone(),
            name,
        }))
    }
}

/// Names what is missing.
fn incomplete(given: &[(&'static str, bool)]) -> ConfigError {
    let missing: Vec<&'static str> =
        given.iter().filter(|(_, given)| !given).map(|(name, _)| *name).collect();
    let first = missing.first().copied().unwrap_or(ISSUER);
    ConfigError::value(first, format!("single sign-on lacks {}", missing.join(" and ")))
}

/// An issuer (OpenID Connect Discovery 1.0, section 3): https, without query and fragment. Plain http is for this
/// machine, and where outbound calls may be plain.
fn issuer_url(issuer: &str, http: bool) -> Result<Url, ConfigError> {
    let url = parse_url(issuer, ISSUER)?;
    let safe = origin::origin_of(&url).is_some() || (http && url.scheme() == "http" && url.has_host());
    let plain = url.username().is_empty() && url.password().is_none();
    if !safe || !plain {
        let problem = "must be https, or http on a loopback address or with VOUCHSAFE_EGRESS_HTTP";
        return Err(ConfigError::value(ISSUER, problem));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(ConfigError::value(ISSUER, "must have neither query nor fragment"));
    }
    Ok(url)
}

fn checked_name(name: &str) -> Result<String, ConfigError> {
    let name = name.trim();
    let fits =
        !name.is_empty() && name.chars().count() <= LONGEST_NAME && !name.chars().any(char::is_control);
    fits.then(|| name.to_owned())
        .ok_or_else(|| ConfigError::value(NAME, format!("write 1 to {LONGEST_NAME} characters")))
}
