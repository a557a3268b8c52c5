//! Peers that do TLS wrong, by bytes made here: what is old, what is weak, what does not come to
//! its end.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{client, connect, grpc, list, serving, with_tls};
use crate::support::{Certificates, TestServer};
use crate::transport::toy::{Raw, within};

const TLS_1_0: u16 = 0x0301;
const TLS_1_1: u16 = 0x0302;
const TLS_1_2: u16 = 0x0303;
/// ECDHE with an ECDSA certificate, AES-128-GCM and SHA-256.
const GOOD: u16 = 0xc02b;
/// What encrypts by blocks and authenticates beside it, does without a key of its own for each
/// connection, or should have been forgotten: AES-CBC with RSA, ECDHE-RSA and ECDHE-ECDSA,
/// AES-GCM with RSA, triple DES, RC4, no encryption.
const WEAK: [u16; 10] =
    [0x002f, 0x0035, 0xc013, 0xc014, 0xc009, 0xc00a, 0x009c, 0x000a, 0x0005, 0x0001];
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const HANDSHAKE_FAILURE: u8 = 40;
const PROTOCOL_VERSION: u8 = 70;

/// Bytes behind their length, which has two bytes.
fn sized(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn extension(number: u16, content: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], &sized(content)].concat()
}

/// The first message of a client of this version at most, in its record.
fn hello(version: u16, suites: &[u16]) -> Vec<u8> {
    let suites: Vec<u8> = suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    let extensions = [
        // Keys: X25519, P-256; without compression.
        extension(10, &sized(&[0, 0x1d, 0, 0x17])),
        extension(11, &[1, 0]),
        // Signatures: ECDSA and RSA with SHA-256.
        extension(13, &sized(&[4, 3, 4, 1])),
        // The extended master secret, which rustls asks of TLS 1.2.
        extension(23, &[]),
    ]
    .concat();
    let body =
        [&version.to_be_bytes()[..], &[7; 32], &[0], &sized(&suites), &[1, 0], &sized(&extensions)]
            .concat();
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let message = [&[1], &length[1..], &body].concat();
    [&[HANDSHAKE, 3, 1][..], &sized(&message)].concat()
}

/// The type of the first record that comes back and, for an alert, what it says.
async fn answer(server: &TestServer, hello: &[u8]) -> (u8, Option<u8>) {
    let mut raw = Raw::connect(server.address).await;
    raw.send(hello).await;
    raw.close_write().await;
    let bytes = raw.rest_bytes().await;
    (bytes[0], (bytes[0] == ALERT).then(|| bytes[6]))
}

#[tokio::test]
async fn old_versions_are_refused() {
    let found = Certificates::make();
    let server = serving(&found, false).await;
    assert_eq!(answer(&server, &hello(TLS_1_2, &[GOOD])).await, (HANDSHAKE, None));
    for version in [TLS_1_0, TLS_1_1, 0x0300] {
        let refused = answer(&server, &hello(version, &[GOOD, 0xc009, 0x002f])).await;
        assert_eq!(refused, (ALERT, Some(PROTOCOL_VERSION)), "{version:#x}");
    }
    let mutual = serving(&found, true).await;
    let refused = answer(&mutual, &hello(TLS_1_2, &[GOOD])).await;
    assert_eq!(refused, (ALERT, Some(PROTOCOL_VERSION)));
    assert!(list(server.address, &client(&found, None)).await.is_ok());
}

#[tokio::test]
async fn weak_suites_are_refused_one_by_one_and_together() {
    let found = Certificates::make();
    let server = serving(&found, false).await;
    let alone = WEAK.map(|suite| vec![suite]);
    for suites in alone.iter().chain([&WEAK.to_vec()]) {
        let refused = answer(&server, &hello(TLS_1_2, suites)).await;
        assert_eq!(refused, (ALERT, Some(HANDSHAKE_FAILURE)), "{suites:x?}");
    }
    let all = [&WEAK[..], &[GOOD]].concat();
    assert_eq!(answer(&server, &hello(TLS_1_2, &all)).await, (HANDSHAKE, None));
}

#[tokio::test]
async fn a_handshake_that_does_not_come_to_its_end_is_not_waited_for() {
    let found = Certificates::make();
    let mut settings = with_tls(&found, false);
    settings.transport.header_timeout = Duration::from_millis(500);
    let server = TestServer::with(settings).await;
    let config = client(&found, None);
    let whole = hello(TLS_1_2, &[GOOD]);
    let mut halves = Vec::new();
    for start in [&b""[..], &whole[..1], &whole[..5], &whole[..whole.len() / 2], &whole] {
        for _ in 0..20 {
            let mut raw = Raw::connect(server.address).await;
            raw.send(start).await;
            halves.push(raw);
        }
    }
    // Nobody else waits for them.
    assert!(list(server.address, &config).await.is_ok());
    for mut half in halves {
        half.rest_bytes().await;
    }
    // Nor is what says nothing once it is encrypted, or half of what would tell its protocol.
    for start in ["", "PRI * HT"] {
        let idle = connect(server.address, &config).await.unwrap();
        assert_eq!(super::ask(idle, start).await.unwrap(), "");
    }
    assert_eq!(grpc(server.address, &config).await.unwrap().list_roles().await.unwrap(), ["admin"]);
}

#[tokio::test]
async fn shutdown_does_not_wait_for_a_handshake() {
    let found = Certificates::make();
    let mut settings = with_tls(&found, false);
    settings.transport.header_timeout = Duration::from_secs(3600);
    settings.transport.shutdown_grace = Duration::from_secs(3600);
    let server = TestServer::with(settings).await;
    let whole = hello(TLS_1_2, &[GOOD]);
    let mut half = Raw::connect(server.address).await;
    half.send(&whole[..whole.len() / 2]).await;
    let mut plain = Raw::connect(server.address).await;
    plain.send("P").await;
    // Accepted in turn, so those before it have been, too.
    assert!(list(server.address, &client(&found, None)).await.is_ok());
    within(server.stop()).await;
    assert_eq!(half.rest().await, "");
}

/// Only a whole client of TLS 1.2 can ask for another handshake within the first, and ours cannot:
/// openssl's can. It is on every machine that `.ci/run` has prepared.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_handshake_on_the_same_connection_is_refused() {
    let found = Certificates::make();
    let server = serving(&found, false).await;
    let openssl = Command::new("openssl")
        .args(["s_client", "-tls1_2", "-msg", "-connect", &server.address.to_string(), "-CAfile"])
        .arg(&found.ca)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut openssl) = openssl else {
        println!("not tried: there is no openssl");
        return;
    };
    // A line that begins with R asks for it; what comes after it must not be answered.
    let lines = format!("R\n{}", super::listing());
    openssl.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let ended = tokio::task::spawn_blocking(move || openssl.wait_with_output()).await.unwrap();
    let ended = ended.unwrap();
    let text = [&ended.stdout[..], &ended.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    // It asks, and waits until it is hung up on: there is no other answer than the first.
    assert!(text.contains("RENEGOTIATING"), "{text}");
    assert_eq!(text.matches("], ClientHello\n").count(), 2, "{text}");
    assert_eq!(text.matches("], ServerHello\n").count(), 1, "{text}");
    assert!(!text.contains("HTTP/1.1 200"), "{text}");
    assert!(list(server.address, &client(&found, None)).await.is_ok());
}
