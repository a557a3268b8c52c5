//! A gRPC client: the generated one, with a login in every call.

use std::net::SocketAddr;

use base64::prelude::*;
use milvus_rbac::proto::common::Status as MilvusStatus;
use milvus_rbac::proto::milvus as pb;
use milvus_rbac::proto::milvus::milvus_service_client::MilvusServiceClient;
use tonic::metadata::MetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

type Interceptor = Box<dyn FnMut(Request<()>) -> Result<Request<()>, Status> + Send>;

/// The client that `rpc` hands out.
pub(crate) type Rpc = MilvusServiceClient<InterceptedService<Channel, Interceptor>>;

/// The value of `authorization` for a login.
pub(crate) fn basic(user: &str, password: &str) -> String {
    BASE64_STANDARD.encode(format!("{user}:{password}"))
}

/// A password as requests carry it.
pub(crate) fn encoded(password: &str) -> String {
    BASE64_STANDARD.encode(password)
}

/// A connection and a login.
#[derive(Clone)]
pub(crate) struct Grpc {
    pub(crate) channel: Channel,
    pub(crate) authorization: Option<String>,
}

impl Grpc {
    pub(crate) async fn connect(address: SocketAddr, (user, password): (&str, &str)) -> Self {
        let channel = Self::channel(address).await;
        Self { channel, authorization: Some(basic(user, password)) }
    }

    /// A connection without any login.
    pub(crate) async fn anonymous(address: SocketAddr) -> Self {
        Self { channel: Self::channel(address).await, authorization: None }
    }

    pub(crate) async fn channel(address: SocketAddr) -> Channel {
        Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
    }

    /// The same connection with another `authorization`, which may be anything.
    pub(crate) fn with_authorization(&self, value: &str) -> Self {
        Self { channel: self.channel.clone(), authorization: Some(value.to_owned()) }
    }

    /// The generated client.
    pub(crate) fn rpc(&self) -> Rpc {
        let authorization =
            self.authorization.as_ref().map(|value| MetadataValue::try_from(value).unwrap());
        let interceptor: Interceptor = Box::new(move |mut request: Request<()>| {
            if let Some(value) = &authorization {
                request.metadata_mut().insert("authorization", value.clone());
            }
            Ok(request)
        });
        MilvusServiceClient::with_interceptor(self.channel.clone(), interceptor)
    }

    pub(crate) async fn create_user(
        &self,
        name: &str,
        password: &str,
    ) -> Result<MilvusStatus, Status> {
        let request = pb::CreateCredentialRequest {
            username: name.to_owned(),
            password: encoded(password),
            ..Default::default()
        };
        self.rpc().create_credential(request).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn update_password(
        &self,
        name: &str,
        old: &str,
        new: &str,
    ) -> Result<MilvusStatus, Status> {
        let request = pb::UpdateCredentialRequest {
            username: name.to_owned(),
            old_password: encoded(old),
            new_password: encoded(new),
            ..Default::default()
        };
        self.rpc().update_credential(request).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn delete_user(&self, name: &str) -> Result<MilvusStatus, Status> {
        let request = pb::DeleteCredentialRequest { base: None, username: name.to_owned() };
        self.rpc().delete_credential(request).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn list_users(&self) -> Result<Vec<String>, Status> {
        let answer = self.rpc().list_cred_users(pb::ListCredUsersRequest::default()).await?;
        let answer = answer.into_inner();
        assert_eq!(answer.status, Some(MilvusStatus::default()));
        Ok(answer.usernames)
    }

    pub(crate) async fn create_role(&self, name: &str) -> Result<MilvusStatus, Status> {
        let entity = pb::RoleEntity { name: name.to_owned(), description: String::new() };
        let request = pb::CreateRoleRequest { base: None, entity: Some(entity) };
        self.rpc().create_role(request).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn drop_role(&self, name: &str) -> Result<MilvusStatus, Status> {
        let request =
            pb::DropRoleRequest { base: None, role_name: name.to_owned(), force_drop: false };
        self.rpc().drop_role(request).await.map(tonic::Response::into_inner)
    }

    /// Binds (type 0) or unbinds (type 1).
    pub(crate) async fn operate_user_role(
        &self,
        user: &str,
        role: &str,
        r#type: i32,
    ) -> Result<MilvusStatus, Status> {
        let request = pb::OperateUserRoleRequest {
            base: None,
            username: user.to_owned(),
            role_name: role.to_owned(),
            r#type,
        };
        self.rpc().operate_user_role(request).await.map(tonic::Response::into_inner)
    }

    /// Names of all roles.
    pub(crate) async fn list_roles(&self) -> Result<Vec<String>, Status> {
        let answer = self.rpc().select_role(pb::SelectRoleRequest::default()).await?;
        let results = answer.into_inner().results;
        Ok(results.into_iter().map(|result| result.role.unwrap().name).collect())
    }

    /// One user as `SelectUser` shows it, or nothing.
    pub(crate) async fn select_user(&self, name: &str) -> Result<Option<pb::UserResult>, Status> {
        let request = pb::SelectUserRequest {
            base: None,
            user: Some(pb::UserEntity { name: name.to_owned() }),
            include_role_info: true,
        };
        let answer = self.rpc().select_user(request).await?.into_inner();
        assert_eq!(answer.status, Some(MilvusStatus::default()));
        Ok(answer.results.into_iter().next())
    }

    /// Whether the login is accepted.
    pub(crate) async fn logs_in(&self) -> bool {
        match self.rpc().get_version(pb::GetVersionRequest {}).await {
            Ok(_) => true,
            Err(status) => {
                assert_eq!(status.code(), tonic::Code::Unauthenticated, "{status}");
                false
            }
        }
    }
}
