//! Logins against a state that changes, with bcrypt at its lowest costs.

use std::sync::{Arc, mpsc};

use futures_util::FutureExt;
use futures_util::future::join_all;
use proptest::prelude::*;

use super::*;
use crate::clock::ManualClock;
use crate::model::{Change, Credential, Record, RecordKey, Revision};
use crate::snapshot::Snapshot;

/// `Milvus` at cost 4, made by Go.
const MILVUS: &str = "$2a$04$6/wrFg5mb5KSIqTEPHOG.uvZ9i05v2wzxZ7osr9imEbZ9O/W6u6ze";

fn options() -> VerifierOptions {
    VerifierOptions { cost: 4, threads: 1, ..VerifierOptions::default() }
}

fn verifier() -> Verifier {
    Verifier::new(options()).unwrap()
}

fn name(text: &str) -> UserName {
    UserName::new(text).unwrap()
}

fn put(user: &str, hash: &PasswordHash) -> Change {
    let credential = Credential { hash: hash.clone(), description: None, time_tick: 0 };
    Change::Put(Record::User(name(user), credential))
}

/// A state in which `root` has this hash.
fn state(hash: &PasswordHash) -> SnapshotCell {
    let mut snapshot = Snapshot::from_records(Revision(1), [], Arc::default());
    snapshot.apply(&put("root", hash));
    SnapshotCell::new(snapshot)
}

fn milvus() -> SnapshotCell {
    state(&PasswordHash::new(MILVUS))
}

fn change(cell: &SnapshotCell, change: &Change) {
    let mut snapshot = (*cell.get()).clone();
    snapshot.apply(change);
    cell.publish(Arc::new(snapshot));
}

fn hash(password: &[u8], cost: u32) -> PasswordHash {
    hash::hash(password, cost).unwrap()
}

fn login(user: &str, password: &str) -> Login {
    Login::new(user, password.as_bytes()).unwrap()
}

async fn try_login(
    verifier: &Verifier,
    cell: &SnapshotCell,
    user: &str,
    password: &str,
) -> Result<Authenticated, CredentialError> {
    verifier.authenticate(cell, &login(user, password), Peer::LOCAL).await
}

async fn refusal(verifier: &Verifier, cell: &SnapshotCell, login: &Login) -> RefusedWhy {
    match verifier.authenticate(cell, login, Peer::LOCAL).await {
        Err(CredentialError::Refused { why }) => why,
        other => panic!("not refused: {other:?}"),
    }
}

/// Holds the only thread of a verifier until the sender is dropped.
fn hold(verifier: &Verifier) -> (mpsc::Sender<()>, impl Future) {
    let (open, shut) = mpsc::channel::<()>();
    let (began, beginning) = mpsc::channel();
    let held = verifier.pool.run(Peer::LOCAL.ip(), move || {
        began.send(()).unwrap();
        let _ = shut.recv();
    });
    beginning.recv().unwrap();
    (open, held)
}

#[tokio::test]
async fn a_login_that_succeeded_needs_no_bcrypt_again() {
    let (verifier, cell) = (verifier(), milvus());
    let login = login("root", "Milvus");
    assert!(verifier.authenticate_cached(&cell, &login, Peer::LOCAL).is_none());
    let peer = Peer::from("127.0.0.1:5".parse::<std::net::SocketAddr>().unwrap());
    let caller = verifier.authenticate(&cell, &login, peer).await.unwrap().caller;
    assert_eq!((caller.name(), caller.peer()), ("root", peer));
    assert!(caller.is_authenticated());
    for _ in 0..3 {
        assert!(verifier.authenticate(&cell, &login, Peer::LOCAL).await.is_ok());
        assert!(verifier.authenticate_cached(&cell, &login, Peer::LOCAL).is_some());
    }
    assert_eq!(verifier.jobs_done(), 1);
}

