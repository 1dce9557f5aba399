//! The way out for mail: one SMTP server that the operator names, behind a guard of its own. The server may be in a
//! private network, as most are; addresses that no mail server has are refused all the same.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

/// A command and its answer may take so long.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The mail server with its login. It prints without the password.
#[derive(Clone)]
pub struct SmtpServer {
    host: String,
    port: u16,
    tls: Security,
    login: Option<(String, SecretString)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Security {
    /// From the first byte.
    Wrapped,
    /// By STARTTLS, without which nothing is sent.
    StartTls,
    /// None.
    Plain,
}

/// Why an address names no mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidServer {
    /// Another scheme, no host, or a path.
    #[error("write smtp://[user:password@]host[:port] or smtps://…")]
    Address,
    /// An unknown parameter.
    #[error("the only parameter is ?tls=none")]
    Parameter,
    /// A password would go over the network in the open.
    #[error("a login needs TLS; leave out ?tls=none")]
    OpenLogin,
    /// The user or password is not text.
    #[error("user and password must be percent-encoded UTF-8")]
    Login,
}

impl SmtpServer {
    /// Reads `smtps://` (TLS from the start, port 465) or `smtp://` (STARTTLS, port 587; plain on loopback).
    /// `?tls=none` goes without, for a relay in one's own network that takes no login.
    ///
    /// # Errors
    /// [`InvalidServer`].
    pub fn parse(text: &SecretString) -> Result<Self, InvalidServer> {
        let url = Url::parse(text.expose_secret()).map_err(|_| InvalidServer::Address)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(InvalidServer::Address)?;
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(InvalidServer::Address);
        }
        let open = match url.query() {
            None => false,
            Some("tls=none") => true,
            Some(_) => return Err(InvalidServer::Parameter),
        };
        let local = is_local(&url);
        let (tls, usual) = match url.scheme() {
            "smtps" if !open => (Security::Wrapped, 465),
            "smtp" if open || local => (Security::Plain, 587),
            "smtp" => (Security::StartTls, 587),
            _ => return Err(InvalidServer::Address),
        };
        let decoded = |text: &str| percent_decoded(text).ok_or(InvalidServer::Login);
        let login = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => Some((decoded(user)?, decoded(password.unwrap_or_default())?.into())),
        };
        if login.is_some() && tls == Security::Plain && !local {
            return Err(InvalidServer::OpenLogin);
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port: url.port().unwrap_or(usual), tls, login })
    }
}

impl fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpServer")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

fn is_local(url: &Url) -> bool {
    // A scheme that the standard does not know leaves numbers as names.
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
        None => false,
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let (high, low) =
                (char::from(rest.next()?).to_digit(16)?, char::from(rest.next()?).to_digit(16)?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Whether `ip` is one that no mail server has: unspecified, link-local (where clouds keep their metadata), multicast.
fn is_refused(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_unspecified() || ip.is_link_local() || ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unspecified() || ip.is_unicast_link_local() || ip.is_multicast(),
    }
}

/// Who mails come from.
#[derive(Clone, Debug)]
pub struct Sender(Mailbox);

impl Sender {
    /// Reads `hub@acme.test` or `Acme <hub@acme.test>`.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

/// A mail as it leaves.
pub struct OutboundMail {
    /// The address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// For those who read no HTML.
    pub text: String,
    /// The same for the others.
    pub html: String,
    /// The same on every try, so that a mail that comes twice is known.
    pub id: String,
    /// When it is sent.
    pub at: SystemTime,
}

/// Why a mail was not taken. No message holds an address or what the server said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmtpError {
    /// The mail can't be written: its address is none.
    #[error("the mail can't be addressed")]
    Message,
    /// The guard refused the server's address, or its name has none.
    #[error("the mail server's address is not allowed or not known")]
    Address,
    /// The server refused for good.
    #[error("the mail server refused ({0})")]
    Refused(u16),
    /// The server refused for now.
    #[error("the mail server asks to come back later ({0})")]
    Later(u16),
    /// No TLS.
    #[error("no trusted TLS connection to the mail server could be made")]
    Tls,
    /// No connection, or one that broke.
    #[error("the mail server could not be reached")]
    Unreachable,
}

impl SmtpError {
    /// Whether trying again is of no use.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Message | Self::Refused(_))
    }
}

/// The mail server as mails go out by it.
#[derive(Clone, Debug)]
pub struct Smtp {
    server: SmtpServer,
    from: Sender,
}

impl Smtp {
    /// Mails from `from` by `server`.
    pub const fn new(server: SmtpServer, from: Sender) -> Self {
        Self { server, from }
    }

