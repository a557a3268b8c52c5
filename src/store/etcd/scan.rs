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

/// The same of our own, among which are the pieces of large changes.
const OWN_PAGE: i64 = 16;

/// How many records are read between two words about it.
const RECORDS_PER_WORD: usize = 100_000;

/// A reading under way.
struct Reading {
    /// The revision that all pages are of.
    revision: i64,
    cluster: u64,
    /// When the first page was asked for: the state was the newest then.
    as_of: Uptime,
    records: usize,
    /// How many there were at the last word about it.
    told: usize,
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
        self.pages(&mut reading, ours, OWN_PAGE, Some(first), &mut |pair| own.push(pair))?;
        for pair in own {
            timeline
                .read_own(pair, clock.uptime(), &mut unknown)
                .map_err(|broken| self.broken(broken))?;
        }
        timeline.begin_records(clock.uptime()).map_err(|broken| self.broken(broken))?;
        for range in [credential, groups] {
            let mut take = |pair: KeyValue| timeline.read_record(&pair, visit);
            self.pages(&mut reading, range, PAGE, None, &mut take)?;
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
        let clock = self.options.clock.clone();
        let following = Following::new(timeline, follower, clock, self.wake.clone());
        let revision = Revision(u64::try_from(reading.revision).unwrap_or(0));
        Ok((following, Scanned { revision, as_of: Some(reading.as_of) }))
    }

    /// Asks a majority for the first page; its revision is that of all others.
    fn begin(&self) -> Result<(Reading, RangeResponse), StoreError> {
        let as_of = self.options.clock.uptime();
        let [ours, ..] = self.layout.read();
        let first = self.page(ours, 0, OWN_PAGE)?;
        let header = first.header.unwrap_or_default();
        let (revision, cluster) = (header.revision, header.cluster_id);
        Ok((Reading { revision, cluster, as_of, records: 0, told: 0 }, first))
    }

    /// Reads a range to its end.
    fn pages(
        &self,
        reading: &mut Reading,
        mut range: Range<Vec<u8>>,
        limit: i64,
        mut first: Option<RangeResponse>,
        take: &mut dyn FnMut(KeyValue),
    ) -> Result<(), StoreError> {
        loop {
            let answer = match first.take() {
                Some(answer) => answer,
                None => self.page(range.clone(), reading.revision, limit)?,
            };
            reading.records += answer.kvs.len();
            if reading.records >= reading.told + RECORDS_PER_WORD {
                reading.told = reading.records;
                tracing::info!(records = reading.records, store = %self.name, "reading the state");
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

    /// Asks for a page. It may be large, so there is more time for it than for a question.
    fn page(
        &self,
        range: Range<Vec<u8>>,
        revision: i64,
        limit: i64,
    ) -> Result<RangeResponse, StoreError> {
        let request = RangeRequest { key: range.start, range_end: range.end, limit, revision };
        let patience = self.options.request_timeout;
        let (client, within) = (self.client.clone(), patience * 2);
        self.wait(async move { client.range(request, patience, within).await })
            .unwrap_or(Err(StoreError::NotOpen))
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
