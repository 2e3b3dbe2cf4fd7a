#!/usr/bin/env bash
# Makes the green cluster from the specification that the execute phase stored.
# Needs UPGRADE_ID, SPEC_BUCKET and SPEC_KEY; takes STEP_ID, SPEC_SHA256 and
# POLL_INTERVAL. EKS_UPGRADE names the program when it is not on PATH.
set -euo pipefail

: "${UPGRADE_ID:?is not set: the execute phase sets it when it starts the build}"
: "${SPEC_BUCKET:?is not set: the execute phase sets it when it starts the build}"
: "${SPEC_KEY:?is not set: the execute phase sets it when it starts the build}"

program=${EKS_UPGRADE:-eks-upgrade}
if ! command -v "$program" >/dev/null; then
  echo "provision: there is no program $program; put it on PATH or set EKS_UPGRADE to its path" >&2
  exit 127
fi
exec "$program" provision "s3://$SPEC_BUCKET/$SPEC_KEY"
