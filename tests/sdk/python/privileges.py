"""Grants of both kinds, what they let a limited user do, and what they do not.

Runs on the server that beyond.py has left, with the users root and user_1 and the role admin,
and leaves it like that.
"""

from checks import URI, attempt, can, check, denied, equal, refused, transport
import grpc
from pymilvus import MilvusClient

NO_ROLE = ('failed to operate privilege common check: the role "nobody" does not exist:'
           " invalid parameter")
HAS_GRANTS = ("failed to check if drop role: fail to drop the role that it has privileges."
              " Use REVOKE API to revoke privileges: invalid parameter")

client = MilvusClient(uri=URI, token="root:Milvus")
client.create_user("limited", "P@ssw0rd")
client.create_role("role_p")
client.grant_role("limited", "role_p")
limited = MilvusClient(uri=URI, token="limited:P@ssw0rd")


def grants(role="role_p", db_name="*", by=client):
    """The grants of a role, in the server's order."""
    listed = by.describe_role(role, db_name=db_name)["privileges"]
    equal(f"describe_role({role}): each grant names the role",
          {each["role_name"] for each in listed} - {role}, set())
    return [(each["object_type"], each["object_name"], each["db_name"], each["privilege"],
             each["grantor_name"]) for each in listed]


# What needs which privilege. None of it changes anything if it comes through by mistake.
CALLS = (
    ("CreateOwnership", "create_user", lambda: limited.create_user("1abc", "x")),
    ("CreateOwnership", "create_role", lambda: limited.create_role("1abc")),
    ("DropOwnership", "drop_user", lambda: limited.drop_user("nobody")),
    ("DropOwnership", "drop_role", lambda: limited.drop_role("nobody")),
    ("SelectOwnership", "list_users", limited.list_users),
    ("SelectOwnership", "list_roles", limited.list_roles),
    ("ManageOwnership", "grant_role", lambda: limited.grant_role("limited", "nobody")),
    ("ManageOwnership", "revoke_role", lambda: limited.revoke_role("limited", "nobody")),
    ("ManageOwnership", "grant_privilege",
     lambda: limited.grant_privilege("nobody", "Global", "All", "*")),
    ("ManageOwnership", "revoke_privilege",
     lambda: limited.revoke_privilege("nobody", "Global", "All", "*")),
    ("ManageOwnership", "grant_privilege_v2",
     lambda: limited.grant_privilege_v2("nobody", "ClusterAdmin", "*", "*")),
    ("ManageOwnership", "revoke_privilege_v2",
     lambda: limited.revoke_privilege_v2("nobody", "ClusterAdmin", "*", "*")),
    ("SelectUser", "describe_user of another", lambda: limited.describe_user("user_1")),
    ("UpdateUser", "update_password of another",
     lambda: limited.update_password("user_1", "wrong", "Another1!")),
    ("CreatePrivilegeGroup", "create_privilege_group",
     lambda: limited.create_privilege_group("1abc")),
    ("DropPrivilegeGroup", "drop_privilege_group",
     lambda: limited.drop_privilege_group("nothing")),
    ("ListPrivilegeGroups", "list_privilege_groups", limited.list_privilege_groups),
    ("OperatePrivilegeGroup", "add_privileges_to_group",
     lambda: limited.add_privileges_to_group("nothing", ["Search"])),
    ("OperatePrivilegeGroup", "remove_privileges_from_group",
     lambda: limited.remove_privileges_from_group("nothing", ["Search"])),
)


def refused_all_but(what, *allowed):
    """Checks that the limited user is refused everything that needs another privilege."""
    for privilege, name, call in CALLS:
        if privilege not in allowed:
            denied(f"{what}: refused {name}",
                   f"Privilege{privilege}: permission deny to limited in the `*` database", call)


def list_users_refused(what):
    denied(what, "PrivilegeSelectOwnership: permission deny to limited in the `*` database",
           limited.list_users)


refused_all_but("a role without grants")

