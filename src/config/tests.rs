//! Defaults, each variable, and what a wrong one is answered with.

use super::*;

fn load(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let env = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    raw::read_variables(&env).and_then(Config::from_raw)
}

fn problem(pairs: &[(&str, &str)]) -> String {
    load(pairs).unwrap_err().to_string()
}

#[test]
fn without_anything_the_defaults_of_the_contract_hold() {
    let config = load(&[]).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:7070");
    assert!(config.database.url.is_sqlite());
    assert_eq!(config.database.data_dir, PathBuf::from("./data"));
    assert!(!config.egress.http && config.egress.allow.is_empty());
    assert_eq!(config.audit.mode, AuditMode::Batched);
    assert_eq!(config.audit.dir, config.database.data_dir);
    let days = |days: u64| Some(std::time::Duration::from_secs(days * 86_400));
    assert_eq!((config.audit.keep, config.audit.keep_addresses), (days(400), days(90)));
    assert_eq!(config.refresh.lease.as_secs(), 90);
    assert!(config.given.is_empty());
}

#[test]
fn what_was_given_is_known_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hub.toml");
    std::fs::write(&file, "listen = \"127.0.0.1:0\"\negress_allow = [\"10.0.0.0/8\"]\n").unwrap();
    let env = [("VOUCHSAFE_LOG", "warn"), ("VOUCHSAFE_LISTEN", "127.0.0.1:80"), ("VOUCHSAFE_DATA_DIR", "")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let config = Config::load(Some(file.as_path()), &env).unwrap();
    assert_eq!(config.given, ["VOUCHSAFE_LISTEN", "VOUCHSAFE_EGRESS_ALLOW", "VOUCHSAFE_LOG"]);
}

#[test]
fn each_variable_is_read() {
    let config = load(&[
        ("VOUCHSAFE_LISTEN", "0.0.0.0:80"),
        ("VOUCHSAFE_PUBLIC_URL", "https://hub.acme.test"),
        ("VOUCHSAFE_EGRESS_ALLOW", "10.0.0.0/8, 127.0.0.1"),
        ("VOUCHSAFE_EGRESS_HTTP", "true"),
        ("VOUCHSAFE_TRUSTED_PROXIES", "192.168.0.0/16"),
        ("VOUCHSAFE_REFRESH_LEASE", "2m"),
        ("VOUCHSAFE_AUDIT_MODE", "strict"),
        ("VOUCHSAFE_AUDIT_DIR", "/mnt/audit"),
        ("VOUCHSAFE_AUDIT_KEEP", "2years"),
        ("VOUCHSAFE_AUDIT_KEEP_ADDRESSES", "forever"),
        ("VOUCHSAFE_DATABASE_URL", "postgres://hub:hunter2@db/hub"),
    ])
    .unwrap();
    assert_eq!(config.egress.allow.len(), 2);
    assert!(config.egress.http);
    assert_eq!(config.refresh.lease.as_secs(), 120);
    assert_eq!(config.audit.mode, AuditMode::Strict);
    assert_eq!(config.audit.dir, PathBuf::from("/mnt/audit"));
    assert!(config.audit.keep.is_some_and(|kept| kept.as_secs() > 700 * 86_400));
    assert_eq!(config.audit.keep_addresses, None);
    assert!(!config.database.url.is_sqlite());
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn a_wrong_value_names_its_variable_and_what_to_do() {
    assert_eq!(
        problem(&[("VOUCHSAFE_LISTEN", "7070")]),
        "VOUCHSAFE_LISTEN: write an IP address and a port, such as 127.0.0.1:7070"
    );
    assert_eq!(
        problem(&[("VOUCHSAFE_PUBLIC_URL", "http://hub.acme.test")]),
        "VOUCHSAFE_PUBLIC_URL: must be https, or http on a loopback address"
    );
    assert_eq!(problem(&[("VOUCHSAFE_REFRESH_LEASE", "1s")]), "VOUCHSAFE_REFRESH_LEASE: must be at least 5s");
    assert_eq!(problem(&[("VOUCHSAFE_AUDIT_KEEP", "1h")]), "VOUCHSAFE_AUDIT_KEEP: must be at least 1d");
    assert!(problem(&[("VOUCHSAFE_AUDIT_KEEP_ADDRESSES", "long")]).contains("or forever"));
    assert!(problem(&[("VOUCHSAFE_EGRESS_HTTP", "maybe")]).contains("write `true` or `false`"));
    assert!(problem(&[("VOUCHSAFE_DATABASE_URL", "mysql://x")]).contains("sqlite://"));
    assert!(
        problem(&[("VOUCHSAFE_MASTER_KEY", "a:b"), ("VOUCHSAFE_MASTER_KEY_FILE", "f")]).contains("not both")
    );
}

#[test]
fn an_unknown_key_of_the_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vouchsafe.toml");
    std::fs::write(&path, "listen = \"127.0.0.1:1\"\nlisten_on = \"x\"\n").unwrap();
    let error = Config::load(Some(&path), &BTreeMap::new()).unwrap_err().to_string();
    assert!(error.contains("listen_on"), "{error}");
    std::fs::write(&path, "listen = \"127.0.0.1:1\"\negress_allow = [\"10.0.0.0/8\"]\negress_http = true\n")
        .unwrap();
    let env = BTreeMap::from([("VOUCHSAFE_LISTEN".to_owned(), "127.0.0.1:2".to_owned())]);
    let config = Config::load(Some(&path), &env).unwrap();
    assert_eq!(config.server.listen.port(), 2, "a variable comes before the file");
    assert!(config.egress.http);
    assert!(Config::load(Some(&dir.path().join("absent.toml")), &env).is_err());
}

