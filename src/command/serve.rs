//! `serve`: from the configuration to the end of the process.

use std::io::Write as _;

use anyhow::Context as _;
use milvus_rbac::config::cli::ServeFlags;
use milvus_rbac::config::{Flags, Loaded};
use milvus_rbac::server::{Server, StartError};
use milvus_rbac::telemetry;
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
    // Asked for before the start, so that a signal during it is not lost.
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
    let server = Server::start(&loaded.settings).await.map_err(start_failure)?;
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

fn start_failure(error: StartError) -> Failure {
    if error.is_configuration() { Failure::configuration(error) } else { error.into() }
}