    /// Sends one mail over a connection of its own.
    ///
    /// # Errors
    /// [`SmtpError`].
    pub async fn send(&self, mail: OutboundMail) -> Result<(), SmtpError> {
        let message = self.message(mail)?;
        let address = self.checked_address().await?;
        let tls =
            || TlsParameters::builder(self.server.host.clone()).build_rustls().map_err(|_| SmtpError::Tls);
        // Connected to the address that was checked; the certificate is asked for by the server's name.
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.ip().to_string())
            .port(address.port())
            .tls(match self.server.tls {
                Security::Wrapped => Tls::Wrapper(tls()?),
                Security::StartTls => Tls::Required(tls()?),
                Security::Plain => Tls::None,
            })
            .hello_name(ClientId::default())
            .timeout(Some(TIMEOUT));
        if let Some((user, password)) = &self.server.login {
            let password = password.expose_secret().to_owned();
            transport = transport.credentials(Credentials::new(user.clone(), password));
        }
        let sent = tokio::time::timeout(2 * TIMEOUT, transport.build().send(message)).await;
        match sent {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(classify(&error)),
            Err(_) => Err(SmtpError::Unreachable),
        }
    }

    fn message(&self, mail: OutboundMail) -> Result<Message, SmtpError> {
        let host = self.from.0.email.domain().to_owned();
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        Message::builder()
            .from(self.from.0.clone())
            .to(Mailbox::new(None, mail.to.parse().map_err(|_| SmtpError::Message)?))
            .subject(mail.subject)
            .date(mail.at)
            .message_id(Some(format!("<{}@{host}>", mail.id)))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .multipart(MultiPart::alternative_plain_html(mail.text, mail.html))
            .map_err(|_| SmtpError::Message)
    }

    async fn checked_address(&self) -> Result<SocketAddr, SmtpError> {
        let found = tokio::net::lookup_host((self.server.host.as_str(), self.server.port));
        let found = tokio::time::timeout(TIMEOUT, found).await.map_err(|_| SmtpError::Address)?;
        let found: Vec<SocketAddr> = found.map_err(|_| SmtpError::Address)?.collect();
        if found.iter().any(|address| is_refused(address.ip())) {
            return Err(SmtpError::Address);
        }
        // An IPv4 address first: few mail servers in private networks listen on both.
        let first = found.iter().find(|address| address.is_ipv4()).or_else(|| found.first());
        first.copied().ok_or(SmtpError::Address)
    }
}

fn classify(error: &lettre::transport::smtp::Error) -> SmtpError {
    let code = error.status().map_or(0, u16::from);
    if error.is_permanent() {
        SmtpError::Refused(code)
    } else if error.is_transient() {
        SmtpError::Later(code)
    } else if error.is_tls() {
        SmtpError::Tls
    } else {
        SmtpError::Unreachable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> Result<SmtpServer, InvalidServer> {
        SmtpServer::parse(&text.into())
    }

    #[test]
    fn a_server_is_read_with_the_safest_tls_it_can_have() {
        for (text, port, tls) in [
            ("smtps://mail.acme.test", 465, Security::Wrapped),
            ("smtps://u:p@mail.acme.test:2465/", 2465, Security::Wrapped),
            ("smtp://mail.acme.test", 587, Security::StartTls),
            ("smtp://10.0.0.5:25", 25, Security::StartTls),
            ("smtp://10.0.0.5:25?tls=none", 25, Security::Plain),
            ("smtp://u:p@127.0.0.1:1025", 1025, Security::Plain),
            ("smtp://localhost:1025", 1025, Security::Plain),
            ("smtp://[::1]:1025", 1025, Security::Plain),
        ] {
            let server = server(text).unwrap();
            assert_eq!((server.port, server.tls), (port, tls), "{text}");
        }
        let with_login = server("smtps://jo%40acme.test:p%3Ass@mail.acme.test").unwrap();
        let (user, password) = with_login.login.clone().unwrap();
        assert_eq!((user.as_str(), password.expose_secret()), ("jo@acme.test", "p:ss"));
        assert!(!format!("{with_login:?}").contains("p:ss"));
    }

    #[test]
    fn what_names_no_server_is_refused() {
        for (text, error) in [
            ("mail.acme.test", InvalidServer::Address),
            ("https://mail.acme.test", InvalidServer::Address),
            ("smtp://", InvalidServer::Address),
            ("smtp://mail.acme.test/inbox", InvalidServer::Address),
            ("smtps://mail.acme.test?tls=none", InvalidServer::Address),
            ("smtp://mail.acme.test?tls=maybe", InvalidServer::Parameter),
            ("smtp://u:p@mail.acme.test?tls=none", InvalidServer::OpenLogin),
            ("smtps://u:%ff@mail.acme.test", InvalidServer::Login),
        ] {
            assert_eq!(server(text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn addresses_that_no_mail_server_has_are_refused() {
        for (ip, refused) in [
            ("169.254.169.254", true),
            ("0.0.0.0", true),
            ("224.0.0.1", true),
            ("fe80::1", true),
            ("::ffff:169.254.169.254", true),
            ("10.0.0.5", false),
            ("127.0.0.1", false),
            ("2a00:1450::1", false),
        ] {
            assert_eq!(is_refused(ip.parse().unwrap()), refused, "{ip}");
        }
    }
}
