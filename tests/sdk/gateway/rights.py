"""Who may do what through the gateway: one right, a group on a database, after a revoke, in lists.

Leaves neither users nor collections.
"""

from checks import URI, denied, equal, login_refused
from pymilvus import AnnSearchRequest, DataType, MilvusClient, RRFRanker
from pymilvus.grpc_gen import milvus_pb2
from shared import PASSWORD, QUESTION, ROOT, UPSTREAM_TOKEN, UPSTREAM_URI
from shared import Raw, count, denial, login, make, make_user, remove_user, rows, search

root = MilvusClient(uri=URI, token=ROOT)
direct = MilvusClient(uri=UPSTREAM_URI, token=UPSTREAM_TOKEN)
for collection in ("books", "films"):
    make(root, collection)
root.create_database("shop")
shop = MilvusClient(uri=URI, token=ROOT, db_name="shop")
make(shop, "orders", 20)
schema = root.create_schema()
schema.add_field("id", DataType.INT64, is_primary=True)
schema.add_field("vector", DataType.FLOAT_VECTOR, dim=4)
shop.create_collection("items", schema=schema)
HITS = search(direct, "books")


def allowed(what, client, collection="books", hits=HITS):
    """Checks that a search gives what it gives past the gateway."""
    equal(what, search(client, collection), hits)


# One right on one collection.
make_user(root, "seeker", "seeking")
make_user(root, "nobody", "nothing")
root.grant_privilege_v2("seeking", "Search", "books", "default")
seeker = login("seeker")
allowed("only Search: the search is answered", seeker)
asked = AnnSearchRequest(QUESTION, "vector", {"metric_type": "COSINE"}, limit=5)
index = root.prepare_index_params()
index.add_index("vector", index_type="FLAT", metric_type="COSINE")
for what, privilege, call in (
    ("search of another collection", "Search", lambda: search(seeker, "films")),
    ("hybrid_search of another collection", "Search",
     lambda: seeker.hybrid_search("films", [asked], RRFRanker(), limit=1)),
    ("search of one that is not there", "Search", lambda: search(seeker, "none")),
    ("search of one whose name only differs in case", "Search", lambda: search(seeker, "Books")),
    ("query", "Query", lambda: seeker.query("books", filter="id < 3")),
    ("get, which asks for the schema first", "DescribeCollection",
     lambda: seeker.get("books", ids=[1])),
    ("insert, which asks for the schema first", "DescribeCollection",
     lambda: seeker.insert("books", rows(1, 100))),
    ("delete", "Delete", lambda: seeker.delete("books", filter="id == 1")),
    ("delete of another", "Delete", lambda: seeker.delete("films", filter="id >= 0")),
    ("drop_collection", "DropCollection", lambda: seeker.drop_collection("books")),
    ("describe_collection", "DescribeCollection", lambda: seeker.describe_collection("books")),
    ("has_collection", "DescribeCollection", lambda: seeker.has_collection("books")),
    ("create_collection", "CreateCollection",
     lambda: seeker.create_collection("mine", dimension=4)),
    ("rename_collection", "RenameCollection",
     lambda: seeker.rename_collection("films", "books2")),
    ("create_index", "CreateIndex", lambda: seeker.create_index("books", index)),
    ("list_indexes", "IndexDetail", lambda: seeker.list_indexes("books")),
    ("drop_index", "DropIndex", lambda: seeker.drop_index("books", "vector")),
    ("load_collection", "Load", lambda: seeker.load_collection("books")),
    ("release_collection", "Release", lambda: seeker.release_collection("books")),
    ("get_load_state", "GetLoadState", lambda: seeker.get_load_state("books")),
    ("flush", "Flush", lambda: seeker.flush("books")),
    ("compact", "Compaction", lambda: seeker.compact("books")),
    ("get_collection_stats", "GetStatistics", lambda: seeker.get_collection_stats("books")),
    ("create_partition", "CreatePartition", lambda: seeker.create_partition("books", "p")),
    ("list_partitions", "ShowPartitions", lambda: seeker.list_partitions("books")),
    ("create_alias", "CreateAlias", lambda: seeker.create_alias("films", "books2")),
    ("list_aliases", "ListAliases", lambda: seeker.list_aliases("books")),
):
    denied(f"only Search: refused {what}", denial("seeker", privilege), call)
for what, privilege, call in (
    ("create_database", "CreateDatabase", lambda: seeker.create_database("mine")),
    ("drop_database", "DropDatabase", lambda: seeker.drop_database("shop")),
    ("create_user", "CreateOwnership", lambda: seeker.create_user("other", PASSWORD)),
):
    denied(f"only Search: refused {what}", denial("seeker", privilege, "*"), call)
