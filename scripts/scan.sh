#!/usr/bin/env bash
# Runs kubent and pluto on a cluster, tries its manifests on an API server of the
# target version, and leaves in the folder given:
#   kubent.json, pluto.json   what each tool printed; absent when it did not run
#   proof.json                what eks-upgrade prove printed; absent when it could not be carried out
#   tool-status.json          one entry per tool: tool, version, status (ok,
#                             missing, failed) and detail, in words
# Needs CLUSTER and TARGET_VERSION ("1.35"); EXECUTION is for its log. EKS_UPGRADE names the program when it is not on
# PATH, EKS_UPGRADE_CONTROL_PLANE the API server when it is not beside that. A scanner that is missing or fails is said so and is no
# failure of the build: the assessment then says that it was not checked.
#
# Neither reads Helm's stored releases: they are Secrets, and the build's role may read none (docs/rbac.yaml).
set -euo pipefail

# shellcheck source=scripts/log.sh
source "$(dirname "${BASH_SOURCE[0]}")/log.sh"
need CLUSTER "give the name of the EKS cluster"
need TARGET_VERSION "give the version to reach, such as 1.35"
out=${1:-scans}
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

entries=()

# note TOOL VERSION STATUS DETAIL remembers how a tool fared.
note() {
  entries+=("{\"tool\":$(quote "$1"),\"version\":$(quote "$2"),\"status\":$(quote "$3"),\"detail\":$(quote "$4")}")
  local level=info
  [[ $3 == ok ]] || level=warn
  log "$level" "$1: $3: $4" tool "$1" version "$2" status "$3"
}

# scan TOOL VERSION COMMAND... keeps what the command prints as TOOL.json. Pluto
# exits with 2 or 3 when it has found something, which is no failure.
scan() {
  local tool=$1 version=$2 rc=0
  shift 2
  "$@" >"$work/$tool.json" 2>"$work/$tool.log" || rc=$?
  if [[ $rc -ne 0 && ! ($tool == pluto && ($rc -eq 2 || $rc -eq 3)) ]]; then
    note "$tool" "$version" failed "it ended with status $rc: $(tail -c 400 "$work/$tool.log")"
  elif [[ ! -s $work/$tool.json ]]; then
    note "$tool" "$version" failed "it printed nothing"
  else
    mv "$work/$tool.json" "$out/$tool.json"
    note "$tool" "$version" ok "its findings are in $tool.json"
  fi
}

reachable=""
if [[ -n ${KUBECONFIG:-} ]]; then
  reachable=yes
elif command -v aws >/dev/null; then
  export KUBECONFIG=$work/config
  if aws eks update-kubeconfig --name "$CLUSTER" --kubeconfig "$KUBECONFIG" >/dev/null 2>"$work/aws.log"; then
    reachable=yes
  else
    why="the cluster's address could not be read: $(tail -c 300 "$work/aws.log")"
  fi
else
  why="there is no AWS CLI on PATH to find the cluster with"
fi

# Releases of the scanners that are known to print what the agent reads. One that the image lacks is downloaded, when its
# checksum is given: take it from the release's own list of checksums, or of a download that you have looked at, and set it
# on the build's project. Without a checksum nothing is downloaded. SCANNERS_URL names a mirror of github.com.
kubent_version=0.7.3
pluto_version=5.22.7
case $(uname -m) in aarch64 | arm64) arch=arm64 ;; *) arch=amd64 ;; esac
mirror=${SCANNERS_URL:-https://github.com}

# fetch TOOL installs the pinned release of a scanner, or says in $lacks why not.
fetch() {
  local tool=$1 url sum
  case $tool in
    kubent)
      url=$mirror/doitintl/kube-no-trouble/releases/download/$kubent_version/kubent-$kubent_version-linux-$arch.tar.gz
      sum=${KUBENT_SHA256:-}
      ;;
    pluto)
      url=$mirror/FairwindsOps/pluto/releases/download/v$pluto_version/pluto_${pluto_version}_linux_$arch.tar.gz
      sum=${PLUTO_SHA256:-}
      ;;
  esac
  if [[ ! $sum =~ ^[0-9a-f]{64}$ ]]; then
    lacks="it is not installed in the build image; install it there, or set ${tool^^}_SHA256 to the SHA-256 of $url"
    return 1
  fi
  if ! curl -fsSL --retry 2 --max-time 120 -o "$work/$tool.tar.gz" "$url" 2>"$work/curl.log"; then
    lacks="$url cannot be downloaded: $(tail -c 300 "$work/curl.log")"
    return 1
  fi
  if ! echo "$sum  $work/$tool.tar.gz" | sha256sum --check --status; then
    lacks="$url has not the checksum ${tool^^}_SHA256: $(sha256sum "$work/$tool.tar.gz" | cut -c 1-64)"
    return 1
  fi
  mkdir -p "$work/bin"
  if ! tar -xzf "$work/$tool.tar.gz" -C "$work/bin" "$tool" 2>"$work/tar.log"; then
    lacks="$url holds no $tool: $(tail -c 300 "$work/tar.log")"
    return 1
  fi
  PATH=$work/bin:$PATH
}

for tool in kubent pluto; do
  if ! command -v "$tool" >/dev/null && ! fetch "$tool"; then
    note "$tool" "" missing "$lacks"
  elif [[ -z $reachable ]]; then
    note "$tool" "" failed "$why"
  elif [[ $tool == kubent ]]; then
    scan kubent "$(kubent --version 2>&1 | head -n 1 || true)" kubent --helm3=false --output json --target-version "$TARGET_VERSION.0"
  else
    scan pluto "$(pluto version 2>&1 | head -n 1 || true)" pluto detect-api-resources --output json --target-versions "k8s=v$TARGET_VERSION.0"
  fi
done

# The proof finds the cluster by itself. It ends with 3 when not all could be tried, and with 4 when it has found something.
program=${EKS_UPGRADE:-eks-upgrade}
if ! command -v "$program" >/dev/null; then
  note prove "" missing "there is no program $program; put it on PATH or set EKS_UPGRADE to its path"
else
  rc=0
  "$program" prove --cluster "$CLUSTER" --target "$TARGET_VERSION" --output json >"$work/proof.json" 2>"$work/proof.log" || rc=$?
  case $rc in
    0 | 3 | 4)
      mv "$work/proof.json" "$out/proof.json"
      note prove "$("$program" version 2>&1 | head -n 1 || true)" ok "what the API server of $TARGET_VERSION says is in proof.json"
      ;;
    *) note prove "" failed "it ended with status $rc: $(tail -c 400 "$work/proof.log")" ;;
  esac
fi

(IFS=,; printf '[%s]\n' "${entries[*]}") >"$out/tool-status.json"
