#!/bin/sh
# Installs ssd-viewer from the unpacked archive this script lies in, for one user and without any rights: the program into
# ~/.local/lib/ssd-viewer, a link into ~/.local/bin, an entry with icon into the menu. Over an older version it is an update.
# What it puts down it lists in lib/ssd-viewer/installed-files, and nothing else is ever replaced or removed.
#
#   sh install.sh [--prefix DIR]      e.g. --prefix /usr/local, as root, for everybody
set -eu
umask 022
LC_ALL=C # paths are bytes
export LC_ALL

say() { printf '%s\n' "$*"; }
fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

# ---- Where to

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
prefix=
while [ $# -gt 0 ]; do
    case $1 in
    --prefix)
        [ -n "${2:-}" ] || fail "--prefix needs a folder."
        prefix=$2
        shift 2
        ;;
    -h | --help)
        sed -n '2,6s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *) fail "unknown argument $1. sh install.sh --help tells what there is." ;;
    esac
done
if [ -n "$prefix" ]; then
    mkdir -p -- "$prefix" || fail "$prefix cannot be made."
    prefix=$(CDPATH='' cd -- "$prefix" && pwd -P)
    data=$prefix/share
else
    [ -n "${HOME:-}" ] || fail "there is no home folder (HOME is not set). Say where to with --prefix DIR."
    prefix=$HOME/.local
    case ${XDG_DATA_HOME:-} in
    /*) data=$XDG_DATA_HOME ;;
    *) data=$prefix/share ;;
    esac
fi
case $prefix$data in
*'
'*) fail "a folder with a line break in its name will not do: $prefix" ;;
*=*) fail "a menu entry cannot start a program in a folder with = in its name: $prefix" ;;
esac
program=$prefix/lib/ssd-viewer
list=$program/installed-files

if [ ! -x "$here/program/ssd-viewer" ] || [ ! -d "$here/share" ]; then
    fail "$here is not the whole archive. Unpack it again and start install.sh from there."
fi

# ---- What is there already

ours() { [ -f "$list" ] && grep -Fqx -e "$1" "$list"; }
files_in() { (cd "$1" && find . ! -type d | sort); }

if [ -e "$program" ] || [ -L "$program" ]; then
    [ -f "$list" ] || fail "$program is there and was not installed by this script. Move it away, or choose another --prefix."
    # Its parts are loaded as they are needed: exchanged beneath it, it would end in the middle of its work.
    real=$(CDPATH='' cd -- "$program" && pwd -P) # as the system names what runs, whatever link leads there
    # shellcheck disable=SC2010 # what ls says of the links is wanted, not their names
    if ls -l /proc/[0-9]*/exe 2>/dev/null | grep -Fq -e "-> $real/ssd-viewer"; then
        fail "ssd-viewer is running. Close it first."
    fi
    strangers=$(files_in "$program" | grep -Fvx -f "$list" || true)
    [ -z "$strangers" ] || fail "in $program are files that were not installed; move them away first:
$strangers"
fi

# ---- The program: whole under another name first, so that a full disk leaves the old version as it is

mkdir -p -- "$prefix/lib" "$prefix/bin" || fail "$prefix cannot be written to."
scratch=$(mktemp -d "$prefix/lib/.ssd-viewer.XXXXXX") || fail "$prefix/lib cannot be written to."
cleanup() {
    if [ -d "$scratch/old" ] && [ ! -e "$program" ]; then mv -- "$scratch/old" "$program"; fi
    rm -rf -- "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
new=$scratch/new
mkdir "$new"
cp -RP -- "$here/program/." "$new/" || fail "copying into $prefix/lib failed (see above). Nothing was changed."
cp -- "$here/uninstall.sh" "$new/uninstall.sh"
version=$("$new/ssd-viewer" --version) || fail "the program does not run on this computer (see above). Nothing was changed."
files_in "$new" >"$scratch/list"
printf '%s\n' ./installed-files >>"$scratch/list"
[ ! -f "$list" ] || sed -n '/^\//p' "$list" >>"$scratch/list"
mv -- "$scratch/list" "$new/installed-files"
[ ! -d "$program" ] || mv -- "$program" "$scratch/old"
mv -- "$new" "$program"

# ---- Menu entry, icons, link: only where there is nothing of anybody else's

put() { # FILE TARGET
    if [ -e "$2" ] || [ -L "$2" ]; then
        # A link that leads elsewhere now was replaced by somebody since.
        if ! ours "$2" || { [ -L "$1" ] && [ "$(readlink -- "$2")" != "$(readlink -- "$1")" ]; }; then
            say "Left as it is, for it was not installed by this script: $2"
            return
        fi
    fi
    ours "$2" || printf '%s\n' "$2" >>"$list"
    printf '%s\n' "$2" >>"$scratch/put"
    mkdir -p -- "$(dirname -- "$2")"
    part=$(mktemp -u -- "$2.XXXXXX") # a name that nobody has
    cp -P -- "$1" "$part"
    mv -f -- "$part" "$2"
}

# The path as the desktop entry specification wants it: quoted, and escaped twice.
escaped=$(printf '%s' "$program/ssd-viewer" | sed 's/\\/\\\\/g')
quoted=$(printf '%s' "$program/ssd-viewer" | sed 's/[\\"`$]/\\&/g; s/\\/\\\\/g; s/%/%%/g')
while IFS= read -r line; do
    case $line in
    Exec=*) printf 'Exec="%s"%s\n' "$quoted" "${line#Exec=ssd-viewer}" ;;
    TryExec=*) printf 'TryExec=%s\n' "$escaped" ;;
    *) printf '%s\n' "$line" ;;
    esac
done <"$here/share/applications/ssd-viewer.desktop" >"$scratch/desktop"
ln -s -- "$program/ssd-viewer" "$scratch/link"
(cd "$here/share" && find icons metainfo -type f | sort) >"$scratch/shared"

: >"$scratch/put"
put "$scratch/link" "$prefix/bin/ssd-viewer"
put "$scratch/desktop" "$data/applications/ssd-viewer.desktop"
while IFS= read -r file; do
    put "$here/share/$file" "$data/$file"
done <"$scratch/shared"

# What an older version had there and this one has not.
sed -n '/^\//p' "$list" | { grep -Fvx -f "$scratch/put" || true; } >"$scratch/gone"
while IFS= read -r file; do
    case ${file##*/} in ssd-viewer.*) rm -f -- "$file" ;; esac
done <"$scratch/gone"
{ sed '/^\//d' "$list" && cat "$scratch/put"; } >"$scratch/list"
mv -- "$scratch/list" "$list"

update-desktop-database -q "$data/applications" 2>/dev/null || true
# Only a cache that is there: without one the icons are looked up in the folders, a new one would hide later ones.
if [ -f "$data/icons/hicolor/icon-theme.cache" ]; then
    gtk-update-icon-cache -q -t -f "$data/icons/hicolor" 2>/dev/null || true
fi

say "$version is installed in $program."
case :$PATH: in
*":$prefix/bin:"*) say "Start it from the menu, or type: ssd-viewer" ;;
*) say "Start it from the menu, or type: $prefix/bin/ssd-viewer" ;;
esac
say "To remove it: sh '$(printf '%s' "$program" | sed "s/'/'\\\\''/g")/uninstall.sh'"
