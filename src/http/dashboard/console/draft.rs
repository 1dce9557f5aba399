//! A call in the making: what was typed, what a button does with it, and the call that it is.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body_util::{BodyExt as _, Full};
use serde::Serialize;

use super::body::Spot;
use crate::domain::secret_reference::with_only;
use crate::http::dashboard::form::Form;
use crate::service::Error;
use crate::service::proxy::{Call, Via};

/// The methods that a call may have.
pub(super) const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
/// Rows that a form begins with, and the most that it may have.
const ROWS: (usize, usize) = (2, 30);

/// A name and a value.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) value: String,
}

/// The field that a secret is chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Header(usize),
    Parameter(usize),
    Body,
}

/// What the picker shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// The secrets with this in their key.
    Find(String),
    /// A form for a new one.
    New,
    /// A form for a new value of this one.
    Edit(String),
}

/// A picker that is open.
#[derive(Clone, Debug)]
pub(super) struct Picking {
    pub(super) field: Field,
    pub(super) mode: Mode,
}

/// What a button does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// The call is made.
    Send,
    /// The page changes, and nothing else.
    Arrange,
    /// A secret is made, and put in.
    Create,
    /// A secret gets a new value.
    Save(String),
}

/// A call in the making.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Draft {
    pub(super) method: String,
    /// What it goes with: `user`, `credential` or `address`.
    pub(super) via: String,
    pub(super) user: String,
    pub(super) connector: String,
    pub(super) credential: String,
    pub(super) address: String,
    pub(super) path: String,
    pub(super) host: String,
    pub(super) integration: String,
    pub(super) headers: Vec<Row>,
    pub(super) parameters: Vec<Row>,
    /// `json`, `form` or `text`.
    pub(super) format: String,
    pub(super) body: String,
    pub(super) resolves: bool,
    pub(super) spot: Spot,
    #[serde(skip)]
    pub(super) picking: Option<Picking>,
}

impl Field {
    /// The field of this word.
    fn of(word: &str) -> Option<Self> {
        if word == "body" {
            return Some(Self::Body);
        }
        let (kind, number) = word.split_once('-')?;
        let number = number.parse().ok()?;
        match kind {
            "header" => Some(Self::Header(number)),
            "parameter" => Some(Self::Parameter(number)),
            _ => None,
        }
    }

    /// Its word.
    pub(super) fn word(self) -> String {
        match self {
            Self::Header(number) => format!("header-{number}"),
            Self::Parameter(number) => format!("parameter-{number}"),
            Self::Body => "body".to_owned(),
        }
    }
}

fn rows(form: &Form, kind: &str) -> Vec<Row> {
    let (names, values) = (form.all(&format!("{kind}-name")), form.all(&format!("{kind}-value")));
    let rows = names.into_iter().zip(values).take(ROWS.1);
    rows.map(|(name, value)| Row { name: name.trim().to_owned(), value }).collect()
}

impl Draft {
    /// A call of which nothing is known.
    pub(super) fn blank() -> Self {
        Self {
            method: "GET".to_owned(),
            via: "user".to_owned(),
            format: "json".to_owned(),
            headers: vec![Row::default(); ROWS.0],
            parameters: vec![Row::default()],
            ..Self::default()
        }
    }

    /// The call as it was typed.
    pub(super) fn of(form: &Form) -> Self {
        let mode = match form.raw("mode") {
            "new" => Mode::New,
            "edit" => Mode::Edit(form.text("editing")),
            _ => Mode::Find(form.text("find")),
        };
        Self {
            method: form.text("method"),
            via: form.text("via"),
            user: form.text("user"),
            connector: form.text("connector"),
            credential: form.text("credential"),
            address: form.text("address"),
            path: form.text("path"),
            host: form.text("host"),
            integration: form.text("integration"),
            headers: rows(form, "header"),
            parameters: rows(form, "parameter"),
            format: form.text("format"),
            body: form.raw("body").to_owned(),
            resolves: form.has("resolves"),
            spot: Spot::of(form),
            picking: Field::of(form.raw("picking")).map(|field| Picking { field, mode }),
        }
    }

