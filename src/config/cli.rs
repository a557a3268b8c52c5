//! The command line: commands, flags, and the help that teaches them.
//!
//! Values are taken as text and judged by [`load`](super::load), together with the file and the
//! environment. There is no flag for a secret: other users of the machine can read flags.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::Flags;

/// Shown by `--help`.
const EXAMPLES: &str = "\
Examples:
  Try it, everything in memory, on this machine only:
    milvus-rbac --store memory:

  Keep users and roles, with a password of your own for root on the first start:
    MILVUS_RBAC_COMMON_SECURITY_DEFAULTROOTPASSWORD_FILE=/run/secrets/root \\
      milvus-rbac serve --store sled:/var/lib/milvus-rbac --listen 0.0.0.0:19530

  One of a fleet that shares an etcd, where and how as milvus.yaml says:
    milvus-rbac serve --config milvus.yaml --store etcd:// --listen 0.0.0.0:19530

  Give a Milvus Lite users and roles; it listens on this machine only, and everybody connects here:
    milvus-lite server --data-dir ./lite --host 127.0.0.1 --port 19531
    milvus-rbac serve --upstream http://127.0.0.1:19531

  Take the place of a Milvus, with its settings and its limits:
    milvus-rbac serve --config milvus.yaml --compat milvus

  See what a configuration means before it is used:
    milvus-rbac config show --config milvus.yaml

  Root's password is lost; with sled stop the server, with etcd just:
    milvus-rbac reset-password root --store sled:/var/lib/milvus-rbac

Settings come from the defaults, the file, the environment and the flags; the later wins.
The file has Milvus's keys, so a milvus.yaml is one; `config show` lists all keys.

Environment:
  MILVUS_RBAC_<KEY>       any setting: the key in upper case, dots as underscores, such as
                          MILVUS_RBAC_PROXY_MAXUSERNUM for proxy.maxUserNum, or
                          MILVUS_RBAC_RBAC_STORE for rbac.store
  MILVUS_RBAC_<KEY>_FILE  for secrets: a file with the value
  RUST_LOG                what is logged [default: info], such as debug or milvus_rbac=debug

Exit codes: 0 success, 1 failure, 2 bad usage or configuration.";

/// Shown by `copy --help`.
const COPY: &str = "\
What is copied: every record of users, roles, memberships, grants and privilege groups, byte for
byte, those of unknown kind included. What else stands in an etcd, such as a Milvus's collections, is
neither read nor touched.
The target gets all of it or nothing, and is then read back and compared. A copy into etcd that is
killed halfway has either not happened or is brought to its end by the first server started there,
or by a copy with --merge, to be made again until it succeeds.
A data directory belongs to one process, so its server has to be down.

With --merge, into a target that holds something:
  what only the target holds stays
  users, roles and groups that both have take what the source says, passwords included
  memberships are united
  grants are united object by object: the target's ids stay, and what the source grants goes there
  no right comes back by a name: memberships and grants that the target still had of a user, role or
  group that it no longer has are deleted if the source brings it, and those of the source are left
  out if only the target has it; both are counted

Both stores are reached with the same settings: there is one etcd.auth and one etcd.ssl. Between
clusters with different ones, copy to a data directory first, and from there with the others.

Examples:
  From one machine to a fleet:
    milvus-rbac copy --from sled:/var/lib/milvus-rbac --to etcd://etcd-0:2379/by-dev/meta

  From a Milvus's etcd, where and how as milvus.yaml says, to a data directory:
    milvus-rbac copy --config milvus.yaml --from etcd:// --to sled:./copy";

/// Users and roles for any Milvus-protocol deployment.
///
/// Keeps users, roles and grants, and answers Milvus's own RPCs for them, gRPC and REST on one
/// port. Without a command it serves.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "milvus-rbac",
    version,
    after_long_help = EXAMPLES,
    after_help = "Examples, settings and exit codes: --help",
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeFlags,
}

impl Cli {
    /// What to do; no command means to serve.
    pub fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Serve(self.serve))
    }
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Answer requests until a signal ends it (also what no command means)
    #[command(after_long_help = EXAMPLES)]
    Serve(ServeFlags),
    /// Look at the configuration without using it
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Set a user's password in the store, without the old one
    ///
    /// A data directory belongs to one process, so the server has to be down; a store in etcd is
    /// changed with all servers running, and they follow at once. Asks for the new password
    /// without showing it, or reads it from standard input if that is not a terminal. Creates
    /// root if the store has lost it.
    ResetPassword(ResetPasswordFlags),
    /// Copy users, roles, grants and privilege groups from one store to another
    #[command(after_long_help = COPY)]
    Copy(CopyFlags),
}

