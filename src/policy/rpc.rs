//! How an RPC is named by whoever asks what it needs.

use super::Requirement;
use super::requirement::{all, find};

/// What stands before a method that is named alone.
const SERVICE: &str = "/milvus.proto.milvus.MilvusService/";

/// An RPC, by its row or by a name; made from either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rpc<'a> {
    /// By its row of the requirement table.
    Row(&'static Requirement),
    /// By its exact path, `/milvus.proto.milvus.MilvusService/Search`, or, without any slash, by
    /// the name of a method of that service. Case matters.
    Name(&'a str),
}

impl Rpc<'_> {
    /// Its row, or `None` if there is no such RPC. Does not allocate.
    #[must_use]
    pub fn requirement(self) -> Option<&'static Requirement> {
        match self {
            Self::Row(row) => Some(row),
            Self::Name(path) if path.contains('/') => find(path),
            Self::Name(method) => of_milvus(method),
        }
    }
}

/// The row of a method of Milvus's own service.
fn of_milvus(method: &str) -> Option<&'static Requirement> {
    // INVARIANT: the table is sorted by path, so all that begins with the service stands together.
    let by_method = |row: &Requirement| match row.path.strip_prefix(SERVICE) {
        Some(found) => found.cmp(method),
        None => row.path.cmp(SERVICE),
    };
    all().binary_search_by(by_method).ok().and_then(|at| all().get(at))
}

impl<'a> From<&'a str> for Rpc<'a> {
    fn from(name: &'a str) -> Self {
        Self::Name(name)
    }
}

impl From<&'static Requirement> for Rpc<'_> {
    fn from(row: &'static Requirement) -> Self {
        Self::Row(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of<'a>(rpc: impl Into<Rpc<'a>>) -> Option<&'static str> {
        rpc.into().requirement().map(|row| row.path)
    }

    #[test]
    fn a_row_a_path_and_a_method_of_milvus_name_the_same_rpc() {
        for row in all() {
            assert_eq!(path_of(row), Some(row.path));
            assert_eq!(path_of(row.path), Some(row.path));
            let is_milvus = row.path.starts_with(SERVICE);
            assert_eq!(path_of(row.method) == Some(row.path), is_milvus, "{}", row.path);
        }
    }

    #[test]
    fn what_is_not_written_exactly_so_is_unknown() {
        for name in ["", "/", "search", "Search ", "/Search", "MilvusService/Search", "Check"] {
            assert_eq!(path_of(name), None, "{name:?}");
        }
    }
}
