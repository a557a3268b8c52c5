//! Compiles what stands in `proto/`: the messages and services (with a pure-Rust compiler, so
//! no protoc is needed), the descriptor set that reflection serves, and the requirement table.
//! Reads nothing else.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost::Message as _;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const REQUIREMENTS: &str = "proto/requirements.txt";
const PRIVILEGES: &str = "proto/privileges.txt";

/// Privileges that code asks for by name: those that conditions need.
const NAMED: [(&str, &str); 3] =
    [("SKIP_RLS", "SkipRLS"), ("MANAGE_RLS", "ManageRLS"), ("IMPORT_BINLOG", "ImportBinlog")];

/// Words in the names of RPCs about users and roles, which no upstream may be sent: a row of a later
/// version that says so by mistake does not build. `RLSPrincipalTags` are an upstream's data.
const RBAC: [&str; 8] =
    ["Credential", "CredUser", "Role", "Grant", "Privilege", "RBAC", "UserTags", "UsersWithTag"];

/// RPCs that libraries answer for us; everything else that is served stands in `proto/`.
const OTHERS_SERVED: [&str; 4] = [
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

fn main() -> Result<()> {
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=build.rs");
    #[expect(clippy::disallowed_methods, reason = "cargo tells a build script its folder this way")]
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let served = compile_messages(&out)?;
    if cfg!(feature = "etcd") {
        compile_store()?;
    }
    let privileges = compile_privileges(&out)?;
    compile_requirements(&out, &served, &privileges)
}

/// Generates the Rust of our `.proto` files and keeps their descriptors. Returns the paths of the
/// RPCs that this package answers.
fn compile_messages(out: &Path) -> Result<BTreeSet<String>> {
    let descriptors = protox::compile(["milvus.proto", "common.proto"], ["proto"])?;
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    let mut served: BTreeSet<String> = OTHERS_SERVED.iter().map(ToString::to_string).collect();
    for file in &descriptors.file {
        for service in &file.service {
            served.extend(
                service.method.iter().map(|method| {
                    format!("/{}.{}/{}", file.package(), service.name(), method.name())
                }),
            );
        }
    }
    // Without a server there is no codec either, only messages.
    let with_services = cfg!(feature = "server");
    tonic_prost_build::configure()
        .build_server(with_services)
        .build_client(with_services)
        .build_transport(false)
        .codec_path("crate::grpc::codec::MilvusCodec")
        // They hold passwords; proto.rs gives them a Debug that shows none.
        .skip_debug([
            "milvus.proto.milvus.CreateCredentialRequest",
            "milvus.proto.milvus.UpdateCredentialRequest",
            "milvus.proto.milvus.UserInfo",
        ])
        .compile_fds(descriptors)?;
    Ok(served)
}

/// Generates the client of etcd and what we keep there besides Milvus's records. The descriptors
/// are not kept: nobody asks us for them.
fn compile_store() -> Result<()> {
    tonic_prost_build::configure()
        .build_transport(false)
        .build_server(false)
        // They hold passwords, tokens and hashes; proto.rs gives them a Debug that shows none.
        .skip_debug([
            "mvccpb.KeyValue",
            "etcdserverpb.PutRequest",
            "etcdserverpb.AuthenticateRequest",
            "etcdserverpb.AuthenticateResponse",
            "milvus_rbac.journal.Write",
        ])
        .compile_fds(protox::compile(["etcd_rpc.proto", "journal.proto"], ["proto"])?)?;
    Ok(())
}

/// Turns the rows of the requirement file into a static table, sorted by path.
fn compile_requirements(
    out: &Path,
    served: &BTreeSet<String>,
    privileges: &[String],
) -> Result<()> {
    let text = fs::read_to_string(REQUIREMENTS)?;
    let mut service = None;
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("service ") {
            service = Some(name.trim().to_owned());
            continue;
        }
        let service = service.as_deref().ok_or("a row stands before the first service")?;
        let row = compile_row(service, line, served, privileges)
            .map_err(|error| format!("{REQUIREMENTS}:{}: {error}", index + 1))?;
        rows.push(row);
    }
    rows.sort();
    for ((path, _), (next, _)) in rows.iter().zip(rows.iter().skip(1)) {
        if path == next {
            return Err(format!("{REQUIREMENTS}: two rows for {path}").into());
        }
    }
    let mut code = String::from("static TABLE: &[Requirement] = &[\n");
    for (_, row) in rows {
        writeln!(code, "    {row},")?;
    }
    code.push_str("];\n");
    fs::write(out.join("requirements.rs"), code)?;
    Ok(())
}

