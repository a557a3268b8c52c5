# One line per check, `ok …` or `FAILED …`; the runner counts them. Sourced by
# suite, which sets HTTP_FLAG and HTTP_VERSION.

ANSWER_DIR="$(mktemp -d "${TMPDIR:-/tmp}/milvus-rbac-answer.XXXXXX")"
trap 'rm -rf "$ANSWER_DIR"' EXIT

API="/v2/vectordb"
NOT_AUTHENTICATED='{"code":1800,"message":"user hasn'\''t authenticated"}'

STATUS=""
VERSION=""
BODY=""

# How the real one connects over TLS; empty in plain text.
TLS_ARGUMENTS=()
if [ -n "${SDK_TLS_DIR:-}" ]; then
    TLS_ARGUMENTS=(--cacert "$SDK_TLS_DIR/ca.pem")
    if [ "$SDK_TLS" = mutual ]; then
        TLS_ARGUMENTS+=(--cert "$SDK_TLS_DIR/client.pem" --key "$SDK_TLS_DIR/client-key.pem")
    fi
fi

# Stands before the real one, so that the page's text stays as it is: keeps
# status, headers and body of the answer.
curl() {
    local plain="http://" encrypted="https://"
    if [ "${#TLS_ARGUMENTS[@]}" -gt 0 ]; then
        set -- "${TLS_ARGUMENTS[@]}" "${@/#"$plain"/$encrypted}"
    fi
    : >"$ANSWER_DIR/body"
    : >"$ANSWER_DIR/headers"
    read -r STATUS VERSION < <(
        command curl --silent --show-error --max-time 30 "$HTTP_FLAG" \
            --output "$ANSWER_DIR/body" --dump-header "$ANSWER_DIR/headers" \
            --write-out '%{http_code} %{http_version}\n' "$@"
    )
    BODY="$(cat "$ANSWER_DIR/body")"
}

# post PATH BODY [LOGIN [ARGUMENT…]]: what most checks send.
post() {
    local path="$1" body="$2" login="${3:-root:Milvus}"
    shift $(($# < 3 ? $# : 3))
    curl --request POST --url "$CLUSTER_ENDPOINT$API/$path" \
        --header "Authorization: Bearer $login" --header "Content-Type: application/json" \
        --data-raw "$body" "$@"
}

result() {
    if [ "$2" = yes ]; then
        echo "ok $1"
    else
        echo "FAILED $1: got HTTP/$VERSION $STATUS $BODY"
    fi
}

# answered WHAT STATUS BODY: exactly these, over the HTTP version of this run.
answered() {
    if [ "$VERSION $STATUS $BODY" = "$HTTP_VERSION $2 $3" ]; then
        result "$1" yes
    else
        result "$1" no
    fi
}

# begins WHAT STATUS START: for texts that end in a parser's own words.
begins() {
    case "$VERSION $STATUS $BODY" in
    "$HTTP_VERSION $2 $3"*) result "$1" yes ;;
    *) result "$1" no ;;
    esac
}

# refused WHAT CODE MESSAGE: HTTP 200 and just this failure; MESSAGE as it stands in JSON.
refused() {
    answered "$1" 200 "{\"code\":$2,\"message\":\"$3\"}"
}

# The value of a header of the last answer, empty if it has none.
header() {
    tr -d '\r' <"$ANSWER_DIR/headers" | sed -n "s/^$1: //Ip" | head -n 1
}

# has_header WHAT NAME VALUE: exactly this value; an empty one means no such header,
# in an answer that did come.
has_header() {
    local seen
    seen="$(header "$2")"
    if [ -s "$ANSWER_DIR/headers" ] && [ "$seen" = "$3" ]; then
        echo "ok $1"
    else
        echo "FAILED $1: $2 is \"$seen\""
    fi
}
