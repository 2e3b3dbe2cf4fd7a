#!/usr/bin/env bash
# Builds the control plane (test/controlplane) and KWOK that rehearsals and tests
# run, once, into a cache outside the tree. Prints the folder on standard output;
# everything else goes to standard error. Does nothing when the folder is there.
#
#   EKS_UPGRADE_AGENT_CACHE  the cache; default $XDG_CACHE_HOME/eks-upgrade-agent
#   KUBEBUILDER_ASSETS       when set, the control plane comes from there and only
#                            KWOK is built, if that folder has no kwok
#   CONTROL_PLANE_FOR        such as linux/arm64: only the control plane, for that system and processor
set -euo pipefail

kubernetes=v1.37.2
kwok=v0.8.0

say() { printf '%s\n' "$*" >&2; }
die() { say "build-control-plane: $*"; exit 1; }

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source="$root/test/controlplane"
cache="${EKS_UPGRADE_AGENT_CACHE:-${XDG_CACHE_HOME:-${HOME:?set HOME or EKS_UPGRADE_AGENT_CACHE}/.cache}/eks-upgrade-agent}"
[[ "$cache" = /* ]] || die "EKS_UPGRADE_AGENT_CACHE must be an absolute path, not $cache"

sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }
# pkg/controlplane/find.go computes the same key.
sum=$(cat "$source/go.mod" "$source/go.sum" "$source/main.go" | sha256 | cut -c1-12)
target="$cache/controlplane/$kubernetes-$sum"

need_control_plane=true need_kwok=true
if [[ -n "${CONTROL_PLANE_FOR:-}" ]]; then
  command -v go >/dev/null || die "go is not on the PATH; install Go 1.26 or later from https://go.dev/dl"
  [[ "$CONTROL_PLANE_FOR" =~ ^[a-z0-9]+/[a-z0-9]+$ ]] || die "CONTROL_PLANE_FOR must be like linux/arm64, not $CONTROL_PLANE_FOR"
  need_kwok=false
  if [[ "$CONTROL_PLANE_FOR" != "$(go env GOHOSTOS)/$(go env GOHOSTARCH)" ]]; then
    target="$cache/controlplane-${CONTROL_PLANE_FOR/\//-}/$kubernetes-$sum"
    export GOOS=${CONTROL_PLANE_FOR%/*} GOARCH=${CONTROL_PLANE_FOR#*/}
  fi
elif [[ -n "${KUBEBUILDER_ASSETS:-}" ]]; then
  need_control_plane=false
  [[ ! -x "$KUBEBUILDER_ASSETS/kwok" ]] || need_kwok=false
fi
[[ ! -x "$target/controlplane" ]] || need_control_plane=false
[[ ! -x "$target/kwok-$kwok" ]] || need_kwok=false
if ! $need_control_plane && ! $need_kwok; then
  echo "$target"
  exit 0
fi

command -v go >/dev/null || die "go is not on the PATH; install Go 1.26 or later from https://go.dev/dl"
export GOWORK=off GOFLAGS=
mkdir -p "$target"
work=$(mktemp -d "${target%/*}/.build-XXXXXX")
builder=
cleanup() {
  if [[ -n "$builder" ]]; then kill "$builder" 2>/dev/null || true; fi
  chmod -R u+w "$work" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# watched LABEL TOTAL COMMAND... runs a `go build -v` and shows how many of TOTAL
# packages are compiled: a line that updates itself on a terminal, else one every 30 s.
# Packages that Go's build cache already has are not counted, so it may end early.
watched() {
  local label=$1 total=$2 log="$work/log" begun=$SECONDS shown=$SECONDS done=0 status=0
  shift 2
  : >"$log"
  "$@" >"$log" 2>&1 &
  builder=$!
  while kill -0 "$builder" 2>/dev/null; do
    sleep 1
    done=$(wc -l <"$log" | tr -d ' ')
    if [[ -t 2 ]]; then
      printf '\r%s: %d of %d packages, %d s ' "$label" "$done" "$total" $((SECONDS - begun)) >&2
    elif ((SECONDS - shown >= 30)); then
      shown=$SECONDS
      say "$label: $done of $total packages, $((SECONDS - begun)) s"
    fi
  done
  wait "$builder" || status=$?
  builder=
  [[ ! -t 2 ]] || printf '\r\033[K' >&2
  if ((status)); then
    tail -n 20 "$log" >&2
    die "$label failed after $((SECONDS - begun)) s; the end of its output stands above"
  fi
  say "$label: done in $((SECONDS - begun)) s"
}

if $need_control_plane; then
  say "Building a Kubernetes $kubernetes control plane, once, into $target"
  say "It takes 6 to 12 minutes on two cores; less when Go's build cache has parts of it. Later runs reuse it."
  total=$(cd "$source" && go list -mod=readonly -deps . | wc -l | tr -d ' ')
  cd "$source"
  watched "control plane" "$total" go build -v -mod=readonly -trimpath \
    -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$kubernetes" -o "$work/controlplane" .
  mv "$work/controlplane" "$target/controlplane"
fi
if $need_kwok; then
  say "Building KWOK $kwok, once (1 to 3 minutes)"
  # go install MODULE@VERSION ignores any go.mod around it; -v names what it compiles.
  export GOBIN="$work/bin"
  watched "kwok" 700 go install -v -trimpath -ldflags "-s -w" "sigs.k8s.io/kwok/cmd/kwok@$kwok"
  mv "$work/bin/kwok" "$target/kwok-$kwok"
fi
echo "$target"
