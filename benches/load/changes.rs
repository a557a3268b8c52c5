//! Calls that change something each time: their names are counted, and no other run has them.

use super::call::{Call, message};
use super::state::ROOT_LOGIN;

/// A new role.
pub(crate) fn create_role() -> Call {
    let run = run();
    Call::counted("CreateRole", ROOT_LOGIN, move |number| {
        let name = format!("new{run}_{number}");
        message(&[(2, &message(&[(1, name.as_bytes())]))])
    })
}

/// A new role and its end, so that nothing stays.
pub(crate) fn create_and_drop_role() -> [Call; 2] {
    let run = run();
    let name = move |number| format!("passing{run}_{number}");
    let create = Call::counted("CreateRole", ROOT_LOGIN, move |number| {
        message(&[(2, &message(&[(1, name(number).as_bytes())]))])
    });
    let drop = Call::counted("DropRole", ROOT_LOGIN, move |number| {
        message(&[(2, name(number).as_bytes())])
    });
    [create, drop]
}

/// A grant to a role, on a collection that nobody has a grant on.
pub(crate) fn grant(role: &'static str) -> Call {
    let run = run();
    Call::counted("OperatePrivilegeV2", ROOT_LOGIN, move |number| {
        let collection = format!("new{run}_{number}");
        let privilege = message(&[(1, b"Search")]);
        message(&[
            (2, &message(&[(1, role.as_bytes())])),
            (3, &message(&[(2, &privilege)])),
            (5, b"default"),
            (6, collection.as_bytes()),
        ])
    })
}

/// Tells runs apart that change the same state.
fn run() -> u64 {
    getrandom::u64().unwrap() >> 24
}
