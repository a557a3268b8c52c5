//! Clusters, relays and replicas do what the tests beside this one rely on.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::support::Certificates;
use crate::support::etcd::{Cluster, Mode, Relay, Replica};
use crate::support::{ROOT, Rest};

/// Long enough to see that nothing comes.
const NOTHING: Duration = Duration::from_millis(150);

#[test]
#[ignore = "needs etcd; tests/run runs it"]
fn any_bytes_are_kept_and_shown_in_order() {
    let cluster = Cluster::start(1);
    let all: Vec<u8> = (0..=255).collect();
    cluster.put_all([(&b"a/2"[..], &all[..]), (&b"a/1"[..], b"")]);
    cluster.put(b"\0key \xff", "-n \"quoted\"\n");
    cluster.put("b", "1");
    assert_eq!(cluster.get(b"\0key \xff").unwrap(), b"-n \"quoted\"\n");
    assert_eq!(cluster.get("a"), None);
    let below = vec![(b"a/1".to_vec(), Vec::new()), (b"a/2".to_vec(), all)];
    assert_eq!(cluster.dump("a/"), below);
    cluster.delete("a/1");
    assert_eq!(cluster.dump("a/"), below[1..]);
    assert_eq!(cluster.dump("").len(), 3);
    let many = (0..200).map(|number| (format!("many/{number}"), b"x"));
    let before = cluster.revision();
    cluster.put_all(many);
    assert_eq!(cluster.revision(), before + 2, "two transactions");
    assert_eq!(cluster.compact(), before + 2);
    let error = cluster.etcdctl_as(&[], &["get", "b", "--rev", &before.to_string()]).unwrap_err();
    assert!(error.contains("has been compacted"), "{error}");
}

#[test]
#[ignore = "needs etcd; tests/run runs it"]
fn a_cluster_of_three_survives_a_killed_member() {
    let cluster = Cluster::start(3);
    assert_eq!(cluster.store(), format!("etcd://{}/by-dev/meta", cluster.endpoints().join(",")));
    cluster.put("key", "before");
    let killed = cluster.leader();
    cluster.kill(killed);
    cluster.put("key", "without it");
    assert_ne!(cluster.leader(), killed);
    cluster.restart(killed);
    cluster.kill((killed + 1) % 3);
    assert_eq!(cluster.get("key").unwrap(), b"without it");
    cluster.kill(killed);
    cluster.kill((killed + 2) % 3);
    for member in 0..3 {
        cluster.restart(member);
    }
    assert_eq!(cluster.get("key").unwrap(), b"without it");
}

#[test]
#[ignore = "needs etcd; tests/run runs it"]
fn a_paused_leader_is_replaced_and_comes_back_as_a_follower() {
    let cluster = Cluster::start(3);
    let paused = cluster.leader();
    cluster.pause(paused);
    let leader = cluster.leader();
    assert_ne!(leader, paused);
    cluster.put("key", "meanwhile");
    cluster.resume(paused);
    cluster.wait_until_healthy();
    assert_ne!(cluster.leader(), paused);
    assert_eq!(cluster.get("key").unwrap(), b"meanwhile");
}

#[test]
#[ignore = "needs etcd; tests/run runs it"]
fn a_single_member_that_was_killed_has_what_it_had() {
    let cluster = Cluster::start_with(1, &["--quota-backend-bytes=16777216"]);
    cluster.put("key", "value");
    cluster.kill(0);
    assert!(TcpStream::connect(cluster.endpoint(0)).is_err());
    cluster.restart(0);
    assert_eq!(cluster.dump(""), [(b"key".to_vec(), b"value".to_vec())]);
}

#[test]
#[ignore = "needs etcd; tests/run runs it"]
fn a_user_of_etcd_reaches_what_is_below_the_root_path_and_nothing_else() {
    let cluster = Cluster::start(1);
    cluster.enable_auth("rbac", "s3cret", "by-dev/meta");
    cluster.put("by-dev/other", "as root");
    let get = |login: &str, key: &str| cluster.etcdctl_as(&["--user", login], &["get", key]);
    assert!(get("rbac:s3cret", "by-dev/meta/key").is_ok());
    assert!(get("rbac:s3cret", "by-dev/other").unwrap_err().contains("permission denied"));
    assert!(get("rbac:wrong", "by-dev/meta/key").unwrap_err().contains("authentication failed"));
    let error = cluster.etcdctl_as(&[], &["get", "by-dev/meta/key"]).unwrap_err();
    assert!(error.contains("user name is empty"), "{error}");
}

