//! A cluster of true etcd processes on loopback: started, killed, paused, restarted.
//!
//! What can be asked of one is in `admin.rs`.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::super::Certificates;
use super::port::Port;
use crate::support::{pause, resume};

/// Longest wait for a cluster to do what it always does.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at one that is not there yet.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// Lines of a member's log that are shown when something fails.
const MOST_LINES: usize = 20;

/// What a member is doing.
enum Life {
    Runs(Child),
    Paused(Child),
    Dead,
}

struct Member {
    name: String,
    clients: Port,
    peers: Port,
    life: Mutex<Life>,
}

impl Member {
    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running cluster. Its processes are ended when it is dropped, and its data is gone.
pub(crate) struct Cluster {
    home: TempDir,
    members: Vec<Member>,
    flags: Vec<String>,
    pub(super) tls: Option<Certificates>,
    /// `user:password` of who may do everything, once there are users.
    pub(super) root_login: Mutex<Option<String>>,
}

impl Cluster {
    /// A cluster of one member or three, healthy.
    pub(crate) fn start(members: usize) -> Self {
        Self::start_with(members, &[])
    }

    /// The same with more flags for each member, such as `--quota-backend-bytes=…`.
    pub(crate) fn start_with(members: usize, flags: &[&str]) -> Self {
        Self::launch(members, None, flags.iter().map(|&flag| flag.to_owned()).collect())
    }

    /// One member that speaks TLS to its clients, and asks them for a certificate if that is
    /// wanted.
    pub(crate) fn start_with_tls(client_certificates: bool) -> Self {
        let certificates = Certificates::make();
        let mut flags = vec![
            format!("--cert-file={}", certificates.server.display()),
            format!("--key-file={}", certificates.server_key.display()),
        ];
        if client_certificates {
            flags.push("--client-cert-auth".to_owned());
            flags.push(format!("--trusted-ca-file={}", certificates.ca.display()));
        }
        Self::launch(1, Some(certificates), flags)
    }

    fn launch(members: usize, tls: Option<Certificates>, flags: Vec<String>) -> Self {
        let member = |number| Member {
            name: format!("m{number}"),
            clients: Port::reserve(),
            peers: Port::reserve(),
            life: Mutex::new(Life::Dead),
        };
        let members = (0..members).map(member).collect();
        let home = tempfile::tempdir().unwrap();
        let cluster = Self { home, members, flags, tls, root_login: Mutex::default() };
        for number in 0..cluster.members.len() {
            cluster.run(number);
        }
        cluster.wait_until_healthy();
        cluster
    }

    /// `host:port` of all members.
    pub(crate) fn endpoints(&self) -> Vec<String> {
        (0..self.members.len()).map(|number| self.endpoint(number)).collect()
    }

    /// `host:port` of one member.
    pub(crate) fn endpoint(&self, number: usize) -> String {
        self.members[number].clients.address().to_string()
    }

    /// What `--store` has to say to use it, with Milvus's root path.
    pub(crate) fn store(&self) -> String {
        format!("etcd://{}/{}", self.endpoints().join(","), milvus_rbac::store::DEFAULT_ROOT)
    }

    /// The certificates of a cluster that was started with TLS.
    pub(crate) fn certificates(&self) -> &Certificates {
        self.tls.as_ref().unwrap()
    }

    /// The members that are up and not paused.
    pub(super) fn running(&self) -> Vec<usize> {
        let runs = |&number: &usize| matches!(*self.members[number].life(), Life::Runs(_));
        (0..self.members.len()).filter(runs).collect()
    }

    /// Ends a member at once, as a power switch would. Its data stays.
    pub(crate) fn kill(&self, number: usize) {
        if let Life::Runs(mut child) | Life::Paused(mut child) = self.replace(number, Life::Dead) {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts a member that was killed, on its old data. If a majority runs then, waits until all
    /// that run are healthy.
    pub(crate) fn restart(&self, number: usize) {
        assert!(matches!(*self.members[number].life(), Life::Dead), "member {number} is not dead");
        self.run(number);
        if self.running().len() > self.members.len() / 2 {
            self.wait_until_healthy();
        }
    }

    /// Keeps a member from doing anything. Its connections stay open.
    pub(crate) fn pause(&self, number: usize) {
        let Life::Runs(child) = self.replace(number, Life::Dead) else {
            panic!("member {number} does not run");
        };
        pause(&child);
        self.replace(number, Life::Paused(child));
    }

    /// Lets a paused member go on as if nothing had been.
    pub(crate) fn resume(&self, number: usize) {
        let Life::Paused(child) = self.replace(number, Life::Dead) else {
            panic!("member {number} is not paused");
        };
        resume(&child);
        self.replace(number, Life::Runs(child));
    }

    fn replace(&self, number: usize, life: Life) -> Life {
        std::mem::replace(&mut *self.members[number].life(), life)
    }

    fn log(&self, number: usize) -> PathBuf {
        self.home.path().join(format!("{}.log", self.members[number].name))
    }

    /// The end of each member's log, for whoever has to find out why a test failed.
    pub(crate) fn logs(&self) -> String {
        let end_of = |number: usize| {
            let log = fs::read_to_string(self.log(number)).unwrap_or_default();
            let skipped = log.lines().count().saturating_sub(MOST_LINES);
            let end: Vec<&str> = log.lines().skip(skipped).collect();
            format!("\n--- etcd {}\n{}", self.members[number].name, end.join("\n"))
        };
        (0..self.members.len()).map(end_of).collect()
    }

    fn run(&self, number: usize) {
        let member = &self.members[number];
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let clients = format!("{scheme}://{}", member.clients.address());
        let peers = |member: &Member| format!("http://{}", member.peers.address());
        let all = self.members.iter().map(|each| format!("{}={}", each.name, peers(each)));
        let mut command = without_settings(Command::new("etcd"));
        command.args(["--name", &member.name, "--data-dir"]);
        command.arg(self.home.path().join(&member.name));
        command.args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients]);
        command.args(["--listen-peer-urls", &peers(member)]);
        command.args(["--initial-advertise-peer-urls", &peers(member)]);
        command.args(["--initial-cluster", &all.collect::<Vec<_>>().join(",")]);
        // A tenth of the usual times; its own users need no strong hashes here.
        command.args(["--heartbeat-interval=50", "--election-timeout=500", "--bcrypt-cost=4"]);
        command.args(["--logger=zap", "--log-level=warn"]).args(&self.flags);
        let log = File::options().create(true).append(true).open(self.log(number)).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().expect("etcd (package etcd-server) can be run");
        self.replace(number, Life::Runs(child));
    }

    /// Waits until every member that runs answers what takes a majority.
    pub(crate) fn wait_until_healthy(&self) {
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = self.health() {
            assert!(Instant::now() < deadline, "etcd is not healthy: {error}{}", self.logs());
            for number in self.running() {
                if let Life::Runs(child) = &mut *self.members[number].life()
                    && let Some(status) = child.try_wait().unwrap()
                {
                    panic!("etcd ended: {status}{}", self.logs());
                }
            }
            std::thread::sleep(PAUSE);
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for member in &self.members {
            if let Life::Runs(child) | Life::Paused(child) = &mut *member.life() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

/// Without what this environment would tell etcd or etcdctl.
pub(super) fn without_settings(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ETCD") {
            command.env_remove(name);
        }
    }
    command
}
