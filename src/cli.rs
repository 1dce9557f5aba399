//! The command line: what is asked for, one call, and what to print. Commands that change something work on the
//! database directly, whether or not a hub is running.

mod audit;
mod backup;
mod commands;
mod data_key;
mod demo;
mod doctor;
mod error;
#[cfg(feature = "failpoints")]
mod faults;
mod providers;
mod serve;
mod transfer;
mod values;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use vouchsafe_entity::kind::WorkspaceState;

use self::error::CliError;
use crate::config::Config;

/// A self-hosted credential connector hub.
#[derive(Debug, Parser)]
#[command(name = "vouchsafe", version, about)]
struct Arguments {
    /// The configuration file [default: vouchsafe.toml where there is one; or `VOUCHSAFE_CONFIG`]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Work although data keys of workspaces or environments are lost, as an older master key is: what they sealed answers
    /// `key_unavailable`, and the rest is served
    #[arg(long, global = true)]
    degraded: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the hub (also without a command)
    Serve,
    /// Run the hub on a throw-away database, with a fake provider and a small host app
    Demo,
    /// Make, list and revoke API keys
    #[command(subcommand)]
    Keys(Keys),
    /// Make and list workspaces, and set their subscription
    #[command(subcommand)]
    Workspaces(Workspaces),
    /// Make, list and delete environments
    #[command(subcommand)]
    Environments(Environments),
    /// Let people into the dashboard
    #[command(subcommand)]
    Members(Members),
    /// List and check provider definitions
    #[command(subcommand)]
    Providers(Providers),
    /// Validate configuration, providers and templates without starting
    Check,
    /// Look at a deployment: database, keys, clock, reachability; changes nothing
    Doctor,
    /// Bring the database's schema up to date
    Migrate,
    /// Let this deployment refresh what is in a database that was restored, copied or moved
    Adopt {
        /// Change nothing; fail where another deployment has adopted the database
        #[arg(long)]
        check: bool,
    },
    /// Check the audit log
    #[command(subcommand)]
    Audit(Audit),
    /// Copy the database while a hub runs, check a copy, bring one back
    Backup(backup::Backup),
    /// The same as `backup restore`
    Restore(backup::CopyFile),
    /// Write an environment into a sealed file, for another hub
    #[command(after_long_help = transfer::ON_EXPORT)]
    Export(transfer::Export),
    /// Take in an environment that was exported, or what another hub has
    #[command(after_long_help = transfer::ON_IMPORT)]
    Import(transfer::Import),
    /// Make master keys, and replace one
    #[command(subcommand, name = "master-key")]
    MasterKey(MasterKeys),
    /// Replace the keys that seal what is in the database
    #[command(subcommand, name = "data-key")]
    DataKey(data_key::DataKeys),
}

#[derive(Debug, Subcommand)]
enum Keys {
    /// Make a key and print it
    Create(NewKey),
    /// List keys
    List {
        /// The environment [default: all of the workspace]
        #[arg(long)]
        environment: Option<String>,
        /// The workspace
        #[arg(long, default_value = crate::service::bootstrap::DEFAULT_WORKSPACE)]
        workspace: String,
    },
    /// Revoke a key
    Revoke {
        /// Its id, `apikey_…`
        id: String,
    },
}

