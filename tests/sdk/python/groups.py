"""Privilege groups, and grants and groups through the ORM functions and the async client.

Runs on the server that privileges.py has left, with the users root and user_1 and the role admin.
"""

import asyncio
import warnings

from checks import URI, attempt, check, denied, equal, refused
import grpc
import pymilvus
from pymilvus import MilvusClient, Role, connections

# The ORM functions of 3.0 say that they will go; here they only have to work.
warnings.simplefilter("ignore")

BUILT_IN = ["ClusterReadOnly", "ClusterReadWrite", "ClusterAdmin", "DatabaseReadOnly",
            "DatabaseReadWrite", "DatabaseAdmin", "CollectionReadOnly", "CollectionReadWrite",
            "CollectionAdmin"]
LIST_REFUSED = "PrivilegeSelectOwnership: permission deny to limited in the `*` database"

client = MilvusClient(uri=URI, token="root:Milvus")
client.create_user("limited", "P@ssw0rd")
client.create_role("role_p")
client.grant_role("limited", "role_p")
limited = MilvusClient(uri=URI, token="limited:P@ssw0rd")


def groups():
    """All groups, in the server's order, with their privileges."""
    return [(each["privilege_group"], list(each["privileges"]))
            for each in client.list_privilege_groups()]


def custom():
    """The groups that are not built in; these stand first."""
    listed = groups()
    equal("list_privilege_groups ends in the built-in ones", [name for name, _ in listed][-9:],
          BUILT_IN)
    return listed[:-9]


equal("no custom group at first", custom(), [])
built_in = dict(groups())
equal("the content of ClusterReadOnly", built_in["ClusterReadOnly"],
      ["ListDatabases", "SelectOwnership", "SelectUser", "DescribeResourceGroup",
       "ListResourceGroups", "ListPrivilegeGroups", "GetReplicateConfiguration",
       "ListFileResources"])
equal("the content of DatabaseAdmin", sorted(built_in["DatabaseAdmin"]),
      ["AlterDatabase", "CreateCollection", "DescribeDatabase", "DropCollection",
       "RenameCollection", "ShowCollections"])

client.create_privilege_group("pg_b")
client.create_privilege_group("pg_a")
equal("groups are made empty, and listed by name", custom(), [("pg_a", []), ("pg_b", [])])
client.add_privileges_to_group("pg_a", ["Search", "Query"])
client.add_privileges_to_group("pg_a", ["Search"])
equal("members are listed by name", custom(), [("pg_a", ["Query", "Search"]), ("pg_b", [])])
client.remove_privileges_from_group("pg_a", ["Query", "Insert"])
equal("a removed member is gone", custom(), [("pg_a", ["Search"]), ("pg_b", [])])

CREATABLE = "failed to check if privilege group creatable: privilege group name "
ALTERABLE = "failed to check if privilege group alterable: "
BUILT_IN_NAME = "is defined by built in privileges or privilege groups in system: invalid parameter"
for what, code, reason, call in (
    ("made twice", 1100, f"{CREATABLE}[pg_a] is defined by users: invalid parameter",
     lambda: client.create_privilege_group("pg_a")),
    ("named like a built-in one", 1100, f"{CREATABLE}[ClusterAdmin] {BUILT_IN_NAME}",
     lambda: client.create_privilege_group("ClusterAdmin")),
    ("named like a privilege", 1100, f"{CREATABLE}[Search] {BUILT_IN_NAME}",
     lambda: client.create_privilege_group("Search")),
    ("bad name: first character", 1402,
     "1pg: invalid privilege group name[privilegeGroup=the first character of a privilege group"
     " name %s must be an underscore or letter]", lambda: client.create_privilege_group("1pg")),
    ("bad name: other character", 1100,
     "privilege group name pg$ can only contain numbers, letters and underscores:"
     " invalid parameter", lambda: client.create_privilege_group("pg$")),
    ("an unknown group", 1100,
     f"{ALTERABLE}there is no privilege group name [nothing] defined in system to operate:"
     " invalid parameter", lambda: client.add_privileges_to_group("nothing", ["Search"])),
    ("a built-in group", 1100,
     f"{ALTERABLE}there is no privilege group name [ClusterAdmin] defined in system to operate:"
     " invalid parameter", lambda: client.remove_privileges_from_group("ClusterAdmin", ["Expr"])),
    ("an unknown member", 1100,
     f"{ALTERABLE}there is no privilege name or privilege group name [Nope] defined in system to"
     " operate: invalid parameter", lambda: client.add_privileges_to_group("pg_a", ["Nope"])),
    ("members of different levels", 1100,
     f"{ALTERABLE}privileges are not the same privilege level: invalid parameter",
     lambda: client.add_privileges_to_group("pg_a", ["CreateCollection"])),
    ("granted by object", 1100,
     "can not operate the custom privilege group [pg_a]: invalid parameter",
     lambda: client.grant_privilege("role_p", "Collection", "pg_a", "c1")),
):
    refused(f"group: {what}", code, reason, call)
