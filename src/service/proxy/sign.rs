//! The signature of a call, over what is sent: method, address, headers and body as they leave.

use http::Uri;
use http::header::{HeaderName, HeaderValue};

use super::Prepared;
use crate::service::{Code, Error, Hub};
use crate::signing::Unsigned;

impl Hub {
    /// The headers by which a call to `address` is signed; none where its credential travels with it.
    pub(super) fn signature(
        &self,
        prepared: &Prepared,
        address: &Uri,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
        let allowed = &prepared.allowed;
        let Some(signer) = &allowed.signer else { return Ok(Vec::new()) };
        let mut headers = prepared.headers.clone();
        for (name, value) in &allowed.headers {
            headers.insert(name.clone(), value.clone());
        }
        let request = Unsigned {
            method: &prepared.method,
            scheme: address.scheme_str().unwrap_or("https"),
            host: address.authority().map_or("", |authority| authority.as_str()),
            path: address.path(),
            query: address.query(),
            headers: &headers,
            content: prepared.payload.content(),
        };
        signer.headers(&request, &self.signing_moment()).ok_or_else(|| {
            let detail = "What is stored for this credential can't sign a call; connect it again.";
            Error::refused(Code::ConnectorIncomplete, detail)
        })
    }
}
