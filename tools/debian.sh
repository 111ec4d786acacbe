#!/bin/sh
# Bring programs from Debian's packages into build/debian, without installing or starting anything on the machine:
#   tools/debian.sh prometheus prometheus-alertmanager
# A program that is on the PATH already is used as it is. Needs no rights where the package lists are there.
set -eu
cd "$(dirname "$0")/.."
root=build/debian

say() { printf '%s\n' "$*" >&2; }

program_of() {
    case "$1" in
        prometheus-alertmanager) echo prometheus-alertmanager ;;
        libluajit-5.1-2 | libluajit-5.1-common) echo "" ;;
        *) echo "$1" ;;
    esac
}

have() {
    program=$(program_of "$1")
    if [ -z "$program" ]; then [ -e "$root/.$1" ]; return; fi
    command -v "$program" >/dev/null 2>&1 || [ -x "$root/usr/bin/$program" ]
}

missing=""
for package in "$@"; do have "$package" || missing="$missing $package"; done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    say "These programs are needed and this is no Debian machine: install$missing and put them on the PATH."
    exit 1
fi
mkdir -p "$root/packages"
fetch() { (cd "$root/packages" && apt-get download -qq $missing >/dev/null 2>&1); }
if ! fetch; then
    if [ "$(id -u)" = 0 ]; then apt-get update -qq; else sudo -n apt-get update -qq 2>/dev/null || true; fi
    fetch || {
        say "Could not fetch Debian's packages$missing. As root: apt-get update && apt-get install$missing"
        exit 1
    }
fi
for package in $missing; do
    for file in "$root/packages/$package"_*.deb; do dpkg-deb -x "$file" "$root"; done
    : >"$root/.$package"
done
rm -rf "$root/packages"
