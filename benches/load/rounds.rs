//! Rounds of load in which the sides take turns, and the table of what came out.

use std::time::Duration;

use super::call::Call;
use super::client::{Client, Shape};
use super::options::Options;
use super::process::{Process, own_busy};
use super::sample::{Calls, count, median, spread};

/// One of those that are compared.
pub(crate) struct Side<'a> {
    pub(crate) name: &'a str,
    pub(crate) process: &'a Process,
}

/// A goal of one side, as a ratio to another.
pub(crate) struct Goal<'a> {
    pub(crate) side: &'a str,
    pub(crate) baseline: &'a str,
    pub(crate) ratio: Ratio,
}

/// What is to be so many times that of the other side.
#[derive(Clone, Copy)]
pub(crate) enum Ratio {
    /// Throughput, at least.
    Rate(f64),
    /// The slowest call but one in a hundred, at most.
    P99(f64),
}

/// What one side did, round by round.
struct Record<'a> {
    name: &'a str,
    rate: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
    /// Processor time of the side's process for each call, in microseconds.
    busy: Vec<f64>,
    /// The part of a processor that the client took.
    client: Vec<f64>,
}

impl<'a> Record<'a> {
    fn new(name: &'a str) -> Self {
        let [rate, p50, p99, busy, client] = [const { Vec::new() }; 5];
        Self { name, rate, p50, p99, busy, client }
    }

    fn add(&mut self, calls: &Calls, busy: Duration, client: Duration) {
        self.rate.push(calls.rate());
        self.p50.push(calls.percentile(50));
        self.p99.push(calls.percentile(99));
        self.busy.push(busy.as_secs_f64() * 1e6 / count(calls.count()));
        self.client.push(client.as_secs_f64() * calls.rate() / count(calls.count()));
    }
}

/// Loads all sides in turns, each round in another order, and prints the table. The first round warms
/// up and does not count.
pub(crate) async fn compare(
    sides: &[Side<'_>],
    call: &Call,
    shape: Shape,
    options: &Options,
    goals: &[Goal<'_>],
) {
    let mut clients = Vec::new();
    for side in sides {
        clients.push(Client::connect(side.process.address, shape.connections).await);
    }
    let mut records: Vec<Record<'_>> = sides.iter().map(|side| Record::new(side.name)).collect();
    for round in 0..=options.rounds {
        for turn in 0..sides.len() {
            let at = (round + turn) % sides.len();
            let (busy, own) = (sides[at].process.busy(), own_busy());
            let calls = clients[at].load(call, shape.in_flight, options.length).await;
            let busy = sides[at].process.busy().saturating_sub(busy);
            let own = own_busy().saturating_sub(own);
            if round > 0 {
                records[at].add(&calls, busy, own);
            }
        }
    }
    print(&records, shape);
    for goal in goals {
        print_goal(&records, goal);
    }
}

fn print(records: &[Record<'_>], shape: Shape) {
    let Shape { connections, in_flight } = shape;
    println!();
    println!("{connections} connections, {in_flight} calls in flight over all of them");
    println!(
        "{:<12}{:>10}{:>18}{:>10}{:>10}{:>13}{:>9}",
        "", "calls/s", "least..most", "p50 µs", "p99 µs", "CPU µs/call", "client"
    );
    for record in records {
        let (least, most) = spread(&record.rate);
        let [rate, p50, p99, busy, client] =
            [&record.rate, &record.p50, &record.p99, &record.busy, &record.client]
                .map(|values| median(values.clone()));
        println!(
            "{:<12}{rate:>10.0}{:>18}{p50:>10.0}{p99:>10.0}{busy:>13.1}{:>8.0}%",
            record.name,
            format!("{least:.0}..{most:.0}"),
            client * 100.0,
        );
    }
}

fn print_goal(records: &[Record<'_>], goal: &Goal<'_>) {
    let find = |name: &str| records.iter().find(|record| record.name == name);
    let (Some(side), Some(baseline)) = (find(goal.side), find(goal.baseline)) else { return };
    let (what, bound) = match goal.ratio {
        Ratio::Rate(least) => ("throughput", format!("at least {least:.2}")),
        Ratio::P99(most) => ("p99", format!("at most {most}")),
    };
    let values = |record: &Record<'_>| match goal.ratio {
        Ratio::Rate(_) => record.rate.clone(),
        Ratio::P99(_) => record.p99.clone(),
    };
    let (of_side, of_baseline) = (values(side), values(baseline));
    let ratios: Vec<f64> =
        of_side.iter().zip(&of_baseline).map(|(one, other)| one / other).collect();
    let (least, most) = spread(&ratios);
    let ratio = median(of_side) / median(of_baseline);
    let busy = median(baseline.busy.clone()) / median(side.busy.clone());
    println!(
        "{} / {}: {what} {ratio:.2} (rounds {least:.2}..{most:.2}; goal: {bound}), calls per CPU \
         time {busy:.2}",
        goal.side, goal.baseline
    );
}
