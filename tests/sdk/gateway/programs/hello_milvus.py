"""The shape of the public hello_milvus: connect, Collection, schema, index, load, search, query.

Knows nothing of a gateway: only CLUSTER_ENDPOINT and TOKEN differ from run to run. All that it
prints is the same in each run.
"""

import os
import warnings

import numpy as np
from pymilvus import Collection, CollectionSchema, DataType, FieldSchema, connections, utility

# The ORM functions of 3.0 say that they will go; here they only have to work.
warnings.simplefilter("ignore")

NAME = "hello_milvus"
ENTITIES, DIM = 3000, 8

print("=== connect")
connections.connect("default", uri=os.environ["CLUSTER_ENDPOINT"],
                    token=os.environ.get("TOKEN", ""))
if utility.has_collection(NAME):
    utility.drop_collection(NAME)

print("=== create")
fields = [
    FieldSchema(name="pk", dtype=DataType.VARCHAR, is_primary=True, auto_id=False, max_length=100),
    FieldSchema(name="random", dtype=DataType.DOUBLE),
    FieldSchema(name="embeddings", dtype=DataType.FLOAT_VECTOR, dim=DIM),
]
schema = CollectionSchema(fields, "hello_milvus, the simplest of all")
hello_milvus = Collection(NAME, schema, consistency_level="Strong")
print("exists:", utility.has_collection(NAME))
print("fields:", [field.name for field in hello_milvus.schema.fields])

print("=== insert")
rng = np.random.default_rng(seed=19530)
entities = [
    [str(i) for i in range(ENTITIES)],
    rng.random(ENTITIES).tolist(),
    rng.random((ENTITIES, DIM), np.float32),
]
print("inserted:", hello_milvus.insert(entities).insert_count)
hello_milvus.flush()
print("entities:", hello_milvus.num_entities)

print("=== index and load")
index = {"index_type": "IVF_FLAT", "metric_type": "L2", "params": {"nlist": 8}}
hello_milvus.create_index("embeddings", index)
print("index:", hello_milvus.has_index(), hello_milvus.index().params["index_type"])
hello_milvus.load()


def show(result):
    """The hits of all vectors: key, rounded distance, one field."""
    for hits in result:
        for hit in hits:
            print("   ", hit.id, round(hit.distance, 4), round(hit.entity.get("random"), 6))


print("=== search")
vectors = entities[-1][-2:]
parameters = {"metric_type": "L2", "params": {"nprobe": 8}}
show(hello_milvus.search(vectors, "embeddings", parameters, limit=3, output_fields=["random"]))

print("=== query")
rows = hello_milvus.query(expr="random > 0.999", output_fields=["random", "embeddings"])
for row in sorted(rows, key=lambda row: row["pk"]):
    print("   ", row["pk"], round(row["random"], 6),
          [round(float(x), 4) for x in row["embeddings"]])

print("=== search and filter")
show(hello_milvus.search(vectors, "embeddings", parameters, limit=3, expr="random > 0.5",
                         output_fields=["random"]))

print("=== delete")
keys = entities[0]
expression = f'pk in ["{keys[0]}" , "{keys[1]}"]'
print("before:", sorted(row["pk"] for row in hello_milvus.query(expr=expression)))
hello_milvus.delete(expression)
print("after:", sorted(row["pk"] for row in hello_milvus.query(expr=expression)))

print("=== drop")
utility.drop_collection(NAME)
print("exists:", utility.has_collection(NAME))
connections.disconnect("default")
