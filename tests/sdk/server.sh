# Shared by the runners of this folder: a fresh server for each suite, and the
# counting of its checks. Sourced, not run. What is checked stands in the
# suites themselves.
#
#   run_suite NAME COMMAND [ARG…]
#
# starts a server with an empty sled store, runs COMMAND (a program or a shell
# function) against it, stops it, and prints `suite NAME: N passed, M failed`.
# SDK_TLS=server starts it with TLS, SDK_TLS=mutual with TLS and a certificate that
# clients need; SDK_TLS_DIR is set for COMMAND then and holds what certificates.sh
# makes. Without SDK_TLS both talk plain text.
#
# COMMAND prints one line per check, `ok …` or `FAILED …`, and exits with 0 only
# if it came to its end: anything else counts as a failed check, so that a crash
# half-way is never taken for a short success. The result is 0 if nothing failed.

SDK_DIR="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
REPO_DIR="$(cd "$SDK_DIR/../.." && pwd)"
# Downloads and built things; git ignores it.
WORK_DIR="$SDK_DIR/.work"
# The page says localhost:19530 in every snippet, so the port is not a choice.
PORT=19530
READY_WITHIN_SECONDS=20
SDK_TLS="${SDK_TLS:-off}"
STOPPED_WITHIN_SECONDS=20

# The clients talk to this machine, whatever proxy its environment names for others.
export no_proxy="localhost,127.0.0.1,::1" NO_PROXY="localhost,127.0.0.1,::1"

# More words for `serve`, and what else is to be stopped in the end, for a suite that needs it.
SERVER_ARGS=()
stop_upstream() { :; }
SERVER_PID=""
SERVER_DIR=""
CHECKS_FILE=""

server_binary() {
    echo "${SERVER_BINARY:-${CARGO_TARGET_DIR:-$REPO_DIR/target}/release/milvus-rbac}"
}

# True if anything answers on the port, over IPv4 or IPv6: `localhost` may be
# either, and a suite that reached somebody else's server would test that one.
port_in_use() {
    (: <"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null || (: <"/dev/tcp/::1/$PORT") 2>/dev/null
}

# named NAME: the name of a suite, which also says how it talks.
named() {
    case "$SDK_TLS" in
    server) echo "$1-https" ;;
    mutual) echo "$1-mtls" ;;
    *) echo "$1" ;;
    esac
}

# Makes certificates and names them to the server, by variables as an operator would.
set_up_tls() {
    case "$SDK_TLS" in
    off) return ;;
    server) export MILVUS_RBAC_COMMON_SECURITY_TLSMODE=1 ;;
    mutual) export MILVUS_RBAC_COMMON_SECURITY_TLSMODE=2 ;;
    *)
        echo "SDK_TLS is \`$SDK_TLS\`: it may be server, mutual or off" >&2
        return 1
        ;;
    esac
    export SDK_TLS_DIR="$SERVER_DIR/tls"
    mkdir "$SDK_TLS_DIR"
    "$SDK_DIR/certificates.sh" "$SDK_TLS_DIR" || return
    export MILVUS_RBAC_TLS_SERVERPEMPATH="$SDK_TLS_DIR/server.pem"
    export MILVUS_RBAC_TLS_SERVERKEYPATH="$SDK_TLS_DIR/server-key.pem"
    export MILVUS_RBAC_TLS_CAPEMPATH="$SDK_TLS_DIR/ca.pem"
}

start_server() {
    local binary deadline
    binary="$(server_binary)"
    if [ ! -x "$binary" ]; then
        echo "no server binary at $binary: run \`cargo build --release\` or set SERVER_BINARY" >&2
        return 1
    fi
    if port_in_use; then
        echo "port $PORT is in use: stop what listens there, the page's snippets need it" >&2
        return 1
    fi
    SERVER_DIR="$(mktemp -d "${TMPDIR:-/tmp}/milvus-rbac-sdk.XXXXXX")"
    trap 'stop_server >/dev/null; stop_upstream; rm -f "$CHECKS_FILE"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    : >"$SERVER_DIR/stdout"
    set_up_tls || return
    # From a directory of its own, so that no settings file of the caller's is met.
    (cd "$SERVER_DIR" && exec "$binary" serve --store "sled:$SERVER_DIR/data" \
        ${SERVER_ARGS[@]+"${SERVER_ARGS[@]}"}) \
        >"$SERVER_DIR/stdout" 2>"$SERVER_DIR/stderr" &
    SERVER_PID=$!
    deadline=$((SECONDS + READY_WITHIN_SECONDS))
    until grep -q '^milvus-rbac ready' "$SERVER_DIR/stdout"; do
        if ! kill -0 "$SERVER_PID" 2>/dev/null; then
            echo "the server ended before it was ready" >&2
        elif [ "$SECONDS" -ge "$deadline" ]; then
            echo "the server was not ready within $READY_WITHIN_SECONDS s" >&2
        else
            sleep 0.05
            continue
        fi
        print_server_log >&2
        stop_server >/dev/null
        return 1
    done
}