#[tokio::test]
async fn a_wrong_guess_after_a_good_login_costs_bcrypt() {
    let (verifier, cell) = (verifier(), milvus());
    try_login(&verifier, &cell, "root", "Milvus").await.unwrap();
    for guess in ["milvus", "Milvus ", "Milvu", "___"] {
        let guess = login("root", guess);
        let snapshot = cell.get();
        let user = snapshot.user("root").unwrap();
        assert!(!verifier.verify_cached(user, "root", guess.password()));
        assert_eq!(refusal(&verifier, &cell, &guess).await, RefusedWhy::WrongPassword);
    }
    assert_eq!(verifier.jobs_done(), 5);
}

#[tokio::test]
async fn a_memory_is_of_one_user_and_one_process() {
    let (one, two, cell) = (verifier(), verifier(), milvus());
    try_login(&one, &cell, "root", "Milvus").await.unwrap();
    let snapshot = cell.get();
    let user = snapshot.user("root").unwrap();
    assert!(one.verify_cached(user, "root", b"Milvus"));
    assert!(!one.verify_cached(user, "toor", b"Milvus"));
    assert!(!two.verify_cached(user, "root", b"Milvus"));
}

#[tokio::test]
async fn a_changed_password_counts_at_once() {
    let (verifier, cell) = (verifier(), milvus());
    try_login(&verifier, &cell, "root", "Milvus").await.unwrap();
    change(&cell, &put("root", &hash(b"N3w-pass", 4)));
    let old = login("root", "Milvus");
    assert_eq!(refusal(&verifier, &cell, &old).await, RefusedWhy::WrongPassword);
    assert!(try_login(&verifier, &cell, "root", "N3w-pass").await.is_ok());
}

#[tokio::test]
async fn a_dropped_user_is_gone_and_one_made_again_is_another() {
    let (verifier, cell) = (verifier(), milvus());
    let old = login("root", "Milvus");
    verifier.authenticate(&cell, &old, Peer::LOCAL).await.unwrap();
    change(&cell, &Change::Delete(RecordKey::User(name("root"))));
    assert_eq!(refusal(&verifier, &cell, &old).await, RefusedWhy::UnknownUser);
    change(&cell, &put("root", &hash(b"An0ther!", 4)));
    assert_eq!(refusal(&verifier, &cell, &old).await, RefusedWhy::WrongPassword);
}

#[tokio::test]
async fn names_that_look_like_root_are_other_names() {
    let (verifier, cell) = (verifier(), milvus());
    let names = [
        "Root",
        "ROOT",
        " root",
        "root ",
        "root\0",
        "r\u{043e}ot",
        "\u{202e}toor",
        "ｒoot",
        "root\u{200b}",
        "root/",
    ];
    for user in names {
        let login = login(user, "Milvus");
        assert_eq!(refusal(&verifier, &cell, &login).await, RefusedWhy::UnknownUser, "{user:?}");
    }
    let bytes = super::super::grpc(Some(b"cm9vdP86TWlsdnVz")).unwrap();
    assert_eq!(bytes.user_bytes(), b"root\xff");
    assert_eq!(refusal(&verifier, &cell, &bytes).await, RefusedWhy::UnknownUser);
    assert_eq!(verifier.jobs_done(), 11, "each has cost a bcrypt");
}

#[tokio::test]
async fn a_hash_that_cannot_be_read_never_verifies() {
    let verifier = verifier();
    let dear = MILVUS.replace("$04$", "$15$");
    for text in ["", "Milvus", "$2x$04$", &dear] {
        let cell = state(&PasswordHash::new(text));
        let login = login("root", "Milvus");
        assert_eq!(refusal(&verifier, &cell, &login).await, RefusedWhy::UnreadableHash);
    }
    assert_eq!(verifier.jobs_done(), 4);
}

