//! A network that comes and goes under changes, with compactions: whatever clients were told, also
//! that nobody knows, is one story. And what a writer leaves behind that never comes back.
//!
//! `FLEET_ROUNDS` and `FLEET_SEED` in the environment run it longer, or again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use milvus_rbac::clock::ManualClock;
use milvus_rbac::config::StoreSetting;
use milvus_rbac::store::{DEFAULT_ROOT, EtcdOptions, EtcdStore, Store as _, Wake};
use proptest::prelude::Rng as _;

use super::client::*;
use super::history::{Model, explain};
use super::together::{found, nothing_is_half_done, outcomes, play_on};
use crate::support::etcd::{Cluster, Mode, Relay};
use crate::support::{ROOT, TestServer, dice_of, number_of};

/// Lets the relay fail and recover until it is told to stop.
fn disturb(
    cluster: &Arc<Cluster>,
    relay: &Arc<Relay>,
    seed: u64,
) -> (Arc<AtomicBool>, std::thread::JoinHandle<()>) {
    let (stop, mut random) = (Arc::new(AtomicBool::new(false)), dice_of([seed, 99, 0, 0]));
    let (cluster, relay, stopped) = (Arc::clone(cluster), Arc::clone(relay), Arc::clone(&stop));
    let thread = std::thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            let mode = match random.next_u32() % 5 {
                0 | 1 => Mode::Cut,
                2 | 3 => Mode::Stall,
                _ => Mode::Delay(Duration::from_millis(30)),
            };
            relay.set(mode);
            std::thread::sleep(Duration::from_millis(20 + random.next_u64() % 400));
            if random.next_u32().is_multiple_of(2) {
                // Somebody else's key, so that there is something to forget.
                cluster.put("elsewhere", "x");
                cluster.compact();
            }
            relay.set(Mode::Pass);
            std::thread::sleep(Duration::from_millis(50 + random.next_u64() % 300));
        }
    });
    (stop, thread)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd; tests/run runs it"]
async fn whatever_clients_were_told_over_a_network_that_comes_and_goes_is_one_story() {
    let cluster = Arc::new(Cluster::start(1));
    let relay = Arc::new(Relay::to(&cluster.endpoint(0)));
    let mut settings = settings_on(&cluster);
    let near = TestServer::with(settings.clone()).await;
    let (endpoints, root) = (vec![relay.endpoint()], DEFAULT_ROOT.to_owned());
    settings.store = StoreSetting::Etcd { endpoints, root };
    // Shorter than some of the gaps, so that some outcomes remain unknown.
    settings.etcd.request_timeout = Duration::from_millis(300);
    let far = TestServer::with(settings).await;
    let seed = seed();
    let mut last = Model::default();
    let mut total = [0; 4];
    for round in 0..number_of("FLEET_ROUNDS").unwrap_or(6) {
        let (stop, thread) = disturb(&cluster, &relay, seed + round);
        let clients = play_on(&[&near, &far], seed + round, 50).await;
        stop.store(true, Ordering::Relaxed);
        tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
        recovered(&far.grpc(ROOT).await).await;
        recovered(&near.grpc(ROOT).await).await;
        // What is still under way in the network arrives before this, or never.
        agree(&[&near, &far]).await;
        let now = found(&near);
        for (sum, count) in total.iter_mut().zip(outcomes(&clients)) {
            *sum += count;
        }
        if let Err(why) = explain(&clients, &last, &now) {
            panic!("round {round}: {why}\n{last:?}\n{now:?}\n{clients:#?}");
        }
        nothing_is_half_done(&now);
        last = now;
    }
    let [done, refused, nothing, unknown] = total;
    println!("done {done}, refused {refused}, nothing written {nothing}, unknown {unknown}");
    assert!(done > 100, "{total:?}");
    let fresh = server(&cluster).await;
    assert_eq!(records(&fresh), records(&far));
}

#[test]
#[ignore = "needs etcd; tests/run runs it"]
fn pieces_of_a_change_that_was_never_made_are_taken_away_after_a_minute() {
    let cluster = Cluster::start(1);
    let clock = Arc::new(ManualClock::at(0));
    let options = EtcdOptions {
        clock: clock.clone(),
        max_staleness: Duration::from_secs(1),
        ..EtcdOptions::new(cluster.endpoints())
    };
    let mut store = EtcdStore::open(options).unwrap();
    cluster.put(own_key("journal/before/00000000"), "x");
    let loaded = store.load().unwrap();
    store.follow(Wake::new(|| (), |_| ()));
    cluster.put(own_key("journal/after/00000000"), "x");
    cluster.put(own_key("journal/after/00000001"), "x");
    let heard = |store: &mut EtcdStore, wanted: usize| {
        let deadline = Instant::now() + PATIENCE;
        let revision = u64::try_from(cluster.revision()).unwrap();
        let mut known = 0;
        while known < revision || cluster.dump(own_key("journal/")).len() != wanted {
            assert!(Instant::now() < deadline, "not {wanted} pieces");
            known = store.news().unwrap().map_or(known, |news| news.revision.0);
        }
    };
    heard(&mut store, 3);
    clock.advance(59_000);
    for _ in 0..5 {
        store.news().unwrap();
    }
    assert_eq!(cluster.dump(own_key("journal/")).len(), 3);
    clock.advance(2_000);
    heard(&mut store, 0);
    assert!(loaded.records.is_empty());
    store.close().unwrap();
}
