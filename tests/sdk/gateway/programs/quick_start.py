"""The shape of the public quick start: MilvusClient, a collection by dimension, rows with a label.

Knows nothing of a gateway: only CLUSTER_ENDPOINT and TOKEN differ from run to run. All that it
prints is the same in each run.
"""

import os
import random

from pymilvus import MilvusClient

CLUSTER_ENDPOINT = os.environ["CLUSTER_ENDPOINT"]
TOKEN = os.environ.get("TOKEN", "")
COLLECTION = "quick_start"
COLORS = ["green", "blue", "yellow", "red", "black", "white"]

client = MilvusClient(uri=CLUSTER_ENDPOINT, token=TOKEN)
if client.has_collection(collection_name=COLLECTION):
    client.drop_collection(collection_name=COLLECTION)
client.create_collection(collection_name=COLLECTION, dimension=8, metric_type="COSINE",
                         consistency_level="Strong")
print("load state:", client.get_load_state(collection_name=COLLECTION)["state"])
print("collections:", COLLECTION in client.list_collections())

chance = random.Random(19530)
data = [{"id": i, "vector": [chance.uniform(-1, 1) for _ in range(8)],
         "color": chance.choice(COLORS), "tag": i % 10} for i in range(1000)]
result = client.insert(collection_name=COLLECTION, data=data[:500])
print("inserted:", result["insert_count"], list(result["ids"])[-1])
result = client.insert(collection_name=COLLECTION, data=data[500:])
print("inserted:", result["insert_count"], list(result["ids"])[-1])


def show(hits):
    """The hits of one vector: id, rounded distance, and the fields that were asked for."""
    for hit in hits:
        print("   ", hit["id"], round(hit["distance"], 4), sorted(hit["entity"].items()))


question = [chance.uniform(-1, 1) for _ in range(8)]
print("nearest:")
show(client.search(collection_name=COLLECTION, data=[question], limit=3,
                   output_fields=["color"])[0])
print("nearest red with a high tag:")
show(client.search(collection_name=COLLECTION, data=[question], limit=3,
                   filter='color == "red" and tag > 5', output_fields=["color", "tag"])[0])
print("two questions:")
for hits in client.search(collection_name=COLLECTION,
                          data=[data[7]["vector"], data[8]["vector"]], limit=2):
    show([{"id": hit["id"], "distance": hit["distance"], "entity": {}} for hit in hits])

rows = client.query(collection_name=COLLECTION, filter="id < 4", output_fields=["color", "tag"])
print("query:", sorted((row["id"], row["color"], row["tag"]) for row in rows))
rows = client.get(collection_name=COLLECTION, ids=[10, 11], output_fields=["tag"])
print("get:", sorted((row["id"], row["tag"]) for row in rows))
rows = client.query(collection_name=COLLECTION, filter="", output_fields=["count(*)"])
print("count:", rows[0]["count(*)"])

client.delete(collection_name=COLLECTION, ids=[0, 2])
client.delete(collection_name=COLLECTION, filter='color == "green"')
rows = client.query(collection_name=COLLECTION, filter="id < 4", output_fields=["color"])
print("after delete:", sorted((row["id"], row["color"]) for row in rows))

client.drop_collection(collection_name=COLLECTION)
print("dropped:", not client.has_collection(collection_name=COLLECTION))
client.close()
