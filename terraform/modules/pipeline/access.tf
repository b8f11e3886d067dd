# What a worker and the API may do, as identity policies for whatever runs them:
# the modules fleet and api attach them to the roles of their instances.

locals {
  source_objects = "${aws_s3_bucket.uploads.arn}/${local.uploads_prefix}*"
  result_objects = "${aws_s3_bucket.outputs.arn}/${local.outputs_prefix}*"
  index_arns     = [for name, _ in local.indexes : "${aws_dynamodb_table.ledger.arn}/index/${name}"]

  # Without leave to list, S3 says "forbidden" of an object that is not there,
  # and a source that is gone could not be told from a role that is wrong.
  list_buckets = {
    Sid      = "TellMissingFromForbidden"
    Effect   = "Allow"
    Action   = "s3:ListBucket"
    Resource = [aws_s3_bucket.uploads.arn, aws_s3_bucket.outputs.arn]
  }

  # Doctor asks the queues and the table for their settings.
  look = [
    {
      Sid      = "LookAtQueues"
      Effect   = "Allow"
      Action   = "sqs:GetQueueAttributes"
      Resource = [for queue in local.queues : queue.arn]
    },
    {
      Sid      = "LookAtLedger"
      Effect   = "Allow"
      Action   = ["dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive"]
      Resource = aws_dynamodb_table.ledger.arn
    },
  ]

  ledger = [
    {
      Sid      = "Ledger"
      Effect   = "Allow"
      Action   = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
      Resource = aws_dynamodb_table.ledger.arn
    },
    {
      Sid      = "ListJobs"
      Effect   = "Allow"
      Action   = "dynamodb:Query"
      Resource = local.index_arns
    },
  ]

  use_key = [for arn in local.key_arn[*] : {
    Sid      = "UseKey"
    Effect   = "Allow"
    Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
    Resource = arn
  }]

  worker_policy = {
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid      = "ReadSources"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource = local.source_objects
      },
      {
        # Deleting is for what attempts without a commit left behind.
        Sid      = "KeepResults"
        Effect   = "Allow"
        Action   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
        Resource = local.result_objects
      },
      {
        # Jobs that have ended, for the API to tell of by webhooks.
        Sid      = "LeaveForWebhooks"
        Effect   = "Allow"
        Action   = "s3:PutObject"
        Resource = "${aws_s3_bucket.outputs.arn}/api/webhooks/due/*"
      },
      local.list_buckets,
      {
        Sid      = "TakeAndGiveWork"
        Effect   = "Allow"
        Action   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SendMessage"]
        Resource = [aws_sqs_queue.work.arn, aws_sqs_queue.in_progress.arn]
      },
      {
        Sid      = "BuryTheDead"
        Effect   = "Allow"
        Action   = "sqs:SendMessage"
        Resource = aws_sqs_queue.dead_letter.arn
      },
    ], local.ledger, local.look, local.use_key)
  }

  api_policy = {
    Version = "2012-10-17"
    Statement = concat([
      {
        # A presigned URL can do what its signer may: upload below the prefix, and nothing else there.
        # What was broken off is gone on with by the list of its parts.
        Sid      = "SignUploads"
        Effect   = "Allow"
        Action   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
        Resource = local.source_objects
      },
      {
        # Answers that are given again, imports that are under way, webhooks.
        Sid      = "KeepNotes"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
        Resource = "${aws_s3_bucket.outputs.arn}/api/*"
      },
      {
        Sid      = "SignResults"
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = local.result_objects
      },
      local.list_buckets,
      {
        # Retries, and the messages and timers of jobs that nobody has touched.
        Sid      = "SendJobsAgain"
        Effect   = "Allow"
        Action   = "sqs:SendMessage"
        Resource = [aws_sqs_queue.work.arn, aws_sqs_queue.in_progress.arn]
      },
      {
        # The daily search for uploads whose notification was lost.
        Sid      = "FindLostUploads"
        Effect   = "Allow"
        Action   = "s3:ListBucketVersions"
        Resource = aws_s3_bucket.uploads.arn
      },
      {
        # People list the messages that no worker could read, and throw them away.
        Sid      = "TidyTheDead"
        Effect   = "Allow"
        Action   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"]
        Resource = aws_sqs_queue.dead_letter.arn
      },
    ], local.ledger, local.look, local.use_key)
  }
}
