//! What a million users, ten thousand roles and a million grants cost: the start, the memory, lists,
//! decisions, changes and a copy, beside the same with a thousand. See `README.md` here.

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

use std::hint::black_box;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use milvus_rbac::policy::{Claims, Request, Requirement, Rules, decide, find};
use milvus_rbac::snapshot::Snapshot;

use load::call::{Call, message};
use load::changes;
use load::client::{Client, Shape};
use load::dice::dice;
use load::options::Options;
use load::process::peak_of;
use load::rounds::{Goal, Ratio, Side, compare};
use load::sample::{count, median, percentile};
use load::state::{LOGIN, ROOT_LOGIN, Size, USER, fill, open};
use load::{part, product};

/// What everything is compared with.
const SMALL: Size = Size { users: 1_000, roles: 10, roles_of_a_user: 1, grants_of_a_role: 100 };
/// Users and nothing else.
const USERS: Size = Size { users: 1_000_000, roles: 0, roles_of_a_user: 0, grants_of_a_role: 0 };
/// Everything at once.
const FULL: Size =
    Size { users: 1_000_000, roles: 10_000, roles_of_a_user: 1, grants_of_a_role: 100 };
/// The state of which a change may cost one and a half times what it costs with the small one.
const WIDE: Size =
    Size { users: 1_000_000, roles: 1_000, roles_of_a_user: 1, grants_of_a_role: 100 };

const MIB: f64 = (1 << 20) as f64;

fn main() {
    part::main(run);
}

async fn run(options: &Options) {
    let home = options.home();
    let small = made(home.path(), "small", SMALL).await;
    if options.has("start") {
        let users = made(home.path(), "users", USERS).await;
        starts(options, &small, &users);
    }
    if options.has("change") {
        let wide = made(home.path(), "wide", WIDE).await;
        changes(options, &small, &wide).await;
    }
    for section in ["full", "check", "decide", "copy"] {
        if !options.has(section) {
            continue;
        }
        let full = made(home.path(), "full", FULL).await;
        match section {
            "full" => {
                lists(options, &full).await;
                changes(options, &small, &full).await;
            }
            "check" => checks(options, &small, &full).await,
            "decide" => decisions(&small, &full),
            _ => copy(options, &full, home.path()),
        }
    }
}

/// A directory with such a state, made if it is not there yet.
async fn made(home: &Path, name: &str, size: Size) -> std::path::PathBuf {
    let data = home.join(name);
    if !data.exists() {
        println!("making {} ({} users)", data.display(), size.users);
        let started = Instant::now();
        fill(&data, size).await;
        println!("   made in {:.1} s", started.elapsed().as_secs_f64());
    }
    data
}

/// Time to the ready line, and the memory right after it.
fn starts(options: &Options, small: &Path, users: &Path) {
    let mut of_small = Vec::new();
    println!("\n{:<24}{:>10}{:>14}{:>14}", "", "start", "RSS", "per user");
    for (name, data) in [("1,000 users", small), ("1,000,000 users", users)] {
        let (mut times, mut resident) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            let started = Instant::now();
            let server = product::start(&options.binary, data, None);
            times.push(started.elapsed().as_secs_f64());
            resident.push(count(server.resident().0));
        }
        let each = match of_small.first() {
            None => String::new(),
            Some(idle) => format!("{:.0} bytes", (median(resident.clone()) - idle) / 1e6),
        };
        let (time, memory) = (median(times), median(resident));
        println!("{name:<24}{time:>8.2} s{:>10.1} MiB{each:>14}", memory / MIB);
        of_small.push(memory);
    }
    println!("goals: at most 2 s, at most 300 bytes a user, at most 20 MB with next to nothing");
}

/// Changes over one connection, one after another.
async fn changes(options: &Options, small: &Path, large: &Path) {
    let small = product::start(&options.binary, small, None);
    let large = product::start(&options.binary, large, None);
    let sides = [Side { name: "small", process: &small }, Side { name: "large", process: &large }];
    let goals = [Goal { side: "large", baseline: "small", ratio: Ratio::Rate(1.0 / 1.5) }];
    for call in [changes::create_role(), changes::grant("role1")] {
        println!("\n{}", call.method);
        let shape = Shape { connections: 1, in_flight: 1 };
        compare(&sides, &call, shape, options, &goals).await;
    }
}

/// A call that is authenticated and decided, by a user whose login is remembered.
async fn checks(options: &Options, small: &Path, large: &Path) {
    let small = product::start(&options.binary, small, None);
    let large = product::start(&options.binary, large, None);
    let sides = [Side { name: "small", process: &small }, Side { name: "large", process: &large }];
    let goals = [Goal { side: "large", baseline: "small", ratio: Ratio::P99(2.0) }];
    let of_user = message(&[(2, &message(&[(1, USER.as_bytes())]))]);
    let call = Call::new("SelectUser", LOGIN, &of_user, None);
    for side in &sides {
        Client::connect(side.process.address, 1).await.call(&call, None).await;
    }
    println!("\nSelectUser, of oneself");
    for connections in [1, 8, 64] {
        compare(&sides, &call, Shape { connections, in_flight: connections }, options, &goals)
            .await;
    }
}

