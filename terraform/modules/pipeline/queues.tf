# Three queues of one kind. None has a redrive policy: giving a message back and
# hiding a timer count as receives, so a count says nothing of failure. Attempts
# are charged in the ledger, and workers themselves send to the dead-letter
# queue (docs/protocol.md).

locals {
  queue_defaults = {
    visibility = var.lease_seconds # A receiver that died is found out as late as a dead claim.
    retention  = 14 * 24 * 3600    # The longest there is; timers are sent anew before.
    wait       = 20                # The longest poll: an idle worker asks as seldom as can be.
    bytes      = 1024 * 1024       # A timer carries its whole job.
  }
}

resource "aws_sqs_queue" "work" {
  name                              = "${local.prefix}-work"
  visibility_timeout_seconds        = local.queue_defaults.visibility
  message_retention_seconds         = local.queue_defaults.retention
  receive_wait_time_seconds         = local.queue_defaults.wait
  max_message_size                  = local.queue_defaults.bytes
  sqs_managed_sse_enabled           = var.customer_managed_key ? null : true
  kms_master_key_id                 = local.key_arn
  kms_data_key_reuse_period_seconds = var.customer_managed_key ? 3600 : null
}

resource "aws_sqs_queue" "in_progress" {
  name                              = "${local.prefix}-in-progress"
  visibility_timeout_seconds        = local.queue_defaults.visibility
  message_retention_seconds         = local.queue_defaults.retention
  receive_wait_time_seconds         = local.queue_defaults.wait
  max_message_size                  = local.queue_defaults.bytes
  sqs_managed_sse_enabled           = var.customer_managed_key ? null : true
  kms_master_key_id                 = local.key_arn
  kms_data_key_reuse_period_seconds = var.customer_managed_key ? 3600 : null
}

resource "aws_sqs_queue" "dead_letter" {
  name                              = "${local.prefix}-dead-letter"
  visibility_timeout_seconds        = local.queue_defaults.visibility
  message_retention_seconds         = local.queue_defaults.retention
  receive_wait_time_seconds         = local.queue_defaults.wait
  max_message_size                  = local.queue_defaults.bytes
  sqs_managed_sse_enabled           = var.customer_managed_key ? null : true
  kms_master_key_id                 = local.key_arn
  kms_data_key_reuse_period_seconds = var.customer_managed_key ? 3600 : null
}

locals {
  queues = {
    work        = aws_sqs_queue.work
    in_progress = aws_sqs_queue.in_progress
    dead_letter = aws_sqs_queue.dead_letter
  }
  encrypted_transport_only = {
    for name, queue in local.queues : name => {
      Sid       = "EncryptedTransportOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = queue.arn
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }
  }
}

resource "aws_sqs_queue_policy" "work" {
  queue_url = aws_sqs_queue.work.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # The account as well as the bucket: a bucket's name can be taken over
        # by another account once it has been deleted.
        Sid       = "NotificationsOfUploads"
        Effect    = "Allow"
        Principal = { Service = "s3.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.work.arn
        Condition = {
          ArnEquals    = { "aws:SourceArn" = aws_s3_bucket.uploads.arn }
          StringEquals = { "aws:SourceAccount" = local.account_id }
        }
      },
      local.encrypted_transport_only["work"],
    ]
  })
}

resource "aws_sqs_queue_policy" "in_progress" {
  queue_url = aws_sqs_queue.in_progress.url
  policy    = jsonencode({ Version = "2012-10-17", Statement = [local.encrypted_transport_only["in_progress"]] })
}

resource "aws_sqs_queue_policy" "dead_letter" {
  queue_url = aws_sqs_queue.dead_letter.url
  policy    = jsonencode({ Version = "2012-10-17", Statement = [local.encrypted_transport_only["dead_letter"]] })
}
