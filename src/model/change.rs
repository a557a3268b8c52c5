//! One state to the next: the records a state is made of, and changes to them.

use std::fmt;
use std::sync::Arc;

use super::{Credential, GrantId, Grantor, ObjectRow, PrivilegeGroup, Role, RoleName, UserName};

/// Number of a state. Each committed batch has a higher one than the batch before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

impl Revision {
    /// The one after it, if there is one.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One stored fact. The first part of each variant is its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A user.
    User(UserName, Credential),
    /// A role.
    Role(RoleName, Role),
    /// The user holds the role.
    Binding(UserName, RoleName),
    /// The role has something on an object; the id leads to what.
    Row(ObjectRow, GrantId),
    /// A privilege under an id, in its stored spelling (`PrivilegeSearch`), and who granted it.
    Privilege(GrantId, Arc<str>, Grantor),
    /// A custom privilege group.
    Group(PrivilegeGroup),
}

/// Which stored fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordKey {
    /// See [`Record::User`].
    User(UserName),
    /// See [`Record::Role`].
    Role(RoleName),
    /// See [`Record::Binding`].
    Binding(UserName, RoleName),
    /// See [`Record::Row`].
    Row(ObjectRow),
    /// See [`Record::Privilege`].
    Privilege(GrantId, Arc<str>),
    /// See [`Record::Group`].
    Group(Arc<str>),
}

/// A change to one record. Applying one twice is the same as applying it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The record is now this.
    Put(Record),
    /// The record is gone.
    Delete(RecordKey),
}

impl Record {
    /// The key of the record.
    #[must_use]
    pub fn key(&self) -> RecordKey {
        match self {
            Self::User(name, _) => RecordKey::User(name.clone()),
            Self::Role(name, _) => RecordKey::Role(name.clone()),
            Self::Binding(user, role) => RecordKey::Binding(user.clone(), role.clone()),
            Self::Row(row, _) => RecordKey::Row(row.clone()),
            Self::Privilege(id, privilege, _) => {
                RecordKey::Privilege(id.clone(), privilege.clone())
            }
            Self::Group(group) => RecordKey::Group(group.name.clone()),
        }
    }
}