for what, error_code, call in (
    ("create", 58, lambda: client.create_privilege_group("pg_a")),
    ("add", 61, lambda: client.add_privileges_to_group("pg_a", ["Nope"])),
):
    equal(f"group: the error_code of {what} is that of the call",
          attempt(call).compatible_code, error_code)
client.drop_privilege_group("pg_b")
client.drop_privilege_group("pg_b")
client.drop_privilege_group("ClusterAdmin")
equal("nothing of all this changed a group", custom(), [("pg_a", ["Search"])])
equal("and none that is built in", dict(groups()[-9:]), built_in)

# What is in a group is what its holder may, from the next call on.
client.create_privilege_group("pg_c")
client.add_privileges_to_group("pg_c", ["SelectOwnership", "SelectUser"])
refused("a custom group has the level of its members", 1100,
        "dbName and collectionName should be * for the cluster level privilege: pg_c:"
        " invalid parameter", lambda: client.grant_privilege_v2("role_p", "pg_c", "*", "default"))
denied("a group that is not granted gives nothing", LIST_REFUSED, limited.list_users)
client.grant_privilege_v2("role_p", "pg_c", "*", "*")
equal("a custom group is listed under its own name",
      [(each["object_type"], each["object_name"], each["db_name"], each["privilege"])
       for each in client.describe_role("role_p", db_name="*")["privileges"]],
      [("Global", "*", "*", "pg_c")])
equal("a member of the group is allowed", list(limited.list_users()),
      ["limited", "root", "user_1"])
client.remove_privileges_from_group("pg_c", ["SelectOwnership"])
denied("removed from the group: refused on the next call", LIST_REFUSED, limited.list_users)
equal("the other member stays", limited.describe_user("root")["roles"], ("admin",))
client.add_privileges_to_group("pg_c", ["SelectOwnership"])
equal("added again: allowed on the next call", list(limited.list_users()),
      ["limited", "root", "user_1"])
denied("what is in no group is refused",
       "PrivilegeListPrivilegeGroups: permission deny to limited in the `*` database",
       limited.list_privilege_groups)
DROPABLE = ("failed to check if privilege group dropable: privilege group [pg_c] is used by role"
            " [role_p], Use REVOKE API to revoke it first: invalid parameter")
refused("a granted group is not dropped", 1100, DROPABLE,
        lambda: client.drop_privilege_group("pg_c"))
equal("drop_privilege_group: the error_code is that of the call",
      attempt(lambda: client.drop_privilege_group("pg_c")).compatible_code, 59)
client.remove_privileges_from_group("pg_c", ["SelectOwnership", "SelectUser"])
denied("an empty group gives nothing", LIST_REFUSED, limited.list_users)
client.add_privileges_to_group("pg_c", ["SelectOwnership"])
client.revoke_privilege_v2("role_p", "pg_c", "*", "*")
denied("the group revoked: refused on the next call", LIST_REFUSED, limited.list_users)
client.drop_privilege_group("pg_c")
client.drop_privilege_group("pg_a")
equal("all groups are dropped", custom(), [])

# ORM.
connections.connect("orm", uri=URI, user="root", password="Milvus")
connections.connect("own", uri=URI, user="limited", password="P@ssw0rd")
role = Role("role_p", using="orm")