/// What to look at.
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Report every mistake, or that there is none
    Check(ServeFlags),
    /// Print every setting and where its value comes from, without secrets
    Show(ServeFlags),
}

/// Flags of everything that opens a store.
#[derive(Debug, Clone, Args, Default)]
pub struct StoreFlags {
    /// Read settings from this YAML file, such as a milvus.yaml [default: none]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Keep the state there: sled:PATH, etcd://HOST:PORT,…/ROOT or memory: [default:
    /// sled:./milvus-rbac-data]
    ///
    /// What an etcd address leaves out is taken from the settings: the hosts from
    /// etcd.endpoints, the root path from etcd.rootPath and etcd.metaSubPath. User, password and
    /// TLS are always set by etcd.auth and etcd.ssl.
    #[arg(long, value_name = "STORE")]
    pub store: Option<String>,
    /// Take the defaults of the public documentation or of Milvus [default: documented]
    #[arg(long, value_name = "documented|milvus")]
    pub compat: Option<String>,
    /// Open a data directory although it is older than what was acknowledged; rights that were
    /// revoked since may be back
    #[arg(long)]
    pub accept_data_loss: bool,
}

/// Flags of `serve`, which the `config` commands judge, too.
#[derive(Debug, Clone, Args, Default)]
pub struct ServeFlags {
    /// What every command has that opens a store.
    #[command(flatten)]
    pub store: StoreFlags,
    /// Listen there; several with commas or by repeating [default: localhost:19530]
    ///
    /// An IP address or localhost, a colon and a port: 127.0.0.1:19530,
    /// localhost:19530 for both loopbacks, 0.0.0.0:19530 for all interfaces. Port 0 lets the
    /// system choose.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Vec<String>,
    /// Pass on to that server what is not about users and roles: http://HOST:PORT or https://…
    ///
    /// It is asked only for what its caller may do, and never hears the caller's login. What else
    /// there is to set about it is rbac.upstream.*, in the file or the environment.
    #[arg(long, value_name = "URL")]
    pub upstream: Option<String>,
    /// Write the log for people or for machines [default: text]
    #[arg(long, value_name = "text|json")]
    pub log_format: Option<String>,
    /// Let everybody do everything without a password
    #[arg(long)]
    pub insecure_no_authorization: bool,
    /// Listen beyond this machine although root has the password that everybody knows
    #[arg(long)]
    pub insecure_default_root_password: bool,
}

/// Flags of `reset-password`.
#[derive(Debug, Clone, Args)]
pub struct ResetPasswordFlags {
    /// Whose password
    #[arg(value_name = "USER")]
    pub user: String,
    /// What every command has that opens a store.
    #[command(flatten)]
    pub store: StoreFlags,
}

/// Flags of `copy`.
#[derive(Debug, Clone, Args)]
pub struct CopyFlags {
    /// The store that is read: sled:PATH or etcd://HOST:PORT,…/ROOT
    #[arg(long, value_name = "STORE")]
    pub from: String,
    /// The store that is written: sled:PATH or etcd://HOST:PORT,…/ROOT
    #[arg(long, value_name = "STORE")]
    pub to: String,
    /// Unite both stores if the target holds something
    #[arg(long)]
    pub merge: bool,
    /// Read settings from this YAML file, such as a milvus.yaml [default: none]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Read a data directory although it is older than what was acknowledged; rights that were
    /// revoked since may be back
    #[arg(long)]
    pub accept_data_loss: bool,
}

impl CopyFlags {
    /// The flags for the source.
    pub fn source(&self) -> Flags {
        let accept_data_loss = self.accept_data_loss;
        Flags { accept_data_loss, ..self.one("--from", &self.from) }
    }

    /// The flags for the target. It never accepts a loss: what it lost could be a revocation.
    pub fn target(&self) -> Flags {
        self.one("--to", &self.to)
    }

    fn one(&self, flag: &'static str, store: &str) -> Flags {
        Flags {
            config: self.config.clone(),
            store: Some(store.to_owned()),
            store_flag: Some(flag),
            ..Flags::default()
        }
    }
}

