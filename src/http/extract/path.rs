//! Names and ids in paths. What cannot name anything is not found, like what is not there.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, de};

use crate::http::{HttpState, Problem};

/// What the path names: an id, a [`Segment`], or a tuple of them.
pub(in crate::http) struct InPath<T>(pub(in crate::http) T);

impl<T: DeserializeOwned + Send> FromRequestParts<HttpState> for InPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Problem> {
        let Path(found) =
            Path::<T>::from_request_parts(parts, state).await.map_err(|_| Problem::not_found())?;
        Ok(Self(found))
    }
}

/// A name in a path. No name has a NUL, which PostgreSQL could not be asked for.
pub(in crate::http) struct Segment(pub(in crate::http) String);

impl<'de> Deserialize<'de> for Segment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.contains('\0') {
            return Err(de::Error::custom("no name has a NUL"));
        }
        Ok(Self(text))
    }
}