# v1: by object.
client.grant_privilege("role_p", "Collection", "Load", "c1")
client.grant_privilege("role_p", "Collection", "Load", "c1")
LOAD = [("Collection", "c1", "default", privilege, "root")
        for privilege in ("GetLoadState", "GetLoadingProgress", "Load")]
equal("grant_privilege of Load, twice, brings its related ones", grants(), LOAD)
client.grant_privilege("role_p", "Collection", "Flush", "c1", db_name="db1")
FLUSH = [("Collection", "c1", "db1", privilege, "root")
         for privilege in ("Flush", "GetFlushState")]
client.grant_privilege("role_p", "Global", "CreateCollection", "whatever")
client.grant_privilege("role_p", "User", "SelectUser", "user_1", db_name="*")
client.grant_privilege("role_p", "Collection", "*", "c1")
GLOBAL = [("Global", "*", "default", "CreateCollection", "root")]
ANYWHERE = [("User", "user_1", "*", "SelectUser", "root")]
ANY = [("Collection", "c1", "default", "*", "root")]
equal("describe_role of all databases: order and fields", grants(),
      FLUSH + ANY + LOAD + GLOBAL + ANYWHERE)
equal("describe_role of no database: those of default and of all", grants(db_name=""),
      ANY + LOAD + GLOBAL + ANYWHERE)
equal("describe_role of one database", grants(db_name="db1"), FLUSH + ANYWHERE)
equal("describe_role of a database without grants", grants(db_name="db2"), ANYWHERE)
client.revoke_privilege("role_p", "Collection", "Load", "c1", db_name="db1")
equal("revoke_privilege in another database leaves it", grants(db_name="default"),
      ANY + LOAD + GLOBAL + ANYWHERE)
equal("SelectUser on one user: that one is shown",
      limited.describe_user("user_1")["user_name"], "user_1")
denied("SelectUser on one user: no other",
       "PrivilegeSelectUser: permission deny to limited in the `*` database",
       lambda: limited.describe_user("root"))
client.revoke_privilege("role_p", "Collection", "Load", "c1")
client.revoke_privilege("role_p", "Collection", "Load", "c1")
client.revoke_privilege("role_p", "Collection", "*", "c1")
client.revoke_privilege("role_p", "Global", "CreateCollection", "anything")
client.revoke_privilege("role_p", "Collection", "Flush", "c1", db_name="db1")
client.revoke_privilege("role_p", "User", "SelectUser", "user_1", db_name="*")
equal("revoke_privilege, twice, takes the related ones too", grants(), [])
refused_all_but("all revoked")

for what, reason, arguments in (
    ("a privilege of another type",
     "not found the privilege name[CreateOwnership] in object[Collection]: invalid parameter",
     ("role_p", "Collection", "CreateOwnership", "c1")),
    ("an unknown privilege",
     "not found the privilege name[Nope] in object[Global]: invalid parameter",
     ("role_p", "Global", "Nope", "*")),
    ("an unknown type",
     "failed to operate privilege common check: the object entity in the request is nil or"
     " invalid: invalid parameter", ("role_p", "Nope", "Search", "c1")),
    ("a built-in group",
     "can not operate the built-in privilege group [ClusterAdmin]: invalid parameter",
     ("role_p", "Global", "ClusterAdmin", "*")),
    ("an unknown role", NO_ROLE, ("nobody", "Collection", "Search", "c1")),
):
    refused(f"grant_privilege: {what}", 1100, reason,
            lambda: client.grant_privilege(*arguments))
    refused(f"revoke_privilege: {what}", 1100, reason,
            lambda: client.revoke_privilege(*arguments))

# At cluster level only what is granted for all databases counts.
client.grant_privilege("role_p", "Global", "CreateOwnership", "*")
equal("without a database a grant goes to default", grants(),
      [("Global", "*", "default", "CreateOwnership", "root")])
