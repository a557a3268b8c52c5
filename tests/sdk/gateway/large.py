"""An insert of 100 MiB in one message goes through, and the gateway does not hold it."""

import os

from checks import URI, attempt, check, equal
import grpc
import numpy as np
from pymilvus import DataType, MilvusClient
from shared import ROOT, UPSTREAM_TOKEN, UPSTREAM_URI, Raw, count

ROWS, DIM = 51_200, 512
MOST_BYTES = 128 * 1024 * 1024
# What the gateway's memory may grow by. Its design says so; the message is 100 MiB.
MAY_GROW_KIB = 16 * 1024
GATEWAY = f"/proc/{os.environ['SERVER_PID']}"


def memory(what):
    """A line of the gateway's memory, in KiB."""
    with open(f"{GATEWAY}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(what + ":"))


def varint(number):
    """A number as protobuf writes it."""
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])


root = MilvusClient(uri=URI, token=ROOT)
direct = MilvusClient(uri=UPSTREAM_URI, token=UPSTREAM_TOKEN)
schema = root.create_schema()
schema.add_field("id", DataType.INT64, is_primary=True)
schema.add_field("vector", DataType.FLOAT_VECTOR, dim=DIM)
root.create_collection("large", schema=schema)
vectors = np.random.default_rng(5).random((ROWS, DIM), dtype=np.float32)
rows = [{"id": i, "vector": vectors[i]} for i in range(ROWS)]

with open(f"{GATEWAY}/clear_refs", "w", encoding="ascii") as peak:
    peak.write("5")
before = memory("VmRSS")
result = root.insert("large", rows, timeout=120)
grown = memory("VmHWM") - before
equal("100 MiB in one message: all rows are inserted", result["insert_count"], ROWS)
check(f"the gateway's memory grew by at most {MAY_GROW_KIB} KiB", grown <= MAY_GROW_KIB, grown)
print(f"note: the gateway's memory grew by {grown} KiB at most, from {before} KiB", flush=True)

index = root.prepare_index_params()
index.add_index("vector", index_type="FLAT", metric_type="L2")
root.create_index("large", index)
root.load_collection("large", timeout=120)
equal("all rows are there", count(direct, "large"), ROWS)
found = root.get("large", ids=[ROWS - 1], output_fields=["vector"])
equal("the last one is whole", np.array_equal(np.float32(found[0]["vector"]), vectors[-1]), True)

# And back: 16,000 of the vectors are 31 MiB of answer.
with open(f"{GATEWAY}/clear_refs", "w", encoding="ascii") as peak:
    peak.write("5")
before = memory("VmRSS")
found = root.query("large", filter="id < 16000", output_fields=["vector"], timeout=120)
grown = memory("VmHWM") - before
equal("a large answer comes back", len(found), 16_000)
check(f"the gateway's memory grew by at most {MAY_GROW_KIB} KiB for it", grown <= MAY_GROW_KIB,
      grown)
print(f"note: the gateway's memory grew by {grown} KiB at most, from {before} KiB", flush=True)

# More than one message may have is refused while it comes, and nothing of it is inserted.
raw = Raw(ROOT)
zeros = bytes(MOST_BYTES)
body = b"\x1a\x05large\x2a" + varint(len(zeros)) + zeros
call = raw.channel.unary_unary("/milvus.proto.milvus.MilvusService/Insert")
error = attempt(lambda: call(body, metadata=raw.metadata, timeout=60))
check("a message of more than 128 MiB is refused",
      isinstance(error, grpc.RpcError) and error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED,
      error)
equal("and nothing of it is there", count(direct, "large"), ROWS)
raw.close()
root.drop_collection("large")
root.close()
