//! What crowds that mean harm cost those who are served: latency of remembered callers beside that of
//! the same calls with no crowd, and with the same crowd at another server. See `README.md` here.

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

use std::time::Duration;

use load::call::{Call, message};
use load::client::Client;
use load::crowd::{self, KINDS};
use load::options::Options;
use load::sample::median;
use load::state::{LOGIN, USER, fill};
use load::{handler, part, product};

/// Connections and calls a second of those who are served: a load that leaves most of the
/// processors idle, because a crowd that takes what nobody needs harms nobody.
const CONNECTIONS: usize = 8;
const CALLS_PER_SECOND: usize = 1000;
/// How long a crowd has before it counts.
const GATHERING: Duration = Duration::from_millis(1500);

fn main() {
    part::main(run);
}

/// What was measured in one situation, round by round.
#[derive(Default)]
struct Latencies {
    p50: Vec<f64>,
    p99: Vec<f64>,
}

impl Latencies {
    async fn measure(&mut self, client: &Client, call: &Call, length: Duration) {
        let calls = client.paced(call, CALLS_PER_SECOND, length).await;
        self.p50.push(calls.percentile(50));
        self.p99.push(calls.percentile(99));
    }

    fn medians(&self) -> (f64, f64) {
        (median(self.p50.clone()), median(self.p99.clone()))
    }
}

async fn run(options: &Options) {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    fill(&data, product::SIZE).await;
    let other = handler::start();
    let of_user = message(&[(2, &message(&[(1, USER.as_bytes())]))]);
    let call = Call::new("SelectUser", LOGIN, &of_user, None);
    println!(
        "SelectUser, {CALLS_PER_SECOND} a second over {CONNECTIONS} connections: alone, with the \
         crowd at another server, with the crowd here"
    );
    println!(
        "{:<14}{:>8}{:>8}{:>11}{:>8}{:>8}{:>8}{:>9}{:>11}{:>18}{:>18}",
        "crowd",
        "p50 µs",
        "p99 µs",
        "elsewhere",
        "p99 µs",
        "here",
        "p99 µs",
        "p99 here",
        "elsewhere",
        "RSS MiB",
        "descriptors"
    );
    for (kind, _) in KINDS.iter().filter(|(kind, _)| options.has(kind)) {
        let server = product::start(&options.binary, &data, None);
        let client = Client::connect(server.address, CONNECTIONS).await;
        client.call(&call, None).await;
        let [mut alone, mut elsewhere, mut here] = std::array::from_fn(|_| Latencies::default());
        alone.measure(&client, &call, options.length).await;
        alone = Latencies::default();
        server.forget_peak();
        let (memory, files) = (server.resident().0, server.descriptors());
        let mut most_files = 0;
        for _ in 0..options.rounds {
            alone.measure(&client, &call, options.length).await;
            let crowd = crowd::start(kind, other.address);
            tokio::time::sleep(GATHERING).await;
            elsewhere.measure(&client, &call, options.length).await;
            drop(crowd);
            let crowd = crowd::start(kind, server.address);
            tokio::time::sleep(GATHERING).await;
            here.measure(&client, &call, options.length).await;
            most_files = most_files.max(server.descriptors());
            drop(crowd);
            tokio::time::sleep(GATHERING).await;
        }
        let ((a50, a99), (e50, e99), (h50, h99)) =
            (alone.medians(), elsewhere.medians(), here.medians());
        let (after, peak) = server.resident();
        println!(
            "{kind:<14}{a50:>8.0}{a99:>8.0}{e50:>11.0}{e99:>8.0}{h50:>8.0}{h99:>8.0}{:>8.2}x{:>10.2}x{:>18}{:>18}",
            h99 / a99,
            e99 / a99,
            format!("{}..{}, {}", memory >> 20, peak >> 20, after >> 20),
            format!("{files}..{most_files}, {}", server.descriptors()),
        );
    }
    println!("(goal: p99 with the crowd here at most 2 times that alone)");
    for (kind, what) in KINDS {
        println!("{kind}: {what}");
    }
}
