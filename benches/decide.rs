//! `decide` at 1,000, 10,000 and 100,000 grants, beside the casbin crate with Milvus's shape of
//! policies on the same data; what one grant costs at each size; and what it costs to ask for the
//! age of the state before. See `README.md` here.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench that cannot go on fails"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use casbin::function_map::OperatorFunction;
use casbin::rhai::Dynamic;
use casbin::{CoreApi as _, DefaultModel, Enforcer, MemoryAdapter, MgmtApi as _};
use criterion::{BatchSize, Criterion};
use milvus_rbac::clock::{Clock as _, SystemClock};
use milvus_rbac::freshness::Freshness;
use milvus_rbac::model::{
    Change, GrantId, Grantor, ObjectRow, Record, Revision, Role, RoleName, UserName,
};
use milvus_rbac::policy::{Claims, Request, Requirement, Rules, decide, find};
use milvus_rbac::snapshot::Snapshot;

#[path = "load/dice.rs"]
mod dice;

use dice::dice;

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
const GRANTS_PER_ROLE: usize = 100;
const WARM: usize = 1_000;
const PRIVILEGES: [&str; 4] = ["Search", "Query", "Insert", "Delete"];

/// Milvus's model without its special actions, which this data does not use. Roles are asked one
/// after another, outside of it.
const MODEL: &str = "
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && pattern(r.obj, p.obj) && pattern(r.act, p.act) || r.sub == \"admin\"
";

/// What is granted to whom, at one size.
struct Data {
    grants: usize,
}

/// A request, and whether it is to be allowed.
struct Question {
    user: String,
    requirement: &'static Requirement,
    privilege: String,
    database: String,
    objects: [String; 1],
    allowed: bool,
}

impl Data {
    fn roles(&self) -> usize {
        self.grants / GRANTS_PER_ROLE
    }

    fn users(&self) -> usize {
        self.roles() * 10
    }

    fn roles_of(&self, user: usize) -> [usize; 2] {
        [user % self.roles(), (user * 7 + 1) % self.roles()]
    }

    /// A grant of a role: database, collection, privilege. One of a hundred is on all collections.
    fn grant(role: usize, index: usize) -> (String, String, &'static str) {
        let collection = if index == 0 { "*".to_owned() } else { format!("c{role}_{index}") };
        let database = if index == 0 { format!("all{role}") } else { format!("db{}", index % 10) };
        (database, collection, PRIVILEGES[index % PRIVILEGES.len()])
    }

