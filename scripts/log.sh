# shellcheck shell=bash
# Sourced by the scripts that CodeBuild runs. Their lines are JSON, with the
# fields of the functions' logs, so that one query follows an upgrade through
# both: EXECUTION, CLUSTER and STEP come from whoever starts the build.

# redact removes from standard input what tools print of their credentials.
redact() {
  sed -E \
    -e 's/k8s-aws-v1\.[A-Za-z0-9_=-]+/[REDACTED]/g' \
    -e 's/eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/[REDACTED]/g' \
    -e 's/([Bb]earer|[Bb]asic) +[A-Za-z0-9._~+\/=-]{8,}/\1 [REDACTED]/g' \
    -e 's/(X-Amz-(Signature|Security-Token|Credential)=)[^& "]+/\1[REDACTED]/g' \
    -e 's/(([Ss]ecret|[Ss]ession|[Aa]ccess|[Aa]uth|[Aa]pi)[A-Za-z_-]*([Kk]ey|[Tt]oken)|[Pp]ass(word|wd|phrase)|SECRET_ACCESS_KEY|SESSION_TOKEN)("?[ ]*[:=][ ]*"?)[^", ]+/\1\5[REDACTED]/g'
}

# quote TEXT prints it as a JSON string, in one line of at most 500 characters.
quote() {
  local text=${1//[$'\n\r\t']/ }
  text=$(printf '%s' "${text:0:500}" | LC_ALL=C tr -d '\000-\037\177' | redact)
  text=${text//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}

# log LEVEL MESSAGE [NAME VALUE]... prints one line.
log() {
  local line name value
  line="{\"level\":$(quote "$1"),\"time\":\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\""
  local message=$2
  shift 2
  set -- execution "${EXECUTION:-}" cluster "${CLUSTER:-}" step "${STEP:-}" build "${CODEBUILD_BUILD_ID:-}" "$@"
  while (($# > 1)); do
    name=$1 value=$2
    shift 2
    [[ -z $value ]] || line+=",$(quote "$name"):$(quote "$value")"
  done
  printf '%s,"message":%s}\n' "$line" "$(quote "$message")"
}

# need NAME HINT ends the script when the variable is not set.
need() {
  [[ -n ${!1:-} ]] && return
  log error "$1 is not set: $2" kind request.invalid code InvalidRequest field "$1" >&2
  exit 1
}