#[test]
fn mail_needs_a_server_and_a_sender_that_are_some() {
    let url = ("VOUCHSAFE_SMTP_URL", "smtps://hub:hunter2@mail.acme.test");
    let from = ("VOUCHSAFE_MAIL_FROM", "Acme <hub@acme.test>");
    let mail = load(&[url, from]).unwrap().mail.unwrap();
    assert!(!format!("{mail:?}").contains("hunter2"));
    assert!(problem(&[url]).contains("VOUCHSAFE_MAIL_FROM"));
    assert!(problem(&[url, ("VOUCHSAFE_MAIL_FROM", "nobody")]).starts_with("VOUCHSAFE_MAIL_FROM: write"));
    let wrong = problem(&[("VOUCHSAFE_SMTP_URL", "https://u:hunter2@mail.acme.test"), from]);
    assert!(wrong.starts_with("VOUCHSAFE_SMTP_URL: write smtp://") && !wrong.contains("hunter2"), "{wrong}");
}

const SIGN_ON: [(&str, &str); 3] = [
    ("VOUCHSAFE_OIDC_ISSUER", "https://id.acme.test/realms/acme/"),
    ("VOUCHSAFE_OIDC_CLIENT_ID", "vouchsafe"),
    ("VOUCHSAFE_OIDC_CLIENT_SECRET", "hunter2"),
];

#[test]
fn single_sign_on_needs_issuer_and_client_and_names_what_is_missing() {
    let whole = load(&SIGN_ON).unwrap().single_sign_on.unwrap();
    assert_eq!((whole.issuer.as_str(), whole.name.as_str()), (SIGN_ON[0].1, "id.acme.test"));
    assert!(!format!("{whole:?}").contains("hunter2"));
    assert!(load(&[]).unwrap().single_sign_on.is_none());
    for missing in SIGN_ON {
        let rest: Vec<_> = SIGN_ON.into_iter().filter(|one| *one != missing).collect();
        assert_eq!(problem(&rest), format!("{}: single sign-on lacks {0}", missing.0));
    }
    let lacks = "single sign-on lacks VOUCHSAFE_OIDC_ISSUER and VOUCHSAFE_OIDC_CLIENT_ID and \
                 VOUCHSAFE_OIDC_CLIENT_SECRET";
    assert_eq!(problem(&[("VOUCHSAFE_OIDC_NAME", "Acme ID")]), format!("VOUCHSAFE_OIDC_ISSUER: {lacks}"));
}

#[test]
fn the_secret_of_single_sign_on_may_be_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    std::fs::write(&path, "from-a-file\n").unwrap();
    let file = ("VOUCHSAFE_OIDC_CLIENT_SECRET_FILE", path.to_str().unwrap());
    let whole = load(&[SIGN_ON[0], SIGN_ON[1], file, ("VOUCHSAFE_OIDC_NAME", " Acme ID ")]).unwrap();
    let whole = whole.single_sign_on.unwrap();
    assert_eq!(secrecy::ExposeSecret::expose_secret(&whole.client_secret), "from-a-file");
    assert_eq!(whole.name, "Acme ID");
    assert!(problem(&[SIGN_ON[0], SIGN_ON[1], SIGN_ON[2], file]).contains("not both"));
}

#[test]
fn a_secret_file_that_can_not_be_read_is_told_with_its_variable() {
    for variable in
        ["VOUCHSAFE_DATABASE_URL_FILE", "VOUCHSAFE_SMTP_URL_FILE", "VOUCHSAFE_OIDC_CLIENT_SECRET_FILE"]
    {
        let told = problem(&[(variable, "/absent/secret")]);
        assert!(told.starts_with(&format!("cannot read /absent/secret, which {variable} names: ")), "{told}");
    }
}

#[test]
fn an_issuer_is_https_or_where_plain_calls_may_go() {
    let with = |issuer: &str, http: &str| {
        let issuer = ("VOUCHSAFE_OIDC_ISSUER", issuer);
        load(&[issuer, SIGN_ON[1], SIGN_ON[2], ("VOUCHSAFE_EGRESS_HTTP", http)]).map(drop)
    };
    assert!(with("http://127.0.0.1:4000", "false").is_ok());
    assert!(with("http://id.internal", "true").is_ok());
    for bad in ["http://id.internal", "ftp://id.acme.test", "id.acme.test", "https://jo:x@id.acme.test"] {
        assert!(with(bad, "false").is_err(), "{bad}");
    }
    assert!(with("https://id.acme.test?tenant=1", "true").is_err());
    assert!(
        problem(&[SIGN_ON[0], SIGN_ON[1], SIGN_ON[2], ("VOUCHSAFE_OIDC_NAME", &"x".repeat(41))])
            .starts_with("VOUCHSAFE_OIDC_NAME: write")
    );
}
