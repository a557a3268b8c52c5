//! `reset-password`: for the operator who has the store in hand and nobody's password.

use std::io::{IsTerminal as _, Read as _, Write as _};

use anyhow::{Context as _, bail, ensure};
use milvus_rbac::config::cli::ResetPasswordFlags;
use milvus_rbac::config::{Flags, StoreSetting};
use milvus_rbac::credential::Password;
use milvus_rbac::deployment::{Deployment, open_store};
use milvus_rbac::model::ROOT;
use milvus_rbac::telemetry;
use zeroize::Zeroizing;

use super::{Failure, configuration};

/// Most that is read from standard input; no password is as long.
const MAX_INPUT: u64 = 4096;

pub(super) fn run(flags: &ResetPasswordFlags) -> Result<(), Failure> {
    let loaded = configuration(&Flags::from(&flags.store))?;
    let settings = &loaded.settings;
    telemetry::init(settings.log_format).map_err(Failure::configuration)?;
    match &settings.store {
        StoreSetting::Memory => {
            return Err(Failure::configuration(anyhow::anyhow!(
                "`memory:` keeps nothing between runs, so there is no password in it to reset; \
                 name the store with --store sled:PATH or --store etcd://host:port/rootPath"
            )));
        }
        // Opening would create it, and a typing mistake would look like success.
        StoreSetting::Sled(path) if !path.join("db").is_file() => {
            return Err(anyhow::anyhow!("{} is no data directory", path.display()).into());
        }
        // Whether anything is there is seen once it is open.
        StoreSetting::Sled(_) | StoreSetting::Etcd { .. } => {}
    }
    // Opened before the question, so that nobody types a password for nothing.
    let deployment = Deployment::open(open_store(settings)?, settings)?;
    let outcome =
        check_root(&deployment, &settings.store).and_then(|()| reset(&deployment, &flags.user));
    deployment.close()?;
    writeln!(std::io::stdout(), "the password of {} has been set", outcome?)?;
    Ok(())
}

/// Under a mistyped root path there is nothing, and to make a root there would look like success.
fn check_root(deployment: &Deployment, store: &StoreSetting) -> anyhow::Result<()> {
    if let StoreSetting::Etcd { root, .. } = store {
        ensure!(
            deployment.admin().snapshots().get().users().len() > 0,
            "there is nothing there: no user stands under the root path `{root}` of {store}; \
             nothing was changed"
        );
    }
    Ok(())
}

/// Returns the name of the user that was meant.
fn reset<'a>(deployment: &Deployment, user: &'a str) -> anyhow::Result<&'a str> {
    let state = deployment.admin().snapshots().get();
    let name = state.resolve_user(user);
    ensure!(
        state.user(name).is_some() || name == ROOT,
        "there is no user `{name}` in this store; only root is made when it is missing"
    );
    let password = read_password(name)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    runtime.block_on(async {
        // A store that lost its root may have lost its roles, too.
        deployment.admin().bootstrap(None).await?;
        deployment.admin().reset_password(name, &password).await
    })?;
    Ok(name)
}

/// From a prompt without echo, twice, or from standard input up to the end of its first line.
fn read_password(user: &str) -> anyhow::Result<Password> {
    if std::io::stdin().is_terminal() {
        let first = Zeroizing::new(
            rpassword::prompt_password(format!("New password of {user}: "))
                .context("cannot read the password")?,
        );
        let second = Zeroizing::new(
            rpassword::prompt_password("Once more: ").context("cannot read the password")?,
        );
        ensure!(first == second, "the two passwords differ; nothing was changed");
        return Ok(Password::from(first.as_bytes().to_vec()));
    }
    let mut input = Zeroizing::new(Vec::new());
    std::io::stdin()
        .take(MAX_INPUT)
        .read_to_end(&mut input)
        .context("cannot read the password from standard input")?;
    let line = input.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        bail!("standard input holds no password; nothing was changed");
    }
    Ok(Password::from(line.to_vec()))
}
