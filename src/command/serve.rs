//! `serve`: from the configuration to the end of the process.

use std::io::Write as _;

use anyhow::Context as _;
use milvus_rbac::config::cli::ServeFlags;
use milvus_rbac::config::{Flags, Loaded, Settings};
use milvus_rbac::server::{Server, StartError};
use milvus_rbac::telemetry;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, configuration};

pub(super) fn run(flags: &ServeFlags) -> Result<(), Failure> {
    let loaded = configuration(&Flags::from(flags))?;
    telemetry::init(loaded.settings.log_format).map_err(Failure::configuration)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start threads")?;
    runtime.block_on(serve(&loaded))
}

async fn serve(loaded: &Loaded) -> Result<(), Failure> {
    for notice in &loaded.notices {
        tracing::info!("{notice}");
    }
    for ignored in &loaded.ignored {
        tracing::debug!(?ignored, "a setting of somebody else's is ignored");
    }
    let settings = with_descriptors(&loaded.settings);
    // Asked for before the start, so that a signal during it is not lost.
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
    let server = Server::start(&settings).await.map_err(start_failure)?;
    // The only line on standard output: whoever started us waits for it.
    let mut out = std::io::stdout();
    writeln!(out, "{}", server.ready_line()).and_then(|()| out.flush()).context("cannot write")?;
    tracing::info!("{}", server.ready_line());
    let shutdown = async {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "shutting down");
    };
    server.run(shutdown).await?;
    tracing::info!("stopped");
    Ok(())
}

/// Descriptors that are not connections of clients: the store's files, those to etcd and upstream,
/// and some for the moment.
const OTHER_DESCRIPTORS: u64 = 128;

/// Asks for as many descriptors as connections may need, and lets there be as many connections as
/// there are descriptors for.
fn with_descriptors(settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    let wanted = settings.transport.max_connections as u64 + OTHER_DESCRIPTORS;
    let limit = getrlimit(Resource::Nofile);
    let Some(mut files) = limit.current.filter(|files| *files < wanted) else { return settings };
    let raised = limit.maximum.map_or(wanted, |most| most.min(wanted)).max(files);
    let raise = Rlimit { current: Some(raised), maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raise) {
        Ok(()) => files = raised,
        Err(error) => tracing::warn!(%error, "cannot raise the limit of open files"),
    }
    if files < wanted {
        let most = files.saturating_sub(OTHER_DESCRIPTORS).max(1);
        settings.transport.max_connections = usize::try_from(most).unwrap_or(usize::MAX);
        tracing::warn!(
            files,
            connections = most,
            "rbac.maxConnections is more than the limit of open files allows; raise that one \
             (ulimit -n, LimitNOFILE=)"
        );
    }
    settings
}

fn start_failure(error: StartError) -> Failure {
    if error.is_configuration() { Failure::configuration(error) } else { error.into() }
}
