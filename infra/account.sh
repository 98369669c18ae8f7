# shellcheck shell=bash
# What deploy.sh and destroy.sh share: how they speak, and how they reach the account. To be sourced, not run.

export AWS_PAGER=""
stage="" region="" profile="" endpoint=""

# Everything for people goes to standard error; standard output is the result alone.
say() { printf '%s\n' "$*" >&2; }

# fail CODE MESSAGE [WHAT TO DO]
fail() {
  say "${0##*/}: $2"
  [ -z "${3:-}" ] || say "  $3"
  exit "$1"
}

# The value of an option, which must be there: value OPTION "$@"
value() {
  [ -n "${2:-}" ] || fail 64 "$1 needs a value" "see ${0##*/} --help"
  printf '%s' "$2"
}

need() {
  type -P "$1" >/dev/null || fail 69 "'$1' is missing" "$2"
}

aws() { command aws --region "$region" ${profile:+--profile "$profile"} ${endpoint:+--endpoint-url "$endpoint"} "$@"; }

# Checks the stage's name, finds the region, and asks who we are. Sets region, account, stack and bucket.
enter_account() {
  [ -n "$stage" ] || fail 64 "--stage is missing" "for example: ${0##*/} --stage dev"
  [[ $stage =~ ^[a-z][a-z0-9-]{0,19}$ ]] ||
    fail 64 "'$stage' cannot be a stage" "a lower-case letter, then at most 19 lower-case letters, digits and hyphens"
  need aws "install the AWS CLI: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
  region=${region:-${AWS_REGION:-${AWS_DEFAULT_REGION:-}}}
  [ -n "$region" ] || region=$(command aws ${profile:+--profile "$profile"} configure get region 2>/dev/null || true)
  [ -n "$region" ] || fail 78 "no region is set" "give --region, or set AWS_REGION, or run 'aws configure'"
  local answer
  if ! answer=$(aws sts get-caller-identity --output text --query '[Account,Arn]' 2>&1); then
    fail 77 "the account does not let us in: $(cause "$answer")" "$(remedy "$answer")"
  fi
  read -r account principal <<<"$answer"
  stack=tickertape-$stage
  bucket=tickertape-$stage-$account-$region
  say "Account $account in $region, as $principal${endpoint:+, at $endpoint}"
}

# The last line of what the AWS CLI says that holds a word.
cause() { grep -v '^[[:space:]]*$' <<<"$1" | tail -1; }

remedy() {
  case $1 in
    *"Unable to locate credentials"* | *NoCredentials*)
      echo "set AWS_PROFILE or --profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run 'aws configure'" ;;
    *"config profile"*) echo "'aws configure list-profiles' names those that there are" ;;
    *[Ee]xpired*) echo "the credentials are expired: get new ones, for example with 'aws sso login'" ;;
    *"Could not connect"* | *"Connect timeout"*) echo "is '${endpoint:-the network}' reachable?" ;;
    *AccessDenied* | *"not authorized"*) echo "the credentials are valid, but their policies forbid it" ;;
    *InvalidClientTokenId* | *SignatureDoesNotMatch*) echo "the credentials belong to no account, or were copied wrongly" ;;
  esac
}

# Runs the AWS CLI; if that fails, stops with its last words: attempt WHAT ARGUMENTS...
attempt() {
  local what=$1 errors
  shift
  errors=$(mktemp)
  if aws "$@" 2>"$errors"; then
    rm -f "$errors"
    return 0
  fi
  local text
  text=$(cat "$errors")
  rm -f "$errors"
  fail 70 "$what: $(cause "$text")" "$(remedy "$text")"
}

# CloudFormation's word for the state of the stack; nothing if there is none.
stack_status() {
  local answer
  if answer=$(aws cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].StackStatus' --output text 2>&1)
  then
    [ "$answer" = DELETE_COMPLETE ] || printf '%s' "$answer"
  elif [[ $answer != *"does not exist"* ]]; then
    fail 70 "cannot ask for the stack $stack: $(cause "$answer")" "$(remedy "$answer")"
  fi
}

# Why the last operation on the stack failed, the first cause first; nothing if CloudFormation did not get that far.
stack_failures() {
  aws cloudformation describe-stack-events --stack-name "$1" --output text \
    --query 'StackEvents[].[ResourceType, ResourceStatus, LogicalResourceId, ResourceStatusReason]' 2>/dev/null |
    awk -F '\t' '
      $2 ~ /FAILED/ && $4 !~ /cancelled/ { line[++n] = "  " $3 " (" $1 "): " $4 }
      $1 == "AWS::CloudFormation::Stack" && $4 == "User Initiated" { exit }
      END { for (i = n; i > 0; i--) print line[i] }' || true
}

bucket_exists() { aws s3api head-bucket --bucket "$bucket" >/dev/null 2>&1; }

# Deletes the stack and waits until it is gone.
delete_stack() {
  local id
  id=$(attempt "cannot ask for the stack" cloudformation describe-stacks --stack-name "$stack" \
    --query 'Stacks[0].StackId' --output text)
  attempt "cannot delete the stack" cloudformation delete-stack --stack-name "$stack"
  aws cloudformation wait stack-delete-complete --stack-name "$id" 2>/dev/null || {
    say "${0##*/}: the stack $stack could not be deleted:"
    stack_failures "$id" >&2
    fail 70 "see above" "remove the cause, then run ${0##*/} again"
  }
}
