//! Databases over gRPC: there is `default`, and that is all.

use crate::admin::Admin;
use crate::api::Operation;
use crate::credential::Caller;
use crate::model::DEFAULT_DATABASE;
use crate::proto::common::Status;
use crate::proto::milvus as pb;

use super::server_info::ServerIdentity;
use super::status::refused;

pub(super) fn list(
    admin: &Admin,
    identity: &ServerIdentity,
    caller: &Caller,
) -> pb::ListDatabasesResponse {
    let databases = admin.list_databases(caller);
    pb::ListDatabasesResponse {
        status: Some(Status::default()),
        db_names: databases.iter().map(|database| database.name.to_owned()).collect(),
        created_timestamp: databases.iter().map(|_| identity.started_unix_nanos()).collect(),
        db_ids: databases.iter().map(|database| database.id).collect(),
    }
}

pub(super) fn describe(
    admin: &Admin,
    identity: &ServerIdentity,
    message: &pb::DescribeDatabaseRequest,
    connection: &str,
) -> Result<pb::DescribeDatabaseResponse, tonic::Status> {
    let name = [message.db_name.as_str(), connection, DEFAULT_DATABASE]
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or(DEFAULT_DATABASE);
    let database = match admin.describe_database(name) {
        Ok(database) => database,
        Err(error) => {
            let status = refused(Operation::Other, &error)?;
            return Ok(pb::DescribeDatabaseResponse { status: Some(status), ..Default::default() });
        }
    };
    Ok(pb::DescribeDatabaseResponse {
        status: Some(Status::default()),
        db_name: database.name.to_owned(),
        db_id: database.id,
        created_timestamp: identity.started_unix_nanos(),
        properties: Vec::new(),
    })
}