    /// Does with the draft what a button says, as far as the draft alone knows; what is left to do.
    pub(super) fn act(&mut self, word: &str) -> Act {
        let (verb, what) = word.split_once(':').unwrap_or((word, ""));
        match (verb, self.picking.as_ref().map(|picking| &picking.mode)) {
            ("create" | "enter", Some(Mode::New)) => return Act::Create,
            ("save" | "enter", Some(Mode::Edit(key))) => return Act::Save(key.clone()),
            ("search" | "enter", Some(Mode::Find(_))) => {}
            ("choose", Some(_)) => self.choose(what),
            ("new", Some(_)) => self.set_mode(Mode::New),
            ("edit", Some(_)) => self.set_mode(Mode::Edit(what.to_owned())),
            ("find", Some(_)) => self.find(),
            ("leave", _) => self.picking = None,
            ("pick", _) => {
                let open = |field| Picking { field, mode: Mode::Find(String::new()) };
                self.picking = Field::of(what).map(open);
            }
            ("more", _) => match what {
                "headers" if self.headers.len() < ROWS.1 => self.headers.push(Row::default()),
                "parameters" if self.parameters.len() < ROWS.1 => self.parameters.push(Row::default()),
                _ => {}
            },
            ("send" | "enter", _) => {
                self.picking = None;
                return Act::Send;
            }
            _ => {}
        }
        Act::Arrange
    }

    fn set_mode(&mut self, mode: Mode) {
        if let Some(picking) = &mut self.picking {
            picking.mode = mode;
        }
    }

    /// Back to the list of secrets.
    pub(super) fn find(&mut self) {
        self.set_mode(Mode::Find(String::new()));
    }

    /// Puts a secret into the field that it is chosen for, as its only one; into the body in the place of the one that
    /// was chosen before. A body is looked through only where that is asked for.
    pub(super) fn choose(&mut self, key: &str) {
        let Some(picking) = self.picking.take() else {
            return;
        };
        let row = match picking.field {
            Field::Header(number) => self.headers.get_mut(number),
            Field::Parameter(number) => self.parameters.get_mut(number),
            Field::Body => {
                self.spot.put(&mut self.body, key);
                self.resolves = true;
                None
            }
        };
        if let Some(row) = row {
            row.value = with_only(&row.value, key);
        }
    }

    /// Another host of the app, where one was typed.
    pub(super) fn other_host(&self) -> Option<&str> {
        Some(self.host.as_str()).filter(|host| !host.is_empty() && self.via != "address")
    }

    /// What the call goes with, as far as it was typed.
    pub(super) fn via_typed(&self) -> Via {
        match self.via.as_str() {
            "credential" => Via::Credential(self.credential.clone()),
            "address" => Via::Address(self.address.clone()),
            _ => Via::User { connector: self.connector.clone(), user: self.user.clone() },
        }
    }

    /// The call.
    ///
    /// # Errors
    /// What is wrong with it before anybody looks at what it names.
    pub(super) fn call(&self) -> Result<Call, Error> {
        let method = METHODS.iter().find(|method| **method == self.method);
        let method = method.ok_or_else(|| Error::invalid("/method", "unknown", "Choose a method."))?;
        let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
        let via = self.target()?;
        let mut headers = self.header_map()?;
        let by_address = matches!(via, Via::Address(_));
        let authorization = headers.remove(AUTHORIZATION);
        if authorization.is_some() && !by_address {
            let message = "The hub sends the credential’s own Authorization; leave this header out.";
            return Err(Error::invalid("/headers", "invalid_header", message));
        }
        if !self.body.is_empty() {
            headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(self.media_type()));
            headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        let (path, query) = if by_address { ("", None) } else { self.path_and_query() };
        let body = Full::new(Bytes::from(self.body.clone())).map_err(|never| match never {}).boxed_unsync();
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Ok(Call {
            method,
            path: path.to_owned(),
            query: self.joined(query),
            headers,
            body,
            via,
            host: self.other_host().map(str::to_owned),
            integration: some(&self.integration),
            authorization,
            resolve_body: self.resolves,
        })
    }

