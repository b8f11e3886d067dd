#!/bin/sh
# Makes the parts of a stage on a server that stands in for AWS (moto,
# LocalStack): buckets, queues, table and notification, as terraform/ makes them
# in an account. Prints the settings of the stage, as env.sh writes them.
# It needs the AWS command line and AWS_ENDPOINT_URL. Safe to run twice.
set -eu

stage=${1:-standin}
: "${AWS_ENDPOINT_URL:?set it to the address of the server that stands in for AWS, such as http://127.0.0.1:5000}"
export AWS_DEFAULT_REGION="${AWS_DEFAULT_REGION:-${AWS_REGION:-eu-central-1}}"
export AWS_PAGER=
# Version 1 of the AWS command line leaves the variable aside for SQS.
aws() {
  case $1 in
    dynamodb) command aws --endpoint-url "${AWS_ENDPOINT_URL_DYNAMODB:-$AWS_ENDPOINT_URL}" "$@" ;;
    *) command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@" ;;
  esac
}
uploads=motionmill-$stage-uploads outputs=motionmill-$stage-outputs table=motionmill-$stage

for bucket in "$uploads" "$outputs"; do
  aws s3api head-bucket --bucket "$bucket" 2>/dev/null >&2 && continue
  set -- s3api create-bucket --bucket "$bucket"
  [ "$AWS_DEFAULT_REGION" = us-east-1 ] || # It has no name as a place.
    set -- "$@" --create-bucket-configuration "LocationConstraint=$AWS_DEFAULT_REGION"
  aws "$@" >&2
done
aws s3api put-bucket-versioning --bucket "$uploads" --versioning-configuration Status=Enabled >&2
aws s3api put-bucket-cors --bucket "$uploads" --cors-configuration \
  '{"CORSRules":[{"AllowedMethods":["PUT"],"AllowedOrigins":["*"],"AllowedHeaders":["*"],"ExposeHeaders":["ETag"]}]}' >&2

# queue NAME: makes a queue that keeps messages for 14 days and prints its URL.
queue() {
  aws sqs create-queue --queue-name "motionmill-$stage-$1" \
    --attributes VisibilityTimeout=60,MessageRetentionPeriod=1209600 --query QueueUrl --output text
}
work=$(queue work) progress=$(queue in-progress) dead=$(queue dead-letter)
arn=$(aws sqs get-queue-attributes --queue-url "$work" --attribute-names QueueArn --query Attributes.QueueArn --output text)

aws dynamodb describe-table --table-name "$table" >/dev/null 2>&1 || {
  index() {
    printf '{"IndexName":"%s","KeySchema":[{"AttributeName":"%s","KeyType":"HASH"},{"AttributeName":"list_at","KeyType":"RANGE"}],' "$1" "$2"
    printf '"Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["profile","bucket","object_key"]}}'
  }
  aws dynamodb create-table --table-name "$table" --billing-mode PAY_PER_REQUEST \
    --attribute-definitions AttributeName=pk,AttributeType=S AttributeName=list_all,AttributeType=S AttributeName=list_at,AttributeType=S \
    AttributeName=state,AttributeType=S AttributeName=list_owner,AttributeType=S \
    --key-schema AttributeName=pk,KeyType=HASH \
    --global-secondary-indexes "[$(index by_created list_all),$(index by_state state),$(index by_owner list_owner)]" >&2
  aws dynamodb update-time-to-live --table-name "$table" --time-to-live-specification Enabled=true,AttributeName=expires_at >&2 ||
    echo "this server removes no old records" >&2
}

# Last, for it sends an s3:TestEvent at once.
aws s3api put-bucket-notification-configuration --bucket "$uploads" --notification-configuration \
  "{\"QueueConfigurations\":[{\"Id\":\"uploads\",\"QueueArn\":\"$arn\",\"Events\":[\"s3:ObjectCreated:*\"],\"Filter\":{\"Key\":{\"FilterRules\":[{\"Name\":\"prefix\",\"Value\":\"uploads/\"}]}}}]}" >&2

cat <<SETTINGS
MOTIONMILL_STAGE=$stage
MOTIONMILL_UPLOADS_BUCKET=$uploads
MOTIONMILL_OUTPUTS_BUCKET=$outputs
MOTIONMILL_WORK_QUEUE_URL=$work
MOTIONMILL_IN_PROGRESS_QUEUE_URL=$progress
MOTIONMILL_DEAD_LETTER_QUEUE_URL=$dead
MOTIONMILL_LEDGER_TABLE=$table
AWS_REGION=$AWS_DEFAULT_REGION
SETTINGS
