# What only TLS can refuse: an authority that curl does not know, plain text and, where
# the server asks for it, a client without a certificate. Sourced by suite, before all
# else.

# fails WHAT CODES ARGUMENT…: curl itself gives up, with one of these exit codes.
fails() {
    local what="$1" expected="$2" code=0
    shift 2
    command curl --silent --max-time 30 "$HTTP_FLAG" --output "$ANSWER_DIR/body" "$@" || code=$?
    if [[ "$code" =~ ^($expected)$ ]]; then echo "ok $what"; else echo "FAILED $what: exit code $code"; fi
}

SECURE="https://localhost:19530$API/users/list"
fails "TLS: another authority is not believed" 60 --cacert "$SDK_TLS_DIR/other-ca.pem" "$SECURE"
if [ "$SDK_TLS" = mutual ]; then
    fails "TLS: a client without a certificate is refused" "35|55|56" --cacert "$SDK_TLS_DIR/ca.pem" "$SECURE"
fi
plain="$(command curl --silent --max-time 30 --http1.1 "http://localhost:19530$API/users/list")"
if [ "$plain" = "this port speaks TLS: use https://" ]; then
    echo "ok TLS: plain text is told what is wrong"
else
    echo "FAILED TLS: plain text is told what is wrong: got $plain"
fi
