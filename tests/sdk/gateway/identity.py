"""Which identity reaches an upstream with users of its own: the gateway's, never the client's."""

import os
import re
import subprocess
import tempfile

from checks import URI, attempt, check, connect_refused, equal
import grpc
from pymilvus import DataType, MilvusClient
from pymilvus.grpc_gen import milvus_pb2
from shared import PASSWORD, ROOT, UPSTREAM_TOKEN, UPSTREAM_URI, Raw, login

direct = MilvusClient(uri=UPSTREAM_URI, token=UPSTREAM_TOKEN)
connect_refused("the upstream does not know the gateway's password of root",
                lambda: MilvusClient(uri=UPSTREAM_URI, token=ROOT))
connect_refused("the gateway does not know the upstream's",
                lambda: MilvusClient(uri=URI, token=UPSTREAM_TOKEN))
root = MilvusClient(uri=URI, token=ROOT)
equal("a call of the gateway's root is answered by the upstream",
      root.get_server_version(), direct.get_server_version())

# Each side has its own users.
direct.create_user("theirs", PASSWORD)
root.create_user("ours", PASSWORD)
root.create_role("making")
root.grant_role("ours", "making")
root.grant_privilege_v2("making", "DatabaseAdmin", "*", "default")
equal("users made through the gateway are the gateway's",
      (sorted(root.list_users()), sorted(direct.list_users())),
      (["ours", "root"], ["root", "theirs"]))
connect_refused("a user of the upstream is none here", lambda: login("theirs"))
connect_refused("a user of the gateway is none there",
                lambda: MilvusClient(uri=UPSTREAM_URI, token=f"ours:{PASSWORD}"))

# One that the upstream has never heard of does there what the gateway allows.
ours = login("ours")
schema = ours.create_schema()
schema.add_field("id", DataType.INT64, is_primary=True)
schema.add_field("vector", DataType.FLOAT_VECTOR, dim=4)
ours.create_collection("made", schema=schema)
equal("a user of the gateway alone makes a collection", direct.list_collections(), ["made"])
ours.drop_collection("made")
equal("and drops it", direct.list_collections(), [])

# The upstream changing its mind about the client's name is of no matter.
direct.create_user("ours", "Another1!")
equal("the same name there, with another password", ours.list_databases(), ["default"])
direct.drop_user("ours")
direct.drop_user("theirs")
ours.close()
root.revoke_privilege_v2("making", "DatabaseAdmin", "*", "default")
root.drop_role("making")
root.drop_user("ours")
check("the gateway's root is as before", root.list_users() == ["root"], root.list_users())
root.close()


def codes_with_login(token):
    """How calls of root end at another gateway, which has this login at the upstream."""
    environment = os.environ | {"MILVUS_RBAC_RBAC_UPSTREAM_TOKEN": token}
    for name in ("USERNAME", "PASSWORD"):
        environment.pop(f"MILVUS_RBAC_RBAC_UPSTREAM_{name}")
    with tempfile.TemporaryDirectory() as folder:
        gateway = subprocess.Popen(
            [os.environ["SERVER_BINARY"], "serve", "--store", f"sled:{folder}/data",
             "--upstream", UPSTREAM_URI, "--listen", "127.0.0.1:0"],
            cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True)
        try:
            address = re.search(r"listen=(\S+)", gateway.stdout.readline()).group(1)
            raw = Raw(ROOT, f"http://{address}")
            errors = [attempt(lambda: raw(rpc, request)) for rpc, request in (
                ("DescribeCollection", milvus_pb2.DescribeCollectionRequest(collection_name="c")),
                ("ShowCollections", milvus_pb2.ShowCollectionsRequest()),
                ("ListDatabases", milvus_pb2.ListDatabasesRequest()),
                ("DropCollection", milvus_pb2.DropCollectionRequest(collection_name="c")),
                ("DropDatabase", milvus_pb2.DropDatabaseRequest(db_name="d")),
            )]
            raw.close()
        finally:
            gateway.terminate()
            gateway.wait()
            gateway.stdout.close()
    return [error.code() if isinstance(error, grpc.RpcError) else error for error in errors]


equal("another gateway with the right login: all is well", codes_with_login(UPSTREAM_TOKEN),
      [None] * 5)
codes = codes_with_login("root:Wrong1!")
check("a gateway whose own login is wrong says the same to all calls, and that it is not unknown",
      len(set(codes)) == 1 and codes[0] not in (None, grpc.StatusCode.UNKNOWN), codes)
