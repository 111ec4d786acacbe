#!/bin/sh
# Install programs from Debian's packages where they are missing, without letting them start as services:
#   tools/debian.sh prometheus prometheus-alertmanager kubectl:kubernetes-client
# A program whose package has another name is written PROGRAM:PACKAGE. One that is on the PATH already is used as it is.
# Without the rights to install, say what is to be installed.
set -eu

say() { printf '%s\n' "$*" >&2; }

missing=""
for word in "$@"; do command -v "${word%%:*}" >/dev/null 2>&1 || missing="$missing ${word#*:}"; done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    say "These programs are needed and this is no Debian machine: install$missing and put them on the PATH."
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    say "These programs are needed and installing them needs root: sudo apt-get install$missing"
    exit 1
fi

# Debian's packages start their services when they are installed, unless this policy says no.
policy=/usr/sbin/policy-rc.d
ours=""
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod +x "$policy"
    ours=yes
fi
forget_policy() { [ -z "$ours" ] || $as_root rm -f "$policy"; }
trap forget_policy EXIT

say "Installing Debian's$missing (not started as a service)"
install() { DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1; }
if ! install; then
    $as_root apt-get update -qq
    install || {
        say "apt-get could not install$missing. Try: apt-get update && apt-get install$missing"
        exit 1
    }
fi
if [ -d /run/systemd/system ]; then
    for package in $missing; do $as_root systemctl disable --quiet "$package" 2>/dev/null || true; done
fi