#[tokio::test]
async fn simultaneous_logins_share_a_bcrypt_only_if_they_are_the_same() {
    let (verifier, cell) = (verifier(), milvus());
    change(&cell, &put("user", &PasswordHash::new(MILVUS)));
    let (gate, held) = hold(&verifier);
    let same = join_all((0..10).map(|_| try_login(&verifier, &cell, "root", "Milvus")));
    let others = join_all(
        [("root", "milvus"), ("user", "Milvus"), ("nobody", "Milvus")]
            .map(|(user, password)| try_login(&verifier, &cell, user, password)),
    );
    let (same, others, ..) = tokio::join!(same, others, held, async { drop(gate) });
    assert!(same.iter().all(Result::is_ok));
    assert_eq!(
        others.iter().map(Result::is_ok).collect::<Vec<_>>(),
        [false, true, false],
        "{others:?}"
    );
    assert_eq!(verifier.jobs_done(), 1 + 1 + 3, "the gate, the shared one, the others");
}

#[tokio::test]
async fn a_login_that_is_called_off_leaves_nobody_waiting() {
    let (verifier, cell) = (verifier(), milvus());
    let (gate, held) = hold(&verifier);
    let mut first = Box::pin(try_login(&verifier, &cell, "root", "Milvus"));
    let mut second = Box::pin(try_login(&verifier, &cell, "root", "Milvus"));
    assert!(first.as_mut().now_or_never().is_none());
    assert!(second.as_mut().now_or_never().is_none());
    drop(first);
    drop(gate);
    held.await;
    assert!(second.await.is_ok());
}

#[tokio::test]
async fn a_check_that_nobody_waits_for_is_skipped_and_can_be_asked_for_again() {
    let (verifier, cell) = (verifier(), milvus());
    let (gate, held) = hold(&verifier);
    let mut gone = Box::pin(try_login(&verifier, &cell, "root", "milvus"));
    assert!(gone.as_mut().now_or_never().is_none());
    drop(gone);
    drop(gate);
    held.await;
    assert!(try_login(&verifier, &cell, "root", "Milvus").await.is_ok());
    assert_eq!(verifier.jobs_done(), 2, "the gate and the second login");
    assert!(try_login(&verifier, &cell, "root", "milvus").await.is_err());
    assert_eq!(verifier.jobs_done(), 3);
}

/// A login with `Milvus` during whose bcrypt the state changes.
async fn login_while(change_to: &Change) -> Result<Authenticated, CredentialError> {
    let (verifier, cell) = (verifier(), milvus());
    let (gate, held) = hold(&verifier);
    let mut pending = Box::pin(try_login(&verifier, &cell, "root", "Milvus"));
    assert!(pending.as_mut().now_or_never().is_none());
    change(&cell, change_to);
    drop(gate);
    held.await;
    let outcome = pending.await;
    if outcome.is_err() {
        let snapshot = cell.get();
        assert!(snapshot.user("root").is_none_or(|user| user.login.get().is_none()));
    }
    outcome
}

#[tokio::test]
async fn what_changes_during_a_check_counts() {
    let refused = |outcome: Result<Authenticated, _>| match outcome {
        Err(CredentialError::Refused { why }) => why,
        other => panic!("{other:?}"),
    };
    let another = login_while(&put("root", &hash(b"An0ther!", 4))).await;
    assert_eq!(refused(another), RefusedWhy::WrongPassword);
    let dropped = login_while(&Change::Delete(RecordKey::User(name("root")))).await;
    assert_eq!(refused(dropped), RefusedWhy::UnknownUser);
    // As when another login has had the hash raised meanwhile.
    let raised = login_while(&put("root", &hash(b"Milvus", 4))).await;
    assert!(raised.is_ok());
}

