//! The generated service trait, method by method: enter, call the noun's file, answer.

use prost::Message;
use tonic::{Request, Response, Status};

use super::entry::{connection_database, enter};
use super::server_info::ServerIdentity;
use super::status::too_large;
use super::{backup, databases, grants, privilege_groups, roles, server_info, users};
use crate::admin::Admin;
use crate::api::AnswerTooLarge;
use crate::proto::common::Status as MilvusStatus;
use crate::proto::milvus as pb;
use crate::proto::milvus::milvus_service_server::MilvusService;

/// The RPCs of `MilvusService` that this package answers.
#[derive(Debug, Clone)]
pub struct MilvusRpcs {
    admin: Admin,
    identity: ServerIdentity,
    most_bytes: usize,
}

impl MilvusRpcs {
    /// The RPCs on these operations, with answers of any size.
    #[must_use]
    pub fn new(admin: Admin, identity: ServerIdentity) -> Self {
        Self { admin, identity, most_bytes: usize::MAX }
    }

    /// With answers of at most so many bytes.
    #[must_use]
    pub fn max_answer_bytes(self, most_bytes: usize) -> Self {
        Self { most_bytes, ..self }
    }

    /// An answer that grows with what there is, if it is not too large.
    fn sized<T: Message>(&self, answer: T) -> Answer<T> {
        match AnswerTooLarge::check(answer.encoded_len(), self.most_bytes) {
            Ok(()) => Ok(Response::new(answer)),
            Err(error) => Err(too_large(error)),
        }
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl MilvusService for MilvusRpcs {
    async fn create_credential(
        &self,
        request: Request<pb::CreateCredentialRequest>,
    ) -> Answer<MilvusStatus> {
        let (caller, message) = enter(request)?;
        users::create(&self.admin, &caller, message).await.map(Response::new)
    }

    async fn update_credential(
        &self,
        request: Request<pb::UpdateCredentialRequest>,
    ) -> Answer<MilvusStatus> {
        let (caller, message) = enter(request)?;
        users::update(&self.admin, &caller, message).await.map(Response::new)
    }

    async fn delete_credential(
        &self,
        request: Request<pb::DeleteCredentialRequest>,
    ) -> Answer<MilvusStatus> {
        let (caller, message) = enter(request)?;
        users::delete(&self.admin, &caller, message).await.map(Response::new)
    }

    async fn list_cred_users(
        &self,
        request: Request<pb::ListCredUsersRequest>,
    ) -> Answer<pb::ListCredUsersResponse> {
        enter(request)?;
        self.sized(users::list(&self.admin))
    }

    async fn create_role(&self, request: Request<pb::CreateRoleRequest>) -> Answer<MilvusStatus> {
        let (caller, message) = enter(request)?;
        roles::create(&self.admin, &caller, message).await.map(Response::new)
    }

    async fn alter_role(&self, request: Request<pb::AlterRoleRequest>) -> Answer<MilvusStatus> {
        let (caller, message) = enter(request)?;
        roles::alter(&self.admin, &caller, message).await.map(Response::new)
    }

    async fn drop_role(&self, request: Request<pb::DropRoleRequest>) -> Answer<MilvusStatus> {
        let (caller, message) = enter(request)?;
        roles::drop(&self.admin, &caller, message).await.map(Response::new)
    }

    async fn operate_user_role(
        &self,
        request: Request<pb::OperateUserRoleRequest>,
    ) -> Answer<MilvusStatus> {
        let (caller, message) = enter(request)?;
        users::operate_role(&self.admin, &caller, message).await.map(Response::new)
    }

    async fn select_role(
        &self,
        request: Request<pb::SelectRoleRequest>,
    ) -> Answer<pb::SelectRoleResponse> {
        let (_, message) = enter(request)?;
        self.sized(roles::select(&self.admin, &message)?)
    }

    async fn select_user(
        &self,
        request: Request<pb::SelectUserRequest>,
    ) -> Answer<pb::SelectUserResponse> {
        let (_, message) = enter(request)?;
        self.sized(users::select(&self.admin, &message)?)
    }

    async fn operate_privilege(
        &self,
        request: Request<pb::OperatePrivilegeRequest>,
    ) -> Answer<MilvusStatus> {
        let connection = connection_database(&request);
        let (caller, message) = enter(request)?;
        grants::operate(&self.admin, &caller, message, connection).await.map(Response::new)
    }

    async fn operate_privilege_v2(
        &self,
        request: Request<pb::OperatePrivilegeV2Request>,
    ) -> Answer<MilvusStatus> {
        let connection = connection_database(&request);
        let (caller, message) = enter(request)?;
        grants::operate_v2(&self.admin, &caller, message, connection).await.map(Response::new)
    }

    async fn select_grant(
        &self,
        request: Request<pb::SelectGrantRequest>,
    ) -> Answer<pb::SelectGrantResponse> {
        let connection = connection_database(&request);
        let (_, message) = enter(request)?;
        self.sized(grants::select(&self.admin, message, connection)?)
    }

    async fn create_privilege_group(
        &self,
        request: Request<pb::CreatePrivilegeGroupRequest>,
    ) -> Answer<MilvusStatus> {
        let (caller, message) = enter(request)?;
        privilege_groups::create(&self.admin, &caller, message).await.map(Response::new)
    }

    async fn drop_privilege_group(
        &self,
        request: Request<pb::DropPrivilegeGroupRequest>,
    ) -> Answer<MilvusStatus> {
        let (caller, message) = enter(request)?;
        privilege_groups::drop(&self.admin, &caller, message).await.map(Response::new)
    }

    async fn list_privilege_groups(
        &self,
        request: Request<pb::ListPrivilegeGroupsRequest>,
    ) -> Answer<pb::ListPrivilegeGroupsResponse> {
        enter(request)?;
        self.sized(privilege_groups::list(&self.admin))
    }

    async fn operate_privilege_group(
        &self,
        request: Request<pb::OperatePrivilegeGroupRequest>,
    ) -> Answer<MilvusStatus> {
        let (caller, message) = enter(request)?;
        privilege_groups::operate(&self.admin, &caller, message).await.map(Response::new)
    }

    async fn backup_rbac(
        &self,
        request: Request<pb::BackupRbacMetaRequest>,
    ) -> Answer<pb::BackupRbacMetaResponse> {
        enter(request)?;
        self.sized(backup::backup(&self.admin))
    }

    async fn restore_rbac(
        &self,
        request: Request<pb::RestoreRbacMetaRequest>,
    ) -> Answer<MilvusStatus> {
        let (caller, message) = enter(request)?;
        backup::restore(&self.admin, &caller, message).await.map(Response::new)
    }

    async fn connect(&self, request: Request<pb::ConnectRequest>) -> Answer<pb::ConnectResponse> {
        let database = connection_database(&request);
        enter(request)?;
        server_info::connect(&self.admin, &self.identity, &database).map(Response::new)
    }

    async fn get_version(
        &self,
        request: Request<pb::GetVersionRequest>,
    ) -> Answer<pb::GetVersionResponse> {
        enter(request)?;
        Ok(Response::new(server_info::version()))
    }

    async fn check_health(
        &self,
        request: Request<pb::CheckHealthRequest>,
    ) -> Answer<pb::CheckHealthResponse> {
        enter(request)?;
        Ok(Response::new(server_info::health(&self.admin)))
    }

    async fn get_component_states(
        &self,
        request: Request<pb::GetComponentStatesRequest>,
    ) -> Answer<pb::ComponentStates> {
        enter(request)?;
        Ok(Response::new(server_info::component_states(&self.admin)))
    }

    async fn alloc_timestamp(
        &self,
        request: Request<pb::AllocTimestampRequest>,
    ) -> Answer<pb::AllocTimestampResponse> {
        enter(request)?;
        Ok(Response::new(server_info::timestamp(&self.identity)))
    }

    async fn list_databases(
        &self,
        request: Request<pb::ListDatabasesRequest>,
    ) -> Answer<pb::ListDatabasesResponse> {
        let (caller, _) = enter(request)?;
        Ok(Response::new(databases::list(&self.admin, &self.identity, &caller)))
    }

    async fn describe_database(
        &self,
        request: Request<pb::DescribeDatabaseRequest>,
    ) -> Answer<pb::DescribeDatabaseResponse> {
        let connection = connection_database(&request);
        let (_, message) = enter(request)?;
        databases::describe(&self.admin, &self.identity, &message, &connection).map(Response::new)
    }
}