/// What is read as a whole, and what is not.
async fn lists(options: &Options, full: &Path) {
    let started = Instant::now();
    let server = product::start(&options.binary, full, None);
    let start = started.elapsed().as_secs_f64();
    let (resident, _) = server.resident();
    println!("\nstart with everything: {start:.2} s, {:.1} MiB", count(resident) / MIB);
    let client = Client::connect(server.address, 1).await;
    // The login is remembered from now on.
    client.call(&Call::new("GetVersion", ROOT_LOGIN, &[], None), None).await;
    let of_role = message(&[(2, &message(&[(1, &message(&[(1, b"role7")]))]))]);
    let of_user = message(&[(2, &message(&[(1, USER.as_bytes())]))]);
    println!("{:<28}{:>12}{:>12}{:>14}", "", "first", "median", "peak growth");
    for (name, call) in [
        ("list_users", Call::new("ListCredUsers", ROOT_LOGIN, &[], None)),
        ("list_roles", Call::new("SelectRole", ROOT_LOGIN, &[], None)),
        ("describe_user", Call::new("SelectUser", ROOT_LOGIN, &of_user, None)),
        ("describe_role, 100 grants", Call::new("SelectGrant", ROOT_LOGIN, &of_role, None)),
    ] {
        let (before, _) = server.resident();
        server.forget_peak();
        let mut times = Vec::new();
        for _ in 0..=options.rounds {
            let started = Instant::now();
            client.call(&call, None).await;
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
        let growth = count(server.resident().1.saturating_sub(before)) / MIB;
        let (first, rest) = times.split_first().unwrap();
        let middle = median(rest.to_vec());
        println!("{name:<28}{first:>9.2} ms{middle:>9.2} ms{growth:>10.1} MiB");
    }
}

/// Decisions of a user chosen at random, in batches, so that the clock does not count.
fn decisions(small: &Path, full: &Path) {
    const BATCH: usize = 20;
    const BATCHES: usize = 50_000;
    println!(
        "\n{:<12}{:>14}{:>14}{:>14}{:>14}",
        "decide", "warm p50", "warm p99", "random p50", "random p99"
    );
    for (name, data, size) in [("small", small, SMALL), ("full", full, FULL)] {
        let deployment = open(data);
        let state = deployment.admin().snapshots().get();
        let mut dice = dice();
        let mut questions = |count: usize| -> Vec<Question> {
            (0..count).map(|_| Question::about(dice(), size)).collect()
        };
        let measure = |questions: &[Question]| {
            let started = Instant::now();
            for question in questions {
                black_box(question.ask(&state));
            }
            started.elapsed().as_secs_f64() * 1e9 / count(questions.len())
        };
        let few = questions(1_000);
        // The first time is not warm.
        let mut warm: Vec<f64> = (0..100)
            .flat_map(|_| few.chunks(BATCH).map(measure).collect::<Vec<_>>())
            .skip(few.len() / BATCH)
            .collect();
        let mut random: Vec<f64> = (0..BATCHES).map(|_| measure(&questions(BATCH))).collect();
        println!(
            "{name:<12}{:>11.0} ns{:>11.0} ns{:>11.0} ns{:>11.0} ns",
            median(warm.clone()),
            percentile(&mut warm, 99),
            median(random.clone()),
            percentile(&mut random, 99),
        );
        deployment.close().unwrap();
    }
    println!("goal: p99 with everything at most twice that of the small state");
}

/// A copy of everything into a new directory.
fn copy(options: &Options, full: &Path, home: &Path) {
    let target = home.join("copy");
    let mut command = product::command(&options.binary);
    command.arg("copy").arg("--from").arg(format!("sled:{}", full.display()));
    command.arg("--to").arg(format!("sled:{}", target.display())).stdout(Stdio::null());
    let started = Instant::now();
    let peak = peak_of(command);
    let time = started.elapsed().as_secs_f64();
    println!("\ncopy of everything, sled to sled: {time:.1} s, peak {:.0} MiB", count(peak) / MIB);
    std::fs::remove_dir_all(target).unwrap();
}

/// May this user search that collection, which one of the user's roles may or may not?
struct Question {
    requirement: &'static Requirement,
    user: String,
    database: String,
    objects: [String; 1],
}

impl Question {
    fn about(dice: usize, size: Size) -> Self {
        let user = dice % size.users;
        let at = 4 * (1 + dice / size.users % (size.grants_of_a_role / 4 - 1));
        let tail = if dice.is_multiple_of(2) { "" } else { "x" };
        Self {
            requirement: find("/milvus.proto.milvus.MilvusService/Search").unwrap(),
            user: format!("user{user}"),
            database: format!("db{}", at % 10),
            objects: [format!("c{}_{at}{tail}", user % size.roles)],
        }
    }

    fn ask(&self, state: &Snapshot) -> bool {
        let request = Request {
            caller: Some(&self.user),
            requirement: self.requirement,
            database: &self.database,
            objects: &self.objects,
            claims: Claims::default(),
        };
        decide(state, Rules::DOCUMENTED, &request).is_allowed()
    }
}
