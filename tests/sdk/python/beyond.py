"""What the page leaves out: own password, bindings, descriptions, drops, ORM and async clients.

Runs on the server that page.py and errors.py have left; user_1's password is now `Third1rd!`.
"""

import asyncio
import warnings

from checks import UNSHARED_URI, URI, WRONG_LOGIN
from checks import can, check, connect_refused, denied, equal, login_refused, refused
import grpc
import pymilvus
from pymilvus import MilvusClient, Role, connections, utility

# The ORM functions of 3.0 say that they will go; here they only have to work.
warnings.simplefilter("ignore")

client = MilvusClient(uri=URI, token="root:Milvus")

# Version.
version = client.get_server_version()
check("get_server_version is a version-like text", any(c.isdigit() for c in version), version)

# A user changes the own password, the client goes on with the new one.
user = MilvusClient(uri=URI, token="user_1:Third1rd!")
user.update_password("user_1", "Third1rd!", "Fourth4th!", reset_connection=True)
equal("update_password with reset_connection: the client goes on",
      user.describe_user("user_1")["user_name"], "user_1")
connect_refused("update_password: the old one no longer connects",
                lambda: MilvusClient(uri=UNSHARED_URI, token="user_1:Third1rd!"))

# Root sets a forgotten password without the old one; not his own.
client.update_password("user_1", "", "Fifth5th!")
login_refused("a reset password: the very next call with the old one is refused",
              lambda: user.describe_user("user_1"))
refused("root cannot reset his own password", 1400,
        "old password not correct for root: not authenticated",
        lambda: client.update_password("root", "", "P@ssw0rd"))

# Bindings; repeating is no error.
user = MilvusClient(uri=URI, token="user_1:Fifth5th!")
client.grant_role("user_1", "role_a")
client.grant_role("user_1", "role_a")
equal("grant_role shows", client.describe_user("user_1")["roles"], ("role_a",))
equal("a user sees his own roles", user.describe_user("user_1")["roles"], ("role_a",))
role = client.describe_role("role_a")
equal("describe_role of a role without grants",
      (role["role"], list(role["privileges"])), ("role_a", []))
client.revoke_role("user_1", "role_a")
client.revoke_role("user_1", "role_a")
equal("revoke_role shows", client.describe_user("user_1")["roles"], ())

# A member of admin may do everything from the next call on, and no longer after.
client.grant_role("user_1", "admin")
equal("a member of admin lists users", list(user.list_users()), ["root", "user_1"])
client.revoke_role("user_1", "admin")
denied("no longer a member: refused on the next call",
       "PrivilegeSelectOwnership: permission deny to user_1 in the `*` database", user.list_users)

equal("describe_user of an unknown user is empty", client.describe_user("nobody"), {})

# Descriptions, from 2.6.16 and 3.0.1.
if can(client.create_user, "description"):
    client.create_user("user_d", "P@ssw0rd", description="first")
    equal("a user's description shows", client.describe_user("user_d")["description"], "first")
    client.update_user("user_d", description="second")
    equal("update_user changes it", client.describe_user("user_d")["description"], "second")
    user_d = MilvusClient(uri=URI, token="user_d:P@ssw0rd")
    equal("update_user leaves the password alone",
          user_d.describe_user("user_d")["description"], "second")
    user_d.close()
    client.drop_user("user_d")
    client.create_role("role_d", description="first")
    equal("a role's description shows", client.describe_role("role_d")["description"], "first")
    client.alter_role("role_d", description="second")
    equal("alter_role changes it", client.describe_role("role_d")["description"], "second")
    client.drop_role("role_d")

# Drops.
client.create_user("user_2", "P@ssw0rd")
gone = MilvusClient(uri=URI, token="user_2:P@ssw0rd")
client.grant_role("user_2", "role_a")
client.drop_user("user_2")
client.drop_user("user_2")
login_refused("a dropped user: refused on the very next call",
              lambda: gone.describe_user("user_2"))
client.create_user("user_2", "P@ssw0rd")
equal("made again, the user starts without roles", client.describe_user("user_2")["roles"], ())
client.grant_role("user_2", "role_a")
client.drop_role("role_a")
equal("a dropped role is gone", list(client.list_roles()), ["admin"])
equal("and so are its bindings", client.describe_user("user_2")["roles"], ())
client.drop_user("user_2")

