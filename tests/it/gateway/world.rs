//! A gateway with an upstream behind it, a client in front and users.

use std::net::SocketAddr;

use milvus_rbac::config::{Compat, FixedEnvironment, Flags, Settings, UpstreamSettings, load};
use milvus_rbac::deployment::Deployment;

use super::client::Client;
use super::upstream::Upstream;
use crate::privileges::client::operate_v2;
use crate::support::{Grpc, ROOT, TestServer, settings, success};

/// Somebody without any role.
pub(crate) const NOBODY: (&str, &str) = ("nobody", "P@ssw0rd");
/// Somebody who may do what [`World::grant`] says.
pub(crate) const ANN: (&str, &str) = ("ann", "P@ssw0rd");

/// The settings for an upstream at this address, as an operator would have them.
pub(crate) fn upstream_settings(address: &str) -> UpstreamSettings {
    let flags = Flags { upstream: Some(address.to_owned()), ..Flags::default() };
    let none: [(&str, &str); 0] = [];
    load(&flags, &FixedEnvironment::new(none)).unwrap().settings.upstream.unwrap()
}

/// Settings of a gateway: one connection, so that what is sent later arrives later.
pub(crate) fn gateway_settings(upstream: SocketAddr) -> Settings {
    let mut settings = settings(Compat::Documented);
    let mut upstream = upstream_settings(&format!("http://{upstream}"));
    upstream.connections = 1;
    settings.upstream = Some(upstream);
    settings
}

/// All of it.
pub(crate) struct World {
    pub(crate) upstream: Upstream,
    pub(crate) server: TestServer,
    pub(crate) client: Client,
    pub(crate) root: Grpc,
}

impl World {
    /// A gateway with the users [`NOBODY`] and [`ANN`].
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// The same with other settings.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let upstream = Upstream::start().await;
        let mut settings = gateway_settings(upstream.address);
        change(&mut settings);
        let server = TestServer::with(settings).await;
        Self::around(upstream, server).await
    }

    /// The same on a store of the test's own.
    pub(crate) async fn on(open: impl FnOnce(&Settings) -> Deployment) -> Self {
        let upstream = Upstream::start().await;
        let settings = gateway_settings(upstream.address);
        let server = TestServer::on(open(&settings), &settings).await;
        Self::around(upstream, server).await
    }

    async fn around(upstream: Upstream, server: TestServer) -> Self {
        let root = people(&server).await;
        let client = Client::connect(server.address).await;
        Self { upstream, server, client, root }
    }

    /// Lets [`ANN`] do this.
    pub(crate) async fn grant(&self, privilege: &str, place: (&str, &str)) {
        assert_eq!(operate_v2(&self.root, "r", privilege, place, 0).await, success());
    }

    /// Lets her no longer.
    pub(crate) async fn revoke(&self, privilege: &str, place: (&str, &str)) {
        assert_eq!(operate_v2(&self.root, "r", privilege, place, 1).await, success());
    }

    /// Sends another call, and holds that it is the only one that the upstream has seen. What came
    /// before it would be there before it.
    pub(crate) async fn nothing_else_has_come(&self) {
        let answer = self.client.call("AllocTimestamp", NOBODY, &[]).await;
        assert_eq!((answer.code, &*answer.text), (tonic::Code::Ok, ""));
        let calls = self.upstream.calls();
        let paths: Vec<&str> = calls.iter().map(|call| &*call.path).collect();
        assert_eq!(paths, ["/milvus.proto.milvus.MilvusService/AllocTimestamp"]);
        self.upstream.clear();
    }
}

/// Makes the users, and a role for one of them.
pub(crate) async fn people(server: &TestServer) -> Grpc {
    let root = server.grpc(ROOT).await;
    for (name, password) in [NOBODY, ANN] {
        assert_eq!(root.create_user(name, password).await.unwrap(), success());
    }
    assert_eq!(root.create_role("r").await.unwrap(), success());
    assert_eq!(root.operate_user_role(ANN.0, "r", 0).await.unwrap(), success());
    root
}
