//! The rule of a merge, and how a copy ends when the target does not do as it should.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::grants::Grants;
use super::*;
use crate::model::{GrantId, ObjectRow, Record, RoleName};
use crate::store::{MemoryStore, Scanned, decode_record};

const CREDENTIAL: &str = "root-coord/credential/";

fn pair(key: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    let prefix = if key.starts_with("root-coord/") { "" } else { CREDENTIAL };
    (format!("{prefix}{key}").into_bytes(), value.as_bytes().to_vec())
}

/// A store of pairs, keys below `root-coord/credential/` if they say nothing else.
fn store(pairs: &[(&str, &str)]) -> MemoryStore {
    MemoryStore::from_pairs(pairs.iter().map(|(key, value)| pair(key, value)))
}

fn pairs_of(store: &MemoryStore) -> Pairs {
    store.pairs().map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

fn copy(
    source: &mut dyn Store,
    target: &mut dyn Store,
    existing: Existing,
) -> Result<Copied, CopyError> {
    Original::read(source, &mut |_| ())?.copy_into(target, existing, &mut |_| ())
}

/// Merges, and gives what the target then holds and what there is to say.
#[track_caller]
fn merged(source: &[(&str, &str)], target: &[(&str, &str)]) -> (Pairs, Copied) {
    let mut target = store(target);
    let copied = copy(&mut store(source), &mut target, Existing::Merge).unwrap();
    let after = pairs_of(&target);
    // Whoever is not sure whether it went through may do it again.
    let again = copy(&mut store(source), &mut target, Existing::Merge).unwrap();
    assert_eq!(again.written, 0);
    assert_eq!(pairs_of(&target), after);
    (after, copied)
}

fn expected(pairs: &[(&str, &str)]) -> Pairs {
    pairs.iter().map(|(key, value)| pair(key, value)).collect()
}

/// The privileges of each row, by its key.
fn granted(pairs: &Pairs) -> BTreeMap<Vec<u8>, BTreeSet<String>> {
    let grants = Grants::of(pairs);
    let held = |id: &GrantId| grants.held(id).map(|(name, _)| name.to_string()).collect();
    grants.rows().map(|(key, _, id)| (key.to_vec(), held(id))).collect()
}

#[test]
fn everything_of_ours_is_copied_byte_for_byte_and_nothing_of_others() {
    let ours = [
        ("users/root", "{\"encrypted_password\":\"$2a$\", \"future\":1}"),
        ("users/broken", "\u{0}{"),
        ("users/a/b", "too many parts"),
        ("roles/r", ""),
        ("roles/leftover-row-of-nobody", "{}"),
        ("user-role-mapping/root/r", "never read"),
        ("grantee-privileges/r/Collection/default.c", "id"),
        ("grantee-privileges/r/Global/x/y", "a row that nobody reads"),
        ("grantee-id/id/PrivilegeLoad", "root"),
        ("grantee-id/orphan/PrivilegeLoad", ""),
        ("something-of-next-year/x", "\u{7f}"),
        ("root-coord/privilege-group/g", "\n\u{1}g"),
    ];
    let mut all = ours.to_vec();
    all.extend([("root-coord/database/db-info/1", "x"), ("root-coord/credentials", "y")]);
    for existing in [Existing::Refuse, Existing::Merge] {
        let mut target = store(&[("root-coord/database/db-info/2", "z")]);
        let copied = copy(&mut store(&all), &mut target, existing).unwrap();
        let mut wanted = expected(&ours);
        wanted.extend([pair("root-coord/database/db-info/2", "z")]);
        assert_eq!(pairs_of(&target), wanted);
        let Counts { users, roles, bindings, grants, groups, unknown } = copied.counts;
        assert_eq!((users, roles, bindings, grants, groups, unknown), (2, 2, 1, 1, 1, 3));
        assert_eq!((copied.written, copied.left_out, copied.revived), (12, 2, 0));
    }
}

#[test]
fn a_store_without_anything_of_ours_is_not_copied() {
    let mut source = store(&[("root-coord/database/db-info/1", "x")]);
    let error = copy(&mut source, &mut store(&[]), Existing::Merge).unwrap_err();
    assert!(matches!(error, CopyError::Empty { left_out: 1 }), "{error}");
}

#[test]
fn a_target_that_holds_something_is_left_alone_unless_it_is_said() {
    let before = [("users/ann", "x")];
    let mut target = store(&before);
    let error = copy(&mut store(&[("users/b", "y")]), &mut target, Existing::Refuse).unwrap_err();
    assert!(error.to_string().contains("holds 1 records already; nothing was written"), "{error}");
    assert!(error.to_string().contains("--merge"), "{error}");
    assert_eq!(pairs_of(&target), expected(&before));
}

#[test]
fn users_roles_and_groups_take_the_sources_value_and_the_rest_stays() {
    let (after, copied) = merged(
        &[
            ("users/both", "source"),
            ("users/new", "s"),
            ("roles/both", "source"),
            ("root-coord/privilege-group/both", "source"),
            ("next-year/both", "source"),
            ("user-role-mapping/both/both", "source"),
            ("user-role-mapping/new/both", ""),
        ],
        &[
            ("users/both", "target"),
            ("users/old", "t"),
            ("roles/both", "target"),
            ("roles/old", ""),
            ("root-coord/privilege-group/both", "target"),
            ("root-coord/privilege-group/old", "t"),
            ("next-year/both", "target"),
            ("user-role-mapping/both/both", "target"),
            ("user-role-mapping/old/old", ""),
        ],
    );
    let wanted = [
        ("users/both", "source"),
        ("users/new", "s"),
        ("users/old", "t"),
        ("roles/both", "source"),
        ("roles/old", ""),
        ("root-coord/privilege-group/both", "source"),
        ("root-coord/privilege-group/old", "t"),
        ("next-year/both", "source"),
        ("user-role-mapping/both/both", "target"),
        ("user-role-mapping/new/both", ""),
        ("user-role-mapping/old/old", ""),
    ];
    assert_eq!(after, expected(&wanted));
    assert_eq!((copied.written, copied.left_out, copied.revived), (6, 0, 0));
}

const C: &str = "grantee-privileges/r/Collection/default.c";
const D: &str = "grantee-privileges/r/Collection/default.d";

#[test]
fn a_row_that_both_have_keeps_the_targets_id_and_has_what_both_grant() {
    let (after, _) = merged(
        &[(C, "source"), ("grantee-id/source/A", "s"), ("grantee-id/source/B", "s")],
        &[(C, "target"), ("grantee-id/target/B", "t"), ("grantee-id/target/C", "t")],
    );
    let wanted = [
        (C, "target"),
        ("grantee-id/target/A", "s"),
        ("grantee-id/target/B", "t"),
        ("grantee-id/target/C", "t"),
    ];
    assert_eq!(after, expected(&wanted));
}

#[test]
fn a_row_that_is_new_keeps_its_id_if_it_is_free() {
    let (after, _) =
        merged(&[(C, "shared"), (D, "shared"), ("grantee-id/shared/A", "s")], &[("users/ann", "")]);
    let wanted = [(C, "shared"), (D, "shared"), ("grantee-id/shared/A", "s"), ("users/ann", "")];
    assert_eq!(after, expected(&wanted));
}

#[test]
fn rows_that_share_an_id_in_the_source_each_get_its_privileges() {
    let source = [(C, "shared"), (D, "shared"), ("grantee-id/shared/A", "s")];
    let (after, _) = merged(&source, &[(C, "c"), (D, "d"), ("grantee-id/d/B", "t")]);
    let wanted = [
        (C, "c"),
        (D, "d"),
        ("grantee-id/c/A", "s"),
        ("grantee-id/d/A", "s"),
        ("grantee-id/d/B", "t"),
    ];
    assert_eq!(after, expected(&wanted));
}

#[test]
fn no_row_gets_what_another_was_granted() {
    let of = |pairs: &Pairs, key: &str| {
        let held = granted(pairs).remove(&pair(key, "").0).unwrap();
        held.into_iter().collect::<Vec<_>>().join(" ")
    };
    // Two rows of the target share an id, and the source adds to one of them.
    let (after, _) = merged(
        &[(C, "source"), ("grantee-id/source/A", "s")],
        &[(C, "shared"), (D, "shared"), ("grantee-id/shared/B", "t")],
    );
    assert_eq!((of(&after, C), of(&after, D)), ("A B".to_owned(), "B".to_owned()));
    // A new row comes with an id that a row of the target has, or under which something is left.
    for target in [&[(D, "id"), ("grantee-id/id/B", "t")][..], &[("grantee-id/id/B", "t")]] {
        let (after, _) = merged(&[(C, "id"), ("grantee-id/id/A", "s")], target);
        assert_eq!(of(&after, C), "A");
        assert_eq!(after.get(&pair("grantee-id/id/B", "").0), Some(&b"t".to_vec()));
        assert!(!after.contains_key(&pair("grantee-id/id/A", "").0));
    }
    // What no row of the source leads to would be under a row of the target.
    let (after, copied) =
        merged(&[("grantee-id/id/A", "s"), ("users/ann", "")], &[(D, "id"), ("users/b", "")]);
    assert_eq!((of(&after, D), copied.left_out), (String::new(), 1));
}

#[test]
fn what_counts_only_in_both_together_is_counted() {
    for (source, target, revived) in [
        (&[("roles/r", "")][..], &[(C, "id"), ("grantee-id/id/A", "")][..], 1),
        (&[(C, "id"), ("grantee-id/id/A", "")], &[("roles/r", "")], 1),
        (&[("users/ann", "")], &[("roles/r", ""), ("user-role-mapping/ann/r", "")], 1),
        (&[("user-role-mapping/ann/r", "")], &[("roles/r", ""), ("users/ann", "")], 1),
        (&[("user-role-mapping/ann/r", ""), ("roles/r", "")], &[("users/bob", "")], 0),
        (
            &[("user-role-mapping/ann/r", ""), ("roles/r", ""), ("users/ann", "")],
            &[("user-role-mapping/ann/r", "")],
            0,
        ),
    ] {
        assert_eq!(merged(source, target).1.revived, revived, "{source:?} {target:?}");
    }
}

#[test]
fn progress_is_told_in_order() {
    let users: Vec<String> = (0..=STEP).map(|number| format!("users/u{number}")).collect();
    let pairs: Vec<(&str, &str)> = users.iter().map(|user| (user.as_str(), "")).collect();
    let mut told = Vec::new();
    let original = Original::read(&mut store(&pairs), &mut |progress| told.push(progress)).unwrap();
    let mut target = store(&[]);
    original.copy_into(&mut target, Existing::Refuse, &mut |word| told.push(word)).unwrap();
    let read = |records| Progress::Read(Side::Source, records);
    let end = [Progress::Writing(STEP + 1), Progress::Verifying];
    assert_eq!(told, [read(STEP), read(STEP + 1), end[0], end[1]]);
}

/// A target that goes wrong in one way.
#[derive(Debug)]
struct Faulty(MemoryStore, Fault);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Conflict,
    Refused,
    Unknown,
    Loses,
    Alters,
    Adds,
    CannotBeReadBack,
}

