"""Over TLS: whose certificate is believed, who has to show one, and what page.py would have left.

SDK_TLS says whether the server asks for a certificate, SDK_TLS_DIR where all of them are.
"""

import os

from checks import URI, WRONG_LOGIN, attempt, check, connect_refused, equal
from pymilvus import MilvusClient

DIRECTORY = os.environ["SDK_TLS_DIR"]
IS_MUTUAL = os.environ["SDK_TLS"] == "mutual"


def file(name):
    return os.path.join(DIRECTORY, f"{name}.pem")


def one_way(authority):
    return {"server_pem_path": file(authority)}


def two_way(authority, certificate):
    return {"ca_pem_path": file(authority), "client_pem_path": file(certificate),
            "client_key_path": file(f"{certificate}-key")}


def transport(authority):
    return two_way(authority, "client") if IS_MUTUAL else one_way(authority)


def connect(token, **files):
    return MilvusClient(uri=URI, token=token, timeout=3, **(files or transport("ca")))


def does_not_connect(what, call):
    """Checks that connecting fails, and not for the login."""
    error = attempt(call)
    check(what, error is not None and WRONG_LOGIN not in str(error), error)


does_not_connect("TLS: another authority is not believed",
                 lambda: connect("root:Milvus", **transport("other-ca")))
does_not_connect("TLS: plain text is not served",
                 lambda: MilvusClient(uri=URI.replace("https", "http"), token="root:Milvus",
                                      timeout=3))
if IS_MUTUAL:
    does_not_connect("TLS: a client without a certificate is refused",
                     lambda: connect("root:Milvus", **one_way("ca")))
    does_not_connect("TLS: a client with a certificate of another authority is refused",
                     lambda: connect("root:Milvus", **two_way("ca", "other-ca")))

client = connect("root:Milvus")
client.create_user(user_name="user_1", password="NewP@ssw0rd")
client.create_role(role_name="role_a")
equal("TLS: a user is made", list(client.list_users()), ["root", "user_1"])
equal("TLS: a role is made", list(client.list_roles()), ["admin", "role_a"])
user = connect("user_1:NewP@ssw0rd")
equal("TLS: he logs in", user.describe_user("user_1")["user_name"], "user_1")
user.close()
connect_refused("TLS: a wrong login is refused as ever", lambda: connect("user_1:P@ssw0rd"))
client.close()
