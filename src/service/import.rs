//! An environment of another hub, read line by line and made here: the other end of [`super::export`], and the door from
//! hubs of any make, as its format (`import/line.rs`) is open. All of it is one transaction, so that a file with a
//! mistake changes nothing and a dry run is the same without its end. What is there already stays as it is, so that an
//! import can be run again.
//!
//! No app is asked and nothing is refreshed: tokens come in with the times at which the refresher would look at them.

mod credentials;
mod line;
mod settings;

pub(super) use line::{FORMAT, VERSION};

use std::collections::HashSet;
use std::io;

use zeroize::Zeroizing;

use super::audit::Target;
use super::{Error, Hub, Violation};
use crate::domain::actor::Actor;
use crate::domain::audit::AuditEvent;
use crate::domain::data_key::KeyOwner;
use crate::domain::role::Action;
use crate::store::Tx;
use crate::store::credential::Mark;
use line::{ConnectorLine, CredentialLine, Header, IntegrationLine, Line, SecretLine, UserLine};

/// Lines that are looked at together.
const PAGE: usize = 200;
/// Of the mistakes, so many are named.
const NAMED: usize = 50;

/// What is wrong with a line.
#[derive(Clone, Debug)]
pub struct Mistake {
    line: usize,
    pointer: String,
    message: String,
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, pointer, message } = self;
        if pointer.is_empty() {
            return write!(f, "line {line}: {message}");
        }
        write!(f, "line {line}, {}: {message}", pointer.escape_debug())
    }
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The hub refused.
    #[error(transparent)]
    Hub(#[from] Error),
    /// The lines can't be read to their end.
    #[error("the file can't be read")]
    Read(#[from] io::Error),
    /// The first line is another one.
    #[error("this is no export: its first line must be {{\"vouchsafe\": \"export\", \"version\": 1}}")]
    NoExport,
    /// The format is a later one.
    #[error("the export has the format {0}, which this version of the program does not know")]
    Version(u32),
    /// Lines have mistakes: the first of them, and how many more there are.
    #[error("{}", told(named, *more))]
    Mistakes {
        /// The first.
        named: Vec<Mistake>,
        /// How many more.
        more: usize,
    },
}

fn told(named: &[Mistake], more: usize) -> String {
    let mut lines: Vec<String> = named.iter().map(ToString::to_string).collect();
    if more > 0 {
        lines.push(format!("and {more} more mistakes"));
    }
    lines.push("nothing was imported".to_owned());
    lines.join("\n")
}

/// How many of a kind were made, and how many were there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Made now.
    pub new: usize,
    /// Left as they are.
    pub there: usize,
}

/// What an import has made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Secrets.
    pub secrets: Tally,
    /// Connectors.
    pub connectors: Tally,
    /// Integrations.
    pub integrations: Tally,
    /// Users.
    pub users: Tally,
    /// Credentials.
    pub credentials: Tally,
    /// Secrets and credentials whose time is over: left out.
    pub ended: usize,
}