/// The path of a row, and the Rust that builds it.
fn compile_row(
    service: &str,
    line: &str,
    served: &BTreeSet<String>,
    privileges: &[String],
) -> Result<(String, String)> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let [rpc, documented, milvus, home, database, object, stream, conditions] = columns.as_slice()
    else {
        return Err("a row has eight columns".into());
    };
    let path = format!("/{service}/{rpc}");
    let documented_need = compile_need(documented, privileges)?;
    let milvus_need =
        if *milvus == "=" { documented_need.clone() } else { compile_need(milvus, privileges)? };
    let home = compile_home(rpc, home)?;
    let database = match *database {
        "-" => "None".to_owned(),
        number => format!("Some({})", number.parse::<u32>()?),
    };
    let object = compile_object(object)?;
    let (streaming, many_requests) = match *stream {
        "unary" => (false, false),
        "server" => (true, false),
        "client" | "client+server" => (true, true),
        other => return Err(format!("unknown kind of stream `{other}`").into()),
    };
    let row = format!(
        "Requirement {{ service: {service:?}, method: {rpc:?}, path: {path:?}, \
         documented: {documented_need}, milvus: {milvus_need}, home: {home}, \
         database: {database}, object: {object}, streaming: {streaming}, \
         many_requests: {many_requests}, served: {}, conditions: &[{}] }}",
        served.contains(&path),
        compile_conditions(conditions)?
    );
    Ok((path, row))
}

fn compile_home(rpc: &str, home: &str) -> Result<&'static str> {
    match home {
        "here" => Ok("Home::Here"),
        "data" if RBAC.iter().any(|word| rpc.contains(word)) => {
            Err(format!("{rpc} is about users and roles; its home is `here`").into())
        }
        "data" => Ok("Home::Data"),
        other => Err(format!("`{other}` is no home").into()),
    }
}

fn compile_object(object: &str) -> Result<String> {
    Ok(if object == "*" {
        "ObjectSource::Any".to_owned()
    } else if let Some(number) = object.strip_suffix(".1.1") {
        format!("ObjectSource::Role({})", number.parse::<u32>()?)
    } else if let Some(number) = object.strip_suffix(".1") {
        format!("ObjectSource::Nested({})", number.parse::<u32>()?)
    } else if let Some(number) = object.strip_suffix("[]") {
        format!("ObjectSource::Repeated({})", number.parse::<u32>()?)
    } else {
        format!("ObjectSource::Field({})", object.parse::<u32>()?)
    })
}

fn compile_conditions(text: &str) -> Result<String> {
    if text == "-" {
        return Ok(String::new());
    }
    let mut code = String::new();
    for condition in text.split(',') {
        let (name, numbers) = condition.split_once(':').unwrap_or((condition, ""));
        let numbers = numbers.split('/').filter(|number| !number.is_empty());
        let numbers = numbers.map(str::parse::<u32>).collect::<std::result::Result<Vec<_>, _>>()?;
        match (name, numbers.as_slice()) {
            ("base", []) => write!(code, "Condition::Base, ")?,
            ("if-named", []) => write!(code, "Condition::IfNamed, ")?,
            ("rls", [one, other]) => write!(code, "Condition::RowSecurity({one}, {other}), ")?,
            ("crossing", [field]) => write!(code, "Condition::Crossing({field}), ")?,
            ("id", [field]) => write!(code, "Condition::Id({field}), ")?,
            ("options", [field]) => write!(code, "Condition::ImportOptions({field}), ")?,
            ("rls-properties", [properties, removed, collection]) => write!(
                code,
                "Condition::RowSecurityProperties {{ properties: {properties}, \
                 removed: {removed}, collection: {collection} }}, "
            )?,
            _ => return Err(format!("`{condition}` is not a condition").into()),
        }
    }
    Ok(code)
}

