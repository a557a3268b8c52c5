//! What our own work costs: a call that is authenticated and answered, beside the same tonic handler
//! without us; a login that is remembered, beside bcrypt; durable changes, beside a bare append with
//! `fdatasync`. See `README.md` here.

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

use std::fs::{self, OpenOptions};
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use milvus_rbac::credential::{Login, Password, Peer};
use milvus_rbac::deployment::Deployment;
use milvus_rbac::model::{Change, Record, Role, RoleName};

use load::call::{Call, message};
use load::changes;
use load::client::{Client, Shape};
use load::options::Options;
use load::rounds::{Goal, Ratio, Side, compare};
use load::sample::{Calls, median};
use load::state::{LOGIN, Size, USER, fill, open};
use load::{handler, part, product};

/// A state with next to nothing, for changes.
const FEW: Size = Size { users: 100, roles: 10, roles_of_a_user: 1, grants_of_a_role: 10 };
/// Logins that one look at the clock covers.
const LOGINS: u32 = 10_000;

fn main() {
    part::main(run);
}

async fn run(options: &Options) {
    let home = tempfile::tempdir().unwrap();
    if options.has("select") {
        let data = home.path().join("select");
        fill(&data, product::SIZE).await;
        select(options, &data).await;
    }
    if options.has("login") {
        let data = home.path().join("login");
        fill(&data, FEW).await;
        login(options, &data).await;
    }
    if options.has("change") {
        let data = home.path().join("change");
        fill(&data, FEW).await;
        change(options, home.path(), &data).await;
    }
}

/// One user looks at itself.
async fn select(options: &Options, data: &Path) {
    let handler = handler::start();
    let server = product::start(&options.binary, data, None);
    let of_user = message(&[(2, &message(&[(1, USER.as_bytes())]))]);
    let call = Call::new("SelectUser", LOGIN, &of_user, None);
    // The login is remembered from now on.
    Client::connect(server.address, 1).await.call(&call, None).await;
    let sides =
        [Side { name: "handler", process: &handler }, Side { name: "server", process: &server }];
    let goals = [Goal { side: "server", baseline: "handler", ratio: Ratio::Rate(0.85) }];
    println!("SelectUser");
    for (connections, in_flight) in [(1, 1), (1, 64), (8, 64), (64, 64)] {
        let shape = Shape { connections, in_flight };
        if options.loads(shape) {
            compare(&sides, &call, shape, options, &goals).await;
        }
    }
}

/// The check of a login that has been good before, and of one that has not been seen.
async fn login(options: &Options, data: &Path) {
    let deployment = open(data);
    let (verifier, snapshots) = (deployment.verifier(), deployment.admin().snapshots());
    let login = Login::new(USER, b"P@ssw0rd").unwrap();
    let stored = snapshots.get().user(USER).unwrap().credential.hash.clone();
    verifier.authenticate(snapshots, &login, Peer::LOCAL).await.unwrap();
    let (mut remembered, mut bcrypt) = (Vec::new(), Vec::new());
    for _ in 0..=options.rounds {
        let started = Instant::now();
        for _ in 0..LOGINS {
            black_box(verifier.authenticate_cached(snapshots, &login, Peer::LOCAL).unwrap());
        }
        remembered.push(started.elapsed().as_secs_f64() * 1e9 / f64::from(LOGINS));
        let password = Password::from(b"P@ssw0rd".to_vec());
        let started = Instant::now();
        let right = verifier.check_password(USER, Some(&stored), &password, Peer::LOCAL).await;
        bcrypt.push(started.elapsed().as_secs_f64() * 1e9);
        assert!(right.unwrap());
    }
    let (remembered, bcrypt) = (median(remembered), median(bcrypt));
    println!(
        "\nlogin check: {remembered:.0} ns (goal: at most 500), bcrypt at cost 10: {:.1} ms, {:.0} \
         times as long",
        bcrypt / 1e6,
        bcrypt / remembered
    );
    deployment.close().unwrap();
}

/// Durable changes: a bare append, the store without an RPC, and `CreateRole`, in turns.
async fn change(options: &Options, home: &Path, data: &Path) {
    let without = home.join("without");
    fill(&without, FEW).await;
    let deployment = open(&without);
    let server = product::start(&options.binary, data, None);
    let (one, many) =
        (Client::connect(server.address, 1).await, Client::connect(server.address, 64).await);
    let call = changes::create_role();
    let mut number = 0;
    let mut table = ["append", "store", "RPC, 1 client", "RPC, 64 clients"]
        .map(|name| (name, Vec::new(), Vec::new(), Vec::new()));
    for round in 0..=options.rounds {
        let before = written();
        let stored = through_the_store(&deployment, &mut number, options.length).await;
        let bytes = usize::try_from(written() - before).unwrap() / stored.count();
        let calls = [
            append(&home.join("append"), bytes, options.length),
            stored,
            one.load(&call, 1, options.length).await,
            many.load(&call, 64, options.length).await,
        ];
        for (row, calls) in table.iter_mut().zip(&calls).filter(|_| round > 0) {
            row.1.push(calls.rate());
            row.2.push(calls.percentile(50));
            row.3.push(calls.percentile(99));
        }
        if round == options.rounds {
            println!("\ndurable changes, {bytes} bytes each");
        }
    }
    println!("{:<18}{:>10}{:>10}{:>10}", "", "changes/s", "p50 µs", "p99 µs");
    let rows = table.map(|(name, rate, p50, p99)| (name, median(rate), median(p50), median(p99)));
    for (name, rate, p50, p99) in rows {
        println!("{name:<18}{rate:>10.0}{p50:>10.0}{p99:>10.0}");
    }
    let [append, store, one, many] = rows;
    println!("store / append: p50 {:.2} (goal: at most 1.6)", store.2 / append.2);
    println!("RPC, 1 client / append: p50 {:.2} (no goal)", one.2 / append.2);
    println!("RPC, 64 clients / append: changes/s {:.1} (goal: at least 5)", many.1 / append.1);
    deployment.close().unwrap();
}

/// New roles, one after another, each durable before the next.
async fn through_the_store(deployment: &Deployment, number: &mut usize, length: Duration) -> Calls {
    let started = Instant::now();
    let mut latencies = Vec::new();
    while started.elapsed() < length {
        *number += 1;
        let name = RoleName::new(&format!("made{number}")).unwrap();
        let begun = Instant::now();
        let plan = move |_: &_| {
            let record = Record::Role(name.clone(), Role::default());
            Ok::<_, std::convert::Infallible>(((), vec![Change::Put(record)]))
        };
        assert!(deployment.admin().writer().submit(plan).await.unwrap().changed);
        latencies.push(begun.elapsed());
    }
    Calls::new(latencies, started.elapsed())
}

/// So many bytes behind a file, and on the disk, again and again.
fn append(path: &Path, bytes: usize, length: Duration) -> Calls {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    let line = vec![7; bytes];
    let started = Instant::now();
    let mut latencies = Vec::new();
    while started.elapsed() < length {
        let begun = Instant::now();
        file.write_all(&line).unwrap();
        file.sync_data().unwrap();
        latencies.push(begun.elapsed());
    }
    Calls::new(latencies, started.elapsed())
}

/// Bytes that this process has written to files.
fn written() -> u64 {
    let counters = fs::read_to_string("/proc/self/io").unwrap();
    let line = counters.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap();
    line.parse().unwrap()
}
