//! Trailers: what comes behind a body says nothing that the headers before it may not say, since some servers take both
//! for one.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, SizeHint};

use super::headers::Filter;
use crate::egress::{BodyError, StreamBody};

/// `body` with those of its trailers that go on.
pub(super) fn filtered(body: StreamBody, filter: Filter) -> StreamBody {
    if body.is_end_stream() { body } else { Filtered { body, filter }.boxed_unsync() }
}

struct Filtered {
    body: StreamBody,
    filter: Filter,
}

impl Body for Filtered {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)?) else {
            return Poll::Ready(None);
        };
        let kept = frame.trailers_ref().map(|trailers| self.filter.kept_behind(trailers));
        Poll::Ready(match kept {
            None => Some(Ok(frame)),
            // Nothing comes behind trailers.
            Some(kept) if kept.is_empty() => None,
            Some(kept) => Some(Ok(Frame::trailers(kept))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
