//! Whether what clients saw of a fleet can be told as one story: each operation at one moment
//! between its call and its answer, one after another, each with the answer that a single server
//! would have given (linearizability).
//!
//! The search is the one of Wing and Gong: of the calls that come next, any may be first unless
//! another one had been answered before it began. Clients make one call at a time, so there are
//! only a few to choose from, and a place that was found hopeless is not looked at again. A call
//! whose fate its client was not told may have happened at any time since, or never.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use proptest::prelude::Rng as _;
use proptest::test_runner::TestRng;

/// What stands for users, roles, groups and collections: few, so that clients meet.
pub(super) type Name = &'static str;

pub(super) const USERS: [Name; 3] = ["ann", "bob", "cleo"];
pub(super) const ROLES: [Name; 3] = ["reader", "writer", "keeper"];
pub(super) const GROUPS: [Name; 2] = ["pg1", "pg2"];
/// What is granted, and what groups are made of.
pub(super) const PRIVILEGES: [Name; 2] = ["Search", "Query"];
pub(super) const COLLECTIONS: [Name; 2] = ["c1", "c2"];

/// One operation of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Step {
    CreateUser(Name),
    DropUser(Name),
    CreateRole(Name),
    DropRole(Name),
    Bind(Name, Name),
    Unbind(Name, Name),
    Grant(Name, Name, Name),
    Revoke(Name, Name, Name),
    CreateGroup(Name),
    DropGroup(Name),
    Add(Name, Name),
    Remove(Name, Name),
}

impl Step {
    /// Any of them.
    pub(super) fn random(random: &mut TestRng) -> Self {
        let mut any = |names: &[Name]| names[random.next_u32() as usize % names.len()];
        let (user, role, group) = (any(&USERS), any(&ROLES), any(&GROUPS));
        let (member, collection) = (any(&PRIVILEGES), any(&COLLECTIONS));
        let what = any(&["Search", "Query", "pg1", "pg2"]);
        match random.next_u32() % 16 {
            0 | 1 => Self::CreateUser(user),
            2 => Self::DropUser(user),
            3 | 4 => Self::CreateRole(role),
            5 => Self::DropRole(role),
            6 | 7 => Self::Bind(user, role),
            8 => Self::Unbind(user, role),
            9 | 10 => Self::Grant(role, what, collection),
            11 | 12 => Self::Revoke(role, what, collection),
            13 => Self::CreateGroup(group),
            14 => Self::DropGroup(group),
            _ if random.next_u32().is_multiple_of(2) => Self::Add(group, member),
            _ => Self::Remove(group, member),
        }
    }
}

/// What is there, without root and what is built in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Model {
    pub(super) users: BTreeSet<String>,
    pub(super) roles: BTreeSet<String>,
    pub(super) bindings: BTreeSet<(String, String)>,
    /// Role, what, collection.
    pub(super) grants: BTreeSet<(String, String, String)>,
    pub(super) groups: BTreeMap<String, BTreeSet<String>>,
}

impl Model {
    /// Makes a step, or changes nothing and says no.
    pub(super) fn make(&mut self, step: Step) -> bool {
        match step {
            Step::CreateUser(user) => self.users.insert(user.to_owned()),
            Step::DropUser(user) => {
                self.users.remove(user);
                self.bindings.retain(|(bound, _)| bound != user);
                true
            }
            Step::CreateRole(role) => self.roles.insert(role.to_owned()),
            Step::DropRole(role) => {
                let in_use = self.grants.iter().any(|(granted, ..)| granted == role);
                if in_use || !self.roles.remove(role) {
                    return false;
                }
                self.bindings.retain(|(_, bound)| bound != role);
                true
            }
            Step::Bind(user, role) => {
                let known = self.users.contains(user) && self.roles.contains(role);
                known && {
                    self.bindings.insert((user.to_owned(), role.to_owned()));
                    true
                }
            }
            Step::Unbind(user, role) => {
                self.bindings.remove(&(user.to_owned(), role.to_owned()));
                self.roles.contains(role)
            }
            Step::Grant(role, what, collection) => {
                self.may_be_granted(role, what) && {
                    self.grants.insert(grant(role, what, collection));
                    true
                }
            }
            Step::Revoke(role, what, collection) => {
                self.may_be_granted(role, what) && {
                    self.grants.remove(&grant(role, what, collection));
                    true
                }
            }
            Step::CreateGroup(group) => {
                let is_new = !self.groups.contains_key(group);
                self.groups.entry(group.to_owned()).or_default();
                is_new
            }
            Step::DropGroup(group) => {
                let in_use = self.grants.iter().any(|(_, what, _)| what == group);
                !in_use && {
                    self.groups.remove(group);
                    true
                }
            }
            Step::Add(group, member) => self.groups.get_mut(group).is_some_and(|members| {
                members.insert(member.to_owned());
                true
            }),
            Step::Remove(group, member) => self.groups.get_mut(group).is_some_and(|members| {
                members.remove(member);
                true
            }),
        }
    }

    fn may_be_granted(&self, role: &str, what: &str) -> bool {
        let known = PRIVILEGES.contains(&what) || self.groups.contains_key(what);
        self.roles.contains(role) && known
    }
}

fn grant(role: &str, what: &str, collection: &str) -> (String, String, String) {
    (role.to_owned(), what.to_owned(), collection.to_owned())
}

/// What a client was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Refused,
    /// That nothing was written, whatever the state was.
    Nothing,
    Unknown,
}

/// A call, with the numbers of two moments of the whole history.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) step: Step,
    pub(super) begun: u64,
    pub(super) ended: u64,
    pub(super) outcome: Outcome,
}

