//! Three proxies in one program on one etcd: what one of them revokes, none allows any more.
//!
//! ```text
//! etcd --data-dir "$(mktemp -d)" &
//! cargo run --example embed_fleet --no-default-features --features etcd -- localhost:2379
//! ```

use std::time::{Duration, Instant};

use base64::prelude::*;
use milvus_rbac::admin::{GivenPassword, GivenPrivilege, GrantAction, LevelGrant};
use milvus_rbac::admin::{Membership, NewUser};
use milvus_rbac::config::Settings;
use milvus_rbac::credential::{Caller, Peer};
use milvus_rbac::deployment::Deployment;
use milvus_rbac::model::Revision;
use milvus_rbac::policy::{Decision, Denial};
use milvus_rbac::store::{EtcdOptions, EtcdStore};
use tokio::time::timeout;

type Error = Box<dyn std::error::Error>;

/// Longest wait for one proxy to hear of what another has changed; usually it is milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Error> {
    let endpoints = std::env::args().nth(1).unwrap_or_else(|| "localhost:2379".to_owned());
    let settings = Settings::default();
    // Opening blocks, so it comes before the runtime.
    let mut proxies = Vec::new();
    for _ in 0..3 {
        let mut options = EtcdOptions::new(endpoints.split(','));
        // Apart from whatever else this etcd holds.
        options.root = format!("milvus-rbac-embed-fleet/{}", std::process::id());
        options.max_staleness = settings.transport.max_staleness;
        proxies.push(Deployment::open(Box::new(EtcdStore::open(options)?), &settings)?);
    }
    println!("three proxies on {endpoints}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let told = runtime.block_on(story(&proxies));
    for proxy in &proxies {
        proxy.close()?;
    }
    told
}

async fn story(proxies: &[Deployment]) -> Result<(), Error> {
    let [one, two, three] = proxies else { return Err("three proxies are needed".into()) };
    let program = Caller::unauthenticated(Peer::LOCAL);
    let new = NewUser {
        name: "ann".to_owned(),
        password: GivenPassword::plain("P@ssw0rd".to_owned()),
        description: None,
    };
    one.admin().create_user(&program, new).await?;
    one.admin().create_role(&program, "reader", "").await?;
    one.admin().operate_privilege_v2(&program, GrantAction::Grant, search_books()).await?;
    let bind = Some(Membership::Bind);
    one.admin().operate_user_role(&program, "ann", "reader", bind).await?;
    println!("proxy 1: ann has the role reader, which may search books");
    all_see(proxies, newest(one), true).await?;

    two.admin().operate_privilege_v2(&program, GrantAction::Revoke, search_books()).await?;
    println!("proxy 2: the right is revoked");
    all_see(proxies, newest(two), false).await?;

    three.admin().delete_user(&program, "ann").await?;
    three.admin().drop_role(&program, "reader", true).await?;
    Ok(())
}

fn search_books() -> LevelGrant {
    LevelGrant {
        role: Some("reader".to_owned()),
        privilege: GivenPrivilege::Named("Search".to_owned()),
        database: "default".to_owned(),
        collection: "books".to_owned(),
    }
}

/// The state that a proxy decides by. A change is in it before its call returns.
fn newest(proxy: &Deployment) -> Revision {
    *proxy.authorizer().revisions().borrow()
}

/// Waits until each proxy has the state of this revision, and looks whether ann may search books.
async fn all_see(proxies: &[Deployment], revision: Revision, allowed: bool) -> Result<(), Error> {
    let start = Instant::now();
    let header = BASE64_STANDARD.encode("ann:P@ssw0rd");
    for (number, proxy) in (1..).zip(proxies) {
        let mut revisions = proxy.authorizer().revisions();
        timeout(PATIENCE, revisions.wait_for(|seen| *seen >= revision))
            .await
            .map_err(|_| format!("proxy {number} has not heard of {revision} in {PATIENCE:?}"))??;
        let waited = start.elapsed();
        let caller = proxy.authorizer().authenticate(Some(header.as_bytes()), Peer::LOCAL).await?;
        match proxy.authorizer().check(&caller, "Search", "default", &["books"]) {
            Decision::Allow(_) if allowed => println!("proxy {number}: allowed, after {waited:?}"),
            Decision::Deny(Denial::Privilege { .. }) if !allowed => {
                println!("proxy {number}: denied, after {waited:?}");
            }
            other => return Err(format!("proxy {number} decides otherwise: {other:?}").into()),
        }
    }
    Ok(())
}
