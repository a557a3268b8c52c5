//! The generated messages and services of `proto/`, and their descriptors.
//!
//! The only place where lints are off: the code is a generator's. Everything else that speaks
//! protobuf goes through these modules.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    clippy::indexing_slicing,
    reason = "generated code"
)]

/// `milvus.proto.common`: status, request base, enums.
pub mod common {
    tonic::include_proto!("milvus.proto.common");
}

/// `milvus.proto.milvus`: the service and its messages.
pub mod milvus {
    tonic::include_proto!("milvus.proto.milvus");
}

#[cfg(feature = "etcd")]
mod etcd;
#[cfg(feature = "etcd")]
pub use etcd::{etcdserverpb, journal, mvccpb};

impl std::fmt::Debug for milvus::CreateCredentialRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreateCredentialRequest")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for milvus::UpdateCredentialRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpdateCredentialRequest")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for milvus::UserInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserInfo").field("user", &self.user).finish_non_exhaustive()
    }
}

/// The descriptors of Milvus's two packages, encoded, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
