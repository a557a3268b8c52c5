//! A process that is measured or stands behind one that is: started, read off under `/proc`, ended
//! with its handle.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Linux tells times of processes in hundredths of a second, whatever the machine.
const TICKS: u64 = 100;

/// A running process. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts a command that says on its first line where it listens.
    pub(crate) fn start(mut command: Command, find: fn(&str) -> Option<&str>) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = find(&line).and_then(|text| text.trim().parse().ok());
        let Some(address) = address else {
            let _ = child.kill();
            let status = child.wait().unwrap();
            panic!("{command:?} did not say where it listens, but {line:?} ({status})");
        };
        Self { child, address }
    }

    /// Holds a process that listens at a known address.
    pub(crate) fn at(child: Child, address: SocketAddr) -> Self {
        Self { child, address }
    }

    /// It, and the processes that it has started.
    fn ids(&self) -> Vec<u32> {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        let children = children.unwrap_or_default();
        let children = children.split_whitespace().map(|child| child.parse().unwrap());
        std::iter::once(id).chain(children).collect()
    }

    /// The time that processors have spent on it so far.
    pub(crate) fn busy(&self) -> Duration {
        self.ids().into_iter().map(busy).sum()
    }

    /// Memory that is resident, in bytes, and the most that has been since [`Process::forget_peak`].
    pub(crate) fn resident(&self) -> (usize, usize) {
        let id = self.child.id();
        (field(id, "VmRSS:").unwrap(), field(id, "VmHWM:").unwrap())
    }

    /// Memory that is resident, its children's included.
    pub(crate) fn all_resident(&self) -> usize {
        self.ids().into_iter().filter_map(|id| field(id, "VmRSS:")).sum()
    }

    /// Descriptors that are open.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Threads that run.
    pub(crate) fn threads(&self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap().count()
    }

    /// From now on the peak is that of what follows.
    pub(crate) fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // nginx ends its workers when it is asked to end, not when it is killed.
        let id = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

/// Runs a command to its end, which has to be a good one; the most memory that was resident
/// meanwhile, in bytes, looked at every few milliseconds.
pub(crate) fn peak_of(mut command: Command) -> usize {
    let mut child = command.spawn().unwrap();
    let mut peak = 0;
    loop {
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(ended.success(), "{command:?}: {ended}");
            return peak;
        }
        peak = peak.max(field(child.id(), "VmHWM:").unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A field of memory of a process, in bytes, while it runs.
fn field(id: u32, name: &str) -> Option<usize> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().next()?.parse::<usize>().ok()? << 10)
}

/// The time that processors have spent on this process.
pub(crate) fn own_busy() -> Duration {
    busy(std::process::id())
}

fn busy(id: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    // The name, in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let times = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = times.map(|time| time.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 1000 / TICKS)
}