#[tokio::test]
async fn a_hash_of_lower_cost_is_to_be_made_anew_once() {
    let cell = milvus();
    let verifier = Verifier::new(VerifierOptions { cost: 5, ..options() }).unwrap();
    assert!(try_login(&verifier, &cell, "root", "wrong").await.is_err());
    let raise = try_login(&verifier, &cell, "root", "Milvus").await.unwrap().raise.unwrap();
    assert_eq!((raise.user.as_str(), raise.verified.expose()), ("root", MILVUS));
    assert!(!format!("{raise:?}").contains("Milvus"), "{raise:?}");
    let anew = verifier.hash(&raise.password, Peer::LOCAL).await.unwrap();
    assert!(try_login(&verifier, &cell, "root", "Milvus").await.unwrap().raise.is_none());

    change(&cell, &put("root", &anew));
    assert!(!verifier.needs_raise(&anew));
    assert!(try_login(&verifier, &cell, "root", "Milvus").await.unwrap().raise.is_none());
}

#[tokio::test]
async fn logins_that_share_a_bcrypt_ask_for_one_new_hash() {
    let cell = milvus();
    let verifier = Verifier::new(VerifierOptions { cost: 5, ..options() }).unwrap();
    let logins = join_all((0..10).map(|_| try_login(&verifier, &cell, "root", "Milvus"))).await;
    let raises = logins.into_iter().filter(|login| login.as_ref().unwrap().raise.is_some());
    assert_eq!(raises.count(), 1);
}

#[tokio::test]
async fn a_hash_is_left_alone_if_that_is_wanted_or_it_cannot_be_raised() {
    let options = VerifierOptions { cost: 5, raise_cost: false, ..options() };
    let verifier = Verifier::new(options).unwrap();
    let cell = milvus();
    assert!(try_login(&verifier, &cell, "root", "Milvus").await.unwrap().raise.is_none());
    assert!(!verifier.needs_raise(&PasswordHash::new(MILVUS)));

    let verifier = Verifier::new(VerifierOptions { raise_cost: true, ..options }).unwrap();
    assert!(verifier.needs_raise(&PasswordHash::new(MILVUS)));
    assert!(!verifier.needs_raise(&PasswordHash::new("$2a$04$")));
    assert!(!verifier.needs_raise(&hash(b"Milvus", 6)));
}

#[tokio::test]
async fn passwords_above_72_bytes_are_refused_or_cut() {
    let x72 = "x".repeat(72);
    let longer = format!("{x72}y");
    let cell = state(&hash(x72.as_bytes(), 4));
    let refusing = verifier();
    assert!(try_login(&refusing, &cell, "root", &x72).await.is_ok());
    let why = refusal(&refusing, &cell, &login("root", &longer)).await;
    assert_eq!(why, RefusedWhy::TooLong);
    let password = Password::from(longer.clone().into_bytes());
    let error = refusing.hash(&password, Peer::LOCAL).await.unwrap_err();
    assert_eq!(error, CredentialError::PasswordTooLong);

    let cutting = VerifierOptions { cost: 5, long_passwords: LongPasswords::Truncate, ..options() };
    let cutting = Verifier::new(cutting).unwrap();
    let cell = state(&hash(x72.as_bytes(), 4));
    let done = try_login(&cutting, &cell, "root", &longer).await.unwrap();
    assert!(done.raise.is_none(), "what was cut off cannot be hashed");
    assert!(try_login(&cutting, &cell, "root", &x72).await.is_ok());
    assert!(try_login(&cutting, &cell, "root", &x72[1..]).await.is_err());
}

#[tokio::test]
async fn a_flood_of_logins_is_told_to_wait_and_remembered_ones_are_not() {
    let verifier = Verifier::new(VerifierOptions { queue: 2, ..options() }).unwrap();
    let cell = milvus();
    try_login(&verifier, &cell, "root", "Milvus").await.unwrap();
    let (gate, held) = hold(&verifier);
    let guesses: Vec<_> = (0..5).map(|number| format!("guess {number}")).collect();
    let flood = join_all(guesses.iter().map(|guess| try_login(&verifier, &cell, "root", guess)));
    let good = async {
        let outcome = try_login(&verifier, &cell, "root", "Milvus").await;
        drop(gate);
        outcome
    };
    let (flood, good, _) = tokio::join!(flood, good, held);
    assert!(good.is_ok());
    let busy = flood.iter().filter(|end| matches!(end, Err(CredentialError::Busy))).count();
    let refused =
        flood.iter().filter(|end| matches!(end, Err(CredentialError::Refused { .. }))).count();
    assert_eq!((busy, refused), (3, 2));
}