impl Imported {
    /// Each kind with its word.
    pub fn kinds(&self) -> [(&'static str, Tally); 5] {
        [
            ("secrets", self.secrets),
            ("connectors", self.connectors),
            ("integrations", self.integrations),
            ("users", self.users),
            ("credentials", self.credentials),
        ]
    }

    fn summary(&self) -> String {
        let kinds = self.kinds().map(|(word, tally)| format!("{} {word}", tally.new));
        format!("{} new", kinds.join(", "))
    }
}

impl Hub {
    /// Imports `lines` into the actor's environment, or with `dry` only says what would be.
    ///
    /// # Errors
    /// [`ImportError`]; [`super::Code::SubscriptionRequired`].
    pub async fn import_environment(
        &self,
        actor: &Actor,
        lines: impl Iterator<Item = io::Result<Zeroizing<Vec<u8>>>>,
        dry: bool,
    ) -> Result<Imported, ImportError> {
        self.permit(actor, Action::ManageWorkspace).await?;
        self.gate(actor).await?;
        // The first line is 1.
        let mut lines = (1..).zip(lines);
        check_header(lines.next().map(|(_, line)| line).transpose()?)?;
        let owners = [KeyOwner::Environment(actor.environment()), KeyOwner::Workspace(actor.workspace())];
        self.reserve_sealings(&owners).await?;
        let mut import = Importing::begin(self, actor).await?;
        let mut page = Page::default();
        for (number, line) in lines {
            let line = line?;
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match line::read::<Line>(&line) {
                Ok(line) => page.push(number, line),
                Err(violation) => import.mistake(number, violation),
            }
            if page.lines == PAGE {
                import.page(std::mem::take(&mut page)).await?;
            }
        }
        import.page(page).await?;
        import.end(dry).await
    }
}

fn check_header(line: Option<Zeroizing<Vec<u8>>>) -> Result<(), ImportError> {
    let header = line.and_then(|line| line::read::<Header>(&line).ok()).ok_or(ImportError::NoExport)?;
    match header {
        Header { vouchsafe, .. } if vouchsafe != FORMAT => Err(ImportError::NoExport),
        Header { version: VERSION, .. } => Ok(()),
        Header { version, .. } => Err(ImportError::Version(version)),
    }
}

/// A line with its number.
type Numbered<T> = (usize, T);

/// Lines that are made together, in the order in which one needs another.
#[derive(Default)]
struct Page {
    lines: usize,
    secrets: Vec<Numbered<SecretLine>>,
    connectors: Vec<Numbered<ConnectorLine>>,
    integrations: Vec<Numbered<IntegrationLine>>,
    users: Vec<Numbered<UserLine>>,
    credentials: Vec<Numbered<CredentialLine>>,
}

impl Page {
    fn push(&mut self, number: usize, line: Line) {
        self.lines += 1;
        match line {
            Line::Secret(line) => self.secrets.push((number, *line)),
            Line::Connector(line) => self.connectors.push((number, *line)),
            Line::Integration(line) => self.integrations.push((number, line)),
            Line::User(line) => self.users.push((number, *line)),
            Line::Credential(line) => self.credentials.push((number, *line)),
        }
    }
}

struct Importing<'a> {
    hub: &'a Hub,
    actor: &'a Actor,
    tx: Tx,
    done: Imported,
    named: Vec<Mistake>,
    more: usize,
    /// Users and connectors whose own lines were refused: what refers to them is not told again.
    refused: HashSet<(&'static str, String)>,
    /// Credentials without an id that this import has met.
    met: HashSet<Mark>,
}

impl<'a> Importing<'a> {
    async fn begin(hub: &'a Hub, actor: &'a Actor) -> Result<Self, Error> {
        Ok(Self {
            hub,
            actor,
            tx: hub.store.begin().await?,
            done: Imported::default(),
            named: Vec::new(),
            more: 0,
            refused: HashSet::new(),
            met: HashSet::new(),
        })
    }

    fn mistake(&mut self, line: usize, violation: Violation) {
        if self.named.len() < NAMED {
            self.named.push(Mistake { line, pointer: violation.pointer, message: violation.message });
        } else {
            self.more += 1;
        }
    }

    /// Notes what is wrong with the object of a line, whose member is `kind`. What is no fault of the line ends the import.
    fn refuse(&mut self, line: usize, kind: &'static str, error: Error) -> Result<(), Error> {
        let violations = match error {
            Error::Refused { code, detail, violations, .. } if violations.is_empty() => {
                vec![Violation::new("", code.as_str(), detail)]
            }
            Error::Invalid(violations) | Error::Refused { violations, .. } => violations,
            Error::NotFound | Error::Store(_) | Error::Internal(_) => return Err(error),
        };
        for violation in violations {
            let pointer = format!("/{kind}{}", violation.pointer);
            self.mistake(line, Violation { pointer, ..violation });
        }
        Ok(())
    }

    async fn page(&mut self, page: Page) -> Result<(), Error> {
        self.secrets(page.secrets).await?;
        self.connectors(page.connectors).await?;
        self.integrations(page.integrations).await?;
        self.users(page.users).await?;
        self.credentials(page.credentials).await
    }

    /// What was done, for the audit log.
    fn event(&self, action: &'static str, target: Target, what: Option<String>) -> AuditEvent {
        self.hub.audit_event(self.actor, action, target, "ok", what)
    }

    async fn end(mut self, dry: bool) -> Result<Imported, ImportError> {
        if !self.named.is_empty() {
            self.named.sort_by_key(|mistake| mistake.line);
            return Err(ImportError::Mistakes { named: self.named, more: self.more });
        }
        let target = Target::new("environment", self.actor.environment());
        let event = self.event("environment.import", target, Some(self.done.summary()));
        self.hub.insert_audit(&self.tx, &[event]).await?;
        if !dry {
            self.hub.count_sealings_in(&self.tx).await?;
            self.tx.commit().await.map_err(Error::from)?;
        }
        Ok(self.done)
    }
}
