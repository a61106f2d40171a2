#!/bin/sh
# Removes the ssd-viewer that install.sh installed: the files it listed and nothing else. Settings, models and what the program
# made stay.
#
#   sh uninstall.sh [--prefix DIR]      the one in DIR/lib/ssd-viewer; else the one this script belongs to, or ~/.local
set -eu
LC_ALL=C
export LC_ALL

say() { printf '%s\n' "$*"; }
fail() {
    printf 'uninstall.sh: %s\n' "$*" >&2
    exit 1
}

prefix=
while [ $# -gt 0 ]; do
    case $1 in
    --prefix)
        [ -n "${2:-}" ] || fail "--prefix needs a folder."
        prefix=$2
        shift 2
        ;;
    -h | --help)
        sed -n '2,5s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *) fail "unknown argument $1. sh uninstall.sh --help tells what there is." ;;
    esac
done
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
if [ -n "$prefix" ]; then
    program=$prefix/lib/ssd-viewer
elif [ -f "$here/installed-files" ]; then
    program=$here
else
    [ -n "${HOME:-}" ] || fail "there is no home folder (HOME is not set). Say where it is with --prefix DIR."
    program=$HOME/.local/lib/ssd-viewer
fi
[ -f "$program/installed-files" ] || fail "in $program is no ssd-viewer that install.sh installed."
program=$(CDPATH='' cd -- "$program" && pwd -P)
# shellcheck disable=SC2010 # what ls says of the links is wanted, not their names
if ls -l /proc/[0-9]*/exe 2>/dev/null | grep -Fq -e "-> $program/ssd-viewer"; then
    fail "ssd-viewer is running. Close it first."
fi
cd "$program"

# By name as well, so that no damaged list can reach anything else.
while IFS= read -r file; do
    case $file in
    */../*) ;;
    ./*) [ "$file" = ./installed-files ] || rm -f -- "$file" ;;
    */bin/ssd-viewer) [ "$(readlink -f -- "$file")" != "$program/ssd-viewer" ] || rm -f -- "$file" ;;
    /*/ssd-viewer.*) rm -f -- "$file" ;;
    esac
done <installed-files
applications=$(sed -n 's|/ssd-viewer\.desktop$||p' installed-files)
rm -f -- installed-files
[ -z "$applications" ] || update-desktop-database -q "$applications" 2>/dev/null || true

cd /
find "$program" -depth -type d -exec rmdir -- {} + 2>/dev/null || true
if [ -d "$program" ]; then
    say "ssd-viewer is removed. Left, for it was not installed with it:"
    find "$program" ! -type d
else
    say "ssd-viewer is removed."
fi
say "Settings, models and finished files are kept; they are in ~/.config/ssd-viewer, ~/.local/share/ssd-viewer and ~/.cache/ssd-viewer,
the log in ~/.local/state/ssd-viewer."
