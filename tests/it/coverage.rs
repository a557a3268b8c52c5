//! Every RPC and every REST path, called by nobody, with a wrong password, by a user without
//! roles, by a member of `admin` and by root: the outcomes are compared with
//! `tests/expected/coverage.txt`, and the rules that no change of that file may break are checked
//! in code. `UPDATE_EXPECTED=1 cargo test --test it coverage::` writes the file anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use bytes::Buf as _;
use http::uri::PathAndQuery;
use milvus_rbac::api::{RestPath, rest_paths};
use milvus_rbac::policy::{Condition, Need, Requirement, all};
use serde_json::json;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::support::{Grpc, ROOT, TestServer, basic};

const HEADER: &str = "\
# What every RPC (called with an empty message) and every REST path (called with names that break
# the rules) answers to whom. gRPC: the status code; 0 says that the call was let in. REST: the
# HTTP status and the code in the body. The last column is a user without roles in compat: milvus.
";

/// Who calls: a heading, and the login if there is one.
const CALLERS: [(&str, Option<(&str, &str)>); 5] = [
    ("anonymous", None),
    ("wrong password", Some(("root", "wrong"))),
    ("user", Some(("ann", "P@ssw0rd"))),
    ("admin member", Some(("boss", "P@ssw0rd"))),
    ("root", Some(ROOT)),
];
const ANONYMOUS: usize = 0;
const WRONG: usize = 1;
const USER: usize = 2;
const ADMIN: usize = 3;
const BY_ROOT: usize = 4;
/// The column after those of `CALLERS`.
const MILVUS_USER: usize = 5;

const UNAUTHENTICATED: &str = "16 login";
const DENIED: &str = "7 denied";

/// Sends an empty message and throws away what comes back.
struct Empty;

impl Codec for Empty {
    type Encode = ();
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Empty {
    type Item = ();
    type Error = Status;

    fn encode(&mut self, (): (), _: &mut EncodeBuf<'_>) -> Result<(), Status> {
        Ok(())
    }
}

impl Decoder for Empty {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        source.advance(source.remaining());
        Ok(Some(()))
    }
}

/// How a call ended; a stream that begins has been let in.
async fn call(channel: &Channel, row: &Requirement, login: Option<(&str, &str)>) -> Code {
    let mut request = Request::new(());
    if let Some((user, password)) = login {
        let value = MetadataValue::try_from(basic(user, password)).unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static(row.path);
    let mut answer = match client.server_streaming(request, path, Empty).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return status.code(),
    };
    if row.streaming {
        return Code::Ok;
    }
    loop {
        match answer.message().await {
            Ok(Some(())) => {}
            Ok(None) => return Code::Ok,
            Err(status) => return status.code(),
        }
    }
}

async fn rpc(channel: &Channel, row: &Requirement, login: Option<(&str, &str)>) -> String {
    let code = call(channel, row, login).await;
    let word = match code {
        Code::Ok => "answered".to_owned(),
        Code::Unauthenticated => "login".to_owned(),
        Code::PermissionDenied => "denied".to_owned(),
        Code::Unimplemented => "not served".to_owned(),
        other => format!("{other:?}"),
    };
    format!("{} {word}", i32::from(code))
}

async fn rest(server: &TestServer, path: &RestPath, login: Option<(&str, &str)>) -> String {
    let body = json!({"userName": "no name", "roleName": "no role", "password": "x",
        "newPassword": "x", "objectType": "no type", "objectName": "no object",
        "privilege": "no privilege", "collectionName": "no collection",
        "privilegeGroupName": "no group", "privileges": []});
    let value = login.map(|(user, password)| format!("Bearer {user}:{password}"));
    let client = server.rest(ROOT).with_authorization(value.as_deref());
    let answer = client.send("POST", path.path, &[], body.to_string()).await;
    format!("{} {}", answer.status.as_u16(), answer.code())
}

/// A path and the outcome for each caller.
struct Line {
    path: &'static str,
    row: &'static Requirement,
    is_rest: bool,
    outcomes: Vec<String>,
}

async fn server_with_users(server: TestServer) -> TestServer {
    let root = server.grpc(ROOT).await;
    for user in ["ann", "boss"] {
        assert_eq!(root.create_user(user, "P@ssw0rd").await.unwrap().code, 0);
    }
    assert_eq!(root.operate_user_role("boss", "admin", 0).await.unwrap().code, 0);
    server
}

