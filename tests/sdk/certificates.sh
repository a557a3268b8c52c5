#!/usr/bin/env bash
# certificates.sh DIRECTORY: an authority (ca.pem), a certificate for `localhost` (server.pem),
# one for a client (client.pem), their keys (…-key.pem), and an authority that has signed
# nothing (other-ca.pem). Valid for two days.
set -euo pipefail
cd "$1"
umask 077

# new NAME SUBJECT [ARGUMENT…]
new() {
    local name="$1" subject="$2"
    shift 2
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2 \
        -subj "/CN=$subject" -keyout "$name-key.pem" -out "$name.pem" "$@" 2>openssl.log ||
        { cat openssl.log >&2; exit 1; }
}

# signed NAME SUBJECT USAGE [ARGUMENT…]
signed() {
    local name="$1" subject="$2" usage="$3"
    shift 3
    new "$name" "$subject" -CA ca.pem -CAkey ca-key.pem \
        -addext "basicConstraints=critical,CA:FALSE" -addext "extendedKeyUsage=$usage" "$@"
}

new ca "an authority for tests"
new other-ca "another authority for tests"
signed server localhost serverAuth -addext "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"
signed client "a client for tests" clientAuth