#[test]
#[ignore = "needs etcd; tests/run runs it"]
fn a_cluster_with_tls_answers_who_has_its_certificates() {
    for asks in [false, true] {
        let cluster = Cluster::start_with_tls(asks);
        cluster.put("key", "value");
        assert_eq!(cluster.get("key").unwrap(), b"value");
        let ca = cluster.certificates().ca.display().to_string();
        let get = ["get", "key", "--dial-timeout=1s", "--command-timeout=1s"];
        let without = cluster.etcdctl_as(&["--cacert", &ca], &get);
        assert_eq!(without.is_err(), asks, "{without:?}");
        let foreign = Certificates::make().ca.display().to_string();
        assert!(cluster.etcdctl_as(&["--cacert", &foreign], &get).is_err());
    }
}

/// A server that sends everything back, and a relay in front of it.
fn echo() -> Relay {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let relay = Relay::to(&listener.local_addr().unwrap().to_string());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
        }
    });
    relay
}

fn connect(relay: &Relay) -> TcpStream {
    let stream = TcpStream::connect(relay.endpoint()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// Whether these bytes come back.
fn answers(mut stream: &TcpStream, bytes: &[u8]) -> bool {
    let mut found = vec![0; bytes.len()];
    stream.write_all(bytes).is_ok() && stream.read_exact(&mut found).is_ok() && found == bytes
}

#[test]
fn a_relay_passes_cuts_stalls_and_delays() {
    let relay = echo();
    let first = connect(&relay);
    assert!(answers(&first, b"first"));
    assert!(answers(&first, &vec![7; 1 << 16]));

    relay.set(Mode::Cut);
    assert!(!answers(&first, b"more"), "closed");
    assert!(TcpStream::connect(relay.endpoint()).is_err(), "refused");

    relay.set(Mode::Pass);
    let old = connect(&relay);
    assert!(answers(&old, b"again"));
    relay.set(Mode::Stall);
    let new = connect(&relay);
    for mut stream in [&old, &new] {
        stream.write_all(b"held").unwrap();
        stream.set_read_timeout(Some(NOTHING)).unwrap();
        assert!(stream.read(&mut [0]).is_err(), "nothing, and not the end");
    }
    relay.set(Mode::Pass);
    for mut stream in [&old, &new] {
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut found = [0; 4];
        stream.read_exact(&mut found).unwrap();
        assert_eq!(&found, b"held");
    }

    let delay = Duration::from_millis(50);
    relay.set(Mode::Delay(delay));
    let begun = Instant::now();
    assert!(answers(&old, b"late"));
    assert!(begun.elapsed() >= 2 * delay);

    let endpoint = relay.endpoint();
    drop(relay);
    assert!(!answers(&old, b"over"));
    assert!(TcpStream::connect(endpoint).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_paused_resumed_and_ended_and_its_log_is_read() {
    let replica = Replica::start("memory:", &[("proxy.maxUserNum", "7")]).unwrap();
    assert!(replica.ready().contains(" store=memory: "), "{}", replica.ready());
    assert!(replica.log().contains("root has been created"), "{}", replica.log());
    let root = replica.grpc(ROOT).await;
    assert!(root.logs_in().await);
    replica.pause();
    assert!(tokio::time::timeout(NOTHING, root.logs_in()).await.is_err());
    replica.resume();
    assert!(root.logs_in().await);
    let answer = replica.rest(ROOT).post("users/list", &serde_json::json!({})).await;
    assert_eq!(answer.json()["data"], serde_json::json!(["root"]));
    assert_eq!(replica.stop().code(), Some(0));
    let replica = Replica::start("memory:", &[]).unwrap();
    let address = replica.address();
    replica.kill();
    let gone = Rest::new(address, Some(ROOT)).try_post("users/list", &serde_json::json!({})).await;
    assert!(gone.is_none());
    let error = Replica::start("memory:", &[("proxy.maxUserNum", "many")]).map(|_| ()).unwrap_err();
    assert!(error.contains("proxy.maxUserNum"), "{error}");
}
