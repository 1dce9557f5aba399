//! A call as a command line, so that one can take it along to a back end.

use super::draft::{Draft, Row};

impl Draft {
    /// The same call as a command line, for a back end.
    pub(super) fn command(&self, hub: &str) -> String {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
        let (path, query) = if self.via == "address" { ("", None) } else { self.path_and_query() };
        let query = self.joined(query).map(|query| format!("?{query}")).unwrap_or_default();
        let address = format!("{}/proxy/{path}{query}", hub.trim_end_matches('/'));
        let mut lines = vec![format!("curl -i -X {} {}", self.method, quoted(&address))];
        lines.push("  -H \"Authorization: Bearer $KEY\"".to_owned());
        let mut header = |name: &str, value: &str| {
            if !value.is_empty() {
                lines.push(format!("  -H {}", quoted(&format!("{name}: {value}"))));
            }
        };
        match self.via.as_str() {
            "credential" => header("Vouchsafe-Credential", &self.credential),
            "address" => header("Vouchsafe-Url", &self.address),
            _ => {
                header("Vouchsafe-User", &self.user);
                header("Vouchsafe-Connector", &self.connector);
            }
        }
        header("Vouchsafe-Host", if self.via == "address" { "" } else { &self.host });
        header("Vouchsafe-Integration", &self.integration);
        for Row { name, value } in &self.headers {
            let name =
                if name.eq_ignore_ascii_case("authorization") { "Vouchsafe-Authorization" } else { name };
            header(name, if name.is_empty() { "" } else { value });
        }
        if !self.body.is_empty() {
            header("Content-Type", self.media_type());
            header("Vouchsafe-Resolve", if self.resolves { "body" } else { "" });
            lines.push(format!("  --data-binary {}", quoted(&self.body)));
        }
        lines.join(" \\\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_quoted_for_a_shell() {
        let draft = Draft {
            method: "POST".to_owned(),
            user: "jo".to_owned(),
            path: "/items?limit=2".to_owned(),
            headers: vec![Row { name: "X-One".to_owned(), value: "1".to_owned() }, Row::default()],
            body: "it's".to_owned(),
            ..Draft::blank()
        };
        let command = draft.command("https://hub.acme.test/");
        assert!(
            command.starts_with("curl -i -X POST 'https://hub.acme.test/proxy/items?limit=2'"),
            "{command}"
        );
        assert!(
            command.contains("-H 'Vouchsafe-User: jo'") && command.contains("-H 'X-One: 1'"),
            "{command}"
        );
        assert!(command.ends_with(r"--data-binary 'it'\''s'"), "{command}");
    }
}
