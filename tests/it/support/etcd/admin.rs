//! What tests ask of a cluster behind our store's back, by etcdctl.
//!
//! Keys and values may be any bytes: they go in as transactions on standard input, where etcdctl
//! takes escapes, and come out of JSON as base64.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Instant;

use base64::prelude::*;
use serde_json::Value;

use super::Cluster;
use super::cluster::{PATIENCE, PAUSE, without_settings};
use crate::support::{Ended, run};

/// A key and its value.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// Most operations of one transaction in a stock etcd.
const MOST_OPERATIONS: usize = 128;

impl Cluster {
    /// Writes a pair.
    pub(crate) fn put(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.put_all([(key, value)]);
    }

    /// Writes pairs, up to 128 in one transaction.
    pub(crate) fn put_all<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) {
        let line = |(key, value): (K, V)| format!("put -- {} {}", quoted(key), quoted(value));
        let lines: Vec<String> = pairs.into_iter().map(line).collect();
        for lines in lines.chunks(MOST_OPERATIONS) {
            self.transaction(&lines.join("\n"));
        }
    }

    /// Deletes a key, if it is there.
    pub(crate) fn delete(&self, key: impl AsRef<[u8]>) {
        self.transaction(&format!("del -- {}", quoted(key)));
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: impl AsRef<[u8]>) -> Option<Vec<u8>> {
        let answer = self.transaction(&format!("get -- {}", quoted(key)));
        pairs(&answer).pop().map(|(_, value)| value)
    }

    /// All pairs whose keys begin with this, in the order of their bytes.
    pub(crate) fn dump(&self, prefix: impl AsRef<[u8]>) -> Vec<Pair> {
        let mut found = pairs(&self.transaction(&format!("get --prefix -- {}", quoted(prefix))));
        found.sort();
        found
    }

    /// How often a key has been written since it was made; 0 if it is not there.
    pub(crate) fn version(&self, key: impl AsRef<[u8]>) -> i64 {
        let answer = self.transaction(&format!("get -- {}", quoted(key)));
        answer["responses"][0]["Response"]["ResponseRange"]["kvs"][0]["version"]
            .as_i64()
            .unwrap_or(0)
    }

    /// The newest revision.
    pub(crate) fn revision(&self) -> i64 {
        let answer = self.transaction("get --limit=1 -- \"\\x00\"");
        answer["header"]["revision"].as_i64().unwrap()
    }

    /// Forgets everything before the newest revision, which it returns.
    pub(crate) fn compact(&self) -> i64 {
        let revision = self.revision();
        self.etcdctl(&["compaction", &revision.to_string()]);
        revision
    }

    /// The member that leads, once the others agree. A paused one does not count.
    pub(crate) fn leader(&self) -> usize {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let running = self.running();
            let status = self.ask(&["endpoint", "status", "--write-out=json"], "");
            let answers: Value =
                serde_json::from_str(&status.unwrap_or_default()).unwrap_or_default();
            let mut claims = Vec::new();
            for (answer, number) in answers.as_array().into_iter().flatten().zip(running) {
                let status = &answer["Status"];
                if status["leader"].is_u64() && status["leader"] == status["header"]["member_id"] {
                    claims.push((status["raftTerm"].as_u64(), number));
                }
            }
            // One that was paused as the leader goes on believing it for a moment.
            if let Some((_, number)) = claims.into_iter().max() {
                return number;
            }
            assert!(Instant::now() < deadline, "nobody leads{}", self.logs());
            std::thread::sleep(PAUSE);
        }
    }

    /// Asks for a login from now on. This user may read and write below the root path and nothing
    /// else.
    pub(crate) fn enable_auth(&self, user: &str, password: &str, root_path: &str) {
        let login = "root:r00t";
        self.etcdctl(&["user", "add", login]);
        self.etcdctl(&["user", "grant-role", "root", "root"]);
        self.etcdctl(&["role", "add", user]);
        let below = format!("{root_path}/");
        let grant = ["role", "grant-permission", user, "--prefix=true", "readwrite", &below];
        self.etcdctl(&grant);
        self.etcdctl(&["user", "add", &format!("{user}:{password}")]);
        self.etcdctl(&["user", "grant-role", user, user]);
        self.etcdctl(&["auth", "enable"]);
        *self.root_login.lock().unwrap() = Some(login.to_owned());
    }

    /// Runs etcdctl as who may do everything and returns what it says.
    #[track_caller]
    pub(crate) fn etcdctl(&self, arguments: &[&str]) -> String {
        self.succeed(arguments, "")
    }

    /// Runs etcdctl as whoever these flags make it. The error is what it said.
    pub(crate) fn etcdctl_as(&self, flags: &[&str], arguments: &[&str]) -> Result<String, String> {
        let flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
        self.run_etcdctl(&flags, arguments, "")
    }

    /// Whether every member that runs answers what takes a majority.
    pub(super) fn health(&self) -> Result<String, String> {
        self.ask(&["endpoint", "health", "--command-timeout=1s", "--dial-timeout=1s"], "")
    }

    /// Runs operations all at once, one per line.
    #[track_caller]
    fn transaction(&self, operations: &str) -> Value {
        // No comparisons, so what is to be done if they hold, and nothing otherwise.
        let answer = self.succeed(&["txn", "--write-out=json"], &format!("\n{operations}\n\n\n"));
        serde_json::from_str(&answer).unwrap()
    }

    #[track_caller]
    fn succeed(&self, arguments: &[&str], input: &str) -> String {
        // What is sent to a leader that has just gone is lost, and would be waited for.
        self.leader();
        let answer = self.ask(arguments, input);
        answer.unwrap_or_else(|error| panic!("etcdctl {arguments:?}: {error}{}", self.logs()))
    }

    /// Runs etcdctl as who may do everything.
    fn ask(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut flags = Vec::new();
        if let Some(login) = &*self.root_login.lock().unwrap() {
            flags.push(format!("--user={login}"));
        }
        if let Some(tls) = &self.tls {
            flags.extend(tls.etcdctl_flags());
        }
        self.run_etcdctl(&flags, arguments, input)
    }

    /// Runs etcdctl against the members that are up and not paused, in their order.
    fn run_etcdctl(
        &self,
        flags: &[String],
        arguments: &[&str],
        input: &str,
    ) -> Result<String, String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let running = self.running().into_iter();
        let endpoints: Vec<String> =
            running.map(|number| format!("{scheme}://{}", self.endpoint(number))).collect();
        let mut command = without_settings(Command::new("etcdctl"));
        command.env("ETCDCTL_API", "3").arg("--command-timeout=15s");
        command.arg(format!("--endpoints={}", endpoints.join(","))).args(flags).args(arguments);
        let Ended { code, stdout, stderr } = run(command, input);
        if code == Some(0) { Ok(stdout) } else { Err(stdout + &stderr) }
    }
}

/// Bytes as etcdctl reads them in a transaction: every one an escape.
fn quoted(bytes: impl AsRef<[u8]>) -> String {
    let mut text = String::from("\"");
    for byte in bytes.as_ref() {
        let _ = write!(text, "\\x{byte:02x}");
    }
    text + "\""
}

/// The pairs in the answer to a transaction of one look-up.
fn pairs(answer: &Value) -> Vec<Pair> {
    let found = answer["responses"][0]["Response"]["ResponseRange"]["kvs"].as_array();
    // What is empty is left out.
    let bytes = |text: &Value| BASE64_STANDARD.decode(text.as_str().unwrap_or_default()).unwrap();
    found.into_iter().flatten().map(|pair| (bytes(&pair["key"]), bytes(&pair["value"]))).collect()
}