refused_all_but("CreateOwnership in default only")
client.grant_privilege("role_p", "Global", "CreateOwnership", "*", db_name="*")
limited.create_user("made_1", "P@ssw0rd")
limited.create_role("made_r")
equal("CreateOwnership on all databases: users and roles are made",
      (list(client.list_users()), list(client.list_roles())),
      (["limited", "made_1", "root", "user_1"], ["admin", "made_r", "role_p"]))
refused_all_but("CreateOwnership", "CreateOwnership")
client.revoke_privilege("role_p", "Global", "CreateOwnership", "*", db_name="*")
refused_all_but("CreateOwnership revoked: on the next call")
client.revoke_privilege("role_p", "Global", "CreateOwnership", "*")

client.grant_privilege("role_p", "User", "UpdateUser", "made_1", db_name="*")
refused("UpdateUser: the old password is asked for", 1400,
        "old password not correct for made_1: not authenticated",
        lambda: limited.update_password("made_1", "wrong", "NewP@ssw0rd"))
limited.update_password("made_1", "P@ssw0rd", "NewP@ssw0rd")
made = MilvusClient(uri=URI, token="made_1:NewP@ssw0rd")
equal("UpdateUser: the new password logs in", made.describe_user("made_1")["roles"], ())
made.close()
refused_all_but("UpdateUser on one user")
client.revoke_privilege("role_p", "User", "UpdateUser", "made_1", db_name="*")

# A manager's grants bear the manager's name; admin is not a manager's to give.
client.grant_privilege_v2("role_p", "ManageOwnership", "*", "*")
limited.grant_privilege_v2("made_r", "Insert", "c9")
equal("the grantor is the caller", grants("made_r"),
      [("Collection", "c9", "default", "Insert", "limited")])
check("a manager cannot make himself an administrator",
      attempt(lambda: limited.grant_role("limited", "admin")) is not None)
equal("and is none", client.describe_user("limited")["roles"], ("role_p",))
refused_all_but("ManageOwnership", "ManageOwnership")
client.revoke_privilege_v2("role_p", "ManageOwnership", "*", "*")

# v2: by level.
client.grant_privilege_v2("role_p", "SelectOwnership", "*", db_name="*")
equal("SelectOwnership: users are listed", list(limited.list_users()),
      ["limited", "made_1", "root", "user_1"])
equal("SelectOwnership: roles are listed", list(limited.list_roles()),
      ["admin", "made_r", "role_p"])
equal("SelectOwnership: any role is described", grants("made_r", by=limited),
      [("Collection", "c9", "default", "Insert", "limited")])
refused_all_but("SelectOwnership", "SelectOwnership")
client.revoke_privilege_v2("role_p", "SelectOwnership", "*", db_name="*")
list_users_refused("SelectOwnership revoked: refused on the next call")
if can(client.create_user, "description"):
    denied("describing one's own role asks for the role first, and is refused",
           "PrivilegeSelectOwnership: permission deny to limited in the `*` database",
           lambda: limited.describe_role("role_p"))
else:
    equal("one's own role may be described", grants(by=limited), [])

client.grant_privilege_v2("role_p", "ClusterReadOnly", "*", "*")
equal("a group is listed under its own name", grants(),
      [("Global", "*", "*", "ClusterReadOnly", "root")])
equal("a group's members count: SelectUser", limited.describe_user("root")["roles"], ("admin",))
equal("a group's members count: ListPrivilegeGroups", len(limited.list_privilege_groups()), 9)
refused_all_but("ClusterReadOnly", "SelectOwnership", "SelectUser", "ListPrivilegeGroups")
client.revoke_privilege_v2("role_p", "ClusterReadOnly", "*", "*")
refused_all_but("a group revoked")