fn compile_need(text: &str, privileges: &[String]) -> Result<String> {
    Ok(match text {
        "any" => "Need::AnyUser".to_owned(),
        "filtered" => "Need::Filtered".to_owned(),
        "root" => "Need::RootOnly".to_owned(),
        "refused" => "Need::Refused".to_owned(),
        "health" => "Need::Health".to_owned(),
        other => {
            let parts: Vec<&str> = other.split(':').collect();
            let [object_type, privilege, level] = parts.as_slice() else {
                return Err(format!("`{other}` is not a requirement").into());
            };
            let object_type = compile_object_type(object_type)?;
            let level = compile_level(level)?;
            let position = privileges
                .iter()
                .position(|known| known == privilege)
                .ok_or_else(|| format!("`{privilege}` is not a privilege"))?;
            format!(
                "Need::Privilege {{ object_type: {object_type}, \
                 privilege: Privilege::at({position}), level: {level} }}"
            )
        }
    })
}

/// Turns the rows of the privilege file into static tables, in the order of the file. Returns the
/// names in that order: the position is what the code knows a privilege by.
fn compile_privileges(out: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(PRIVILEGES)?;
    let mut rows = String::from("static TABLE: &[Row] = &[\n");
    let mut groups = String::new();
    let mut names = Vec::new();
    let mut in_group = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("group ") {
            if in_group {
                groups.push_str("]),\n");
            }
            in_group = true;
            write!(groups, "    ({name:?}, &[")?;
        } else if in_group {
            for member in line.split_whitespace() {
                write!(groups, "{member:?}, ")?;
            }
        } else {
            names.extend(line.split_whitespace().nth(1).map(str::to_owned));
            let row = compile_privilege(line)
                .map_err(|error| format!("{PRIVILEGES}:{}: {error}", index + 1))?;
            writeln!(rows, "    {row},")?;
        }
    }
    let mut code =
        format!("{rows}];\n\nstatic MEMBERS: &[(&str, &[&str])] = &[\n{groups}]),\n];\n");
    writeln!(code, "\nimpl Privilege {{")?;
    for (constant, name) in NAMED {
        let position = names.iter().position(|known| known == name);
        let position = position.ok_or_else(|| format!("{PRIVILEGES}: no row for {name}"))?;
        writeln!(code, "    /// `{name}`.\n    pub const {constant}: Self = Self({position});")?;
    }
    writeln!(code, "}}")?;
    fs::write(out.join("privileges.rs"), code)?;
    Ok(names)
}

/// The Rust that builds a row.
fn compile_privilege(line: &str) -> Result<String> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let [number, name, kind, level, v1, object_type] = columns.as_slice() else {
        return Err("a row has six columns".into());
    };
    let number = match *number {
        "-" => "None".to_owned(),
        number => format!("Some({})", number.parse::<u8>()?),
    };
    let kind = match *kind {
        "privilege" => "PrivilegeKind::Single",
        "all" => "PrivilegeKind::All",
        "legacy" => "PrivilegeKind::LegacyGroup",
        "group" => "PrivilegeKind::LevelGroup",
        other => return Err(format!("unknown kind `{other}`").into()),
    };
    let v1 = match *v1 {
        "-" => "None".to_owned(),
        name => format!("Some({})", compile_object_type(name)?),
    };
    Ok(format!(
        "Row {{ number: {number}, name: {name:?}, kind: {kind}, level: {}, v1: {v1}, \
         object_type: {} }}",
        compile_level(level)?,
        compile_object_type(object_type)?
    ))
}

fn compile_object_type(name: &str) -> Result<String> {
    match name {
        "Collection" | "Global" | "User" => Ok(format!("ObjectType::{name}")),
        other => Err(format!("unknown object type `{other}`").into()),
    }
}

fn compile_level(name: &str) -> Result<&'static str> {
    Ok(match name {
        "cluster" => "Level::Cluster",
        "database" => "Level::Database",
        "collection" => "Level::Collection",
        "none" => "Level::None",
        other => return Err(format!("unknown level `{other}`").into()),
    })
}