print_server_log() {
    echo "--- standard output of the server"
    cat "$SERVER_DIR/stdout"
    echo "--- standard error of the server"
    tail -n 100 "$SERVER_DIR/stderr"
    echo "---"
}

# Ends the server that start_server started, and only that one. The result is
# 0 if it went by itself, with exit code 0, on SIGTERM.
stop_server() {
    local code=0 deadline
    if [ -n "$SERVER_PID" ]; then
        kill -TERM "$SERVER_PID" 2>/dev/null
        deadline=$((SECONDS + STOPPED_WITHIN_SECONDS))
        while kill -0 "$SERVER_PID" 2>/dev/null; do
            if [ "$SECONDS" -ge "$deadline" ]; then
                echo "the server did not stop within $STOPPED_WITHIN_SECONDS s of SIGTERM" >&2
                kill -KILL "$SERVER_PID" 2>/dev/null
                break
            fi
            sleep 0.05
        done
        wait "$SERVER_PID" 2>/dev/null
        code=$?
        SERVER_PID=""
    fi
    if [ -n "$SERVER_DIR" ]; then
        rm -rf "$SERVER_DIR"
        SERVER_DIR=""
    fi
    return "$code"
}

run_suite() {
    local name="$1" code passed failed
    shift
    echo "== $name"
    if ! start_server; then
        echo "FAILED the server starts"
        echo "suite $name: 0 passed, 1 failed"
        return 1
    fi
    CHECKS_FILE="$(mktemp "${TMPDIR:-/tmp}/milvus-rbac-checks.XXXXXX")"
    "$@" 2>&1 | tee "$CHECKS_FILE"
    code="${PIPESTATUS[0]}"
    if [ "$code" -ne 0 ]; then
        echo "FAILED the suite comes to its end (it ended with exit code $code)" | tee -a "$CHECKS_FILE"
    fi
    if ! grep -q '^ok ' "$CHECKS_FILE"; then
        echo "FAILED the suite checks something" | tee -a "$CHECKS_FILE"
    fi
    if grep -q '^FAILED ' "$CHECKS_FILE"; then
        print_server_log
    fi
    if stop_server; then
        echo "ok the server stops with exit code 0 on SIGTERM" | tee -a "$CHECKS_FILE"
    else
        echo "FAILED the server stops with exit code 0 on SIGTERM" | tee -a "$CHECKS_FILE"
    fi
    passed="$(grep -c '^ok ' "$CHECKS_FILE")"
    failed="$(grep -c '^FAILED ' "$CHECKS_FILE")"
    rm -f "$CHECKS_FILE"
    echo "suite $name: $passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

# A venv, a `npm ci` or a build is made again only when what pins it changed.
#   up_to_date STAMP FILE…   is true if STAMP was written for just these contents
up_to_date() {
    local stamp="$1"
    shift
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(cat "$@" | cksum)" ]
}

mark_up_to_date() {
    local stamp="$1"
    shift
    cat "$@" | cksum >"$stamp"
}

# A virtual environment with just what a requirements file pins. Prints nothing
# when all is well; pip's own words otherwise.
#   install_venv VENV REQUIREMENTS
install_venv() {
    local venv="$1" requirements="$2" stamp="$1/.pinned"
    up_to_date "$stamp" "$requirements" && return
    rm -rf "$venv"
    mkdir -p "$WORK_DIR"
    python3 -m venv "$venv" &&
        "$venv/bin/pip" --quiet --disable-pip-version-check install --no-deps -r "$requirements" &&
        mark_up_to_date "$stamp" "$requirements"
}
