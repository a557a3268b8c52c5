//! The `milvus-rbac` command.
fn main() {}
