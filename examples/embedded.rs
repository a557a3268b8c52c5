//! The library without a socket: opens a store, makes a user, verifies the password, and asks what
//! the user may.
//!
//! ```text
//! cargo run --example embedded
//! ```

use base64::prelude::*;
use milvus_rbac::admin::{GivenPassword, LevelGrant, GrantAction, Membership, NewUser};
use milvus_rbac::clock::{Clock as _, SystemClock};
use milvus_rbac::config::Settings;
use milvus_rbac::credential::{Caller, Peer};
use milvus_rbac::deployment::Deployment;
use milvus_rbac::store::{SledOptions, SledStore};