def listed(answer):
    return [(g.object, g.object_name, g.db_name, g.role_name, g.grantor_name, g.privilege)
            for g in answer.groups]


role.grant("Collection", "c1", "Load")
role.grant("User", "root", "SelectUser", db_name="*")
role.grant_v2("Search", "c2", db_name="db1")
equal("ORM list_grants of default", [grant[-1] for grant in listed(role.list_grants())],
      ["GetLoadState", "GetLoadingProgress", "Load", "SelectUser"])
equal("ORM list_grants of one database", listed(role.list_grants(db_name="db1")),
      [("Collection", "c2", "db1", "role_p", "root", "Search"),
       ("User", "root", "*", "role_p", "root", "SelectUser")])
equal("ORM list_grant of one object", listed(role.list_grant("User", "root")),
      [("User", "root", "*", "role_p", "root", "SelectUser")])
equal("ORM list_grant of an object without grants", listed(role.list_grant("User", "nobody")), [])
own = Role("role_p", using="own")
equal("ORM list_grants of one's own role needs no privilege", len(listed(own.list_grants())), 4)
denied("ORM list_grants of another role does", LIST_REFUSED, Role("admin", using="own").list_grants)
role.revoke("Collection", "c1", "Load")
role.revoke("User", "root", "SelectUser", db_name="*")
role.revoke_v2("Search", "c2", db_name="db1")
equal("ORM revoke", listed(role.list_grants(db_name="*")), [])
role.create_privilege_group("pg_o")
role.add_privileges_to_group("pg_o", ["Insert", "Delete"])
role.remove_privileges_from_group("pg_o", ["Insert"])
equal("ORM list_privilege_groups",
      [(g.privilege_group, list(g.privileges)) for g in role.list_privilege_groups().groups][:-9],
      [("pg_o", ["Delete"])])
role.drop_privilege_group("pg_o")
connections.disconnect("own")
connections.disconnect("orm")


async def async_refused(what, reason, awaitable):
    try:
        await awaitable
        check(what, False)
    except grpc.RpcError as error:
        equal(what, (error.code(), error.details()), (grpc.StatusCode.PERMISSION_DENIED, reason))


async def with_async_client():
    root = pymilvus.AsyncMilvusClient(uri=URI, token="root:Milvus")
    own = pymilvus.AsyncMilvusClient(uri=URI, token="limited:P@ssw0rd")
    await root.grant_privilege("role_p", "Collection", "Search", "c1")
    await root.grant_privilege_v2("role_p", "SelectOwnership", "*", "*")
    answer = await root.describe_role("role_p", db_name="*")
    equal("async describe_role",
          [(g["object_type"], g["object_name"], g["db_name"], g["privilege"])
           for g in answer["privileges"]],
          [("Collection", "c1", "default", "Search"), ("Global", "*", "*", "SelectOwnership")])
    equal("async: allowed", list(await own.list_roles()), ["admin", "role_p"])
    await root.revoke_privilege("role_p", "Collection", "Search", "c1")
    await root.revoke_privilege_v2("role_p", "SelectOwnership", "*", "*")
    await async_refused("async: revoked, refused on the next call", LIST_REFUSED, own.list_roles())
    await root.create_privilege_group("pg_x")
    await root.add_privileges_to_group("pg_x", ["Insert", "Delete"])
    await root.remove_privileges_from_group("pg_x", ["Insert"])
    answer = await root.list_privilege_groups()
    equal("async list_privilege_groups",
          [(g["privilege_group"], list(g["privileges"])) for g in answer][:-9],
          [("pg_x", ["Delete"])])
    await root.drop_privilege_group("pg_x")
    await own.close()
    await root.close()


if hasattr(pymilvus.AsyncMilvusClient, "grant_privilege_v2"):
    asyncio.run(with_async_client())

client.drop_role("role_p")
client.drop_user("limited")
equal("only what was there is left, again",
      (list(client.list_users()), list(client.list_roles()), custom()),
      (["root", "user_1"], ["admin"], []))
client.close()
