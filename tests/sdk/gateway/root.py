"""What root does with collections through the gateway: everything, answered by the upstream."""

from checks import URI, attempt, can, check, equal
from pymilvus import AnnSearchRequest, DataType, MilvusClient, RRFRanker
from pymilvus.grpc_gen import milvus_pb2
from shared import IS_LITE, QUESTION, ROOT, UPSTREAM_TOKEN, UPSTREAM_URI
from shared import Raw, count, rows, same, search

client = MilvusClient(uri=URI, token=ROOT)
direct = MilvusClient(uri=UPSTREAM_URI, token=UPSTREAM_TOKEN)


def both(what, call):
    """Checks that root gets through the gateway what the upstream says."""
    same(what, client, direct, call)


both("the version", lambda c: c.get_server_version())

# A collection with its own schema.
schema = client.create_schema(enable_dynamic_field=True)
schema.add_field("id", DataType.INT64, is_primary=True)
schema.add_field("vector", DataType.FLOAT_VECTOR, dim=4)
schema.add_field("title", DataType.VARCHAR, max_length=64)
client.create_collection("shelf", schema=schema, consistency_level="Strong")
equal("create_collection reaches the upstream", direct.list_collections(), ["shelf"])
result = client.insert("shelf", [row | {"title": f"book {row['id']}"} for row in rows(100)])
equal("insert", result["insert_count"], 100)
index = client.prepare_index_params()
index.add_index("vector", index_type="FLAT", metric_type="L2")
client.create_index("shelf", index)
client.load_collection("shelf")
both("list_collections", lambda c: c.list_collections())
both("list_databases", lambda c: c.list_databases())
both("describe_collection", lambda c: c.describe_collection("shelf"))
both("has_collection", lambda c: (c.has_collection("shelf"), c.has_collection("none")))
both("list_indexes", lambda c: c.list_indexes("shelf"))
both("describe_index", lambda c: c.describe_index("shelf", "vector"))
both("get_load_state", lambda c: c.get_load_state("shelf"))
both("list_partitions", lambda c: c.list_partitions("shelf"))

# Reading.
both("search", lambda c: search(c, "shelf"))
check("search finds three", len(search(client, "shelf")) == 3)
both("search with a filter", lambda c: c.search(
    "shelf", data=QUESTION, limit=3, filter='id > 50 and title like "book 7%"',
    output_fields=["title"]))
both("query", lambda c: sorted(sorted(r.items()) for r in c.query("shelf", filter="id < 5")))
both("get", lambda c: sorted(sorted(r.items()) for r in c.get("shelf", ids=[7, 8])))
equal("count", count(client, "shelf"), 100)
iterator = client.query_iterator("shelf", batch_size=30, filter="id >= 0", output_fields=["id"])
batches = []
while batch := iterator.next():
    batches.append(len(batch))
iterator.close()
equal("query_iterator", (sum(batches), max(batches)), (100, 30))
iterator = client.search_iterator("shelf", data=QUESTION, batch_size=10, limit=20)
equal("search_iterator", len(iterator.next()) + len(iterator.next()), 20)
iterator.close()
if IS_LITE:
    asked = AnnSearchRequest(QUESTION, "vector", {"metric_type": "L2"}, limit=5)
    both("hybrid_search", lambda c: c.hybrid_search("shelf", [asked, asked], RRFRanker(), limit=3))

# Changing.
equal("upsert", client.upsert("shelf", [rows(1)[0] | {"title": "new"}])["upsert_count"], 1)
equal("what upsert wrote", client.get("shelf", ids=[0])[0]["title"], "new")
client.delete("shelf", ids=[1, 2])
client.delete("shelf", filter="id >= 90")
equal("delete", sorted(r["id"] for r in client.query("shelf", filter="id < 5 or id > 85")),
      [0, 3, 4, 86, 87, 88, 89])
client.flush("shelf")
both("get_collection_stats", lambda c: c.get_collection_stats("shelf"))
client.create_partition("shelf", "top")
client.insert("shelf", [row | {"title": "top"} for row in rows(5, 1000)], partition_name="top")
found = client.query("shelf", filter="id >= 0", partition_names=["top"], output_fields=["title"])
equal("a partition", len(found), 5)
both("has_partition", lambda c: (c.has_partition("shelf", "top"), c.has_partition("shelf", "no")))
client.compact("shelf")
client.release_collection("shelf")
both("a released collection", lambda c: c.get_load_state("shelf"))
client.drop_partition("shelf", "top")
client.drop_index("shelf", "vector")
both("a dropped index", lambda c: c.list_indexes("shelf"))
if IS_LITE and hasattr(client, "truncate_collection"):
    client.truncate_collection("shelf")
    both("a truncated collection", lambda c: c.get_collection_stats("shelf"))

# Names.
client.create_alias("shelf", "rack")
both("list_aliases", lambda c: c.list_aliases("shelf"))
both("describe_alias", lambda c: c.describe_alias("rack"))
both("a collection by its alias", lambda c: c.describe_collection("rack"))
client.drop_alias("rack")
client.rename_collection("shelf", "board")
equal("rename_collection", direct.list_collections(), ["board"])
if can(client.alter_collection_properties, "properties"):
    client.alter_collection_properties("board", properties={"collection.ttl.seconds": 3600})
    both("altered properties", lambda c: c.describe_collection("board").get("properties"))
client.drop_collection("board")
equal("drop_collection", direct.list_collections(), [])
client.create_database("other")
equal("create_database", sorted(direct.list_databases()), ["default", "other"])
inside = MilvusClient(uri=URI, token=ROOT, db_name="other")
inside.create_collection("inner", dimension=4)
equal("another database has its own collections",
      (inside.list_collections(), client.list_collections()), (["inner"], []))
if IS_LITE:
    both("describe_database", lambda c: c.describe_database("other"))
inside.drop_collection("inner")
client.drop_database("other")
equal("drop_database", direct.list_databases(), ["default"])

# What the upstream refuses comes through as it is.
both("an unknown collection", lambda c: c.describe_collection("none"))
both("a search of an unknown collection", lambda c: c.query("none", filter="id == 1"))
both("a collection that is there already", lambda c: (
    c.create_collection("twice", schema=schema), c.create_collection("twice", schema=schema)))
client.drop_collection("twice")
both("an unknown database", lambda c: c.drop_database("none"))

# Methods that the upstream does not have fail as they do there.
past = Raw(UPSTREAM_TOKEN or None, UPSTREAM_URI)
through = Raw(ROOT)
for rpc, request in (
    ("FlushAll", milvus_pb2.FlushAllRequest()),
    ("AllocTimestamp", milvus_pb2.AllocTimestampRequest()),
    ("GetReplicas", milvus_pb2.GetReplicasRequest(collection_name="none")),
):
    if IS_LITE:
        same(f"{rpc}, which it does not have", through, past, lambda raw: raw(rpc, request))
error = attempt(lambda: through("Dummy", milvus_pb2.DummyRequest(request_type="any")))
check("a method that nobody may call is refused to root too", error is not None, error)
through.close()
past.close()
client.close()
