#!/bin/sh
# Signs dist/ssd-viewer.app, has Apple notarise it, and makes a disk image of it. Written with care and not yet tried.
#
#   make bundle                           (on macOS)
#   SIGN_IDENTITY="Developer ID Application: NAME (TEAM)" NOTARY_PROFILE=NAME sh packaging/macos/sign.sh
#
# SIGN_IDENTITY   a certificate in the keychain; `security find-identity -v -p codesigning` lists them
# NOTARY_PROFILE  made once with `xcrun notarytool store-credentials NAME`; no password is ever read here
set -eu

fail() {
    printf 'sign.sh: %s\n' "$*" >&2
    exit 1
}
case ${1:-} in
-h | --help)
    sed -n '2,8s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
?*) fail "unknown argument $1. sh sign.sh --help tells what there is." ;;
esac
[ -n "${SIGN_IDENTITY:-}" ] || fail "SIGN_IDENTITY is not set: the name of a Developer ID Application certificate."
[ -n "${NOTARY_PROFILE:-}" ] || fail "NOTARY_PROFILE is not set: a profile made with xcrun notarytool store-credentials."
[ "$(uname -s)" = Darwin ] || fail "this works on macOS only."
for tool in codesign xcrun ditto hdiutil; do
    command -v "$tool" >/dev/null || fail "$tool is missing. Install Apple's command line tools: xcode-select --install"
done

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
dist=$here/../../dist
app=$dist/ssd-viewer.app
[ -d "$app" ] || fail "there is no $app. make bundle makes it."
version=$(/usr/libexec/PlistBuddy -c 'Print :CFBundleShortVersionString' "$app/Contents/Info.plist")
image=$dist/ssd-viewer-$version-macos-$(uname -m).dmg
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT

sign() { codesign --force --timestamp --options runtime --sign "$SIGN_IDENTITY" "$@"; }
notarise() { xcrun notarytool submit "$1" --keychain-profile "$NOTARY_PROFILE" --wait; }

# From the inside out: every library, then the app, whose entitlements are those of the program.
find "$app/Contents" -type f ! -path "$app/Contents/MacOS/ssd-viewer" -print >"$scratch/files"
while IFS= read -r file; do
    case $(file -b "$file") in Mach-O*) sign "$file" ;; esac
done <"$scratch/files"
sign --entitlements "$here/entitlements.plist" "$app"
codesign --verify --deep --strict --verbose=2 "$app"

ditto -c -k --keepParent "$app" "$scratch/ssd-viewer.zip"
notarise "$scratch/ssd-viewer.zip"
xcrun stapler staple "$app"

mkdir "$scratch/image"
ditto "$app" "$scratch/image/ssd-viewer.app"
ln -s /Applications "$scratch/image/Applications"
hdiutil create -volname ssd-viewer -srcfolder "$scratch/image" -format UDZO -ov "$image"
sign "$image"
notarise "$image"
xcrun stapler staple "$image"
spctl --assess --type open --context context:primary-signature --verbose "$image"
printf '%s\n' "$image"