for what, code, reason, arguments in (
    ("an unknown privilege", 1100, "not found the privilege name[Nope]: invalid parameter",
     ("role_p", "Nope", "*", "*")),
    ("an unknown role", 1100, NO_ROLE, ("nobody", "Search", "*", "*")),
    ("a cluster group in one database", 1100,
     "dbName and collectionName should be * for the cluster level privilege: ClusterAdmin:"
     " invalid parameter", ("role_p", "ClusterAdmin", "*", "default")),
    ("a cluster group without a database", 1100,
     "dbName and collectionName should be * for the cluster level privilege: ClusterAdmin:"
     " invalid parameter", ("role_p", "ClusterAdmin", "*")),
    ("a database group on a collection", 1100,
     "collectionName should be * for the database level privilege: DatabaseReadOnly:"
     " invalid parameter", ("role_p", "DatabaseReadOnly", "c1", "default")),
    ("a collection group on a collection of all databases", 1100,
     "please specify database name for the collection level privilege: CollectionReadOnly:"
     " invalid parameter", ("role_p", "CollectionReadOnly", "c1", "*")),
    ("a bad database name", 802,
     "the first character of a database name must be an underscore or letter:"
     " invalid database name[database=1db]", ("role_p", "Search", "c1", "1db")),
):
    refused(f"grant_privilege_v2: {what}", code, reason,
            lambda: client.grant_privilege_v2(*arguments))
equal("a refusal's error_code is that of the call",
      attempt(lambda: client.grant_privilege_v2("role_p", "Nope", "*", "*")).compatible_code, 41)
equal("nothing of all this left a grant", grants(), [])

# In one database, on one collection. Nobody answers Release here: it is known and not served.
IN_DEFAULT = "permission deny to limited in the `default` database"
denied("one collection: refused before", f"PrivilegeRelease: {IN_DEFAULT}",
       lambda: limited.release_collection("c1"))
client.grant_privilege_v2("role_p", "Release", "c1", "default")
error = attempt(lambda: limited.release_collection("c1"))
equal("one collection: allowed, and then not served",
      error.code() if isinstance(error, grpc.RpcError) else error, grpc.StatusCode.UNIMPLEMENTED)
denied("one collection: no other", f"PrivilegeRelease: {IN_DEFAULT}",
       lambda: limited.release_collection("c2"))
client.revoke_privilege("role_p", "Collection", "Release", "c1")
equal("what v2 granted, v1 revokes", grants(), [])
denied("one collection: refused after", f"PrivilegeRelease: {IN_DEFAULT}",
       lambda: limited.release_collection("c1"))
denied("one database: refused before", f"PrivilegeDescribeDatabase: {IN_DEFAULT}",
       lambda: limited.describe_database("default"))
client.grant_privilege_v2("role_p", "DatabaseReadOnly", "*", "default")
equal("one database: allowed", limited.describe_database("default")["name"], "default")
transport("one database: no other", grpc.StatusCode.PERMISSION_DENIED,
          "PrivilegeDescribeDatabase: permission deny to limited in the `db1` database",
          lambda: limited.describe_database("db1"))

# A role with grants is dropped only by force, and comes back empty.
refused("drop_role: it has grants", 1100, HAS_GRANTS, lambda: client.drop_role("role_p"))
equal("drop_role: the error_code is that of the call",
      attempt(lambda: client.drop_role("role_p")).compatible_code, 36)
client.drop_role("role_p", force_drop=True)
equal("drop_role by force: the binding is gone", client.describe_user("limited")["roles"], ())
denied("drop_role by force: refused on the next call",
       f"PrivilegeDescribeDatabase: {IN_DEFAULT}", lambda: limited.describe_database("default"))
client.create_role("role_p")
client.grant_role("limited", "role_p")
equal("made again, the role has no grants", grants(), [])
denied("and its members no rights", f"PrivilegeDescribeDatabase: {IN_DEFAULT}",
       lambda: limited.describe_database("default"))
client.drop_role("role_p")
client.drop_role("made_r", force_drop=True)
client.drop_user("made_1")
client.drop_user("limited")
equal("only what was there is left", (list(client.list_users()), list(client.list_roles())),
      (["root", "user_1"], ["admin"]))
client.close()