/// A place in the search: how far each client is, and what is there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    done: Vec<usize>,
    model: Model,
}

/// Tells the story that begins and ends with these states, or says where it ends to make sense.
pub(super) fn explain(
    clients: &[Vec<Call>],
    first: &Model,
    last: &Model,
) -> Result<Vec<Step>, String> {
    let mut threads = Vec::new();
    for calls in clients {
        let known = |call: &&Call| matches!(call.outcome, Outcome::Done | Outcome::Refused);
        threads.push(calls.iter().filter(known).copied().collect::<Vec<_>>());
    }
    let known = threads.len();
    for call in clients.iter().flatten().filter(|call| call.outcome == Outcome::Unknown) {
        threads.push(vec![Call { ended: u64::MAX, ..*call }]);
    }
    let start = Place { done: vec![0; threads.len()], model: first.clone() };
    let mut seen = HashSet::from([start.clone()]);
    let mut path = vec![(start, Vec::new())];
    let mut story: Vec<Step> = Vec::new();
    let mut farthest = (0, String::new());
    path[0].1 = choices(&threads, &path[0].0);
    loop {
        let Some((place, left)) = path.last_mut() else {
            return Err(format!("no story goes beyond call {}: {}", farthest.0, farthest.1));
        };
        let all = place.done.iter().zip(&threads).take(known).all(|(done, all)| *done == all.len());
        if all && place.model == *last {
            return Ok(story);
        }
        let Some(thread) = left.pop() else {
            if story.len() >= farthest.0 {
                let next = heads(&threads, place);
                farthest = (story.len(), format!("{:?}, next {next:?}", place.model));
            }
            path.pop();
            story.pop();
            continue;
        };
        let call = threads[thread][place.done[thread]];
        let mut next = place.clone();
        next.done[thread] += 1;
        let made = next.model.make(call.step);
        if call.outcome != Outcome::Unknown && made != (call.outcome == Outcome::Done) {
            continue;
        }
        if seen.insert(next.clone()) {
            let left = choices(&threads, &next);
            story.push(call.step);
            path.push((next, left));
        }
    }
}

/// The next call of each client.
fn heads(threads: &[Vec<Call>], place: &Place) -> Vec<(usize, Call)> {
    let heads = threads.iter().zip(&place.done).enumerate();
    heads.filter_map(|(thread, (calls, done))| Some((thread, *calls.get(*done)?))).collect()
}

/// The clients whose next call may come first.
fn choices(threads: &[Vec<Call>], place: &Place) -> Vec<usize> {
    let heads = heads(threads, place);
    let first_end = heads.iter().map(|(_, call)| call.ended).min().unwrap_or(0);
    let mut may: Vec<_> = heads.into_iter().filter(|(_, call)| call.begun <= first_end).collect();
    // The one that was answered first is tried first: it is the last in the list.
    may.sort_by_key(|(_, call)| std::cmp::Reverse(call.ended));
    may.into_iter().map(|(thread, _)| thread).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(step: Step, begun: u64, ended: u64, outcome: Outcome) -> Call {
        Call { step, begun, ended, outcome }
    }

    fn roles(names: &[&str]) -> Model {
        let roles = names.iter().map(|&name| name.to_owned()).collect();
        Model { roles, ..Model::default() }
    }

    #[test]
    fn calls_that_overlap_may_have_come_in_either_order_and_others_not() {
        let (make, drop) = (Step::CreateRole("reader"), Step::DropRole("reader"));
        let none = Model::default();
        let together =
            [vec![call(drop, 0, 3, Outcome::Done)], vec![call(make, 1, 2, Outcome::Done)]];
        assert_eq!(explain(&together, &none, &none), Ok(vec![make, drop]));
        assert!(explain(&together, &none, &roles(&["reader"])).is_err());
        let apart = [vec![call(drop, 0, 1, Outcome::Done)], vec![call(make, 2, 3, Outcome::Done)]];
        assert!(explain(&apart, &none, &none).is_err());
    }

    #[test]
    fn a_lost_update_and_a_refusal_without_a_reason_are_noticed() {
        let make = Step::CreateRole("reader");
        let none = Model::default();
        let lost = [vec![call(make, 0, 1, Outcome::Done)]];
        assert!(explain(&lost, &none, &none).is_err());
        let twice = [vec![call(make, 0, 3, Outcome::Done)], vec![call(make, 1, 2, Outcome::Done)]];
        assert!(explain(&twice, &none, &roles(&["reader"])).is_err());
        let refused = [vec![call(make, 0, 1, Outcome::Refused)]];
        assert!(explain(&refused, &none, &none).is_err());
        assert!(explain(&refused, &roles(&["reader"]), &roles(&["reader"])).is_ok());
    }

    #[test]
    fn what_nobody_knows_may_have_happened_late_or_never_and_what_was_not_written_has_not() {
        let (make, drop) = (Step::CreateRole("reader"), Step::DropRole("reader"));
        let none = Model::default();
        let unknown = vec![call(make, 0, 1, Outcome::Unknown), call(drop, 2, 3, Outcome::Refused)];
        assert!(explain(std::slice::from_ref(&unknown), &none, &none).is_ok());
        assert!(explain(&[unknown], &none, &roles(&["reader"])).is_ok());
        let nothing = [vec![call(make, 0, 1, Outcome::Nothing)]];
        assert!(explain(&nothing, &none, &none).is_ok());
        assert!(explain(&nothing, &none, &roles(&["reader"])).is_err());
    }
}
