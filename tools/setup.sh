#!/bin/sh
# Make .venv from requirements.lock. Needs Python >= 3.11 and reaches PyPI; brings its own uv if there is none.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

# uv trusts its own list of authorities unless told otherwise; the system's list is right where there is a proxy.
if [ -z "${SSL_CERT_FILE:-}" ] && [ -r /etc/ssl/certs/ca-certificates.crt ]; then
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
    export SSL_CERT_FILE
fi
export UV_PYTHON_DOWNLOADS=never

find_python() {
    for name in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
        [ -n "$name" ] && command -v "$name" >/dev/null 2>&1 || continue
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

python=$(find_python) || {
    say "Tocsin needs Python 3.11 or newer and found none. On Debian: apt-get install python3"
    exit 1
}

find_uv() {
    if command -v uv >/dev/null 2>&1; then command -v uv; return 0; fi
    [ -x build/uv/bin/uv ] && { echo build/uv/bin/uv; return 0; }
    return 1
}

make_uv() {
    mkdir -p build
    if ! "$python" -m venv build/uv >/dev/null 2>&1; then
        rm -rf build/uv
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
            say "Installing Debian's python3-venv"
            apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
        fi
        "$python" -m venv build/uv || {
            rm -rf build/uv
            say "Python's venv module is missing. Install it (Debian: apt-get install python3-venv) or install uv."
            exit 1
        }
    fi
    build/uv/bin/python -m pip install --quiet --disable-pip-version-check uv
    echo build/uv/bin/uv
}

uv=$(find_uv) || uv=$(make_uv)
[ -x .venv/bin/python ] || "$uv" venv --quiet --python "$python" .venv
"$uv" pip install --quiet --compile-bytecode --python .venv/bin/python --require-hashes -r requirements.lock
"$uv" pip install --quiet --python .venv/bin/python --no-deps -e packages/tocsin -e packages/agentic-flow
