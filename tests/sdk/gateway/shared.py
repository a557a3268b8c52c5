"""What the gateway suites share: both ways to the upstream, users of the gateway, collections.

`checks`, from the folder of the pymilvus suites, counts and knows the ways of failing. The gateway
is at its URI; UPSTREAM_URI and UPSTREAM_TOKEN lead past it, to where data can be looked at that
the gateway must have left alone.
"""

import base64
import os

from checks import UNSHARED_URI, URI, attempt, equal
import grpc
from pymilvus import MilvusClient
from pymilvus.grpc_gen import milvus_pb2_grpc

UPSTREAM_URI = os.environ["UPSTREAM_URI"]
UPSTREAM_TOKEN = os.environ["UPSTREAM_TOKEN"]
IS_LITE = os.environ["UPSTREAM"] == "lite"
ROOT = "root:Milvus"
PASSWORD = "P@ssw0rd"
QUESTION = [[1.0, 2.0, 3.0, 4.0]]
DENIED = grpc.StatusCode.PERMISSION_DENIED


def login(user, database=""):
    """A client of the gateway for a user that `make_user` made.

    Under the other address, because pymilvus remembers schemas by address for all clients of a
    process, and would not ask for those that root has asked for.
    """
    return MilvusClient(uri=UNSHARED_URI, token=f"{user}:{PASSWORD}", db_name=database)


def make_user(root, user, role):
    """A user with one role that grants nothing yet."""
    root.create_user(user, PASSWORD)
    root.create_role(role)
    root.grant_role(user, role)


def remove_user(root, user, role):
    """What `make_user` made, and the role's grants, are gone afterwards."""
    for grant in root.describe_role(role, db_name="*")["privileges"]:
        root.revoke_privilege_v2(role, grant["privilege"], grant["object_name"],
                                 grant["db_name"])
    root.drop_role(role)
    root.drop_user(user)


def rows(count, first=0):
    """Rows for a collection of `make`."""
    return [{"id": i, "vector": [float(i), 1.0, 0.5, 0.25], "color": "red"}
            for i in range(first, first + count)]


def make(client, collection, count=10):
    """A loaded collection of four dimensions with some rows."""
    client.create_collection(collection, dimension=4, consistency_level="Strong")
    client.insert(collection, rows(count))


def search(client, collection):
    """The hits for one question: ids and rounded distances."""
    found = client.search(collection, data=QUESTION, limit=3, output_fields=["color"])
    return [(hit["id"], round(hit["distance"], 4), hit["entity"]["color"]) for hit in found[0]]


def count(client, collection):
    """How many rows a collection has."""
    return client.query(collection, filter="", output_fields=["count(*)"],
                        consistency_level="Strong")[0]["count(*)"]


def denial(user, privilege, database="default"):
    """The text of a denial."""
    return f"Privilege{privilege}: permission deny to {user} in the `{database}` database"


def outcome(call):
    """What a call gives, as a text: its result, or how it failed."""
    result = None

    def remember():
        nonlocal result
        result = call()

    error = attempt(remember)
    if error is None:
        return str(result)
    if isinstance(error, grpc.RpcError):
        return f"{error.code()}: {error.details()}"
    return f"{error.code}, {error.compatible_code}: {error.message}"


def same(what, through, past, call):
    """Checks that a call gives the same through the gateway as past it."""
    equal(f"the same as without the gateway: {what}",
          outcome(lambda: call(through)), outcome(lambda: call(past)))


class Raw:
    """Single RPCs under one login, as no SDK would send them."""

    def __init__(self, token=None, uri=URI):
        self.channel = grpc.insecure_channel(uri.removeprefix("http://"))
        self.stub = milvus_pb2_grpc.MilvusServiceStub(self.channel)
        self.metadata = []
        if token is not None:
            self.metadata.append(("authorization", base64.b64encode(token.encode()).decode()))

    def __call__(self, rpc, request, database=None, timeout=30, **options):
        """The answer of one RPC; `database` goes into the metadata."""
        extra = [] if database is None else [("dbname", database)]
        return getattr(self.stub, rpc)(request, metadata=self.metadata + extra, timeout=timeout,
                                       **options)

    def close(self):
        """Closes the connection."""
        self.channel.close()
