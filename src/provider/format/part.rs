//! What a file says to each of its methods. A method table may have an API base, variables and a check of its own; such
//! a method is read as a file in which they stand in the place of the shared ones, and so every rule holds for it too.

use super::{ApiKey, Check, File, Ordered, Variable};
use crate::provider::source::{Flaw, Place};

/// A file as some of its methods see it.
pub(in crate::provider) struct Part {
    pub(in crate::provider) file: File,
    /// The method table that this part is about; none where it is about all that share everything.
    table: Option<&'static str>,
    /// Keys that were taken from that table.
    own: Vec<String>,
}

/// What a method table has instead of the file.
struct Own {
    base_url: Option<String>,
    account: Option<String>,
    account_label: Option<String>,
    variables: Option<Ordered<Variable>>,
    check: Option<Check>,
}

impl Own {
    fn is_empty(&self) -> bool {
        self.base_url.is_none()
            && self.account.is_none()
            && self.account_label.is_none()
            && self.variables.is_none()
            && self.check.is_none()
    }

    /// Puts it in the place of what the file says; the keys that were put.
    fn lay_over(self, file: &mut File) -> Vec<String> {
        let mut own = Vec::new();
        let texts = [
            ("base_url", self.base_url, &mut file.base_url),
            ("account", self.account, &mut file.account),
            ("account_label", self.account_label, &mut file.account_label),
        ];
        for (key, text, shared) in texts {
            if text.is_some() {
                *shared = text;
                own.push(key.to_owned());
            }
        }
        if self.check.is_some() {
            file.check = self.check;
            own.push("check".to_owned());
        }
        for (name, variable) in self.variables.into_iter().flat_map(|table| table.0) {
            let shared = file.variables.get_or_insert_default();
            own.push(format!("variables.{name}"));
            match shared.0.iter_mut().find(|(other, _)| *other == name) {
                Some((_, there)) => *there = variable,
                None => shared.0.push((name, variable)),
            }
        }
        own
    }
}

/// Takes what a table has of its own out of it.
macro_rules! own_of {
    ($table:expr) => {
        $table.as_mut().map(|table| Own {
            base_url: table.base_url.take(),
            account: table.account.take(),
            account_label: table.account_label.take(),
            variables: table.variables.take(),
            check: table.check.take(),
        })
    };
}

impl File {
    /// The file as each of its methods sees it; those that share everything come first, together.
    pub(in crate::provider) fn parts(mut self) -> Vec<Part> {
        let basic = self.basic.take();
        let own = [
            ("oauth2", own_of!(self.oauth2)),
            ("client_credentials", own_of!(self.client_credentials)),
            ("api_key", own_of!(self.api_key)),
            ("session", own_of!(self.session)),
            ("jwt", own_of!(self.jwt)),
        ];
        let mut apart = Vec::new();
        let mut rest = self.clone();
        for (table, own) in own {
            let Some(own) = own.filter(|own| !own.is_empty()) else { continue };
            let mut file = self.with_only(table);
            let own = own.lay_over(&mut file);
            rest = rest.without(table);
            apart.push(Part { file, table: Some(table), own });
        }
        if let Some(basic) = basic {
            apart.push(self.of_basic(basic));
        }
        if apart.is_empty() || rest.has_method() {
            apart.insert(0, Part { file: rest, table: None, own: Vec::new() });
        }
        apart
    }

    /// `[basic]` is read as an `[api_key]`, of which there may be one for each form of key.
    fn of_basic(&self, basic: ApiKey) -> Part {
        let mut basic = Some(basic);
        let mut file = self.with_only("basic");
        let own = own_of!(basic).map(|own| own.lay_over(&mut file)).unwrap_or_default();
        file.api_key = basic;
        Part { file, table: Some("basic"), own }
    }

    fn has_method(&self) -> bool {
        self.oauth2.is_some()
            || self.client_credentials.is_some()
            || self.api_key.is_some()
            || self.session.is_some()
            || self.jwt.is_some()
            || self.aws_sigv4.is_some()
            || self.oauth1.is_some()
            || self.mcp.is_some()
    }

    fn without(self, table: &str) -> Self {
        Self {
            oauth2: self.oauth2.filter(|_| table != "oauth2"),
            client_credentials: self.client_credentials.filter(|_| table != "client_credentials"),
            api_key: self.api_key.filter(|_| table != "api_key"),
            session: self.session.filter(|_| table != "session"),
            jwt: self.jwt.filter(|_| table != "jwt"),
            mcp: self.mcp.filter(|_| table != "mcp"),
            oauth1: self.oauth1.filter(|_| table != "oauth1"),
            aws_sigv4: self.aws_sigv4.filter(|_| table != "aws_sigv4"),
            ..self
        }
    }

    fn with_only(&self, table: &str) -> Self {
        let others =
            ["oauth2", "client_credentials", "api_key", "session", "jwt", "oauth1", "aws_sigv4", "mcp"];
        others.into_iter().filter(|other| *other != table).fold(self.clone(), Self::without)
    }
}

impl Part {
    /// A flaw with its place in the file as it is written.
    pub(in crate::provider) fn placed(&self, mut flaw: Flaw) -> Flaw {
        flaw.place = match flaw.place {
            Place::Value(path) => Place::Value(self.written(path)),
            Place::Key(path) => Place::Key(self.written(path)),
            place @ (Place::Bytes(_) | Place::File) => place,
        };
        flaw
    }

    fn written(&self, mut path: Vec<String>) -> Vec<String> {
        let Some(table) = self.table else { return path };
        let key = match path.as_slice() {
            [first, ..] if first == "api_key" => {
                table.clone_into(&mut path[0]);
                return path;
            }
            [first, second, ..] if first == "variables" => format!("variables.{second}"),
            [first, ..] => first.clone(),
            [] => return path,
        };
        if self.own.contains(&key) {
            path.insert(0, table.to_owned());
        }
        path
    }
}
