//! The same calls, under the same load, to a real Milvus and to this server, side by side. Milvus is
//! the standalone of the package `milvus` of `PyPI`, put into an environment of its own below the target
//! directory. It listens on all addresses, so everything runs where there is nothing but loopback: in
//! namespaces of its own, which also end whatever it has started. See `README.md` here.

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

use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use load::call::{Call, message};
use load::client::{Client, Shape};
use load::options::Options;
use load::process::Process;
use load::rounds::{Side, compare};
use load::state::ROOT_LOGIN;
use load::{part, product};

/// The package's last version, and the address that it listens on.
const PACKAGE: &str = "milvus==2.3.5";
const ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 19530);
/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(120);
/// Set in the namespaces.
const INSIDE: &str = "MILVUS_BENCH_INSIDE";

/// A user who may do nothing but look at himself: `ann:P@ssw0rd`.
const USER: &str = "ann";
const LOGIN: &str = "YW5uOlBAc3N3MHJk";
/// `P@ssw0rd`, as it stands in a message.
const PASSWORD: &[u8] = b"UEBzc3cwcmQ=";
const ROLE: &str = "readers";

fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let is_part = std::env::args().nth(1).is_some_and(|first| first == "--part");
    if is_test || is_part || std::env::var_os(INSIDE).is_some() {
        return part::main(run);
    }
    let python = environment();
    let error = Command::new("unshare")
        .args(["--map-root-user", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(["sh", "-c", r#"ip link set lo up && exec "$0" "$@""#])
        .arg(std::env::current_exe().unwrap())
        .args(std::env::args_os().skip(1))
        .env(INSIDE, python)
        .exec();
    panic!("unshare, which keeps Milvus from listening where others are, cannot be run: {error}");
}

/// Python with the package, installed if it is not there yet.
fn environment() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("milvus");
    let python = home.join("bin/python");
    if !home.join("bin/milvus-server").exists() {
        println!("installing {PACKAGE} below {}", home.display());
        let run = |command: &mut Command| {
            let status = command.status();
            assert!(status.is_ok_and(|status| status.success()), "{command:?} failed");
        };
        run(Command::new("python3").args(["-m", "venv"]).arg(&home));
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", PACKAGE]));
    }
    python
}

async fn run(options: &Options) {
    let home = tempfile::tempdir().unwrap();
    let milvus = start_milvus(home.path()).await;
    let ours = product::start(&options.binary, &home.path().join("ours"), None);
    let sides =
        [Side { name: "milvus", process: &milvus }, Side { name: "milvus-rbac", process: &ours }];
    for side in &sides {
        prepare(side.process.address).await;
    }
    print_memory("after the start", &sides);
    for (name, call) in calls().into_iter().filter(|(name, _)| options.has(name)) {
        println!("\n{name}");
        for (connections, in_flight) in [(1, 1), (8, 8), (64, 64)] {
            let shape = Shape { connections, in_flight };
            if options.loads(shape) {
                compare(&sides, &call, shape, options, &[]).await;
            }
        }
    }
    print_memory("after the load", &sides);
}

async fn start_milvus(home: &Path) -> Process {
    let python = std::env::var_os(INSIDE).unwrap();
    let server = Path::new(&python).with_file_name("milvus-server");
    let child = Command::new(server)
        .arg("--data")
        .arg(home.join("milvus"))
        .args(["--authorization-enabled", "true", "--proxy-port", "19530"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let process = Process::at(child, ADDRESS);
    let begun = Instant::now();
    while TcpStream::connect(ADDRESS).is_err() {
        assert!(begun.elapsed() < PATIENCE, "Milvus does not start; its logs are gone with it");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // Its parts find each other a little later.
    tokio::time::sleep(Duration::from_secs(15)).await;
    process
}

/// The user and the role that the calls are about.
async fn prepare(address: SocketAddr) {
    let client = Client::connect(address, 1).await;
    let user = message(&[(2, USER.as_bytes()), (3, PASSWORD)]);
    client.call(&Call::new("CreateCredential", ROOT_LOGIN, &user, None), None).await;
    let role = message(&[(2, &message(&[(1, ROLE.as_bytes())]))]);
    client.call(&Call::new("CreateRole", ROOT_LOGIN, &role, None), None).await;
}

/// What both of them answer.
fn calls() -> Vec<(&'static str, Call)> {
    let of_user = message(&[(2, &message(&[(1, USER.as_bytes())]))]);
    let of_role = message(&[(2, &message(&[(1, ROLE.as_bytes())]))]);
    let grant = |number: usize| {
        let collection = format!("books{number}");
        let privilege = message(&[(2, &message(&[(1, b"Search")]))]);
        let entity = message(&[
            (1, &message(&[(1, ROLE.as_bytes())])),
            (2, &message(&[(1, b"Collection")])),
            (3, collection.as_bytes()),
            (4, &privilege),
            (5, b"default"),
        ]);
        message(&[(2, &entity)])
    };
    vec![
        ("SelectUser, a user of himself", Call::new("SelectUser", LOGIN, &of_user, None)),
        ("SelectRole, root", Call::new("SelectRole", ROOT_LOGIN, &of_role, None)),
        ("ListCredUsers, root", Call::new("ListCredUsers", ROOT_LOGIN, &[], None)),
        (
            "OperatePrivilege, root, a new grant",
            Call::counted("OperatePrivilege", ROOT_LOGIN, grant),
        ),
    ]
}

fn print_memory(when: &str, sides: &[Side<'_>]) {
    for side in sides {
        println!("{}: {} MiB resident {when}", side.name, side.process.all_resident() >> 20);
    }
}
