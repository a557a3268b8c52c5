//! The Status of a refusal with all its fields, as Milvus fills them.

use std::collections::HashMap;

use milvus_rbac::proto::common::Status as MilvusStatus;

/// A refusal that is the request's own fault. `legacy` is the deprecated `error_code`.
pub(crate) fn input_error(code: i32, legacy: i32, reason: &str) -> MilvusStatus {
    let extra_info = HashMap::from([("is_input_error".to_owned(), "true".to_owned())]);
    MilvusStatus { extra_info, ..failure(code, legacy, reason) }
}

/// A refusal that is not the request's fault, and that trying again does not help.
pub(crate) fn failure(code: i32, legacy: i32, reason: &str) -> MilvusStatus {
    MilvusStatus {
        error_code: legacy,
        reason: reason.to_owned(),
        code,
        retriable: false,
        detail: reason.to_owned(),
        extra_info: HashMap::new(),
    }
}

/// Success, which is empty on the wire.
pub(crate) fn success() -> MilvusStatus {
    MilvusStatus::default()
}
