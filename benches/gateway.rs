//! The gateway under load, beside the bare server behind it, a bare relay and nginx; and its memory
//! while large messages pass. See `README.md` here.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench that cannot go on fails"
)]

mod load;

use std::path::Path;

use load::call::{Call, message};
use load::client::{Client, Shape};
use load::options::Options;
use load::process::Process;
use load::rounds::{Goal, Ratio, Side, compare};
use load::sample::{count, median, spread};
use load::state::{COLLECTION, LOGIN, fill};
use load::upstream::{LARGE_ANSWER, SMALL_ANSWER};
use load::{nginx, part, product, relay};

const SHAPES: [Shape; 4] = [
    Shape { connections: 1, in_flight: 1 },
    Shape { connections: 8, in_flight: 8 },
    Shape { connections: 64, in_flight: 64 },
    Shape { connections: 1, in_flight: 64 },
];

const GOALS: [Goal<'_>; 2] = [
    Goal { side: "gateway", baseline: "relay", ratio: Ratio::Rate(0.85) },
    Goal { side: "gateway", baseline: "nginx", ratio: Ratio::Rate(1.3) },
];

const MIB: usize = 1 << 20;
/// How fast a slow reader reads, in bytes a second.
const SLOW: usize = 10 * MIB;

fn main() {
    part::main(run);
}

async fn run(options: &Options) {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    fill(&data, product::SIZE).await;
    let upstream = part::start("upstream", &[]);
    println!("load of the machine before: {}", load_average());
    if options.has("small") {
        small(&upstream, home.path(), &data, options).await;
    }
    if options.has("large") {
        // Processes of their own, so that nothing that small calls have left is used again.
        let relay = relay::start(upstream.address);
        let gateway = gateway(&upstream, &data, options).await;
        large(&relay, &gateway, options.rounds).await;
    }
    println!("load of the machine after: {}", load_average());
}

/// The gateway, with the login remembered.
async fn gateway(upstream: &Process, data: &Path, options: &Options) -> Process {
    let gateway = product::start(&options.binary, data, Some(upstream.address));
    Client::connect(gateway.address, 1).await.call(&search(), None).await;
    gateway
}

async fn small(upstream: &Process, home: &Path, data: &Path, options: &Options) {
    let relay = relay::start(upstream.address);
    let nginx = nginx::start(upstream.address, home);
    let gateway = gateway(upstream, data, options).await;
    let mut sides = vec![
        Side { name: "upstream", process: upstream },
        Side { name: "relay", process: &relay },
        Side { name: "gateway", process: &gateway },
    ];
    match &nginx {
        Some(nginx) => sides.push(Side { name: "nginx", process: nginx }),
        None => println!("nginx is not installed (Debian: nginx-light), so it is left out"),
    }
    for shape in SHAPES.into_iter().filter(|shape| options.loads(*shape)) {
        compare(&sides, &search(), shape, options, &GOALS).await;
    }
}

/// A small call: about 600 bytes there, 1 KiB back.
fn search() -> Call {
    let fields: [(u8, &[u8]); 6] = [
        (2, b"default"),
        (3, COLLECTION),
        (5, b"id >= 0"),
        (6, &[7; 512]),
        (8, b"embedding"),
        (9, b"id"),
    ];
    Call::new("Search", LOGIN, &message(&fields), Some(SMALL_ANSWER))
}

/// A call with 100 MiB, of which each reader takes at most `pace` bytes a second, if that is said.
fn insert(pace: &str) -> Call {
    let rows = vec![7; 100 * MIB];
    let fields: [(u8, &[u8]); 3] = [(2, b"default"), (3, COLLECTION), (5, &rows)];
    paced(Call::new("Insert", LOGIN, &message(&fields), Some(0)), pace)
}

/// A call that is answered with 100 MiB.
fn query() -> Call {
    let fields: [(u8, &[u8]); 2] = [(2, b"default"), (3, COLLECTION)];
    Call::new("Query", LOGIN, &message(&fields), Some(LARGE_ANSWER))
}

fn paced(mut call: Call, pace: &str) -> Call {
    call.headers.insert("client-request-id", pace.parse().unwrap());
    call
}

/// Messages of 100 MiB, so many at once, each on a connection of its own.
struct Large {
    name: &'static str,
    call: Call,
    at_once: usize,
    pace: Option<usize>,
}

async fn large(relay: &Process, gateway: &Process, rounds: usize) {
    let slow = SLOW.to_string();
    let cases = [
        Large { name: "insert", call: insert(""), at_once: 1, pace: None },
        Large { name: "4 inserts", call: insert(""), at_once: 4, pace: None },
        Large { name: "insert, upstream slow", call: insert(&slow), at_once: 1, pace: None },
        Large { name: "answer", call: query(), at_once: 1, pace: None },
        Large { name: "4 answers", call: query(), at_once: 4, pace: None },
        Large { name: "answer, client slow", call: query(), at_once: 1, pace: Some(SLOW) },
    ];
    println!();
    println!(
        "messages of 100 MiB: how much the RSS grows (median, least..most) and how fast they pass"
    );
    println!("{:<24}{:<10}{:>8}{:>16}{:>10}", "", "", "MiB", "", "MiB/s");
    for case in cases {
        // A slow one takes ten seconds.
        let rounds = if case.name.ends_with("slow") { rounds.min(2) } else { rounds };
        let mut results = [("relay", relay, Vec::new()), ("gateway", gateway, Vec::new())];
        for _ in 0..rounds {
            for (_, process, passes) in &mut results {
                passes.push(pass(process, &case).await);
            }
        }
        for (name, _, passes) in results {
            let (grown, speed): (Vec<f64>, Vec<f64>) = passes.into_iter().unzip();
            let (least, most) = spread(&grown);
            let (grown, speed) = (median(grown), median(speed));
            let range = format!("{least:.1}..{most:.1}");
            println!("{:<24}{name:<10}{grown:>8.1}{range:>16}{speed:>10.0}", case.name);
        }
    }
}

/// By how many MiB the process grows while these messages pass, and how many pass in a second.
async fn pass(process: &Process, case: &Large) -> (f64, f64) {
    let mut clients = Vec::new();
    for _ in 0..case.at_once {
        clients.push(Client::connect(process.address, 1).await);
    }
    process.forget_peak();
    let (before, _) = process.resident();
    let started = std::time::Instant::now();
    let calls = clients.iter().map(|client| client.call(&case.call, case.pace));
    futures_util::future::join_all(calls).await;
    let seconds = started.elapsed().as_secs_f64();
    let (_, peak) = process.resident();
    let grown = count(peak.saturating_sub(before)) / count(MIB);
    (grown, count(case.at_once * 100) / seconds)
}

fn load_average() -> String {
    std::fs::read_to_string("/proc/loadavg").unwrap().trim().to_owned()
}