#[tokio::test]
async fn a_password_can_be_checked_without_being_remembered() {
    let (verifier, cell) = (verifier(), milvus());
    let stored = PasswordHash::new(MILVUS);
    let (right, wrong) = (Password::from(b"Milvus".to_vec()), Password::from(b"no".to_vec()));
    assert!(verifier.check_password("root", Some(&stored), &right, Peer::LOCAL).await.unwrap());
    assert!(!verifier.check_password("root", Some(&stored), &wrong, Peer::LOCAL).await.unwrap());
    assert!(!verifier.check_password("root", None, &right, Peer::LOCAL).await.unwrap());
    assert!(verifier.is_password(&stored, b"Milvus").await.unwrap());
    assert!(!verifier.is_password(&stored, b"milvus").await.unwrap());
    assert!(!verifier.is_password(&PasswordHash::new(""), b"Milvus").await.unwrap());
    assert!(cell.get().user("root").unwrap().login.get().is_none());
    assert_eq!(verifier.jobs_done(), 6);
}

#[test]
fn a_cost_out_of_range_is_refused() {
    for cost in [0, 3, 15, 32] {
        let error = Verifier::new(VerifierOptions { cost, ..options() }).unwrap_err();
        assert_eq!(error.to_string(), format!("bcrypt cost {cost} is not between 4 and 14"));
    }
}

#[test]
fn a_login_can_be_awaited_on_any_thread() {
    fn is_send<T: Send>(_: &T) {}
    let (verifier, cell) = (verifier(), milvus());
    is_send(&try_login(&verifier, &cell, "root", "Milvus"));
    is_send(&verifier.hash(&Password::from(Vec::new()), Peer::LOCAL));
}

proptest! {
    #[test]
    fn no_two_logins_have_the_same_digest(
        one: (Vec<u8>, Option<String>, Vec<u8>),
        cut in 0..4_usize,
    ) {
        let verifier = verifier();
        let digest = |user: &[u8], hash: &Option<String>, password: &[u8]| {
            verifier.digest(user, hash.as_deref().map(PasswordHash::new).as_ref(), password)
        };
        let (user, hash, password) = one;
        let of_one = digest(&user, &hash, &password);
        prop_assert_eq!(of_one, digest(&user, &hash, &password));
        // The same bytes, divided otherwise.
        let cut = cut.min(password.len());
        let longer = [&user[..], &password[..cut]].concat();
        let same = cut == 0;
        prop_assert_eq!(of_one == digest(&longer, &hash, &password[cut..]), same);
        let flipped = if hash.is_some() { None } else { Some(String::new()) };
        prop_assert_ne!(of_one, digest(&user, &flipped, &password));
    }
}

fn with_clock(burst: u32) -> (Verifier, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(0));
    let failed_logins = FailedLogins { burst, per_minute: 10 };
    let verifier =
        Verifier::with_clock(VerifierOptions { failed_logins, ..options() }, clock.clone());
    (verifier.unwrap(), clock)
}

