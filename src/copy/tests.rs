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
    assert_eq!((again.written, again.deleted), (0, 0));
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
        let Copied { written, deleted, leftovers, left_out, .. } = copied;
        assert_eq!((written, deleted, leftovers, left_out), (12, 0, 0, 2));
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
    assert_eq!((copied.written, copied.deleted, copied.leftovers), (6, 0, 0));
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

/// A pair of strings.
type Text = (&'static str, &'static str);

/// Merges, and holds that afterwards there is this, so much was deleted, and so much left out.
#[track_caller]
fn leaves(source: &[Text], target: &[Text], wanted: &[Text], deleted: usize, leftovers: usize) {
    let (after, copied) = merged(source, target);
    assert_eq!(after, expected(wanted));
    assert_eq!((copied.deleted, copied.leftovers), (deleted, leftovers));
}

const ANN: Text = ("users/ann", "");
const R: Text = ("roles/r", "");
const ANN_IN_R: Text = ("user-role-mapping/ann/r", "");

#[test]
fn what_one_side_has_left_over_of_a_user_or_role_that_only_the_other_has_is_dropped() {
    // Of the target, a user that comes, and a role that comes.
    leaves(&[ANN], &[R, ANN_IN_R], &[ANN, R], 1, 0);
    leaves(&[R], &[ANN, ANN_IN_R], &[ANN, R], 1, 0);
    let row = [(C, "id"), ("grantee-id/id/A", ""), ("grantee-id/id/B", "")];
    leaves(&[R, ANN], &[row[0], row[1], row[2], ANN_IN_R], &[R, ANN], 4, 0);
    // Of the source, when the target has the user or role.
    leaves(&[R, ANN_IN_R], &[ANN], &[ANN, R], 0, 1);
    leaves(&[ANN, ANN_IN_R, row[0], row[1]], &[R], &[ANN, R], 0, 3);
    // Neither has the role, so it stays, and comes, as it is.
    let other = [("users/bob", "")];
    leaves(
        &[ANN, ANN_IN_R, row[0], row[1]],
        &other,
        &[other[0], ANN, ANN_IN_R, row[0], row[1]],
        0,
        0,
    );
    leaves(
        &other,
        &[ANN, ANN_IN_R, row[0], row[1]],
        &[other[0], ANN, ANN_IN_R, row[0], row[1]],
        0,
        0,
    );
    // What decides on one side is no leftover, whatever the other has.
    leaves(&[R, ANN, ANN_IN_R], &[ANN_IN_R, row[0]], &[R, ANN, ANN_IN_R], 1, 0);
    leaves(&[ANN_IN_R, row[0]], &[R, ANN, ANN_IN_R], &[R, ANN, ANN_IN_R], 0, 2);
    // Both have it left over, each of somebody whom the other has.
    leaves(&[ANN, ANN_IN_R], &[R, ANN_IN_R], &[ANN, R], 1, 1);
}

#[test]
fn a_role_that_comes_has_its_rows_and_nothing_that_was_left_over() {
    // Under the same row and id, with another granter, and under another id.
    let source = [R, (C, "id"), ("grantee-id/id/A", "s"), ("grantee-id/id/B", "s")];
    let target = [(C, "id"), ("grantee-id/id/A", "t"), ("grantee-id/id/X", "t"), ("roles/q", "")];
    let wanted =
        [R, ("roles/q", ""), (C, "id"), ("grantee-id/id/A", "s"), ("grantee-id/id/B", "s")];
    leaves(&source, &target, &wanted, 1, 0);
    let target = [(C, "old"), ("grantee-id/old/X", "t"), (D, "x"), ("roles/q", "")];
    leaves(&source, &target, &wanted, 2, 0);
    // A row that cannot be read, and one under which there is nothing.
    let mut unreadable = expected(&[("roles/q", "")]);
    unreadable.insert(pair(C, "").0, vec![0xff]);
    let merged = merge::merge(expected(&[R]), &mut unreadable);
    assert_eq!(unreadable, expected(&[R, ("roles/q", "")]));
    assert_eq!(merged.deletes, [pair(C, "").0]);
}

