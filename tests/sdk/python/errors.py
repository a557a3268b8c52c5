"""The error cases of the page's calls, on the server that page.py has left."""

from checks import URI, check, connect_refused, denied, equal, login_refused, refused, attempt
from pymilvus import MilvusClient

UNKNOWN_ROLE = (
    "not found the role, maybe the role isn't existed or internal system error: invalid parameter"
)
WEAK = (
    "invalid password: three of upper-case letters, lower-case letters, digits and"
    " special characters are required: invalid parameter"
)


def too_short_or_long(length):
    return f"invalid password length: invalid parameter[{length} out of range 8 <= value <= 64]"


client = MilvusClient(uri=URI, token="root:Milvus")
user = MilvusClient(uri=URI, token="user_1:NewP@ssw0rd")

connect_refused("wrong password: connecting is refused",
                lambda: MilvusClient(uri=URI, token="root:milvus"))
connect_refused("unknown user: connecting is refused in the same way",
                lambda: MilvusClient(uri=URI, token="nobody:P@ssw0rd"))
connect_refused("the password before the last one: connecting is refused",
                lambda: MilvusClient(uri=URI, token="user_1:P@ssw0rd"))

refused("duplicate user", 1100, "user already exists: user_1: invalid parameter",
        lambda: client.create_user("user_1", "P@ssw0rd"))
refused("duplicate user: root", 1100, "user already exists: root: invalid parameter",
        lambda: client.create_user("root", "P@ssw0rd"))
equal("duplicate user: error_code is that of the call",
      attempt(lambda: client.create_user("user_1", "P@ssw0rd")).compatible_code, 29)

refused("short password", 1100, too_short_or_long(5),
        lambda: client.create_user("user_2", "P@ss1"))
refused("long password", 1100, too_short_or_long(65),
        lambda: client.create_user("user_2", "P@" + "a" * 63))
refused("weak password: letters only", 1100, WEAK,
        lambda: client.create_user("user_2", "Password"))
refused("weak password: digits only", 1100, WEAK,
        lambda: client.create_user("user_2", "12345678"))
refused("weak new password", 1100, WEAK,
        lambda: client.update_password("user_1", "NewP@ssw0rd", "newpassword"))
refused("short new password", 1100, too_short_or_long(3),
        lambda: client.update_password("user_1", "NewP@ssw0rd", "P@1"))

refused("bad user name: first character", 1100,
        "invalid user name 1abc, the first character must be a letter, but got 1:"
        " invalid parameter",
        lambda: client.create_user("1abc", "P@ssw0rd"))
refused("bad user name: empty", 1100, "username must be not empty: invalid parameter",
        lambda: client.create_user("", "P@ssw0rd"))
refused("bad user name: too long", 1100,
        f"invalid username {'u' * 33} with length 33, the length of username must be"
        " less than 32: invalid parameter",
        lambda: client.create_user("u" * 33, "P@ssw0rd"))
for name in ("user-2", "user.2", "user 2", "us\u00e9r"):
    error = attempt(lambda: client.create_user(name, "P@ssw0rd"))
    check(f"bad user name: `{name!a}`",
          getattr(error, "code", None) == 1100 and f"invalid user name {name}" in error.message,
          error)
for name in ("1role", "_role", "role-a", "role$a"):
    error = attempt(lambda: client.create_role(name))
    check(f"bad role name: `{name}`",
          getattr(error, "code", None) == 1100 and "role name" in error.message, error)

refused("wrong old password", 1400, "old password not correct for user_1: not authenticated",
        lambda: client.update_password("user_1", "P@ssw0rd!", "Another1!"))
refused("old password of an unknown user", 1400,
        "old password not correct for nobody: not authenticated",
        lambda: client.update_password("nobody", "P@ssw0rd", "Another1!"))
refused("duplicate role", 1100, 'role [name:"role_a"] already exists: invalid parameter',
        lambda: client.create_role("role_a"))
refused("binding an unknown role", 1100, UNKNOWN_ROLE,
        lambda: client.grant_role("user_1", "nobody"))
refused("unbinding an unknown role", 1100, UNKNOWN_ROLE,
        lambda: client.revoke_role("user_1", "nobody"))
refused("binding an unknown user", 1100,
        'failed to check if operate user role: user "nobody" not found: invalid parameter',
        lambda: client.grant_role("nobody", "role_a"))
refused("dropping an unknown role", 1100, UNKNOWN_ROLE, lambda: client.drop_role("nobody"))
refused("dropping admin", 1401,
        "the role[admin] is a default role, which can't be dropped: privilege not permitted",
        lambda: client.drop_role("admin"))
refused("dropping root", 1401, "root user cannot be deleted: privilege not permitted",
        lambda: client.drop_user("root"))
error = attempt(lambda: client.describe_role("nobody"))
check("describing an unknown role",
      getattr(error, "code", None) == 1100 and
      error.message.endswith('the role "nobody" does not exist: invalid parameter'), error)

for what, privilege, call in (
    ("list_users", "SelectOwnership", user.list_users),
    ("list_roles", "SelectOwnership", user.list_roles),
    ("create_user", "CreateOwnership", lambda: user.create_user("user_2", "P@ssw0rd")),
    ("create_role", "CreateOwnership", lambda: user.create_role("role_b")),
    ("drop_user", "DropOwnership", lambda: user.drop_user("user_1")),
    ("drop_role", "DropOwnership", lambda: user.drop_role("role_a")),
    ("grant_role", "ManageOwnership", lambda: user.grant_role("user_1", "admin")),
    ("describe_user of another", "SelectUser", lambda: user.describe_user("root")),
    ("a bad name too", "CreateOwnership", lambda: user.create_user("1abc", "x")),
):
    denied(f"a plain user is refused: {what}",
           f"Privilege{privilege}: permission deny to user_1 in the `*` database", call)

equal("nothing of all this left a user", list(client.list_users()), ["root", "user_1"])
equal("nothing of all this left a role", list(client.list_roles()), ["admin", "role_a"])
equal("nothing of all this left a binding", client.describe_user("user_1")["roles"], ())

# The connection of `user` stays open while its password changes under it.
equal("before: the open connection works", user.describe_user("user_1")["user_name"], "user_1")
client.update_password("user_1", "NewP@ssw0rd", "Third1rd!")
login_refused("a changed password: the very next call with the old one is refused",
              lambda: user.describe_user("user_1"))
client.close()