async fn measure() -> Vec<Line> {
    let server = server_with_users(TestServer::start().await).await;
    let milvus = server_with_users(TestServer::milvus().await).await;
    let channel = Grpc::channel(server.address).await;
    let milvus_channel = Grpc::channel(milvus.address).await;
    let user = CALLERS[USER].1;
    let mut lines = Vec::new();
    for row in all() {
        let mut outcomes = Vec::new();
        for (_, login) in CALLERS {
            outcomes.push(rpc(&channel, row, login).await);
        }
        outcomes.push(rpc(&milvus_channel, row, user).await);
        lines.push(Line { path: row.path, row, is_rest: false, outcomes });
    }
    for path in rest_paths() {
        let mut outcomes = Vec::new();
        for (_, login) in CALLERS {
            outcomes.push(rest(&server, path, login).await);
        }
        outcomes.push(rest(&milvus, path, user).await);
        let row = path.requirement().unwrap();
        lines.push(Line { path: path.path, row, is_rest: true, outcomes });
    }
    lines
}

fn render(lines: &[Line]) -> String {
    let width = lines.iter().map(|line| line.path.len()).max().unwrap();
    let mut text = HEADER.to_owned();
    let mut write_row = |path: &str, cells: &[&str]| {
        write!(text, "{path:width$}").unwrap();
        for cell in cells {
            write!(text, " | {cell:14}").unwrap();
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    };
    let mut heads: Vec<&str> = CALLERS.iter().map(|(head, _)| *head).collect();
    heads.push("user in milvus");
    write_row("# path", &heads);
    for line in lines {
        write_row(line.path, &line.outcomes.iter().map(String::as_str).collect::<Vec<_>>());
    }
    text
}

fn expected(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/expected").join(name)
}

/// Only what the list names is open, and the list names nothing that is not. It may only shrink.
fn assert_only_health_is_open(lines: &[Line]) {
    let list = fs::read_to_string(expected("public_rpcs.txt")).unwrap();
    let allowed: BTreeSet<&str> =
        list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(allowed.iter().all(|path| path.starts_with("/grpc.health.v1.Health/")), "{allowed:?}");
    let refused = |line: &Line, who: usize| {
        line.outcomes[who] == if line.is_rest { "401 1800" } else { UNAUTHENTICATED }
    };
    for who in [ANONYMOUS, WRONG] {
        let open: BTreeSet<&str> =
            lines.iter().filter(|line| !refused(line, who)).map(|line| line.path).collect();
        assert_eq!(open, allowed, "{}", CALLERS[who].0);
    }
}

/// Who is let in follows from the row alone.
fn assert_rows_are_obeyed(line: &Line) {
    let denied = |who: usize| line.outcomes[who] == if line.is_rest { "403 65535" } else { DENIED };
    let who = |need: Need| match need {
        // A list without a name is for nobody but root.
        Need::Privilege { .. } if line.row.method == "Flush" => [false, false, true],
        // It is checked only where it names a collection.
        Need::Privilege { .. } if line.row.conditions.contains(&Condition::IfNamed) => {
            [true, true, true]
        }
        Need::AnyUser | Need::Filtered | Need::Health => [true, true, true],
        Need::Privilege { .. } => [false, true, true],
        Need::RootOnly => [false, false, true],
        Need::Refused => [false, false, false],
    };
    let found = [!denied(USER), !denied(ADMIN), !denied(BY_ROOT)];
    assert_eq!(found, who(line.row.documented), "{}: user, admin, root", line.path);
    // In Milvus everybody holds `public` and its grants.
    let public = matches!(line.row.milvus, Need::Privilege { privilege, .. }
        if ["DescribeCollection", "ListAliases", "IndexDetail"].contains(&privilege.name()));
    let milvus = public || who(line.row.milvus)[0];
    assert_eq!(!denied(MILVUS_USER), milvus, "{}: user in milvus", line.path);
    let answered = ["0 ", "200 "].iter().any(|start| line.outcomes[BY_ROOT].starts_with(start));
    assert_eq!(answered, line.row.served, "{}: served", line.path);
    for outcome in &line.outcomes[USER..] {
        assert!(outcome != UNAUTHENTICATED && outcome != "401 1800", "{}", line.path);
        // What is known is answered or said not to be served; nothing fails inside.
        let definite = ["0 ", "7 ", "12 ", "200 ", "403 "];
        assert!(definite.iter().any(|start| outcome.starts_with(start)), "{} {outcome}", line.path);
    }
}

#[tokio::test]
async fn everybody_gets_what_their_row_says_and_nothing_changes_unseen() {
    let lines = measure().await;
    assert_only_health_is_open(&lines);
    lines.iter().for_each(assert_rows_are_obeyed);
    let (found, path) = (render(&lines), expected("coverage.txt"));
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(path, found).unwrap();
        return;
    }
    let text = fs::read_to_string(path).unwrap();
    let differing: Vec<String> = found
        .lines()
        .filter(|line| !text.lines().any(|known| known == *line))
        .map(|line| format!("now:  {line}"))
        .chain(
            text.lines()
                .filter(|known| !found.lines().any(|line| line == *known))
                .map(|line| format!("file: {line}")),
        )
        .collect();
    assert!(found == text, "coverage.txt differs:\n{}", differing.join("\n"));
}
