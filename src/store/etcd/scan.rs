//! Reading everything at one revision, page by page.

use std::ops::Range;
use std::time::Duration;

use super::follow::{Follower, Start};
use super::following::Following;
use super::timeline::{Broken, Timeline};
use super::{EtcdStore, StoreError};
use crate::clock::Uptime;
use crate::model::Revision;
use crate::proto::etcdserverpb::{RangeRequest, RangeResponse};
use crate::proto::mvccpb::KeyValue;
use crate::store::Scanned;

/// Most pairs that are asked for at once.
const PAGE: i64 = 5_000;

/// How many pages are read between two words about it.
const PAGES_PER_WORD: u32 = 20;

/// A reading under way.
struct Reading {
    /// The revision that all pages are of.
    revision: i64,
    cluster: u64,
    /// When the first page was asked for: the state was the newest then.
    as_of: Uptime,
    pages: u32,
}

impl EtcdStore {
    /// Reads everything, shows Milvus's records, and begins to follow what comes after.
    pub(super) fn read_everything(
        &self,
        visit: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(Following, Scanned), StoreError> {
        let runtime = self.runtime.as_ref().ok_or(StoreError::NotOpen)?.handle().clone();
        let clock = &self.options.clock;
        let (mut reading, first) = self.begin()?;
        let me = format!("{}/", self.me).into_bytes();
        let mut timeline = Timeline::new(self.layout.clone(), reading.revision, &me);
        let [ours, credential, groups] = self.layout.read();
        let mut unknown = Vec::new();
        let mut own = Vec::new();
        self.pages(&mut reading, ours, Some(first), &mut |pair| own.push(pair))?;
        for pair in own {
            timeline
                .read_own(pair, clock.uptime(), &mut unknown)
                .map_err(|broken| self.broken(broken))?;
        }
        timeline.begin_records(clock.uptime()).map_err(|broken| self.broken(broken))?;
        for range in [credential, groups] {
            self.pages(&mut reading, range, None, &mut |pair| timeline.read_record(&pair, visit))?;
        }
        timeline.end_records(visit);
        // They make no record, which is how they are told of.
        for key in unknown {
            visit(key.as_bytes(), &[]);
        }
        let start = Start {
            client: self.client.clone(),
            layout: self.layout.clone(),
            clock: self.options.clock.clone(),
            max_staleness: self.options.max_staleness.max(Duration::from_millis(1)),
            cluster: reading.cluster,
            revision: reading.revision,
            wake: self.wake.clone(),
        };
        let follower = Follower::start(&runtime, start);
        let following = Following::new(timeline, follower, self.options.clock.clone());
        let revision = Revision(u64::try_from(reading.revision).unwrap_or(0));
        Ok((following, Scanned { revision, as_of: Some(reading.as_of) }))
    }

    /// Asks a majority for the first page; its revision is that of all others.
    fn begin(&self) -> Result<(Reading, RangeResponse), StoreError> {
        let as_of = self.options.clock.uptime();
        let [ours, ..] = self.layout.read();
        let first = self.range(page(ours, 0))?;
        let header = first.header.unwrap_or_default();
        let (revision, cluster) = (header.revision, header.cluster_id);
        Ok((Reading { revision, cluster, as_of, pages: 0 }, first))
    }

    /// Reads a range to its end.
    fn pages(
        &self,
        reading: &mut Reading,
        mut range: Range<Vec<u8>>,
        mut first: Option<RangeResponse>,
        take: &mut dyn FnMut(KeyValue),
    ) -> Result<(), StoreError> {
        loop {
            let answer = match first.take() {
                Some(answer) => answer,
                None => self.range(page(range.clone(), reading.revision))?,
            };
            reading.pages += 1;
            if reading.pages.is_multiple_of(PAGES_PER_WORD) {
                let pages = i64::from(reading.pages);
                tracing::info!(records = pages * PAGE, store = %self.name, "reading the state");
            }
            let more = answer.more;
            if let Some(last) = answer.kvs.last() {
                range.start = [&*last.key, &[0]].concat();
            }
            answer.kvs.into_iter().for_each(&mut *take);
            if !more {
                return Ok(());
            }
        }
    }

    fn broken(&self, broken: Broken) -> StoreError {
        match broken {
            Broken::Order(detail) => self.client.news_lost(0, detail),
            Broken::OwnKey { key, detail } => {
                StoreError::OwnKey { store: self.name.clone(), key: key.to_owned(), detail }
            }
        }
    }
}

fn page(range: Range<Vec<u8>>, revision: i64) -> RangeRequest {
    RangeRequest { key: range.start, range_end: range.end, limit: PAGE, revision }
}
