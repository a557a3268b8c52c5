//! The server in this process: the real one, with sled in a temporary directory and the lowest
//! bcrypt cost.

use std::net::SocketAddr;
use std::path::PathBuf;

use milvus_rbac::config::{Compat, ListenAddress, Settings, StoreSetting};
use milvus_rbac::deployment::Deployment;
use milvus_rbac::server::Server;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Grpc, Rest};

/// The login of root.
pub(crate) const ROOT: (&str, &str) = ("root", "Milvus");

/// Settings for tests: port 0 on IPv4 loopback, bcrypt cost 4.
pub(crate) fn settings(compat: Compat) -> Settings {
    let mut settings = Settings::defaults(compat);
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    settings.listen = vec![ListenAddress { address, optional: false }];
    settings.passwords.bcrypt_cost = 4;
    settings.store = StoreSetting::Memory;
    settings
}

/// A running server. Stopped when dropped; [`TestServer::stop`] waits for the end.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) deployment: Deployment,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    directory: Option<TempDir>,
}

impl TestServer {
    /// A server with sled on disk, in `compat: documented`.
    pub(crate) async fn start() -> Self {
        Self::with(settings(Compat::Documented)).await
    }

    /// A server with sled on disk, in `compat: milvus`.
    pub(crate) async fn milvus() -> Self {
        Self::with(settings(Compat::Milvus)).await
    }

    /// A server with these settings; where they name no directory, sled in a temporary one.
    pub(crate) async fn with(mut settings: Settings) -> Self {
        let mut directory = None;
        if settings.store == StoreSetting::Memory {
            let temporary = TempDir::new().unwrap();
            settings.store = StoreSetting::Sled(temporary.path().join("data"));
            directory = Some(temporary);
        }
        Self::run(Server::start(&settings).await.unwrap(), directory)
    }

    /// A server on this deployment, which ages by a clock of its own perhaps.
    pub(crate) async fn on(deployment: Deployment, settings: &Settings) -> Self {
        Self::run(Server::with_deployment(settings, deployment).await.unwrap(), None)
    }

    fn run(server: Server, directory: Option<TempDir>) -> Self {
        let address = server.addresses()[0];
        let deployment = server.deployment().clone();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            server.run(shutdown).await.unwrap();
        });
        Self { address, deployment, stop: Some(stop), task, directory }
    }

    /// The directory of its store, if it is a temporary one.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.as_ref().unwrap().path().join("data")
    }

    /// A gRPC client that logs in with each call.
    pub(crate) async fn grpc(&self, login: (&str, &str)) -> Grpc {
        Grpc::connect(self.address, login).await
    }

    /// A REST client that logs in with each call.
    pub(crate) fn rest(&self, login: (&str, &str)) -> Rest {
        Rest::new(self.address, Some(login))
    }

    /// Stops and waits until the store is closed. Gives back the directory, which would vanish.
    pub(crate) async fn stop(mut self) -> Option<TempDir> {
        let _ = self.stop.take().map(|stop| stop.send(()));
        (&mut self.task).await.unwrap();
        self.directory.take()
    }
}