# ORM.
connections.connect("orm", uri=URI, user="root", password="Milvus")
utility.create_user("user_o", "P@ssw0rd", using="orm")
equal("ORM list_usernames", list(utility.list_usernames(using="orm")),
      ["root", "user_1", "user_o"])
role_o = Role("role_o", using="orm")
equal("ORM Role.is_exist before", role_o.is_exist(), False)
role_o.create()
equal("ORM Role.is_exist after", role_o.is_exist(), True)
role_o.add_user("user_o")
equal("ORM Role.get_users", list(role_o.get_users()), ["user_o"])
groups = utility.list_user("user_o", True, using="orm").groups
equal("ORM list_user", [(g.username, list(g.roles)) for g in groups], [("user_o", ["role_o"])])
groups = utility.list_roles(True, using="orm").groups
equal("ORM list_roles with users", [(g.role_name, list(g.users)) for g in groups],
      [("admin", ["root"]), ("role_o", ["user_o"])])
groups = utility.list_roles(False, using="orm").groups
equal("ORM list_roles without users", [(g.role_name, list(g.users)) for g in groups],
      [("admin", []), ("role_o", [])])
groups = utility.list_users(True, using="orm").groups
equal("ORM list_users", [(g.username, list(g.roles)) for g in groups],
      [("root", ["admin"]), ("user_1", []), ("user_o", ["role_o"])])
utility.update_password("user_o", "P@ssw0rd", "NewP@ssw0rd", using="orm")
user_o = MilvusClient(uri=URI, token="user_o:NewP@ssw0rd")
equal("ORM update_password: the new one logs in",
      user_o.describe_user("user_o")["roles"], ("role_o",))
user_o.close()
role_o.remove_user("user_o")
role_o.drop()
utility.delete_user("user_o", using="orm")
equal("ORM delete_user", list(utility.list_usernames(using="orm")), ["root", "user_1"])
equal("ORM get_server_version", utility.get_server_version(using="orm"), version)
connections.disconnect("orm")


# The async client has users and roles from 2.6.0.
async def with_async_client():
    root = pymilvus.AsyncMilvusClient(uri=URI, token="root:Milvus")
    await root.create_user("user_a", "P@ssw0rd")
    equal("async list_users", list(await root.list_users()), ["root", "user_1", "user_a"])
    await root.create_role("role_x")
    await root.grant_role("user_a", "role_x")
    equal("async describe_user", (await root.describe_user("user_a"))["roles"], ("role_x",))
    role = await root.describe_role("role_x")
    equal("async describe_role", (role["role"], list(role["privileges"])), ("role_x", []))
    plain = pymilvus.AsyncMilvusClient(uri=URI, token="user_a:P@ssw0rd")
    try:
        await plain.list_users()
        check("async: a plain user is refused list_users", False)
    except grpc.RpcError as error:
        equal("async: a plain user is refused list_users", (error.code(), error.details()),
              (grpc.StatusCode.PERMISSION_DENIED,
               "PrivilegeSelectOwnership: permission deny to user_a in the `*` database"))
    await root.update_password("user_a", "P@ssw0rd", "NewP@ssw0rd")
    try:
        await plain.describe_user("user_a")
        check("async: a changed password is refused on the very next call", False)
    except grpc.RpcError as error:
        equal("async: a changed password is refused on the very next call",
              (error.code(), error.details()), (grpc.StatusCode.UNAUTHENTICATED, WRONG_LOGIN))
    await root.revoke_role("user_a", "role_x")
    await root.drop_role("role_x")
    await root.drop_user("user_a")
    equal("async: all gone", (list(await root.list_users()), list(await root.list_roles())),
          (["root", "user_1"], ["admin"]))
    await plain.close()
    await root.close()


if hasattr(pymilvus.AsyncMilvusClient, "create_user"):
    asyncio.run(with_async_client())

# No credentials at all: no authorization header is sent then.
connect_refused("no credentials: connecting is refused", lambda: MilvusClient(uri=URI),
                "missing authorization in header")
client.close()
