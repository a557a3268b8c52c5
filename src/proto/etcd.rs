//! The generated client of etcd, and the messages that we keep there besides Milvus's records.

/// `mvccpb`: etcd's pairs.
pub mod mvccpb {
    tonic::include_proto!("mvccpb");
}

/// `etcdserverpb`: the client of etcd.
pub mod etcdserverpb {
    tonic::include_proto!("etcdserverpb");
}

/// `milvus_rbac.journal`: what we keep in etcd while a large change is under way.
pub mod journal {
    tonic::include_proto!("milvus_rbac.journal");
}

impl std::fmt::Debug for journal::Write {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Write").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for mvccpb::KeyValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyValue").field("mod_revision", &self.mod_revision).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for etcdserverpb::PutRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PutRequest").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for etcdserverpb::AuthenticateRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthenticateRequest").field("name", &self.name).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for etcdserverpb::AuthenticateResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthenticateResponse").finish_non_exhaustive()
    }
}
