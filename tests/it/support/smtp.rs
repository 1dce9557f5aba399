//! A small mail server (RFC 5321): takes what it is given, refuses when told to, shows what came.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A mail as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mail {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    data: String,
}

impl Mail {
    /// A header, unfolded.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let head = self.data.split("\r\n\r\n").next()?.replace("\r\n ", " ");
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    }

    /// The part of a media type, decoded.
    pub(crate) fn part(&self, kind: &str) -> String {
        let boundary = self.data.split("boundary=\"").nth(1).unwrap().split('"').next().unwrap();
        let part = self.data.split(&format!("--{boundary}")).find(|part| part.contains(kind)).unwrap();
        let (head, body) = part.split_once("\r\n\r\n").unwrap();
        match head {
            head if head.contains("quoted-printable") => quoted_printable(body),
            head if head.contains("base64") => {
                use base64::Engine as _;
                let packed: String = body.split_whitespace().collect();
                let bytes = base64::engine::general_purpose::STANDARD.decode(packed).unwrap();
                String::from_utf8(bytes).unwrap()
            }
            _ => body.to_owned(),
        }
    }
}

fn quoted_printable(text: &str) -> String {
    let joined = text.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = joined.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'=' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[derive(Default)]
struct Shared {
    mails: Vec<Mail>,
    refusals: VecDeque<&'static str>,
    logins: Vec<String>,
}

/// A running mail server.
pub(crate) struct MailServer {
    pub(crate) port: u16,
    shared: Arc<Mutex<Shared>>,
    task: JoinHandle<()>,
}

impl MailServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::<Mutex<Shared>>::default();
        let task = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&shared)));
                }
            }
        });
        Self { port, shared, task }
    }

    /// Refuses the next recipient with this answer.
    pub(crate) fn refuse(&self, answer: &'static str) -> &Self {
        self.lock().refusals.push_back(answer);
        self
    }

    /// The mails that came since the last time.
    pub(crate) fn take(&self) -> Vec<Mail> {
        std::mem::take(&mut self.lock().mails)
    }

    /// What was logged in with, as it came.
    pub(crate) fn logins(&self) -> Vec<String> {
        self.lock().logins.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, shared: Arc<Mutex<Shared>>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut mail = Mail::default();
    let mut answer = "220 sink ready".to_owned();
    loop {
        write.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
        let Ok(Some(line)) = lines.next_line().await else { return };
        let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        answer = match word.as_str() {
            "EHLO" => "250-sink\r\n250 AUTH PLAIN".to_owned(),
            "AUTH" => {
                shared.lock().unwrap_or_else(PoisonError::into_inner).logins.push(line);
                "235 welcome".to_owned()
            }
            "MAIL" => {
                mail.from = line;
                "250 ok".to_owned()
            }
            "RCPT" => {
                let refusal = shared.lock().unwrap_or_else(PoisonError::into_inner).refusals.pop_front();
                mail.to.push(line.split(['<', '>']).nth(1).unwrap_or_default().to_owned());
                refusal.unwrap_or("250 ok").to_owned()
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await.unwrap();
                while let Ok(Some(line)) = lines.next_line().await {
                    if line == "." {
                        break;
                    }
                    mail.data.push_str(line.strip_prefix('.').unwrap_or(&line));
                    mail.data.push_str("\r\n");
                }
                let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                shared.mails.push(std::mem::take(&mut mail));
                "250 taken".to_owned()
            }
            "QUIT" => {
                // Whoever asked may be gone already.
                let _ = write.write_all(b"221 bye\r\n").await;
                return;
            }
            _ => "250 ok".to_owned(),
        };
    }
}
