//! The library without a socket: opens a store, makes a user, and verifies the password.
//!
//! ```text
//! cargo run --example embedded
//! ```

use milvus_rbac::admin::{GivenPassword, NewUser};
use milvus_rbac::clock::{Clock as _, SystemClock};
use milvus_rbac::config::Settings;
use milvus_rbac::credential::{Caller, Login, Peer};
use milvus_rbac::deployment::Deployment;
use milvus_rbac::policy::{Claims, find};
use milvus_rbac::store::{SledOptions, SledStore};

type Error = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let directory = std::env::temp_dir().join(format!("milvus-rbac-{}", std::process::id()));
    let options =
        SledOptions { accept_data_loss: false, created_unix_ms: SystemClock.unix_millis() };
    let store = SledStore::open(&directory, options)?;
    let deployment = Deployment::open(Box::new(store), &Settings::default())?;

    // Built-in roles; without a password no root is made, so nobody has a password to guess.
    deployment.admin().bootstrap(None).await?;

    // This program is trusted: it calls the operations itself, without a login.
    let program = Caller::unauthenticated(Peer::LOCAL);
    let new = NewUser {
        name: "user_1".to_owned(),
        password: GivenPassword::plain("P@ssw0rd".to_owned()),
        description: Some("made by the example".to_owned()),
    };
    deployment.admin().create_user(&program, new).await?;
    println!("users: {:?}", deployment.admin().list_users());

    // Whoever comes from outside has to show a password first.
    for password in ["P@ssw0rd", "guess"] {
        let login = Login::new("user_1", password.as_bytes());
        match deployment.authorizer().authenticate(login, Peer::LOCAL).await {
            Ok(caller) => println!("{} is who they say", caller.name()),
            Err(error) => println!("refused: {error}"),
        }
    }

    // And may then do what their roles allow: nothing yet, having none.
    let login = Login::new("user_1", b"P@ssw0rd");
    let caller = deployment.authorizer().authenticate(login, Peer::LOCAL).await?;
    if let Some(row) = find("/milvus.proto.milvus.MilvusService/CreateRole") {
        let claims = Claims::default();
        let decision = deployment.authorizer().check(Some(&caller), row, "default", &[], claims);
        println!("may create roles: {}", decision.is_allowed());
    }

    deployment.close()?;
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}
