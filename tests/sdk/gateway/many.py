"""The async client, and eight clients that search while their right comes and goes."""

import asyncio
from threading import Event, Thread
import traceback

from checks import UNSHARED_URI, URI, check, denied, equal
import grpc
from pymilvus import AsyncMilvusClient, DataType, MilvusClient
from shared import DENIED, PASSWORD, ROOT
from shared import denial, login, make, make_user, remove_user, rows, search

CLIENTS, TURNS, CALLS_IN_A_TURN = 8, 12, 16
root = MilvusClient(uri=URI, token=ROOT)
make(root, "books")
HITS = search(root, "books")
make_user(root, "seeker", "seeking")
root.grant_privilege_v2("seeking", "Search", "books", "default")


async def async_denied(what, reason, call):
    """Checks that a call of the async client is refused with just this text."""
    try:
        seen = await call
    except grpc.RpcError as error:
        seen = (error.code(), error.details())
    check(what, seen == (DENIED, reason), seen)


async def with_async_client():
    """The calls of root and of a user with one right."""
    question = [[1.0, 2.0, 3.0, 4.0]]
    client = AsyncMilvusClient(uri=URI, token=ROOT)
    # Without an index: to make one this client needs AllocTimestamp, which Lite does not have.
    schema = client.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=4)
    await client.create_collection("films", schema=schema)
    inserted = await client.insert("films", [
        {"id": row["id"], "vector": row["vector"]} for row in rows(10)])
    equal("async: root inserts", inserted["insert_count"], 10)
    found = await client.query("books", filter="id < 3", output_fields=["color"])
    equal("async: root queries", sorted(row["id"] for row in found), [0, 1, 2])
    seeker = AsyncMilvusClient(uri=UNSHARED_URI, token=f"seeker:{PASSWORD}")
    found = await asyncio.gather(*(seeker.search("books", data=question, limit=3)
                                   for _ in range(20)))
    equal("async: twenty searches at once",
          {tuple(hit["id"] for hit in hits[0]) for hits in found},
          {tuple(hit[0] for hit in HITS)})
    await async_denied("async: a search of another collection is refused",
                       denial("seeker", "Search"), seeker.search("films", data=question, limit=1))
    await async_denied("async: a query is refused", denial("seeker", "Query"),
                       seeker.query("books", filter="id < 3"))
    await async_denied("async: an insert is refused", denial("seeker", "DescribeCollection"),
                       seeker.insert("books", rows(1, 100)))
    await async_denied("async: a drop is refused", denial("seeker", "DropCollection"),
                       seeker.drop_collection("books"))
    root.revoke_privilege_v2("seeking", "Search", "books", "default")
    await async_denied("async: revoked, refused on the next call", denial("seeker", "Search"),
                       seeker.search("books", data=question, limit=1))
    root.grant_privilege_v2("seeking", "Search", "books", "default")
    await client.drop_collection("films")
    await seeker.close()
    await client.close()


asyncio.run(with_async_client())


class Searcher(Thread):
    """Searches until told to stop. Notes each outcome with what held when the call began and ended.

    `epoch` counts the changes: it is odd while one is under way, and the right is there in those
    that a multiple of four stands for.
    """

    def __init__(self, number):
        super().__init__(daemon=True)
        self.user = f"seeker_{number}"
        make_user_of_role(self.user)
        self.client = login(self.user)
        self.calls = 0
        self.wrong = []

    def run(self):
        refusal = denial(self.user, "Search")
        while not stop.is_set():
            began = epoch[0]
            try:
                seen = "hits" if search(self.client, "books") == HITS else "other hits"
            except grpc.RpcError as error:
                is_refusal = error.code() == DENIED and error.details() == refusal
                seen = "refused" if is_refusal else str(error)
            except Exception:
                seen = traceback.format_exc()
            self.calls += 1
            expected = ("hits", "refused")
            if began == epoch[0] and began % 2 == 0:
                expected = ("hits",) if began % 4 == 0 else ("refused",)
            if seen not in expected:
                self.wrong.append((began, seen))


def make_user_of_role(user):
    """A user of the one role that comes and goes."""
    root.create_user(user, PASSWORD)
    root.grant_role(user, "seeking")


def wait_for_calls():
    """Until each client has made some more calls; one that has ended is not waited for."""
    aims = [searcher.calls + CALLS_IN_A_TURN // CLIENTS for searcher in searchers]
    for searcher, aim in zip(searchers, aims):
        while searcher.calls < aim and searcher.is_alive():
            stop.wait(0.005)


stop = Event()
epoch = [0]
searchers = [Searcher(number) for number in range(CLIENTS)]
for searcher in searchers:
    searcher.start()
for turn in range(TURNS):
    wait_for_calls()
    epoch[0] += 1
    if turn % 2 == 0:
        root.revoke_privilege_v2("seeking", "Search", "books", "default")
    else:
        root.grant_privilege_v2("seeking", "Search", "books", "default")
    epoch[0] += 1
wait_for_calls()
stop.set()
for searcher in searchers:
    searcher.join(timeout=60)
equal("eight clients: all came to their end", [s.user for s in searchers if s.is_alive()], [])
equal("eight clients: none was answered other than its right was",
      [wrong for searcher in searchers for wrong in searcher.wrong], [])
print(f"note: {sum(searcher.calls for searcher in searchers)} searches", flush=True)

root.revoke_privilege_v2("seeking", "Search", "books", "default")
for searcher in searchers:
    denied(f"{searcher.user} at the end: refused", denial(searcher.user, "Search"),
           lambda: search(searcher.client, "books"))
    searcher.client.close()
    root.drop_user(searcher.user)
remove_user(root, "seeker", "seeking")
root.drop_collection("books")
root.close()
