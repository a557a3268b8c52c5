"""The quick-start programs run unchanged, and print through the gateway what they print past it."""

import os
from pathlib import Path
import subprocess
import sys

from checks import URI, check, equal
from shared import ROOT, UPSTREAM_TOKEN, UPSTREAM_URI

SECONDS = 120


def run(program, uri, token):
    """Exit code and output of a program; only address and token are told to it."""
    environment = os.environ | {"CLUSTER_ENDPOINT": uri, "TOKEN": token}
    ended = subprocess.run([sys.executable, program], env=environment, timeout=SECONDS,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return ended.returncode, ended.stdout


for program in sorted((Path(__file__).parent / "programs").glob("*.py")):
    past = run(program, UPSTREAM_URI, UPSTREAM_TOKEN)
    check(f"{program.name} runs without the gateway", past[0] == 0 and len(past[1]) > 200, past)
    equal(f"{program.name} gives the same through the gateway", run(program, URI, ROOT), past)