#[tokio::test]
async fn a_pair_just_refused_is_refused_again_for_five_seconds_and_is_no_new_guess() {
    let (verifier, clock) = with_clock(2);
    let cell = milvus();
    for (user, why) in [("root", RefusedWhy::WrongPassword), ("toor", RefusedWhy::UnknownUser)] {
        let before = verifier.jobs_done();
        for _ in 0..10 {
            assert_eq!(refusal(&verifier, &cell, &login(user, "wrong")).await, why);
        }
        assert_eq!(verifier.jobs_done(), before + 1, "{user}");
    }
    clock.advance(5_000);
    let before = verifier.jobs_done();
    assert_eq!(refusal(&verifier, &cell, &login("root", "wrong")).await, RefusedWhy::WrongPassword);
    assert_eq!(verifier.jobs_done(), before + 1);
    let third = try_login(&verifier, &cell, "root", "another").await;
    assert_eq!(third.unwrap_err(), CredentialError::Throttled, "it was the second token");
}

#[tokio::test]
async fn a_refusal_is_of_one_hash_so_a_new_password_or_user_is_looked_at_at_once() {
    let (verifier, _) = with_clock(10);
    let cell = milvus();
    let new = login("root", "N3w");
    assert_eq!(refusal(&verifier, &cell, &new).await, RefusedWhy::WrongPassword);
    change(&cell, &put("root", &hash(b"N3w", 4)));
    assert!(verifier.authenticate(&cell, &new, Peer::LOCAL).await.is_ok());

    assert_eq!(refusal(&verifier, &cell, &login("ann", "N3w")).await, RefusedWhy::UnknownUser);
    change(&cell, &put("ann", &hash(b"N3w", 4)));
    assert!(verifier.authenticate(&cell, &login("ann", "N3w"), Peer::LOCAL).await.is_ok());
}

#[tokio::test]
async fn checks_that_nobody_ended_cost_nothing() {
    let (verifier, _) = with_clock(3);
    let cell = milvus();
    // Callers who went away while they waited.
    let (open, held) = hold(&verifier);
    for number in 0..3 {
        let guess = login("root", &format!("guess-{number}"));
        let waiting = verifier.authenticate(&cell, &guess, Peer::LOCAL);
        assert!(waiting.now_or_never().is_none());
    }
    drop(open);
    let _ = held.await;
    // A token is back when the pool has seen that nobody waits; its queue is one after another.
    verifier.is_password(&PasswordHash::new(MILVUS), b"x").await.unwrap();
    assert!(try_login(&verifier, &cell, "root", "Milvus").await.is_ok());
    for number in 3..6 {
        let guess = login("root", &format!("guess-{number}"));
        assert_eq!(refusal(&verifier, &cell, &guess).await, RefusedWhy::WrongPassword);
    }
    let throttled = try_login(&verifier, &cell, "root", "guess-6").await;
    assert_eq!(throttled.unwrap_err(), CredentialError::Throttled);
    assert!(try_login(&verifier, &cell, "root", "Milvus").await.is_ok(), "it is remembered");
}

#[tokio::test]
async fn who_share_a_check_have_made_one_guess() {
    let (verifier, _) = with_clock(1);
    let cell = milvus();
    let guess = login("root", "guess");
    let all = join_all((0..20).map(|_| verifier.authenticate(&cell, &guess, Peer::LOCAL))).await;
    for end in all {
        assert!(matches!(end, Err(CredentialError::Refused { .. })), "{end:?}");
    }
    assert_eq!(verifier.jobs_done(), 1);
}

#[tokio::test]
async fn old_passwords_that_are_checked_at_once_are_shared_as_logins_are() {
    let (verifier, _) = with_clock(1);
    let (stored, wrong) = (PasswordHash::new(MILVUS), Password::from(b"guess".to_vec()));
    let check = || verifier.check_password("root", Some(&stored), &wrong, Peer::LOCAL);
    for end in join_all((0..20).map(|_| check())).await {
        assert_eq!(end, Ok(false));
    }
    let refused = try_login(&verifier, &milvus(), "root", "guess").await;
    assert!(matches!(refused, Err(CredentialError::Refused { .. })), "{refused:?}");
    assert_eq!(verifier.jobs_done(), 1);
}