    /// What the body is.
    pub(super) fn media_type(&self) -> &'static str {
        match self.format.as_str() {
            "json" => "application/json",
            "form" => "application/x-www-form-urlencoded",
            _ => "text/plain; charset=utf-8",
        }
    }

    fn target(&self) -> Result<Via, Error> {
        let via = self.via_typed();
        let (typed, pointer, message) = match &via {
            Via::Credential(id) => (id, "/credential", "Name a credential."),
            Via::Address(address) => (address, "/address", "Write the address to call."),
            Via::User { connector, .. } if connector.is_empty() => {
                (connector, "/connector", "Choose a connector.")
            }
            Via::User { user, .. } => (user, "/user", "Name the user whose credential is used."),
        };
        if typed.is_empty() { Err(Error::invalid(pointer, "required", message)) } else { Ok(via) }
    }

    fn header_map(&self) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::new();
        for Row { name, value } in self.headers.iter().filter(|row| !row.name.is_empty()) {
            let wrong = || {
                let message = format!("The header “{name}” can’t be sent: check its name and its value.");
                Error::invalid("/headers", "invalid_header", message)
            };
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
            headers.append(key, HeaderValue::from_str(value.trim()).map_err(|_| wrong())?);
        }
        Ok(headers)
    }

    pub(super) fn path_and_query(&self) -> (&str, Option<&str>) {
        let (path, query) =
            self.path.split_once('?').map_or((self.path.as_str(), None), |(p, q)| (p, Some(q)));
        (path.strip_prefix('/').unwrap_or(path), query)
    }

    /// The query of the path with the parameters behind it.
    pub(super) fn joined(&self, query: Option<&str>) -> Option<String> {
        let mut joined = query.unwrap_or_default().to_owned();
        for Row { name, value } in self.parameters.iter().filter(|row| !row.name.is_empty()) {
            let pair = url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
            joined.push_str(if joined.is_empty() { "" } else { "&" });
            joined.push_str(&pair);
        }
        Some(joined).filter(|query| !query.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, value: &str) -> Row {
        Row { name: name.to_owned(), value: value.to_owned() }
    }

    fn draft() -> Draft {
        Draft {
            user: "jo".to_owned(),
            connector: "quillpost".to_owned(),
            path: "/items?limit=2".to_owned(),
            headers: vec![row("X-One", "1"), row("", "lost")],
            parameters: vec![row("a b", "$Secret{K}")],
            ..Draft::blank()
        }
    }

    #[test]
    fn a_draft_is_the_call_that_it_says() {
        let call = draft().call().unwrap();
        assert_eq!((call.path.as_str(), call.method), ("items", Method::GET));
        assert_eq!(call.query.as_deref(), Some("limit=2&a+b=%24Secret%7BK%7D"));
        assert_eq!(call.headers.len(), 1);
        let posted = Draft { body: "{}".to_owned(), method: "POST".to_owned(), ..draft() }.call().unwrap();
        assert_eq!(posted.headers[CONTENT_TYPE], "application/json");
        for wrong in [
            Draft { method: "TRACE".to_owned(), ..draft() },
            Draft { user: String::new(), ..draft() },
            Draft { headers: vec![row("Authorization", "x")], ..draft() },
            Draft { headers: vec![row("a b", "x")], ..draft() },
            Draft { via: "address".to_owned(), ..draft() },
        ] {
            assert!(wrong.call().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_field_holds_the_secret_that_was_chosen_last_and_no_other() {
        let mut draft = draft();
        assert_eq!(draft.act("choose:A"), Act::Arrange);
        assert_eq!(draft.headers[0].value, "1", "no field is asked for");
        for (act, wanted) in [("choose:A", "1$Secret{A}"), ("choose:B", "1$Secret{B}")] {
            draft.act("pick:header-0");
            assert!(draft.picking.is_some());
            draft.act(act);
            assert_eq!(draft.headers[0].value, wanted);
            assert!(draft.picking.is_none());
        }
        draft.act("pick:parameter-7");
        draft.act("choose:A");
        assert_eq!(draft.parameters[0].value, "$Secret{K}", "there is no such field");
    }

    #[test]
    fn enter_does_what_one_is_at() {
        let mut draft = draft();
        draft.act("pick:header-0");
        assert_eq!(draft.act("enter"), Act::Arrange);
        draft.act("new");
        assert_eq!(draft.act("enter"), Act::Create);
        draft.act("edit:K");
        assert_eq!(draft.act("enter"), Act::Save("K".to_owned()));
        draft.act("leave");
        assert_eq!(draft.act("enter"), Act::Send);
        for _ in 0..100 {
            draft.act("more:headers");
        }
        assert_eq!(draft.headers.len(), ROWS.1);
    }
}
