//! Takes out of an upstream's answer what its receiver may not see.
//!
//! Such an answer is a table whose columns are lists in parallel. Who sees what is decided
//! elsewhere. A list that a newer upstream adds is not known here and does not get through: what
//! is encoded again holds the known fields only.

use crate::proto::milvus::{ListDatabasesResponse, ShowCollectionsResponse};

/// An answer whose lists are not in parallel, so that nobody can tell what belongs to which name.
/// It is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the upstream's answer has {entries} entries in `{list}` for {names} names; it cannot be \
     filtered to what the caller may see, and is withheld"
)]
pub(super) struct UnevenLists {
    /// The list that is too long or too short.
    pub(super) list: &'static str,
    /// How many entries it has.
    pub(super) entries: usize,
    /// How many names there are.
    pub(super) names: usize,
}

/// Leaves only the collections that `is_seen` says yes to, in their order, in every list.
///
/// # Errors
/// A list is neither empty nor as long as that of the names; nothing has been taken out then.
pub(super) fn retain_collections(
    answer: &mut ShowCollectionsResponse,
    is_seen: impl FnMut(&str) -> bool,
) -> Result<(), UnevenLists> {
    let ShowCollectionsResponse {
        status: _,
        collection_names,
        collection_ids,
        created_timestamps,
        created_utc_timestamps,
        in_memory_percentages,
        query_service_available,
        shards_num,
    } = answer;
    let names = collection_names.len();
    even("collection_ids", collection_ids, names)?;
    even("created_timestamps", created_timestamps, names)?;
    even("created_utc_timestamps", created_utc_timestamps, names)?;
    even("inMemory_percentages", in_memory_percentages, names)?;
    even("query_service_available", query_service_available, names)?;
    even("shards_num", shards_num, names)?;
    let seen = seen(collection_names, is_seen);
    keep(collection_names, &seen);
    keep(collection_ids, &seen);
    keep(created_timestamps, &seen);
    keep(created_utc_timestamps, &seen);
    keep(in_memory_percentages, &seen);
    keep(query_service_available, &seen);
    keep(shards_num, &seen);
    Ok(())
}

/// Leaves only the databases that `is_seen` says yes to, in their order, in every list.
///
/// # Errors
/// A list is neither empty nor as long as that of the names; nothing has been taken out then.
pub(super) fn retain_databases(
    answer: &mut ListDatabasesResponse,
    is_seen: impl FnMut(&str) -> bool,
) -> Result<(), UnevenLists> {
    let ListDatabasesResponse { status: _, db_names, created_timestamp, db_ids } = answer;
    let names = db_names.len();
    even("created_timestamp", created_timestamp, names)?;
    even("db_ids", db_ids, names)?;
    let seen = seen(db_names, is_seen);
    keep(db_names, &seen);
    keep(created_timestamp, &seen);
    keep(db_ids, &seen);
    Ok(())
}

/// Older upstreams leave lists out. Anything else that is not as long as the names would end up
/// beside the wrong ones.
fn even<T>(list: &'static str, entries: &[T], names: usize) -> Result<(), UnevenLists> {
    let entries = entries.len();
    if entries == 0 || entries == names {
        Ok(())
    } else {
        Err(UnevenLists { list, entries, names })
    }
}

fn seen(names: &[String], mut is_seen: impl FnMut(&str) -> bool) -> Vec<bool> {
    names.iter().map(|name| is_seen(name)).collect()
}

fn keep<T>(list: &mut Vec<T>, seen: &[bool]) {
    let mut seen = seen.iter().copied();
    list.retain(|_| seen.next().unwrap_or(false));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::common::Status;

    fn collections() -> ShowCollectionsResponse {
        ShowCollectionsResponse {
            status: Some(Status::default()),
            collection_names: ["a", "b", "a", "c"].map(ToOwned::to_owned).to_vec(),
            collection_ids: vec![1, 2, 3, 4],
            created_timestamps: vec![11, 12, 13, 14],
            created_utc_timestamps: vec![21, 22, 23, 24],
            in_memory_percentages: vec![31, 32, 33, 34],
            query_service_available: vec![true, false, true, false],
            shards_num: vec![41, 42, 43, 44],
        }
    }

    #[test]
    fn what_is_not_seen_leaves_every_list_and_the_rest_stays_in_order() {
        let mut answer = collections();
        retain_collections(&mut answer, |name| name != "b").unwrap();
        let expected = ShowCollectionsResponse {
            status: Some(Status::default()),
            collection_names: ["a", "a", "c"].map(ToOwned::to_owned).to_vec(),
            collection_ids: vec![1, 3, 4],
            created_timestamps: vec![11, 13, 14],
            created_utc_timestamps: vec![21, 23, 24],
            in_memory_percentages: vec![31, 33, 34],
            query_service_available: vec![true, true, false],
            shards_num: vec![41, 43, 44],
        };
        assert_eq!(answer, expected);
        retain_collections(&mut answer, |_| false).unwrap();
        assert_eq!(
            answer,
            ShowCollectionsResponse { status: expected.status, ..Default::default() }
        );
    }

    #[test]
    fn lists_that_an_upstream_leaves_out_stay_out() {
        let mut answer = ShowCollectionsResponse { shards_num: Vec::new(), ..collections() };
        answer.in_memory_percentages.clear();
        retain_collections(&mut answer, |name| name == "c").unwrap();
        assert_eq!((answer.shards_num.len(), answer.in_memory_percentages.len()), (0, 0));
        assert_eq!((answer.collection_names, answer.collection_ids), (vec!["c".into()], vec![4]));
        let mut failed = ShowCollectionsResponse::default();
        assert_eq!(retain_collections(&mut failed, |_| false), Ok(()));
    }

    #[test]
    fn an_answer_whose_lists_do_not_match_is_of_no_use_and_nothing_is_shifted() {
        let spoil: [fn(&mut ShowCollectionsResponse); 7] = [
            |answer| answer.collection_ids.truncate(3),
            |answer| answer.created_timestamps.push(1),
            |answer| answer.created_utc_timestamps.truncate(1),
            |answer| answer.in_memory_percentages.push(1),
            |answer| answer.query_service_available.truncate(2),
            |answer| answer.shards_num.push(1),
            |answer| answer.collection_names.clear(),
        ];
        for spoil in spoil {
            let mut answer = collections();
            spoil(&mut answer);
            let before = answer.clone();
            retain_collections(&mut answer, |_| true).unwrap_err();
            assert_eq!(answer, before);
        }
        let names = vec!["default".to_owned()];
        let mut answer = ListDatabasesResponse { db_names: names, ..Default::default() };
        answer.db_ids = vec![1, 2];
        let error = retain_databases(&mut answer, |_| true).unwrap_err();
        assert_eq!(error, UnevenLists { list: "db_ids", entries: 2, names: 1 });
        assert!(error.to_string().contains("2 entries in `db_ids` for 1 names"));
    }

    #[test]
    fn databases_that_are_not_seen_leave_all_three_lists() {
        let mut answer = ListDatabasesResponse {
            status: Some(Status::default()),
            db_names: ["default", "db", "db2"].map(ToOwned::to_owned).to_vec(),
            created_timestamp: vec![1, 2, 3],
            db_ids: vec![10, 20, 30],
        };
        retain_databases(&mut answer, |name| name == "db").unwrap();
        assert_eq!(answer.db_names, ["db"]);
        assert_eq!((&*answer.created_timestamp, &*answer.db_ids), (&[2][..], &[20][..]));
        answer.created_timestamp.push(9);
        assert!(retain_databases(&mut answer, |_| false).is_err());
    }
}
