//! Everything at once for as long as is said: remembered callers over gRPC, changes, large answers,
//! wrong passwords, connections that come and go. Says every few seconds what the server holds and
//! how long callers wait, and at the end whether that has grown. See `README.md` here.

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

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use load::call::{Call, message};
use load::changes;
use load::client::Client;
use load::options::Options;
use load::process::Process;
use load::sample::{count, median};
use load::state::{LOGIN, ROOT_LOGIN, USER, fill};
use load::{part, product};

/// Time from sample to sample.
const STEP: Duration = Duration::from_secs(5);
/// Calls a second of remembered callers, over eight connections.
const CALLS_PER_SECOND: usize = 500;
/// Samples at the beginning and at the end that are compared.
const COMPARED: usize = 12;

fn main() {
    part::main(run);
}

/// What was seen in one step.
struct Sample {
    seconds: u64,
    resident: f64,
    descriptors: f64,
    threads: f64,
    p50: f64,
    p99: f64,
}

/// A number of a sample.
type Value = fn(&Sample) -> f64;

async fn run(options: &Options) {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    fill(&data, product::SIZE).await;
    let server = product::start(&options.binary, &data, None);
    let address = server.address;
    let crowds = [
        tokio::spawn(change(address)),
        tokio::spawn(list(address)),
        tokio::spawn(guess(address)),
        tokio::spawn(come_and_go(address)),
    ];
    let samples = watch(&server, options.length).await;
    for crowd in crowds {
        assert!(!crowd.is_finished(), "a part of the load has ended");
        crowd.abort();
    }
    judge(&samples);
}

async fn watch(server: &Process, length: Duration) -> Vec<Sample> {
    let client = Client::connect(server.address, 8).await;
    let of_user = message(&[(2, &message(&[(1, USER.as_bytes())]))]);
    let call = Call::new("SelectUser", LOGIN, &of_user, None);
    client.call(&call, None).await;
    let begun = Instant::now();
    let mut samples = Vec::new();
    println!("seconds,rss_kib,descriptors,threads,p50_us,p99_us");
    while begun.elapsed() < length {
        let calls = client.paced(&call, CALLS_PER_SECOND, STEP).await;
        let sample = Sample {
            seconds: begun.elapsed().as_secs(),
            resident: count(server.resident().0 >> 10),
            descriptors: count(server.descriptors()),
            threads: count(server.threads()),
            p50: calls.percentile(50),
            p99: calls.percentile(99),
        };
        let Sample { seconds, resident, descriptors, threads, p50, p99 } = &sample;
        println!("{seconds},{resident},{descriptors},{threads},{p50:.0},{p99:.0}");
        samples.push(sample);
    }
    samples
}

/// A role that is made and dropped, ten times a second: what is stored does not grow.
async fn change(address: SocketAddr) {
    let client = Client::connect(address, 1).await;
    let [create, drop] = changes::create_and_drop_role();
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    loop {
        ticks.tick().await;
        client.call(&create, None).await;
        client.call(&drop, None).await;
    }
}

/// All users and all roles, five times a second.
async fn list(address: SocketAddr) {
    let client = Client::connect(address, 1).await;
    let users = Call::new("ListCredUsers", ROOT_LOGIN, &[], None);
    let roles = Call::new("SelectRole", ROOT_LOGIN, &[], None);
    let mut ticks = tokio::time::interval(Duration::from_millis(200));
    loop {
        ticks.tick().await;
        client.call(&users, None).await;
        client.call(&roles, None).await;
    }
}

/// Twenty wrong passwords a second, for everybody.
async fn guess(address: SocketAddr) {
    let client = Client::connect(address, 1).await;
    let every = Duration::from_millis(50);
    client.guess(0, every, |number| format!("user{}:guess{number}", number % 1000)).await;
}

/// Twenty connections a second, each for one call.
async fn come_and_go(address: SocketAddr) {
    let of_user = message(&[(2, &message(&[(1, USER.as_bytes())]))]);
    let call = Call::new("SelectUser", LOGIN, &of_user, None);
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    loop {
        ticks.tick().await;
        Client::connect(address, 1).await.call(&call, None).await;
    }
}

/// The first and the last minute beside each other.
fn judge(samples: &[Sample]) {
    let most = COMPARED.min(samples.len() / 2);
    let of = |samples: &[Sample], value: Value| median(samples.iter().map(value).collect());
    println!("\n{:<12}{:>12}{:>12}{:>8}", "", "first", "last", "times");
    let values: [(&str, Value); 5] = [
        ("RSS KiB", |sample| sample.resident),
        ("descriptors", |sample| sample.descriptors),
        ("threads", |sample| sample.threads),
        ("p50 µs", |sample| sample.p50),
        ("p99 µs", |sample| sample.p99),
    ];
    for (name, value) in values {
        let first = of(&samples[..most], value);
        let last = of(&samples[samples.len() - most..], value);
        println!("{name:<12}{first:>12.0}{last:>12.0}{:>8.2}", last / first);
    }
    for (name, value) in values {
        println!("\n{name}");
        plot(&samples.iter().map(value).collect::<Vec<f64>>());
    }
}

/// A column for each sample, eight lines high, from nothing to the greatest.
fn plot(values: &[f64]) {
    const LINES: usize = 8;
    let most = values.iter().copied().fold(0.0, f64::max);
    for line in (1..=LINES).rev() {
        let least = most * (count(line) - 0.5) / count(LINES);
        let columns = values.iter().map(|value| if *value >= least { '#' } else { ' ' });
        let scale = most * count(line) / count(LINES);
        println!("{scale:>10.0} |{}", columns.collect::<String>().trim_end());
    }
    println!("{:>10} +{}", 0, "-".repeat(values.len()));
}