#[test]
fn what_stands_under_an_id_stays_while_a_row_that_stays_leads_to_it() {
    let stays = ("grantee-privileges/q/Collection/default.c", "shared");
    let q = ("roles/q", "");
    let held = ("grantee-id/shared/A", "t");
    leaves(&[R], &[(C, "shared"), stays, held, q], &[R, stays, held, q], 1, 0);
    // Two rows of the role that is gone share it with nobody else.
    leaves(&[R], &[(C, "shared"), (D, "shared"), held, q], &[R, q], 3, 0);
    leaves(&[(C, "shared"), stays, held, q], &[R], &[R, stays, held, q], 0, 1);
    // The row that comes in place of the one that goes gets an id of its own.
    let source = [R, (C, "shared"), ("grantee-id/shared/B", "s")];
    let (after, copied) = merged(&source, &[(C, "shared"), stays, held, q]);
    assert_eq!((copied.written, copied.deleted), (3, 0));
    let granted = granted(&after);
    assert_eq!(granted[&pair(C, "").0], BTreeSet::from(["B".to_owned()]));
    assert_eq!(granted[&pair(stays.0, "").0], BTreeSet::from(["A".to_owned()]));
}

#[test]
fn a_grant_of_a_group_that_only_the_other_side_has_is_dropped() {
    let group: Text = ("root-coord/privilege-group/g", "\n\u{1}g");
    let holds = [R, (C, "id"), ("grantee-id/id/PrivilegeGroupg", "")];
    let other = [R, (D, "x"), ("grantee-id/x/PrivilegeGrouph", "")];
    leaves(
        &[group],
        &[&holds[..], &other].concat(),
        &[&[group, holds[1]], &other[..]].concat(),
        1,
        0,
    );
    leaves(
        &[&holds[..], &other].concat(),
        &[group],
        &[&[group, holds[1]], &other[..]].concat(),
        0,
        1,
    );
    // Both rows that share an id would have it.
    let shared =
        [R, (C, "id"), (D, "id"), ("grantee-id/id/PrivilegeGroupg", "t"), ("grantee-id/id/A", "")];
    leaves(&[group], &shared, &[group, R, shared[1], shared[2], shared[4]], 1, 0);
    // The source grants it.
    let (after, copied) = merged(&[&[group], &holds[..]].concat(), &shared);
    assert_eq!(
        (granted(&after)[&pair(C, "").0].len(), granted(&after)[&pair(D, "").0].len()),
        (2, 1)
    );
    assert_eq!(copied.deleted, 1);
    // A group that cannot be read is none; a built-in one needs no record.
    let broken: Text = ("root-coord/privilege-group/g", "\u{7f}");
    leaves(&[group], &[&[broken], &holds[..]].concat(), &[group, R, holds[1]], 1, 0);
    leaves(&[&[broken], &holds[..]].concat(), &[group], &[group, R, holds[1]], 0, 1);
    let named = [("root-coord/privilege-group/ClusterAdmin", "\n\u{1}x")];
    let built_in = [R, (C, "id"), ("grantee-id/id/PrivilegeGroupClusterAdmin", "")];
    leaves(&named, &built_in, &[&named[..], &built_in].concat(), 0, 0);
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

    fn is_shared(&self) -> bool {
        true
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
        (
            Fault::Conflict,
            "the target has changed meanwhile, or a large change in it was still being written; \
             nothing was written",
        ),
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
fn a_target_that_others_share_is_asked_for_a_commit_even_if_it_lacks_nothing() {
    let pairs = [("users/ann", "x")];
    let mut target = Faulty(store(&pairs), Fault::Conflict);
    let error = copy(&mut store(&pairs), &mut target, Existing::Merge).unwrap_err();
    assert!(matches!(error, CopyError::Conflict), "{error}");
    // One of our own has no change of others that is still under way.
    let mut target = store(&pairs);
    let before = target.load().unwrap().revision;
    copy(&mut store(&pairs), &mut target, Existing::Merge).unwrap();
    assert_eq!(target.load().unwrap().revision, before);
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

/// Whether another merge would change nothing.
fn is_united(source: &Pairs, after: &Pairs) -> bool {
    let mut again = after.clone();
    let merged = merge::merge(source.clone(), &mut again);
    merged.puts.is_empty() && merged.deletes.is_empty() && again == *after
}

/// What decides in a store: memberships, and what each role has on each object. With `ghosts`, as
/// in `compat: milvus`, a role need not be there.
fn deciding(pairs: &Pairs, ghosts: bool) -> BTreeSet<String> {
    let records: Vec<Record> =
        pairs.iter().filter_map(|(key, value)| decode_record(key, value)).collect();
    let users: BTreeSet<_> = records
        .iter()
        .filter_map(|record| match record {
            Record::User(user, _) => Some(user),
            _ => None,
        })
        .collect();
    let roles: BTreeSet<_> = records
        .iter()
        .filter_map(|record| match record {
            Record::Role(role, _) => Some(role),
            _ => None,
        })
        .collect();
    let groups: BTreeSet<_> = records
        .iter()
        .filter_map(|record| match record {
            Record::Group(group) => Some(&*group.name),
            _ => None,
        })
        .collect();
    let is_role = |role| ghosts || roles.contains(role);
    let mut deciding = BTreeSet::new();
    for record in &records {
        match record {
            Record::Binding(user, role) if users.contains(user) && is_role(role) => {
                deciding.insert(format!("{user} is in {role}"));
            }
            Record::Row(row, at) if is_role(&row.role) => {
                let held = records.iter().filter_map(|record| match record {
                    Record::Privilege(id, privilege, _) if id == at => Some(&**privilege),
                    _ => None,
                });
                let counts = |privilege: &&str| match *privilege {
                    "PrivilegeGroupg" => groups.contains("g"),
                    "PrivilegeGrouph" => groups.contains("h"),
                    _ => true,
                };
                deciding.extend(
                    held.filter(counts)
                        .map(|privilege| format!("{} on {} {privilege}", row.role, row.object)),
                );
            }
            _ => {}
        }
    }
    deciding
}

/// Stores in which anything may be missing that something else refers to.
fn leftover_stores() -> impl Strategy<Value = Pairs> {
    let mut keys: Vec<String> =
        ["users/u", "users/v", "roles/a", "roles/b"].map(str::to_owned).into();
    for (user, role) in [("u", "a"), ("u", "b"), ("v", "a"), ("v", "b")] {
        keys.push(format!("user-role-mapping/{user}/{role}"));
    }
    let keys = prop::sample::subsequence(keys, 0..=8);
    let group = prop::sample::select(vec![None, Some(&b"\n\x01g"[..]), Some(&b"\xff"[..])]);
    let rows = prop::collection::vec(("[ab]", "[cd]", "id[123]"), 0..5);
    let names =
        ["PrivilegeSearch", "PrivilegeGroupg", "PrivilegeGrouph", "PrivilegeGroupClusterAdmin"];
    let held = prop::collection::vec(("id[123]", prop::sample::select(names.to_vec())), 0..8);
    (keys, [group.clone(), group], rows, held).prop_map(|(keys, groups, rows, held)| {
        let mut pairs: Pairs = keys.iter().map(|key| pair(key, "")).collect();
        for (name, value) in ["g", "h"].into_iter().zip(groups) {
            let key = format!("root-coord/privilege-group/{name}").into_bytes();
            pairs.extend(value.map(|value| (key, value.to_vec())));
        }
        for (role, object, id) in rows {
            let row = format!("grantee-privileges/{role}/Collection/default.{object}");
            pairs.extend([pair(&row, &id)]);
        }
        for (id, privilege) in held {
            pairs.extend([pair(&format!("grantee-id/{id}/{privilege}"), "root")]);
        }
        pairs
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn after_a_merge_decides_what_decided_on_either_side_and_nothing_else(
        source in leftover_stores(),
        target in leftover_stores(),
    ) {
        let mut after = target.clone();
        let merged = merge::merge(source.clone(), &mut after);
        let both = |ghosts| &deciding(&source, ghosts) | &deciding(&target, ghosts);
        prop_assert_eq!(deciding(&after, false), both(false));
        prop_assert!(deciding(&after, true).is_subset(&both(true)));
        // What is said to be written is what has changed.
        let mut written = target.clone();
        written.extend(merged.puts.clone());
        written.retain(|key, _| !merged.deletes.contains(key));
        prop_assert_eq!(&written, &after);
        prop_assert!(merged.puts.iter().all(|(key, value)| target.get(key) != Some(value)));
        prop_assert!(merged.deletes.iter().all(|key| target.contains_key(key)));
        prop_assert!(is_united(&source, &after));
        // Of whom neither has, nothing goes.
        let neither = |role: &str| {
            let (key, _) = pair(&format!("roles/{role}"), "");
            !source.contains_key(&key) && !target.contains_key(&key)
        };
        for (key, value) in &target {
            if let Some(Record::Row(row, _)) = decode_record(key, value)
                && neither(row.role.as_str())
            {
                prop_assert!(after.contains_key(key));
            }
        }
    }

    #[test]
    fn each_row_has_after_a_merge_what_it_had_in_both(source in grants(), target in grants()) {
        let mut wanted = granted(&source);
        for (key, held) in granted(&target) {
            wanted.entry(key).or_default().extend(held);
        }
        let mut after = target.clone();
        merge::merge(source.clone(), &mut after);
        prop_assert_eq!(granted(&after), wanted);
        prop_assert!(after.iter().all(|(key, value)| decode_record(key, value).is_some()));
        prop_assert!(target.keys().all(|key| after.contains_key(key)));
        prop_assert!(is_united(&source, &after));
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
