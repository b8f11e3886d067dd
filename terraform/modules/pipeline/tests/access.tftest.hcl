# What workers and the API may do: every action that they call, and no more.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-west-1" }
  }
}

override_resource {
  target = aws_s3_bucket.uploads
  values = { id = "uploads", arn = "arn:aws:s3:::uploads" }
}
override_resource {
  target = aws_s3_bucket.outputs
  values = { id = "outputs", arn = "arn:aws:s3:::outputs" }
}
override_resource {
  target = aws_sqs_queue.work
  values = { arn = "arn:aws:sqs:eu-west-1:123456789012:work", url = "https://sqs.eu-west-1.amazonaws.com/123456789012/work" }
}
override_resource {
  target = aws_sqs_queue.in_progress
  values = { arn = "arn:aws:sqs:eu-west-1:123456789012:in-progress", url = "https://sqs.eu-west-1.amazonaws.com/123456789012/in-progress" }
}
override_resource {
  target = aws_sqs_queue.dead_letter
  values = { arn = "arn:aws:sqs:eu-west-1:123456789012:dead-letter", url = "https://sqs.eu-west-1.amazonaws.com/123456789012/dead-letter" }
}
override_resource {
  target = aws_dynamodb_table.ledger
  values = { arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/ledger" }
}

variables {
  stage = "test"
}

run "no_wildcards" {
  assert {
    condition = alltrue(flatten([
      for policy in [output.worker_policy, output.api_policy] : [
        for s in jsondecode(policy).Statement : [for a in flatten([s.Action]) : s.Effect == "Allow" && !strcontains(a, "*")]
      ]
    ]))
    error_message = "Every action must be named."
  }
  assert {
    condition = toset(flatten([
      for policy in [output.worker_policy, output.api_policy] : [
        for s in jsondecode(policy).Statement : [for r in flatten([s.Resource]) : r if strcontains(r, "*")]
      ]
    ])) == toset(["arn:aws:s3:::uploads/uploads/*", "arn:aws:s3:::outputs/outputs/*", "arn:aws:s3:::outputs/api/*", "arn:aws:s3:::outputs/api/webhooks/due/*"])
    error_message = "The only wildcards in resources are the objects below these prefixes."
  }
}

run "worker" {
  assert {
    condition = merge([
      for s in jsondecode(output.worker_policy).Statement : { for pair in setproduct(flatten([s.Action]), flatten([s.Resource])) : "${pair[0]} ${pair[1]}" => true }
      ]...) == { for line in [
      "dynamodb:BatchGetItem arn:aws:dynamodb:eu-west-1:123456789012:table/ledger",
      "dynamodb:DescribeTable arn:aws:dynamodb:eu-west-1:123456789012:table/ledger",
      "dynamodb:DescribeTimeToLive arn:aws:dynamodb:eu-west-1:123456789012:table/ledger",
      "dynamodb:GetItem arn:aws:dynamodb:eu-west-1:123456789012:table/ledger",
      "dynamodb:PutItem arn:aws:dynamodb:eu-west-1:123456789012:table/ledger",
      "dynamodb:Query arn:aws:dynamodb:eu-west-1:123456789012:table/ledger/index/by_created",
      "dynamodb:Query arn:aws:dynamodb:eu-west-1:123456789012:table/ledger/index/by_owner",
      "dynamodb:Query arn:aws:dynamodb:eu-west-1:123456789012:table/ledger/index/by_state",
      "dynamodb:UpdateItem arn:aws:dynamodb:eu-west-1:123456789012:table/ledger",
      "s3:AbortMultipartUpload arn:aws:s3:::outputs/outputs/*",
      "s3:DeleteObject arn:aws:s3:::outputs/outputs/*",
      "s3:GetObject arn:aws:s3:::outputs/outputs/*",
      "s3:GetObject arn:aws:s3:::uploads/uploads/*",
      "s3:GetObjectVersion arn:aws:s3:::uploads/uploads/*",
      "s3:ListBucket arn:aws:s3:::outputs",
      "s3:ListBucket arn:aws:s3:::uploads",
      "s3:PutObject arn:aws:s3:::outputs/api/webhooks/due/*",
      "s3:PutObject arn:aws:s3:::outputs/outputs/*",
      "sqs:ChangeMessageVisibility arn:aws:sqs:eu-west-1:123456789012:in-progress",
      "sqs:ChangeMessageVisibility arn:aws:sqs:eu-west-1:123456789012:work",
      "sqs:DeleteMessage arn:aws:sqs:eu-west-1:123456789012:in-progress",
      "sqs:DeleteMessage arn:aws:sqs:eu-west-1:123456789012:work",
      "sqs:GetQueueAttributes arn:aws:sqs:eu-west-1:123456789012:dead-letter",
      "sqs:GetQueueAttributes arn:aws:sqs:eu-west-1:123456789012:in-progress",
      "sqs:GetQueueAttributes arn:aws:sqs:eu-west-1:123456789012:work",
      "sqs:ReceiveMessage arn:aws:sqs:eu-west-1:123456789012:in-progress",
      "sqs:ReceiveMessage arn:aws:sqs:eu-west-1:123456789012:work",
      "sqs:SendMessage arn:aws:sqs:eu-west-1:123456789012:dead-letter",
      "sqs:SendMessage arn:aws:sqs:eu-west-1:123456789012:in-progress",
      "sqs:SendMessage arn:aws:sqs:eu-west-1:123456789012:work",
    ] : line => true }
    error_message = "A worker must be allowed exactly what it calls."
  }
}

run "api" {
  assert {
    condition = merge([
      for s in jsondecode(output.api_policy).Statement : { for pair in setproduct(flatten([s.Action]), flatten([s.Resource])) : "${pair[0]} ${pair[1]}" => true }
      ]...) == { for line in [
      "dynamodb:BatchGetItem arn:aws:dynamodb:eu-west-1:123456789012:table/ledger",
      "dynamodb:DescribeTable arn:aws:dynamodb:eu-west-1:123456789012:table/ledger",
      "dynamodb:DescribeTimeToLive arn:aws:dynamodb:eu-west-1:123456789012:table/ledger",
      "dynamodb:GetItem arn:aws:dynamodb:eu-west-1:123456789012:table/ledger",
      "dynamodb:PutItem arn:aws:dynamodb:eu-west-1:123456789012:table/ledger",
      "dynamodb:Query arn:aws:dynamodb:eu-west-1:123456789012:table/ledger/index/by_created",
      "dynamodb:Query arn:aws:dynamodb:eu-west-1:123456789012:table/ledger/index/by_owner",
      "dynamodb:Query arn:aws:dynamodb:eu-west-1:123456789012:table/ledger/index/by_state",
      "dynamodb:UpdateItem arn:aws:dynamodb:eu-west-1:123456789012:table/ledger",
      "s3:AbortMultipartUpload arn:aws:s3:::uploads/uploads/*",
      "s3:DeleteObject arn:aws:s3:::outputs/api/*",
      "s3:GetObject arn:aws:s3:::outputs/api/*",
      "s3:GetObject arn:aws:s3:::outputs/outputs/*",
      "s3:GetObject arn:aws:s3:::uploads/uploads/*",
      "s3:ListBucket arn:aws:s3:::outputs",
      "s3:ListBucket arn:aws:s3:::uploads",
      "s3:ListBucketVersions arn:aws:s3:::uploads",
      "s3:ListMultipartUploadParts arn:aws:s3:::uploads/uploads/*",
      "s3:PutObject arn:aws:s3:::outputs/api/*",
      "s3:PutObject arn:aws:s3:::uploads/uploads/*",
      "sqs:ChangeMessageVisibility arn:aws:sqs:eu-west-1:123456789012:dead-letter",
      "sqs:DeleteMessage arn:aws:sqs:eu-west-1:123456789012:dead-letter",
      "sqs:GetQueueAttributes arn:aws:sqs:eu-west-1:123456789012:dead-letter",
      "sqs:ReceiveMessage arn:aws:sqs:eu-west-1:123456789012:dead-letter",
      "sqs:GetQueueAttributes arn:aws:sqs:eu-west-1:123456789012:in-progress",
      "sqs:GetQueueAttributes arn:aws:sqs:eu-west-1:123456789012:work",
      "sqs:SendMessage arn:aws:sqs:eu-west-1:123456789012:in-progress",
      "sqs:SendMessage arn:aws:sqs:eu-west-1:123456789012:work",
    ] : line => true }
    error_message = "The API must be allowed exactly what it calls: it neither takes work nor writes results, only notes of its own."
  }
}

run "names" {
  assert {
    condition = output.settings == {
      AWS_REGION                       = "eu-west-1"
      MOTIONMILL_STAGE                 = "test"
      MOTIONMILL_UPLOADS_BUCKET        = "uploads"
      MOTIONMILL_OUTPUTS_BUCKET        = "outputs"
      MOTIONMILL_WORK_QUEUE_URL        = "https://sqs.eu-west-1.amazonaws.com/123456789012/work"
      MOTIONMILL_IN_PROGRESS_QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/in-progress"
      MOTIONMILL_DEAD_LETTER_QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/dead-letter"
      MOTIONMILL_LEDGER_TABLE          = "motionmill-test-ledger"
      MOTIONMILL_LEASE                 = "60s"
    }
    error_message = "The settings must have the names that every command reads."
  }
}

run "bad_input" {
  command = plan
  variables {
    name                      = "Motionmill"
    stage                     = "local"
    lease_seconds             = 901
    page_origins              = ["*"]
    uploads_expire_after_days = 14
    outputs_expire_after_days = 0
    noncurrent_uploads_days   = 1
    abandoned_multipart_days  = 8
  }
  expect_failures = [
    var.name, var.stage, var.lease_seconds, var.page_origins, var.uploads_expire_after_days,
    var.outputs_expire_after_days, var.noncurrent_uploads_days, var.abandoned_multipart_days,
  ]
}