    fn all(&self) -> impl Iterator<Item = (usize, (String, String, &'static str))> {
        (0..self.roles())
            .flat_map(|role| (0..GRANTS_PER_ROLE).map(move |at| (role, Self::grant(role, at))))
    }

    fn snapshot(&self) -> Snapshot {
        let role = |index: usize| RoleName::new(&format!("role{index}")).unwrap();
        let roles = (0..self.roles()).map(|index| Record::Role(role(index), Role::default()));
        let bindings = (0..self.users()).flat_map(|user| {
            let name = UserName::new(&format!("user{user}")).unwrap();
            self.roles_of(user).map(|held| Record::Binding(name.clone(), role(held)))
        });
        let grants = self.all().flat_map(|(index, (database, collection, privilege))| {
            let object = format!("{database}.{collection}");
            stored(&role(index), &object, &format!("Privilege{privilege}"))
        });
        let records = roles.chain(bindings).chain(grants);
        Snapshot::from_records(Revision(1), records, std::sync::Arc::default())
    }

    async fn enforcer(&self) -> Enforcer {
        let model = DefaultModel::from_str(MODEL).await.unwrap();
        let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await.unwrap();
        enforcer.add_function("pattern", OperatorFunction::Arg2(pattern));
        let policies = self.all().map(|(role, (database, collection, privilege))| {
            let object = format!("Collection-{database}.{collection}");
            vec![format!("role{role}"), object, format!("Privilege{privilege}")]
        });
        enforcer.add_policies(policies.collect()).await.unwrap();
        enforcer
    }

    /// Every second one is allowed; the others are about a collection that nobody was granted.
    fn question(&self, dice: usize) -> Question {
        let user = dice % self.users();
        let role = self.roles_of(user)[dice % 2];
        let index = 1 + dice / 7 % (GRANTS_PER_ROLE - 1);
        let (database, collection, privilege) = Self::grant(role, index);
        let allowed = (dice / 2).is_multiple_of(2);
        let object = if allowed { collection } else { format!("{collection}x") };
        let path = format!("/milvus.proto.milvus.MilvusService/{privilege}");
        Question {
            user: format!("user{user}"),
            requirement: find(&path).unwrap(),
            privilege: format!("Privilege{privilege}"),
            database,
            objects: [object],
            allowed,
        }
    }
}

/// A grant as the store has it.
fn stored(role: &RoleName, object: &str, privilege: &str) -> [Record; 2] {
    let id = GrantId(format!("{role}/Collection/{object}").into());
    let row =
        ObjectRow { role: role.clone(), object_type: "Collection".into(), object: object.into() };
    let privilege = Record::Privilege(id.clone(), privilege.into(), Grantor("root".into()));
    [Record::Row(row, id), privilege]
}

/// `*` is any run of characters but a slash. Cheaper than what comes with casbin, in its favour.
fn pattern(text: Dynamic, pattern: Dynamic) -> Dynamic {
    let (text, pattern) = (text.into_immutable_string(), pattern.into_immutable_string());
    let (Ok(text), Ok(pattern)) = (text, pattern) else {
        return false.into();
    };
    let covers = match pattern.split_once('*') {
        None => text == pattern,
        Some((head, tail)) => text
            .strip_prefix(head)
            .and_then(|rest| rest.strip_suffix(tail))
            .is_some_and(|run| !run.contains('/')),
    };
    covers.into()
}

fn ours(state: &Snapshot, question: &Question) -> bool {
    let request = Request {
        caller: Some(&question.user),
        requirement: question.requirement,
        database: &question.database,
        objects: &question.objects,
        claims: Claims::default(),
    };
    decide(state, Rules::DOCUMENTED, &request).is_allowed()
}

fn theirs(enforcer: &Enforcer, data: &Data, question: &Question) -> bool {
    let user: usize = question.user.trim_start_matches("user").parse().unwrap();
    let [object] = &question.objects;
    let resource = format!("Collection-{}.{object}", question.database);
    data.roles_of(user).into_iter().any(|role| {
        let role = format!("role{role}");
        enforcer.enforce((role.as_str(), resource.as_str(), question.privilege.as_str())).unwrap()
    })
}

/// Nanoseconds of one call, over enough of them to be seen by the clock.
fn nanoseconds(calls: u32, mut call: impl FnMut() -> bool) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        black_box(call());
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn measure(criterion: &mut Criterion, runtime: &tokio::runtime::Runtime, grants: usize) -> f64 {
    let data = Data { grants };
    let state = data.snapshot();
    let enforcer = runtime.block_on(data.enforcer());
    let mut dice = dice();
    let warm: Vec<Question> = (0..WARM).map(|_| data.question(dice())).collect();
    for question in &warm {
        assert_eq!(ours(&state, question), question.allowed);
    }
    for question in warm.iter().take(8) {
        assert_eq!(theirs(&enforcer, &data, question), question.allowed);
    }

    let mut at = warm.iter().cycle();
    criterion.bench_function(&format!("decide, warm, {grants} grants"), |bencher| {
        bencher.iter(|| at.next().map(|question| black_box(ours(&state, question))));
    });
    criterion.bench_function(&format!("one grant, {grants} grants"), |bencher| {
        let role = RoleName::new("role1").unwrap();
        let changes = stored(&role, "db1.another", "PrivilegeSearch").map(Change::Put);
        bencher.iter_batched(
            || state.clone(),
            |mut state| {
                for change in &changes {
                    state.apply(change);
                }
                state.settle();
                state
            },
            BatchSize::SmallInput,
        );
    });

    let once = |question: &Question| nanoseconds(200, || ours(&state, question));
    let ours_warm = median(warm.iter().map(once).collect());
    let random: Vec<Question> = (0..200_000).map(|_| data.question(dice())).collect();
    let mut next = random.iter();
    let ours_random =
        nanoseconds(200_000, || next.next().is_some_and(|question| ours(&state, question)));
    let few = if grants > 10_000 { 5 } else { 25 };
    let casbin = |question: &Question| nanoseconds(1, || theirs(&enforcer, &data, question));
    let theirs = median(warm.iter().take(few).map(casbin).collect());
    println!(
        "{grants} grants, {} roles, {} users: decide {ours_warm:.0} ns (warm, median), \
         {ours_random:.0} ns (uniformly random, mean); casbin {:.3} ms; {:.0} times",
        data.roles(),
        data.users(),
        theirs / 1e6,
        theirs / ours_warm
    );
    ours_warm
}

/// What each decision asks before it: nothing has to be read where nobody else writes.
fn age(criterion: &mut Criterion) {
    let own = Freshness::default();
    criterion.bench_function("age, a store of our own", |bencher| {
        bencher.iter(|| black_box(&own).is_stale());
    });
    let shared = Freshness::new(Arc::new(SystemClock), Duration::from_secs(3600));
    shared.confirm(SystemClock.uptime());
    criterion.bench_function("age, a shared store", |bencher| {
        bencher.iter(|| black_box(&shared).is_stale());
    });
}

fn main() {
    let mut criterion = Criterion::default().sample_size(20).configure_from_args();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    age(&mut criterion);
    let medians = SIZES.map(|grants| measure(&mut criterion, &runtime, grants));
    println!("decide, 100,000 grants against 1,000: {:.2} times", medians[2] / medians[0]);
    criterion.final_summary();
}
