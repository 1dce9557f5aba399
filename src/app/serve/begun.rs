//! The beginning of a connection: it has to come in time, before it shows which version of HTTP is spoken and the limits
//! of that one hold. It must not know what is said after that.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// What a client of HTTP/2 begins with (RFC 9113, section 3.4). The first byte that differs shows one of HTTP/1.1.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection whose reading fails when its beginning takes too long.
pub(super) struct Begun<S> {
    stream: S,
    /// Bytes of the preface that came.
    alike: usize,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> Begun<S> {
    pub(super) fn within(stream: S, time: Duration) -> Self {
        Self { stream, alike: 0, timer: Some(Box::pin(tokio::time::sleep(time))) }
    }

    fn note(&mut self, read: &[u8]) {
        let rest = &PREFACE[self.alike..];
        let same = read.iter().zip(rest).take_while(|(one, other)| one == other).count();
        self.alike += same;
        if same < read.len() || self.alike == PREFACE.len() {
            self.timer = None;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Begun<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_ready() {
            if self.timer.is_some() {
                self.note(&buffer.filled()[before..]);
            }
            return read;
        }
        match self.timer.as_mut() {
            Some(timer) => timer.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into())),
            None => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Begun<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn s24_whoever_says_nothing_or_half_a_greeting_is_let_go() {
        for said in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n"] {
            let (mut client, server) = duplex(64);
            client.write_all(said).await.unwrap();
            let mut server = Begun::within(server, Duration::from_millis(20));
            let mut read = Vec::new();
            let error = server.read_to_end(&mut read).await.unwrap_err();
            assert_eq!((error.kind(), read.as_slice()), (io::ErrorKind::TimedOut, said));
        }
    }

    #[tokio::test]
    async fn whoever_has_begun_is_not_hurried() {
        for said in [&b"G"[..], b"POST", b"PRI *x", PREFACE] {
            let (mut client, server) = duplex(64);
            client.write_all(said).await.unwrap();
            let mut server = Begun::within(server, Duration::ZERO);
            let mut read = vec![0; said.len()];
            server.read_exact(&mut read).await.unwrap();
            let (more, ()) = tokio::join!(server.read_u8(), async {
                tokio::task::yield_now().await;
                client.write_all(b"!").await.unwrap();
            });
            assert_eq!((read.as_slice(), more.unwrap()), (said, b'!'));
        }
    }
}
