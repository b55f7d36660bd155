#!/bin/sh
# The main job of llamactl, shown against a control plane of its own: `make demo` runs this.
#
# usage: demo.sh LLAMACTL CONTROL_PLANE    (the two programs; the second is the example `control-plane`)
#
# Everything happens in a temporary home that is removed at the end. Ends with an error as soon as a step fails.
set -eu

absolute() {
    case $1 in
        /*) printf '%s\n' "$1" ;;
        *) printf '%s/%s\n' "$PWD" "$1" ;;
    esac
}

if [ $# -ne 2 ]; then
    echo 'usage: demo.sh LLAMACTL CONTROL_PLANE' >&2
    exit 2
fi
llamactl=$(absolute "$1")
control_plane=$(absolute "$2")

root=$(mktemp -d)
# The control plane ends by itself with the descriptor that holds its input open.
trap 'exec 3>&-; rm -rf "$root"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir "$root/home" "$root/app"
cd "$root/app"
mkfifo "$root/hold" "$root/address"
(umask 077 && echo 'llx-demo000000000000000000000000' >key.txt)

"$control_plane" key.txt <"$root/hold" >"$root/address" &
exec 3>"$root/hold"
read -r url <"$root/address"

# The demo neither reads nor changes the user's settings.
step() {
    printf '\n$ llamactl'
    printf ' %s' "$@"
    printf '\n'
    env -i HOME="$root/home" PATH="$PATH" TERM="${TERM:-dumb}" "$llamactl" "$@" 3>&- 2>&1 </dev/null
}

echo "# A control plane runs at $url; its API key is in key.txt."
step environments add "$url"
step auth token --project proj-web --api-key-file key.txt --name demo
step auth get
step projects get
step auth use demo
step auth inject
printf '\n$ cat .env\n'
cat .env
step auth logout demo