impl From<&StoreFlags> for Flags {
    fn from(flags: &StoreFlags) -> Self {
        Self {
            config: flags.config.clone(),
            store: flags.store.clone(),
            compat: flags.compat.clone(),
            accept_data_loss: flags.accept_data_loss,
            ..Self::default()
        }
    }
}

impl From<&ServeFlags> for Flags {
    fn from(flags: &ServeFlags) -> Self {
        Self {
            listen: flags.listen.clone(),
            upstream: flags.upstream.clone(),
            log_format: flags.log_format.clone(),
            insecure_no_authorization: flags.insecure_no_authorization,
            insecure_default_root_password: flags.insecure_default_root_password,
            ..Self::from(&flags.store)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn command(arguments: &[&str]) -> Command {
        let all = std::iter::once("milvus-rbac").chain(arguments.iter().copied());
        Cli::try_parse_from(all).unwrap().into_command()
    }

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_means_to_serve_with_the_same_flags() {
        let flags = ["--listen", "[::1]:0", "--listen=a,b", "--store", "memory:"];
        let with: Vec<_> = std::iter::once("serve").chain(flags).collect();
        let (Command::Serve(bare), Command::Serve(named)) = (command(&flags), command(&with))
        else {
            panic!("one of them does not serve");
        };
        assert_eq!(Flags::from(&bare), Flags::from(&named));
        assert_eq!(Flags::from(&bare).listen, ["[::1]:0", "a,b"]);
    }

    #[test]
    fn flags_before_a_command_are_refused_because_nobody_would_read_them() {
        assert!(Cli::try_parse_from(["milvus-rbac", "--store", "memory:", "serve"]).is_err());
    }

    #[test]
    fn reset_password_takes_the_flags_of_the_store_and_no_password() {
        let line = ["reset-password", "root", "--store", "sled:x", "--accept-data-loss"];
        let Command::ResetPassword(reset) = command(&line) else { panic!("not reset-password") };
        assert_eq!(reset.user, "root");
        let flags = Flags::from(&reset.store);
        assert_eq!(flags.store.as_deref(), Some("sled:x"));
        assert!(flags.accept_data_loss && !flags.insecure_no_authorization);
        for wrong in ["--listen", "--password", "--insecure-no-authorization"] {
            assert!(Cli::try_parse_from(["milvus-rbac", "reset-password", "root", wrong]).is_err());
        }
        assert!(Cli::try_parse_from(["milvus-rbac", "reset-password"]).is_err());
    }

    #[test]
    fn copy_takes_two_stores_and_a_loss_is_accepted_only_of_the_source() {
        let line = ["copy", "--from", "sled:a", "--to", "sled:b", "--accept-data-loss"];
        let Command::Copy(copy) = command(&line) else { panic!("not copy") };
        let (source, target) = (copy.source(), copy.target());
        assert_eq!((source.store.as_deref(), source.store_flag), (Some("sled:a"), Some("--from")));
        assert_eq!((target.store.as_deref(), target.store_flag), (Some("sled:b"), Some("--to")));
        assert!(source.accept_data_loss && !target.accept_data_loss && !copy.merge);
        for wrong in [&["copy"][..], &["copy", "--from", "sled:a"], &["copy", "--to", "sled:a"]] {
            assert!(Cli::try_parse_from(["milvus-rbac"].iter().chain(wrong)).is_err());
        }
    }

    #[test]
    fn bad_usage_exits_with_2_and_help_with_0() {
        let code = |arguments: &[&str]| {
            Cli::try_parse_from(["milvus-rbac"].iter().chain(arguments)).unwrap_err().exit_code()
        };
        assert_eq!(code(&["--nonsense"]), 2);
        assert_eq!(code(&["config"]), 2);
        assert_eq!(code(&["--help"]), 0);
        assert_eq!(code(&["--version"]), 0);
    }

    #[test]
    fn help_has_examples_defaults_and_the_environment() {
        let help = Cli::command().render_long_help().to_string();
        for part in [
            "sled:./milvus-rbac-data",
            "localhost:19530",
            "MILVUS_RBAC_",
            "RUST_LOG",
            "reset-password root",
            "Exit codes",
        ] {
            assert!(help.contains(part), "{part}");
        }
    }
}
