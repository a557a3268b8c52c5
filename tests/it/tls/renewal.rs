//! Files that are replaced while the server runs, in the ways in which they are: by renaming, by
//! turning a symbolic link, by writing into them.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::HandshakeKind;
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::{client, connect, good, grpc, list, offering, read, serving, shown};
use crate::support::{Certificates, Log, Pair, TestServer, settings};
use milvus_rbac::config::{Compat, TlsSettings};

/// Longest wait for files to be taken over; they are looked at every two seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// Puts another pair in place of the server's, each file at once.
fn replace(found: &Certificates, new: &Pair) {
    fs::rename(&new.0, &found.server).unwrap();
    fs::rename(&new.1, &found.server_key).unwrap();
}

/// Puts a text in place of a file at once.
fn write(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

/// Waits until new connections see this certificate.
async fn seen(address: SocketAddr, config: &Arc<ClientConfig>, expected: &CertificateDer<'_>) {
    let deadline = Instant::now() + PATIENCE;
    while shown(address, config).await != *expected {
        assert!(Instant::now() < deadline, "the new certificate is not shown");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Asks all the time, over connections that stay and over new ones, until it is told to stop; the
/// result of each is how often it was answered.
fn load(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
    stop: &Arc<AtomicBool>,
) -> Vec<JoinHandle<u64>> {
    let ask = |fresh: bool| {
        let (config, stop) = (Arc::clone(config), Arc::clone(stop));
        tokio::spawn(async move {
            let root = grpc(address, &config).await.unwrap();
            let mut answered = 0;
            while !stop.load(Ordering::Relaxed) {
                if fresh {
                    let answer = list(address, &config).await.unwrap();
                    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
                } else {
                    root.list_roles().await.unwrap();
                }
                answered += 1;
            }
            answered
        })
    };
    (0..6).map(|number| ask(number % 2 == 0)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_replaced_under_load_and_no_connection_is_lost() {
    let log = Log::begin();
    let found = Certificates::make();
    let server = serving(&found, false).await;
    let config = client(&found, None);
    let stop = Arc::new(AtomicBool::new(false));
    let askers = load(server.address, &config, &stop);
    let held = grpc(server.address, &config).await.unwrap();
    assert_eq!(held.list_roles().await.unwrap(), ["admin"]);
    let before = read(&(found.server.clone(), found.server_key.clone()));
    assert_eq!(shown(server.address, &config).await, before);

    for name in ["second", "third"] {
        let new = found.another_server(name);
        let expected = read(&new);
        replace(&found, &new);
        seen(server.address, &config, &expected).await;
    }
    // What cannot be used leaves what was there in force: half a file, and another's key.
    let third = shown(server.address, &config).await;
    let half = found.another_server("fourth");
    let text = fs::read_to_string(&half.0).unwrap();
    write(&found.server, &text[..text.len() / 2]);
    let path = found.server.display().to_string();
    let line = log.line(&format!("cannot use {path} for TLS")).await;
    assert_eq!(line["level"], "WARN");
    assert!(list(server.address, &config).await.is_ok());
    write(&found.server, &text);
    let key = found.server_key.display().to_string();
    log.line(&format!("cannot use {key} for TLS: it is not the key of {path}")).await;
    assert_eq!(shown(server.address, &config).await, third);
    fs::rename(&half.1, &found.server_key).unwrap();
    seen(server.address, &config, &read(&(found.server.clone(), half.1))).await;

    stop.store(true, Ordering::Relaxed);
    for asker in askers {
        assert!(asker.await.unwrap() > 0, "no call and no connection failed");
    }
    // What has been idle all the time is still there.
    assert_eq!(held.list_roles().await.unwrap(), ["admin"]);
}

#[tokio::test]
async fn a_new_authority_counts_for_new_connections_only() {
    let (found, other) = (Certificates::make(), Certificates::make());
    let server = serving(&found, true).await;
    let ours = client(&found, Some(&good(&found)));
    let theirs = client(&found, Some(&good(&other)));
    let open = grpc(server.address, &ours).await.unwrap();
    assert_eq!(open.list_roles().await.unwrap(), ["admin"]);
    let is_answered =
        |answer: std::io::Result<String>| answer.is_ok_and(|text| text.contains(" 200 "));
    assert!(is_answered(list(server.address, &ours).await));
    assert!(!is_answered(list(server.address, &theirs).await));

    // The client takes the server's certificate as before: only whom the server trusts changes.
    let original = fs::read(&found.ca).unwrap();
    fs::copy(&other.ca, &found.ca).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !is_answered(list(server.address, &theirs).await) {
        assert!(Instant::now() < deadline, "the new authority is not trusted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!is_answered(list(server.address, &ours).await), "the old one is not any more");
    assert_eq!(open.list_roles().await.unwrap(), ["admin"], "what is open stays");
    // An authority file without any would let everybody or nobody in: it is not taken over.
    fs::write(&found.ca, "").unwrap();
    let log = Log::begin();
    log.line(&format!("cannot use {} for TLS", found.ca.display())).await;
    assert!(is_answered(list(server.address, &theirs).await));
    fs::write(&found.ca, original).unwrap();
}

#[tokio::test]
async fn a_symbolic_link_may_be_turned_and_a_session_ends_with_its_certificate() {
    let found = Certificates::make();
    let mount = found.home();
    // As Kubernetes mounts a secret: the files are links through a link to a directory.
    let lay_out = |name: &str, (certificate, key): (&Path, &Path)| {
        fs::create_dir(mount.join(name)).unwrap();
        fs::copy(certificate, mount.join(name).join("tls.crt")).unwrap();
        fs::copy(key, mount.join(name).join("tls.key")).unwrap();
    };
    lay_out("one", (&found.server, &found.server_key));
    symlink("one", mount.join("..data")).unwrap();
    for name in ["tls.crt", "tls.key"] {
        symlink(Path::new("..data").join(name), mount.join(name)).unwrap();
    }
    let mut settings = settings(Compat::Documented);
    let (certificate, key) = (mount.join("tls.crt"), mount.join("tls.key"));
    settings.tls = Some(TlsSettings { certificate, key, client_ca: None });
    let server = TestServer::with(settings).await;
    let config = offering(&client(&found, None), &["http/1.1"]);
    let kind = async || {
        let stream = connect(server.address, &config).await.unwrap();
        let kind = stream.get_ref().1.handshake_kind().unwrap();
        super::ask(stream, &super::listing()).await.unwrap();
        kind
    };
    assert_eq!(kind().await, HandshakeKind::Full);
    assert_eq!(kind().await, HandshakeKind::Resumed);

    let new = found.another_server("new");
    lay_out("two", (&new.0, &new.1));
    symlink("two", mount.join("..new")).unwrap();
    fs::rename(mount.join("..new"), mount.join("..data")).unwrap();
    seen(server.address, &config, &read(&new)).await;
    assert_eq!(kind().await, HandshakeKind::Full, "the old session is not known any more");
}
