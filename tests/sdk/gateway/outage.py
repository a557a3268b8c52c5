"""The upstream stands still, dies and comes back; the gateway goes on.

LITE_PID_FILE names the process; one that is started here takes its place there.
"""

import os
from pathlib import Path
import signal
import subprocess
from threading import Thread
import time

from checks import URI, attempt, check, denied, equal
import grpc
from pymilvus import MilvusClient
from pymilvus.grpc_gen import milvus_pb2
from shared import PASSWORD, ROOT, UPSTREAM_URI
from shared import Raw, count, denial, login, make, make_user, remove_user, search

PID_FILE = Path(os.environ["LITE_PID_FILE"])
COMMAND = os.environ["LITE_COMMAND"].split()
WITHIN_SECONDS = 60
DESCRIBE = milvus_pb2.DescribeCollectionRequest(collection_name="books")
raw = Raw(ROOT)


def signal_lite(number):
    """Sends a signal to the upstream, and to nothing else."""
    os.kill(int(PID_FILE.read_text(encoding="ascii")), number)


def code_of(call):
    """The code that a call failed with, or None."""
    error = attempt(call)
    return error.code() if isinstance(error, grpc.RpcError) else error


def until(what, holds):
    """Checks that something becomes true in good time."""
    ends = time.monotonic() + WITHIN_SECONDS
    while not (result := holds()) and time.monotonic() < ends:
        time.sleep(0.1)
    check(what, result)


def rbac_goes_on(what):
    """What needs no upstream: users, roles, and the refusal of all others."""
    root.create_user("late", PASSWORD)
    equal(f"{what}: users are made and listed", "late" in root.list_users(), True)
    root.drop_user("late")
    denied(f"{what}: who may not is told so", denial("seeker", "Search"),
           lambda: search(seeker, "films"))


root = MilvusClient(uri=URI, token=ROOT)
make(root, "books")
root.flush("books")
HITS = search(root, "books")
make_user(root, "seeker", "seeking")
root.grant_privilege_v2("seeking", "Search", "books", "default")
seeker = login("seeker")
equal("at first: the search is answered", search(seeker, "books"), HITS)

# Standing still.
signal_lite(signal.SIGSTOP)
try:
    equal("the upstream stands still: a call ends at its deadline",
          code_of(lambda: raw("DescribeCollection", DESCRIBE, timeout=1)),
          grpc.StatusCode.DEADLINE_EXCEEDED)
    rbac_goes_on("the upstream stands still")
    seen = []
    waiting = Thread(target=lambda: seen.append(
        code_of(lambda: raw("DescribeCollection", DESCRIBE, timeout=WITHIN_SECONDS))))
    waiting.start()
    rbac_goes_on("while a call waits")
finally:
    signal_lite(signal.SIGCONT)
waiting.join()
equal("the upstream goes on: the call that waited is answered", seen, [None])

# Dying, with a call under way.
signal_lite(signal.SIGSTOP)
seen.clear()
waiting = Thread(target=lambda: seen.append(
    code_of(lambda: raw("DescribeCollection", DESCRIBE, timeout=WITHIN_SECONDS))))
waiting.start()
rbac_goes_on("before it dies")
signal_lite(signal.SIGKILL)
waiting.join()
equal("the upstream dies: the call under way ends as unavailable", seen,
      [grpc.StatusCode.UNAVAILABLE])

# Gone.
for turn in ("once", "again"):
    equal(f"the upstream is gone: a call fails as unavailable, {turn}",
          code_of(lambda: raw("DescribeCollection", DESCRIBE)), grpc.StatusCode.UNAVAILABLE)
rbac_goes_on("the upstream is gone")
error = attempt(lambda: root.list_collections(timeout=2))
check("pymilvus ends with an error, too", error is not None, error)
error = attempt(lambda: raw("DropCollection", milvus_pb2.DropCollectionRequest(
    collection_name="books")))
equal("a drop that did not happen", error.code() if error else None, grpc.StatusCode.UNAVAILABLE)
equal("a drop that did not happen leaves the grants",
      len(root.describe_role("seeking", db_name="*")["privileges"]), 1)

# Back, on the same port, with the same data.
with open(PID_FILE.with_suffix(".log"), "ab") as log:
    started = subprocess.Popen(COMMAND, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
PID_FILE.write_text(str(started.pid), encoding="ascii")
until("the upstream is back: calls are answered again, over the same connections",
      lambda: code_of(lambda: raw("DescribeCollection", DESCRIBE, timeout=5)) is None)
root.load_collection("books")
equal("the data is still there", count(root, "books"), 10)
equal("and so are the rights", search(seeker, "books"), HITS)
denied("and no others", denial("seeker", "Query"), lambda: count(seeker, "books"))

raw.close()
seeker.close()
root.drop_collection("books")
remove_user(root, "seeker", "seeking")
equal("nothing is left", MilvusClient(uri=UPSTREAM_URI).list_collections(), [])
root.close()
