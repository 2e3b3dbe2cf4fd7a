#!/usr/bin/env bash
# Starts an upgrade with the AWS CLI: an execution of the deployed state machine.
#
#   scripts/start.sh NAME REQUEST.json           upgrade one cluster
#   scripts/start.sh --fleet NAME WAVES.json     upgrade a fleet in waves
#   scripts/start.sh --event REQUEST.json        ask for it by an event on the bus eks-upgrade
#
# NAME is the id of the upgrade: 1 to 80 letters, digits, dots, hyphens and
# underscores. The same name with the same request finds the upgrade that runs.
# Account, region and credentials are those of the AWS CLI.
set -euo pipefail

usage() {
  sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

fail() {
  printf '%s\n' "$1" >&2
  exit "${2:-1}"
}

command -v aws >/dev/null || fail "aws is not on PATH; install the AWS CLI"
machine=eks-upgrade event=""
case "${1:-}" in
  --fleet) machine=eks-upgrade-fleet; shift ;;
  --event) event=yes; shift ;;
  -*) usage ;;
esac

if [[ $event ]]; then
  [[ $# -eq 1 ]] || usage
  [[ -r $1 ]] || fail "$1 cannot be read; name a file with the request" 2
  detail=$(tr -d '\r\n\t' <"$1")
  detail=${detail//\\/\\\\}
  detail=${detail//\"/\\\"}
  failed=$(aws events put-events --query FailedEntryCount --output text --entries \
    "[{\"Source\":\"eks-upgrade-agent\",\"DetailType\":\"Upgrade Requested\",\"EventBusName\":\"eks-upgrade\",\"Detail\":\"$detail\"}]")
  [[ $failed == 0 ]] || fail "EventBridge did not take the event; is $1 a JSON object, and does the bus eks-upgrade exist?"
  echo "Asked for the upgrade. It appears in: aws stepfunctions list-executions, or eks-upgrade status"
  exit 0
fi

[[ $# -eq 2 ]] || usage
[[ $1 =~ ^[0-9A-Za-z_.-]{1,80}$ ]] || fail "\"$1\" is no name of an execution; give 1 to 80 letters, digits, dots, hyphens or underscores" 2
[[ -r $2 ]] || fail "$2 cannot be read; name a file with the request" 2
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
[[ $region ]] || fail "the region is missing; set AWS_REGION" 2
IFS=: read -r _ partition _ _ account _ <<<"$(aws sts get-caller-identity --query Arn --output text)"
aws stepfunctions start-execution --state-machine-arn "arn:$partition:states:$region:$account:stateMachine:$machine:live" \
  --name "$1" --input "file://$2" --query executionArn --output text