#[derive(Debug, clap::Args)]
struct NewKey {
    #[command(flatten)]
    place: Place,
    /// A label
    #[arg(long, default_value = "Made at the command line")]
    name: String,
    /// A scope; may be given several times [default: *]
    #[arg(long = "scope", value_name = "SCOPE", value_parser = values::scopes())]
    scopes: Vec<String>,
    /// How long it works, as an ISO 8601 period such as P90D
    #[arg(long, value_name = "PERIOD", value_parser = values::period)]
    expires: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Place {
    /// The environment
    #[arg(long)]
    environment: String,
    /// The workspace
    #[arg(long, default_value = crate::service::bootstrap::DEFAULT_WORKSPACE)]
    workspace: String,
}

#[derive(Debug, Subcommand)]
enum Members {
    /// Print a one-time link by which somebody becomes an owner; an earlier one stops working
    InviteOwner {
        /// The workspace
        #[arg(long, default_value = crate::service::bootstrap::DEFAULT_WORKSPACE)]
        workspace: String,
    },
}

#[derive(Debug, Subcommand)]
enum Workspaces {
    /// List workspaces with their environments
    List,
    /// Make a workspace with the environments production and sandbox
    Create {
        /// Its name
        name: String,
        /// Its subscription
        #[arg(long, default_value = "active", value_parser = values::states())]
        state: WorkspaceState,
    },
    /// Delete a workspace with all that is in it, its members included
    Delete {
        /// Its name
        name: String,
        /// Even if it has credentials; what users have granted stays with the apps, which are not told
        #[arg(long)]
        force: bool,
    },
    /// Set the subscription of a workspace
    SetState {
        /// Its name
        name: String,
        /// Its subscription from now on
        #[arg(value_parser = values::states())]
        state: WorkspaceState,
    },
}

#[derive(Debug, Subcommand)]
enum Environments {
    /// List the environments of a workspace
    List {
        /// The workspace
        #[arg(long, default_value = crate::service::bootstrap::DEFAULT_WORKSPACE)]
        workspace: String,
    },
    /// Make an environment
    Create {
        /// Its name
        name: String,
        /// The workspace
        #[arg(long, default_value = crate::service::bootstrap::DEFAULT_WORKSPACE)]
        workspace: String,
    },
    /// Delete an environment with all that is in it
    Delete {
        /// Its name
        name: String,
        /// The workspace
        #[arg(long, default_value = crate::service::bootstrap::DEFAULT_WORKSPACE)]
        workspace: String,
        /// Even if it has credentials; what users have granted stays with the apps, which are not told
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Providers {
    /// List what is known
    List {
        /// Only those with this in name or slug
        #[arg(conflicts_with = "search")]
        word: Option<String>,
        /// The same as a flag
        #[arg(long, value_name = "WORD")]
        search: Option<String>,
    },
    /// Check definitions, with file, line and column of every problem
    Check {
        /// Files or directories [default: the built-in ones and the configured directory]
        paths: Vec<PathBuf>,
        /// text, or json: one object a problem
        #[arg(long, default_value = "text", value_parser = ["text", "json"])]
        format: String,
        /// Warnings fail too
        #[arg(long)]
        deny_warnings: bool,
        /// With --deny-warnings: facts that are marked as unverified do not fail
        #[arg(long, requires = "deny_warnings")]
        allow_unverified: bool,
    },
    /// Print the JSON Schema of the format, for editors
    Schema,
}

#[derive(Debug, Subcommand)]
enum Audit {
    /// Say whether every event is as it was written, or the first thing that is wrong
    Verify {
        /// A file of heads that was kept outside; may be given several times [default: the hub's own]
        #[arg(long, value_name = "FILE")]
        heads: Vec<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum MasterKeys {
    /// Print a new key
    Generate {
        /// Its label
        #[arg(long, default_value = "main")]
        label: String,
    },
    /// Wrap all data keys by the first master key, so that the others can be removed
    Rewrap,
}

/// Runs the command that `arguments` ask for, with the variables of the process.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version go to standard output, mistakes to standard error with exit code 2.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match texts(variables).and_then(|env| carry_out(arguments, &env)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// The variables as text. What other programs keep in theirs need not be any.
fn texts(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<BTreeMap<String, String>, CliError> {
    let mut texts = BTreeMap::new();
    for (name, value) in variables {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => {
                texts.insert(name, value);
            }
            (Ok(name), Err(_)) if name.starts_with("VOUCHSAFE_") => return Err(CliError::Variable(name)),
            (Ok(_), Err(_)) | (Err(_), _) => {}
        }
    }
    Ok(texts)
}

fn complain(error: &CliError) {
    let text = crate::app::causes(error);
    if !text.is_empty() {
        let _ = writeln!(std::io::stderr(), "error: {text}");
    }
}

fn carry_out(arguments: Arguments, env: &BTreeMap<String, String>) -> Result<(), CliError> {
    let load = || {
        let config = Config::load(arguments.config.as_deref(), env)?;
        Ok::<_, CliError>(Config { degraded: arguments.degraded, ..config })
    };
    let quiet = || {
        let config = load()?;
        quiet_logs(&config)?;
        #[cfg(feature = "failpoints")]
        faults::Faults::of(env).arm()?;
        Ok::<_, CliError>(config)
    };
    // Each by its name: a command that is forgotten here must not become another.
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(
            &load()?,
            #[cfg(feature = "failpoints")]
            &faults::Faults::of(env),
        ),
        Command::Demo => demo::run(env),
        Command::Keys(keys) => block_on(commands::keys(&quiet()?, keys)),
        Command::Workspaces(workspaces) => block_on(commands::workspaces(&quiet()?, workspaces)),
        Command::Environments(environments) => block_on(commands::environments(&quiet()?, environments)),
        Command::Members(Members::InviteOwner { workspace }) => {
            block_on(commands::invite_owner(&quiet()?, &workspace))
        }
        Command::Providers(Providers::List { word, search }) => {
            providers::list(&load()?, word.or(search).as_deref())
        }
        Command::Providers(Providers::Check { paths, format, deny_warnings, allow_unverified }) => {
            let denied = deny_warnings.then_some(providers::Denied { unverified: !allow_unverified });
            providers::check(&load()?, &paths, &format, denied.as_ref())
        }
        Command::Providers(Providers::Schema) => providers::print_schema(),
        Command::Check => block_on(commands::check(&quiet()?)),
        Command::Doctor => block_on(doctor::doctor(&quiet()?)),
        Command::Migrate => block_on(commands::migrate(&quiet()?)),
        Command::Adopt { check } => block_on(commands::adopt(&quiet()?, check)),
        Command::Audit(Audit::Verify { heads }) => block_on(audit::verify(&quiet()?, &heads)),
        Command::Backup(asked) => block_on(backup::run(&quiet()?, asked)),
        Command::Restore(copy) => block_on(backup::restore(&quiet()?, &copy)),
        Command::Export(asked) => block_on(transfer::export(&quiet()?, &asked)),
        Command::Import(asked) => block_on(transfer::import(&quiet()?, &asked)),
        Command::MasterKey(MasterKeys::Generate { label }) => commands::generate_master_key(&label),
        Command::MasterKey(MasterKeys::Rewrap) => block_on(commands::rewrap(&quiet()?)),
        Command::DataKey(data_key::DataKeys::Rotate { place, revoke }) => {
            block_on(data_key::rotate(&quiet()?, &place, revoke))
        }
    }
}

/// Commands speak for themselves; only what goes wrong is logged. A filter that is none is refused all the same.
fn quiet_logs(config: &Config) -> Result<(), CliError> {
    crate::telemetry::filter(&config.server)?;
    let server = crate::config::ServerConfig { log: "warn".to_owned(), ..config.server.clone() };
    crate::telemetry::start_logs(&server)?;
    crate::telemetry::log_panics();
    Ok(())
}

fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    runtime.block_on(work)
}

/// A line on standard output.
fn say(line: impl std::fmt::Display) -> Result<(), CliError> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
