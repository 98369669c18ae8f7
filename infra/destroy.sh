#!/usr/bin/env bash
# Removes a deployment of Tickertape. May be run again: it removes what is still there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=infra/account.sh
source "$here/account.sh"

usage() {
  cat <<'END'
usage: infra/destroy.sh --stage NAME [options]

Names what it will delete, asks, and deletes it. The table and the logs of stage prod are kept.

  --stage NAME          the deployment to remove
  --yes                 do not ask
  --region REGION       default: AWS_REGION, or what the profile says
  --profile NAME        a profile of ~/.aws/config
  --endpoint-url URL    an emulator of AWS, such as http://127.0.0.1:4566
  --json                print what was deleted and kept as JSON
  --help                this text

Exit codes: 64 wrong usage, 69 a tool is missing, 70 AWS refused, 77 no credentials or nobody said yes, 78 no region.
END
}

yes=no json=no
while [ $# -gt 0 ]; do
  case $1 in
    --stage) stage=$(value "$@"); shift ;;
    --region) region=$(value "$@"); shift ;;
    --profile) profile=$(value "$@"); shift ;;
    --endpoint-url) endpoint=$(value "$@"); shift ;;
    --yes) yes=yes ;;
    --json) json=yes ;;
    --help | -h) usage; exit 0 ;;
    *) fail 64 "unknown option '$1'" "see infra/destroy.sh --help" ;;
  esac
  shift
done

# Lines "TYPE<tab>NAME" of what the stack holds.
stack_resources() {
  attempt "cannot list what the stack holds" cloudformation list-stack-resources --stack-name "$stack" --output text \
    --query "StackResourceSummaries[?ResourceStatus!='DELETE_COMPLETE'].[ResourceType,PhysicalResourceId]" | sort
}

split_resources() {
  deleted=$resources kept=""
  if [ "$stage" = prod ]; then
    kept=$(grep -E '^AWS::(DynamoDB::Table|Logs::LogGroup)' <<<"$resources" || true)
    deleted=$(grep -vE '^AWS::(DynamoDB::Table|Logs::LogGroup)' <<<"$resources" || true)
  fi
  if bucket_exists; then deleted+=$'\n'"AWS::S3::Bucket"$'\t'"$bucket"; fi
  deleted=$(sed '/^$/d' <<<"$deleted")
}

show() { awk -F '\t' '{ sub(/^AWS::/, "", $1); printf "  %-26s  %s\n", $1, $2 }' <<<"$1" >&2; }

ask() {
  say "This will delete, in account $account, region $region:"
  show "$deleted"
  if [ -n "$kept" ]; then
    say "and keep:"
    show "$kept"
  fi
  [ "$yes" = no ] || return 0
  [ -t 0 ] || fail 77 "nobody is there to ask" "give --yes"
  local answer
  read -r -p "Type the stage's name to go on: " answer
  [ "$answer" = "$stage" ] || fail 77 "nothing was deleted"
}

empty_and_delete_bucket() {
  bucket_exists || return 0
  attempt "cannot empty the bucket $bucket" s3 rm --only-show-errors --recursive "s3://$bucket" >&2
  attempt "cannot delete the bucket $bucket" s3api delete-bucket --bucket "$bucket"
}

print_result() {
  if [ "$json" = yes ]; then
    printf '{"deleted":%s,"kept":%s}\n' "$(names_as_json "$deleted")" "$(names_as_json "$kept")"
    return
  fi
  say "Deleted."
  local table
  table=$(awk -F '\t' '$1 == "AWS::DynamoDB::Table" { print $2 }' <<<"$kept")
  [ -z "$table" ] || say "To deploy again with the table that was kept: infra/deploy.sh --stage $stage --table $table"
}

names_as_json() {
  awk -F '\t' 'BEGIN { printf "[" } NF > 1 { printf "%s\"%s\"", (n++ ? "," : ""), $2 } END { printf "]" }' <<<"$1"
}

enter_account
resources=""
status=$(stack_status)
[ -z "$status" ] || resources=$(stack_resources)
split_resources
if [ -z "$status" ] && [ -z "$deleted" ]; then
  say "There is nothing to delete: stage $stage has no stack and no bucket in $region."
  deleted=""
  [ "$json" = no ] || print_result
  exit 0
fi
ask
[ -z "$status" ] || delete_stack
empty_and_delete_bucket
print_result