impl Store for Faulty {
    fn describe(&self) -> String {
        "faulty:".to_owned()
    }

    fn scan(&mut self, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<Scanned, StoreError> {
        let written = self.0.pairs().count() > 0;
        if self.1 == Fault::CannotBeReadBack && written {
            return Err(StoreError::NotOpen);
        }
        self.0.scan(&mut |key, value| match self.1 {
            Fault::Loses if key.ends_with(b"/ann") => {}
            Fault::Alters if key.ends_with(b"/ann") => visit(key, b"altered"),
            Fault::Adds if key.ends_with(b"/ann") => {
                visit(key, value);
                visit(&[key, b"a"].concat(), value);
            }
            _ => visit(key, value),
        })
    }

    fn write(&mut self, base: Revision, writes: Writes) -> Commit {
        match self.1 {
            Fault::Conflict => Commit::Conflict,
            Fault::Refused => Commit::Refused(StoreError::NotOpen),
            Fault::Unknown => Commit::Unknown(StoreError::NotOpen),
            _ => self.0.write(base, writes),
        }
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn close(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[test]
fn each_end_that_is_not_a_verified_copy_has_its_own_text() {
    let source = [("users/ann", "x"), ("users/bob", "x"), ("roles/r", "")];
    for (fault, text) in [
        (Fault::Conflict, "somebody else has changed the target meanwhile; nothing was written"),
        (Fault::Refused, "the target has refused the copy: the store is not open; nothing was"),
        (Fault::Unknown, "it is not known whether the copy was written: the store is not open"),
        (Fault::Loses, "the target does not hold what was written: 1 records differ; it must not"),
        (Fault::Alters, "the target does not hold what was written: 1 records differ; it must not"),
        (Fault::Adds, "the target does not hold what was written: 1 records differ; it must not"),
        (Fault::CannotBeReadBack, "the copy was written but the target cannot be read back"),
    ] {
        let mut target = Faulty(store(&[]), fault);
        let error = copy(&mut store(&source), &mut target, Existing::Refuse).unwrap_err();
        assert!(error.to_string().starts_with(text), "{fault:?}: {error}");
    }
}

#[test]
fn nothing_that_is_printed_holds_a_value() {
    let original = Original::read(&mut store(&[("users/ann", "hunter2")]), &mut |_| ()).unwrap();
    assert!(!format!("{original:?}").contains("hunter2"));
}

fn row(number: usize) -> ObjectRow {
    let role = RoleName::new("r").unwrap();
    ObjectRow::new(role, "Collection", "default", &format!("c{number}"))
}

/// Grants as any store may hold them: ids shared, left over, or those that another row would get.
fn grants() -> impl Strategy<Value = Pairs> {
    let ids = prop::sample::select(vec![0_usize, 1, 2, 3, 4, 5]);
    let id = |number: usize| match number {
        0 | 1 => row(number).grant_id().0.to_string(),
        _ => format!("id{number}"),
    };
    let rows = prop::collection::vec((0_usize..4, ids.clone()), 0..5);
    let privileges = prop::collection::vec((ids, 0_usize..3), 0..7);
    (rows, privileges).prop_map(move |(rows, privileges)| {
        let rows = rows.into_iter().map(|(number, at)| (row(number).key(), id(at)));
        let held = privileges.into_iter().map(|(at, name)| {
            (format!("{CREDENTIAL}grantee-id/{}/P{name}", id(at)), "root".to_owned())
        });
        rows.chain(held).map(|(key, value)| (key.into_bytes(), value.into_bytes())).collect()
    })
}

proptest! {
    #[test]
    fn each_row_has_after_a_merge_what_it_had_in_both(source in grants(), target in grants()) {
        let mut wanted = granted(&source);
        for (key, held) in granted(&target) {
            wanted.entry(key).or_default().extend(held);
        }
        let mut after = target.clone();
        after.extend(merge::merge(&source, &target).writes);
        prop_assert_eq!(granted(&after), wanted);
        prop_assert!(after.iter().all(|(key, value)| decode_record(key, value).is_some()));
        prop_assert!(target.keys().all(|key| after.contains_key(key)));
        prop_assert!(merge::merge(&source, &after).writes.is_empty());
        let is_row = |key: &Vec<u8>, value: &Vec<u8>| {
            matches!(decode_record(key, value), Some(Record::Row(..)))
        };
        // A row of the target moves only if it shares its id.
        let grants = Grants::of(&target);
        for (key, value) in target.iter().filter(|(key, value)| is_row(key, value)) {
            let shared = grants.id_of(key).is_some_and(|id| grants.holders(id) > 1);
            prop_assert!(shared || after.get(key) == Some(value));
        }
    }
}
