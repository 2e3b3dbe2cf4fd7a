#!/usr/bin/env bash
# Makes the green cluster from the specification that the execute phase stored.
# Needs EXECUTION, SPEC_BUCKET and SPEC_KEY; takes CLUSTER, STEP, STEP_ID,
# SPEC_SHA256 and POLL_INTERVAL. EKS_UPGRADE names the program when it is not on PATH.
set -euo pipefail

# shellcheck source=scripts/log.sh
source "$(dirname "${BASH_SOURCE[0]}")/log.sh"
for variable in EXECUTION SPEC_BUCKET SPEC_KEY; do
  need "$variable" "the execute phase sets it when it starts the build"
done

program=${EKS_UPGRADE:-eks-upgrade}
if ! command -v "$program" >/dev/null; then
  log error "there is no program $program; put it on PATH or set EKS_UPGRADE to its path" >&2
  exit 127
fi
exec "$program" provision "s3://$SPEC_BUCKET/$SPEC_KEY"
