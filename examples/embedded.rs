//! The library without a socket: opens a store, makes a user with a right, and asks of requests who
//! sends them and whether they may.
//!
//! ```text
//! cargo run --example embedded --no-default-features --features sled
//! ```

use base64::prelude::*;
use milvus_rbac::admin::{GivenPassword, GivenPrivilege, GrantAction, LevelGrant};
use milvus_rbac::admin::{Membership, NewUser};
use milvus_rbac::clock::{Clock as _, SystemClock};
use milvus_rbac::config::Settings;
use milvus_rbac::credential::{Caller, Peer};
use milvus_rbac::deployment::Deployment;
use milvus_rbac::store::{SledOptions, SledStore};

type Error = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let directory = std::env::temp_dir().join(format!("milvus-rbac-{}", std::process::id()));
    let options =
        SledOptions { accept_data_loss: false, created_unix_ms: SystemClock.unix_millis() };
    let store = SledStore::open(&directory, options)?;
    let deployment = Deployment::open(Box::new(store), &Settings::default())?;
    set_up(&deployment).await?;

    for (login, rpc, object) in [
        ("user_1:P@ssw0rd", "Search", "books"),
        ("user_1:P@ssw0rd", "Search", "films"),
        ("user_1:P@ssw0rd", "CreateCredential", ""),
        ("user_1:guess", "Search", "books"),
    ] {
        // As gRPC clients of Milvus send it.
        let header = BASE64_STANDARD.encode(login);
        println!("{login}, {rpc} {object}: {}", answer(&deployment, &header, rpc, object).await);
    }

    deployment.close()?;
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}

/// What is done for each request that comes from outside.
async fn answer(deployment: &Deployment, header: &str, rpc: &str, object: &str) -> String {
    let authorizer = deployment.authorizer();
    let caller = match authorizer.authenticate(Some(header.as_bytes()), Peer::LOCAL).await {
        Ok(caller) => caller,
        Err(error) => return format!("refused: {error}"),
    };
    let decision = authorizer.check(&caller, rpc, "default", &[object]);
    format!("{} {}", caller.name(), if decision.is_allowed() { "may" } else { "may not" })
}

/// Makes `user_1`, who may search the collection `books`.
async fn set_up(deployment: &Deployment) -> Result<(), Error> {
    // This program is trusted: it calls the operations itself, without a login.
    let (admin, program) = (deployment.admin(), Caller::unauthenticated(Peer::LOCAL));
    // Built-in roles; without a password no root is made, so nobody has a password to guess.
    admin.bootstrap(None).await?;
    let new = NewUser {
        name: "user_1".to_owned(),
        password: GivenPassword::plain("P@ssw0rd".to_owned()),
        description: Some("made by the example".to_owned()),
    };
    admin.create_user(&program, new).await?;
    admin.create_role(&program, "reader", "").await?;
    let grant = LevelGrant {
        role: Some("reader".to_owned()),
        privilege: GivenPrivilege::Named("Search".to_owned()),
        database: "default".to_owned(),
        collection: "books".to_owned(),
    };
    admin.operate_privilege_v2(&program, GrantAction::Grant, grant).await?;
    admin.operate_user_role(&program, "user_1", "reader", Some(Membership::Bind)).await?;
    Ok(())
}