raw = Raw(f"seeker:{PASSWORD}")
for rpc, privilege, request in (
    ("Insert", "Insert", milvus_pb2.InsertRequest(collection_name="books", num_rows=1)),
    ("Upsert", "Upsert", milvus_pb2.UpsertRequest(collection_name="books", num_rows=1)),
    ("HasCollection", "DescribeCollection",
     milvus_pb2.HasCollectionRequest(collection_name="books")),
    ("Flush", "Flush", milvus_pb2.FlushRequest(collection_names=["books", "films"])),
    ("Search", "Search", milvus_pb2.SearchRequest(collection_name="films")),
    ("Search", "Search", milvus_pb2.SearchRequest()),
):
    denied(f"only Search: refused the bare RPC {rpc}: {' '.join(str(request).split())}",
           denial("seeker", privilege), lambda: raw(rpc, request))
equal("nothing of all this changed the data",
      (sorted(direct.list_collections()), count(direct, "books"), count(direct, "films"),
       search(direct, "books")), (["books", "films"], 10, 10, HITS))
allowed("only Search: still answered", seeker)

# Of several collections all must be allowed.
root.grant_privilege_v2("seeking", "Flush", "books", "default")
seeker.flush("books")
denied("Flush of one that is allowed and one that is not", denial("seeker", "Flush"),
       lambda: raw("Flush", milvus_pb2.FlushRequest(collection_names=["books", "films"])))
root.revoke_privilege_v2("seeking", "Flush", "books", "default")

# A second right adds itself and nothing else.
root.grant_privilege_v2("seeking", "DescribeCollection", "books", "default")
equal("with DescribeCollection: has_collection", seeker.has_collection("books"), True)
denied("with DescribeCollection: insert still needs Insert", denial("seeker", "Insert"),
       lambda: seeker.insert("books", rows(1, 100)))
# As in Milvus: of these few a grant on one collection is one on the database.
equal("with DescribeCollection: of all collections of the database",
      seeker.describe_collection("films")["collection_name"], "films")
root.grant_privilege_v2("seeking", "Insert", "books", "default")
equal("with Insert: insert", seeker.insert("books", rows(1, 100))["insert_count"], 1)
denied("with Insert: not into another", denial("seeker", "Insert"),
       lambda: seeker.insert("films", rows(1, 100)))
equal("what was inserted is there", count(direct, "books"), 11)
root.delete("books", ids=[100])
root.revoke_privilege_v2("seeking", "Insert", "books", "default")
root.revoke_privilege_v2("seeking", "DescribeCollection", "books", "default")

# A group on all collections of one database.
make_user(root, "keeper", "keeping")
root.grant_privilege_v2("keeping", "CollectionReadOnly", "*", "shop")
keeper = login("keeper", "shop")
found = search(MilvusClient(uri=UPSTREAM_URI, token=UPSTREAM_TOKEN, db_name="shop"), "orders")
allowed("a group on a database: search", keeper, "orders", found)
equal("a group on a database: query", count(keeper, "orders"), 20)
equal("a group on a database: describe another",
      keeper.describe_collection("items")["collection_name"], "items")
denied("a group on a database: a right that is not in it", denial("keeper", "Insert", "shop"),
       lambda: keeper.insert("orders", rows(1, 100)))
denied("a group on a database: nor the right to drop", denial("keeper", "DropCollection", "shop"),
       lambda: keeper.drop_collection("items"))
outside = login("keeper")
denied("a group on a database: not in another", denial("keeper", "Search"),
       lambda: search(outside, "books"))
outside.close()
raw_keeper = Raw(f"keeper:{PASSWORD}")
answer = raw_keeper("DescribeCollection", database="default", request=milvus_pb2.
                    DescribeCollectionRequest(db_name="shop", collection_name="orders"))
equal("the database in the message counts, not that in the metadata",
      answer.collection_name, "orders")
denied("and the other way round", denial("keeper", "DescribeCollection"),
       lambda: raw_keeper("DescribeCollection", database="shop", request=milvus_pb2.
                          DescribeCollectionRequest(db_name="default", collection_name="books")))
root.grant_privilege_v2("keeping", "DatabaseAdmin", "*", "shop")
keeper.create_collection("gifts", schema=schema)
equal("DatabaseAdmin makes a collection in its database", sorted(shop.list_collections()),
      ["gifts", "items", "orders"])
outside = login("keeper")
denied("DatabaseAdmin: no collection in another database", denial("keeper", "CreateCollection"),
       lambda: outside.create_collection("gifts", schema=schema))
outside.close()
keeper.drop_collection("gifts")
keeper.drop_collection("items")
equal("DatabaseAdmin drops a collection of its database", shop.list_collections(), ["orders"])
root.grant_privilege_v2("keeping", "CollectionReadWrite", "*", "shop")
equal("a greater group: insert", keeper.insert("orders", rows(5, 100))["insert_count"], 5)

