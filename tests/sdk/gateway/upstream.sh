# Shared by the two runners of this folder. Sourced, after ../server.sh.

# These suites talk plain text, to the gateway as to the upstream.
SDK_TLS=off
# Read by pymilvus itself on import; it would lead the suite to another server.
unset MILVUS_URI
# No byte code beside the sources; `checks` is that of the pymilvus suites.
export PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH="$SDK_DIR/python"
LISTENING_WITHIN_SECONDS=60

# A port that nothing listens on. Somebody else may take it before it is used; the suite fails then.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# wait_until_listening PORT PID: false if the process ends before, or time is up.
wait_until_listening() {
    local deadline=$((SECONDS + LISTENING_WITHIN_SECONDS))
    until (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
        if ! kill -0 "$2" 2>/dev/null; then
            echo "the upstream ended before it listened" >&2
            return 1
        elif [ "$SECONDS" -ge "$deadline" ]; then
            echo "the upstream did not listen within $LISTENING_WITHIN_SECONDS s" >&2
            return 1
        fi
        sleep 0.1
    done
}

# run_parts VENV PART…: one after the other, up to the first that does not come to its end.
run_parts() {
    local venv="$1" part started
    shift
    SERVER_BINARY="$(server_binary)"
    export SERVER_PID SERVER_BINARY
    for part in "$@"; do
        started="$SECONDS"
        "$venv/bin/python" "$part.py" || return
        echo "note: $part took $((SECONDS - started)) s"
    done
}
