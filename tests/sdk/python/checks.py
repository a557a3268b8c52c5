"""One line per check, `ok …` or `FAILED …`; the runner counts them.

Also what the ways of failing look like in all three versions of pymilvus.
"""

import inspect
import logging
import os

import grpc
from pymilvus import MilvusException

# Over TLS if there are certificates, made by the runner.
SCHEME = "https" if "SDK_TLS_DIR" in os.environ else "http"
URI = f"{SCHEME}://localhost:19530"
# The same server under another address: pymilvus from 2.5 shares one connection
# between clients with the same address and login, and then does not log in again.
UNSHARED_URI = f"{SCHEME}://127.0.0.1:19530"
WRONG_LOGIN = "auth check failure, please check username and password are correct"

# pymilvus logs every refusal with its stack; here most calls are meant to be refused.
logging.disable(logging.CRITICAL)


def check(what, is_true, seen=None):
    """Prints the result of one check and, if it failed, what was seen."""
    if is_true:
        print(f"ok {what}", flush=True)
    else:
        print(f"FAILED {what}: got {seen!r}", flush=True)


def equal(what, seen, expected):
    """Checks that two values are the same, type by type."""
    check(what, seen == expected, seen)


def can(function, argument):
    """Whether this version of pymilvus knows an argument."""
    return argument in inspect.signature(function).parameters


def attempt(call):
    """What a call raised, or None. Anything but pymilvus's own ways of failing ends the suite."""
    try:
        call()
    except (MilvusException, grpc.RpcError) as error:
        return error
    return None


def refused(what, code, reason, call):
    """Checks that a call ends in a Status with this code and exactly this reason."""
    error = attempt(call)
    seen = (getattr(error, "code", None), getattr(error, "message", None))
    check(what, seen == (code, reason), error)


def denied(what, reason, call):
    """Checks for PERMISSION_DENIED, which pymilvus hands through as it came."""
    transport(what, grpc.StatusCode.PERMISSION_DENIED, reason, call)


def login_refused(what, call):
    """Checks that a call on an open connection ends in UNAUTHENTICATED."""
    transport(what, grpc.StatusCode.UNAUTHENTICATED, WRONG_LOGIN, call)


def transport(what, code, reason, call):
    """Checks for a gRPC error with this code and exactly this text."""
    error = attempt(call)
    is_rpc_error = isinstance(error, grpc.RpcError)
    seen = (error.code(), error.details()) if is_rpc_error else error
    check(what, seen == (code, reason), seen)


def connect_refused(what, call, reason=WRONG_LOGIN):
    """Checks that connecting fails for the login: bare up to 2.6.15 and 3.0.0, wrapped since."""
    error = attempt(call)
    if isinstance(error, grpc.RpcError):
        seen = (error.code(), error.details())
        check(what, seen == (grpc.StatusCode.UNAUTHENTICATED, reason), seen)
    else:
        text = str(getattr(error, "message", ""))
        is_wrapped = getattr(error, "code", None) == 2 and text.startswith(
            "Fail connecting to server"
        )
        check(what, is_wrapped, error)