# Lists show what the caller may see.
equal("root sees all collections", sorted(root.list_collections()), ["books", "films"])
equal("one right on one collection: that one is listed", seeker.list_collections(), ["books"])
nobody = login("nobody")
equal("no right: no collection", nobody.list_collections(), [])
equal("a group on another database: no collection here", login("keeper").list_collections(), [])
equal("a group on this database: all of it", keeper.list_collections(), ["orders"])
equal("root sees all databases", sorted(root.list_databases()), ["default", "shop"])
equal("one right: its database", seeker.list_databases(), ["default"])
# Everybody sees `default` unless rbac.alwaysListDefaultDatabase is false.
equal("a group on a database: that database, too", sorted(keeper.list_databases()),
      ["default", "shop"])
equal("no right: no database but default", nobody.list_databases(), ["default"])
everything = Raw(UPSTREAM_TOKEN or None, UPSTREAM_URI)
asked_for = milvus_pb2.ShowCollectionsRequest()
full, seen = (one("ShowCollections", asked_for) for one in (everything, raw))
place = list(full.collection_names).index("books")
for field in ("collection_names", "collection_ids", "inMemory_percentages", "created_timestamps",
              "query_service_available", "shards_num"):
    values = list(getattr(full, field, []))
    equal(f"what stands beside the names is cut alike: {field}",
          list(getattr(seen, field, [])), values[place:place + 1])
full, seen = (one("ListDatabases", milvus_pb2.ListDatabasesRequest()) for one in (everything, raw))
place = list(full.db_names).index("default")
for field in ("db_names", "created_timestamp", "db_ids"):
    values = list(getattr(full, field, []))
    equal(f"what stands beside the databases is cut alike: {field}",
          list(getattr(seen, field, [])), values[place:place + 1])
asked_for = milvus_pb2.ShowCollectionsRequest(type=1, collection_names=["films"])
equal("asking for a hidden collection by name shows nothing",
      list(raw("ShowCollections", asked_for).collection_names), [])
everything.close()

# A right taken away is gone on the next call, over the connection that is open.
SEARCH = denial("seeker", "Search")
root.revoke_privilege_v2("seeking", "Search", "books", "default")
denied("revoked: refused on the next call", SEARCH, lambda: search(seeker, "books"))
equal("revoked: no longer listed", seeker.list_collections(), [])
root.grant_privilege_v2("seeking", "Search", "books", "default")
allowed("granted again: allowed on the next call", seeker)
root.revoke_role("seeker", "seeking")
denied("the role taken away: refused on the next call", SEARCH, lambda: search(seeker, "books"))
root.grant_role("seeker", "seeking")
allowed("the role given back: allowed on the next call", seeker)
root.revoke_privilege_v2("seeking", "Search", "books", "default")
root.create_privilege_group("finding")
root.add_privileges_to_group("finding", ["Search", "Query"])
root.grant_privilege_v2("seeking", "finding", "books", "default")
allowed("through a custom group: allowed", seeker)
root.remove_privileges_from_group("finding", ["Search"])
denied("removed from the group: refused on the next call", SEARCH,
       lambda: search(seeker, "books"))
equal("what stays in the group is still allowed", count(seeker, "books"), 10)
root.revoke_privilege_v2("seeking", "finding", "books", "default")
root.drop_privilege_group("finding")
root.grant_role("seeker", "admin")
allowed("a member of admin: allowed", seeker)
equal("a member of admin sees all", sorted(seeker.list_collections()), ["books", "films"])
root.revoke_role("seeker", "admin")
denied("no longer: refused on the next call", SEARCH, lambda: search(seeker, "books"))
root.grant_privilege_v2("seeking", "Search", "books", "default")
root.update_password("seeker", PASSWORD, "Second2nd!")
login_refused("a changed password: refused on the next call", lambda: search(seeker, "books"))
root.update_password("seeker", "Second2nd!", PASSWORD)
allowed("the old one again: allowed on the next call", seeker)
root.drop_user("seeker")
login_refused("a dropped user: refused on the next call", lambda: search(seeker, "books"))
root.create_user("seeker", PASSWORD)
denied("made again: without the role", SEARCH, lambda: search(seeker, "books"))

raw.close()
raw_keeper.close()
keeper.close()
remove_user(root, "seeker", "seeking")
remove_user(root, "keeper", "keeping")
remove_user(root, "nobody", "nothing")
for client, collection in ((root, "books"), (root, "films"), (shop, "orders")):
    client.drop_collection(collection)
root.drop_database("shop")
equal("nothing is left", (list(root.list_users()), direct.list_collections()), (["root"], []))
