"""Who has no right to be here, and what is no request: refused, unheard of by the upstream."""

import base64

from checks import URI, WRONG_LOGIN, attempt, check, connect_refused, equal, transport
import grpc
from pymilvus import MilvusClient
from pymilvus.grpc_gen import milvus_pb2
from shared import PASSWORD, ROOT, UPSTREAM_TOKEN, UPSTREAM_URI
from shared import Raw, count, make, make_user, remove_user, search

MISSING = "missing authorization in header"
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
root = MilvusClient(uri=URI, token=ROOT)
direct = MilvusClient(uri=UPSTREAM_URI, token=UPSTREAM_TOKEN)
make(root, "books")
make_user(root, "nobody", "nothing")
# Each would do its work, were it to come through.
CALLS = (
    ("Connect", milvus_pb2.ConnectRequest()),
    ("GetVersion", milvus_pb2.GetVersionRequest()),
    ("ShowCollections", milvus_pb2.ShowCollectionsRequest()),
    ("ListDatabases", milvus_pb2.ListDatabasesRequest()),
    ("DescribeCollection", milvus_pb2.DescribeCollectionRequest(collection_name="books")),
    ("Delete", milvus_pb2.DeleteRequest(collection_name="books", expr="id >= 0")),
    ("ReleaseCollection", milvus_pb2.ReleaseCollectionRequest(collection_name="books")),
    ("DropCollection", milvus_pb2.DropCollectionRequest(collection_name="books")),
    ("CreateDatabase", milvus_pb2.CreateDatabaseRequest(db_name="mine")),
)
AS_BEFORE = (["books"], ["default"], 10, search(direct, "books"))


def unchanged(what):
    """Checks with the upstream itself that nothing has come through."""
    equal(f"{what}: the upstream is as before",
          (direct.list_collections(), direct.list_databases(), count(direct, "books"),
           search(direct, "books")), AS_BEFORE)


for what, token, text in (
    ("no token", None, MISSING),
    ("a wrong password", "root:milvus", WRONG_LOGIN),
    ("an empty password", "root:", WRONG_LOGIN),
    ("an unknown user", f"stranger:{PASSWORD}", WRONG_LOGIN),
    ("another user's password", "nobody:Milvus", WRONG_LOGIN),
):
    if token is None:
        connect_refused(f"{what}: connecting is refused", lambda: MilvusClient(uri=URI), text)
    else:
        connect_refused(f"{what}: connecting is refused",
                        lambda: MilvusClient(uri=URI, token=token), text)
    raw = Raw(token)
    for rpc, request in CALLS:
        transport(f"{what}: {rpc} is refused", UNAUTHENTICATED, text, lambda: raw(rpc, request))
    raw.close()
    unchanged(what)
if UPSTREAM_TOKEN:
    connect_refused("the upstream's own credential is none here",
                    lambda: MilvusClient(uri=URI, token=UPSTREAM_TOKEN))

# A login without rights reaches what needs none, and nothing else.
raw = Raw(f"nobody:{PASSWORD}")
for rpc, request in CALLS:
    error = attempt(lambda: raw(rpc, request))
    if rpc in ("Connect", "GetVersion", "ShowCollections", "ListDatabases"):
        check(f"no right: {rpc} needs none", error is None, error)
    else:
        check(f"no right: {rpc} is refused",
              isinstance(error, grpc.RpcError)
              and error.code() == grpc.StatusCode.PERMISSION_DENIED, error)
raw.close()
unchanged("no right")

# Not even root gets these through.
raw = Raw(ROOT)
# Long enough to become shorter: a message that does not is sent as it is.
delete = milvus_pb2.DeleteRequest(collection_name="books", expr="id >= 0" + " " * 2000)
for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate):
    error = attempt(lambda: raw("Delete", delete, compression=compression))
    check(f"a request compressed with {compression.name} is not passed on",
          isinstance(error, grpc.RpcError) and error.code() == grpc.StatusCode.UNIMPLEMENTED, error)
unchanged("compressed requests")
metadata = [("authorization", base64.b64encode(ROOT.encode()).decode())]
for what, path, body in (
    ("an RPC that is in no table", "Nope", b""),
    ("an RPC whose name differs in case", "dropcollection", delete.SerializeToString()),
    ("bytes that are no message", "DropCollection", b"\x1a\xff"),
    ("a name that is no text", "DropCollection", b"\x1a\x02\xff\xfe"),
    ("a name as a number", "DropCollection", b"\x18\x01"),
    ("a name of another kind behind a good one", "DropCollection", b"\x1a\x05books\x18\x01"),
):
    call = raw.channel.unary_unary(f"/milvus.proto.milvus.MilvusService/{path}")
    error = attempt(lambda: call(body, metadata=metadata, timeout=10))
    check(f"{what} is refused", isinstance(error, grpc.RpcError), error)
unchanged("what is no request")

# Several names of one database are refused; one in the message is not.
error = attempt(lambda: raw.stub.ShowCollections(
    milvus_pb2.ShowCollectionsRequest(), timeout=10,
    metadata=metadata + [("dbname", "default"), ("dbname", "other")]))
check("two databases in the metadata are refused", isinstance(error, grpc.RpcError), error)
raw.close()

root.drop_collection("books")
remove_user(root, "nobody", "nothing")
root.close()
