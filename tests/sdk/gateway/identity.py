"""Which identity reaches an upstream with users of its own: the gateway's, never the client's."""

from checks import URI, check, connect_refused, equal
from pymilvus import DataType, MilvusClient
from shared import PASSWORD, ROOT, UPSTREAM_TOKEN, UPSTREAM_URI, login

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
