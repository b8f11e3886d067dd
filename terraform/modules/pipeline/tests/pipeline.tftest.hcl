# What must hold of a stage's buckets, queues and table. The provider is mocked:
# no account is needed and nothing is made.

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
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000" }
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
  stage        = "test"
  page_origins = ["https://video.example.com"]
}

run "buckets" {
  assert {
    condition = alltrue([
      for name in ["uploads", "outputs"] : alltrue([
        aws_s3_bucket_public_access_block.this[name].bucket == name,
        aws_s3_bucket_public_access_block.this[name].block_public_acls,
        aws_s3_bucket_public_access_block.this[name].block_public_policy,
        aws_s3_bucket_public_access_block.this[name].ignore_public_acls,
        aws_s3_bucket_public_access_block.this[name].restrict_public_buckets,
      ])
    ])
    error_message = "Both buckets must refuse every form of public access."
  }
  assert {
    condition = alltrue([
      for c in aws_s3_bucket_ownership_controls.this : c.rule[0].object_ownership == "BucketOwnerEnforced"
    ]) && length(aws_s3_bucket_ownership_controls.this) == 2
    error_message = "The buckets must own what lies in them, whoever put it there."
  }
  assert {
    condition = alltrue([
      for name in ["uploads", "outputs"] :
      one(one(aws_s3_bucket_server_side_encryption_configuration.this[name].rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    ])
    error_message = "Both buckets must be encrypted."
  }
  assert {
    condition = alltrue([
      for name in ["uploads", "outputs"] : anytrue([
        for s in jsondecode(aws_s3_bucket_policy.this[name].policy).Statement :
        s.Effect == "Deny" && s.Principal == "*" && s.Action == "s3:*" && toset(s.Resource) == toset(["arn:aws:s3:::${name}", "arn:aws:s3:::${name}/*"])
        && try(s.Condition.Bool["aws:SecureTransport"], "") == "false"
      ])
    ])
    error_message = "Both buckets must refuse unencrypted transport."
  }
  assert {
    condition = alltrue([
      for p in aws_s3_bucket_policy.this : alltrue([for s in jsondecode(p.policy).Statement : s.Effect == "Deny"])
    ])
    error_message = "No bucket policy may grant anything."
  }
  assert {
    condition     = aws_s3_bucket_versioning.uploads.bucket == "uploads" && aws_s3_bucket_versioning.uploads.versioning_configuration[0].status == "Enabled"
    error_message = "The uploads bucket must keep versions: a job reads the one that it was told of."
  }
}

run "browsers" {
  assert {
    condition = alltrue([
      for r in aws_s3_bucket_cors_configuration.uploads[0].cors_rule :
      r.allowed_methods == toset(["PUT"]) && r.allowed_origins == toset(["https://video.example.com"]) && contains(r.expose_headers, "ETag")
    ])
    error_message = "Browsers must be able to PUT from the page's origins alone, and read the ETag."
  }
  assert {
    condition = alltrue([
      for r in aws_s3_bucket_cors_configuration.outputs[0].cors_rule :
      r.allowed_methods == toset(["GET", "HEAD"]) && r.allowed_origins == toset(["https://video.example.com"])
    ])
    error_message = "Browsers may only read results, from the page's origins alone."
  }
}

run "lifecycle" {
  assert {
    condition = alltrue([
      for rules in [aws_s3_bucket_lifecycle_configuration.uploads.rule, aws_s3_bucket_lifecycle_configuration.outputs.rule] :
      anytrue([for r in rules : try(r.abort_incomplete_multipart_upload[0].days_after_initiation, 0) == 2 && r.status == "Enabled"])
    ])
    error_message = "Both buckets must drop the parts of abandoned uploads."
  }
  assert {
    condition = anytrue([
      for r in aws_s3_bucket_lifecycle_configuration.uploads.rule : try(r.noncurrent_version_expiration[0].noncurrent_days, 0) >= 15 && r.status == "Enabled"
    ])
    error_message = "Old versions must go, but not before the last message about them has."
  }
  assert {
    condition = alltrue([
      for r in concat(aws_s3_bucket_lifecycle_configuration.uploads.rule, aws_s3_bucket_lifecycle_configuration.outputs.rule) :
      try(r.expiration[0].days, null) == null || r.id == "notes-of-the-api" && r.filter[0].prefix == "api/"
    ])
    error_message = "Unless asked, no video and no result may be deleted, only notes of the API."
  }
}

run "expiry_when_asked" {
  variables {
    uploads_expire_after_days = 30
    outputs_expire_after_days = 7
  }
  assert {
    condition     = [for r in aws_s3_bucket_lifecycle_configuration.uploads.rule : r.expiration[0].days if r.id == "expire"] == [30]
    error_message = "Uploads must expire when asked."
  }
  assert {
    condition     = [for r in aws_s3_bucket_lifecycle_configuration.outputs.rule : r.expiration[0].days if r.id == "expire"] == [7]
    error_message = "Results must expire when asked."
  }
}

run "notification" {
  assert {
    condition     = aws_s3_bucket_notification.uploads.bucket == "uploads" && length(aws_s3_bucket_notification.uploads.queue) == 1
    error_message = "The uploads bucket must notify one queue."
  }
  assert {
    condition     = aws_s3_bucket_notification.uploads.queue[0].filter_prefix == "uploads/"
    error_message = "Only uploads may be announced, or results come back as uploads for ever."
  }
  assert {
    condition     = aws_s3_bucket_notification.uploads.queue[0].queue_arn == aws_sqs_queue.work.arn && aws_s3_bucket_notification.uploads.queue[0].events == toset(["s3:ObjectCreated:*"])
    error_message = "Every way of creating an object must be announced to the work queue."
  }
}

run "queues" {
  variables {
    lease_seconds = 90
  }
  assert {
    condition     = alltrue([for q in local.queues : q.visibility_timeout_seconds == 90]) && output.settings.MOTIONMILL_LEASE == "90s"
    error_message = "The visibility timeout must be the lease that the workers are given."
  }
  assert {
    condition     = alltrue([for q in local.queues : q.message_retention_seconds == 1209600]) && length(local.queues) == 3
    error_message = "All three queues must keep messages for 14 days."
  }
  assert {
    condition     = alltrue([for q in local.queues : q.receive_wait_time_seconds == 20 && q.max_message_size == 1048576])
    error_message = "Polls must be long, and a timer must fit into a message."
  }
  assert {
    condition     = alltrue([for q in local.queues : q.redrive_policy == null || !can(jsondecode(q.redrive_policy).maxReceiveCount)])
    error_message = "No queue may move messages by their receive count: giving back and hiding count as receives."
  }
  assert {
    condition     = alltrue([for q in local.queues : q.sqs_managed_sse_enabled && q.kms_master_key_id == null])
    error_message = "All three queues must be encrypted."
  }
}

run "queue_policies" {
  assert {
    condition = [
      for s in jsondecode(aws_sqs_queue_policy.work.policy).Statement : s if s.Effect == "Allow"
      ] == [{
        Sid       = "NotificationsOfUploads"
        Effect    = "Allow"
        Principal = { Service = "s3.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = "arn:aws:sqs:eu-west-1:123456789012:work"
        Condition = {
          ArnEquals    = { "aws:SourceArn" = "arn:aws:s3:::uploads" }
          StringEquals = { "aws:SourceAccount" = "123456789012" }
        }
    }]
    error_message = "Only S3 may send to the work queue, for this bucket of this account alone."
  }
  assert {
    condition = alltrue([
      for policy in [aws_sqs_queue_policy.in_progress.policy, aws_sqs_queue_policy.dead_letter.policy] :
      alltrue([for s in jsondecode(policy).Statement : s.Effect == "Deny"])
    ])
    error_message = "The other queues' policies may grant nothing."
  }
  assert {
    condition = alltrue([
      for p in [aws_sqs_queue_policy.work, aws_sqs_queue_policy.in_progress, aws_sqs_queue_policy.dead_letter] : anytrue([
        for s in jsondecode(p.policy).Statement :
        s.Effect == "Deny" && s.Principal == "*" && s.Action == "sqs:*" && try(s.Condition.Bool["aws:SecureTransport"], "") == "false"
        && endswith(p.queue_url, reverse(split(":", s.Resource))[0])
      ])
    ])
    error_message = "Every queue must refuse unencrypted transport."
  }
}

run "table" {
  assert {
    condition     = aws_dynamodb_table.ledger.point_in_time_recovery[0].enabled
    error_message = "The ledger must be recoverable to a point in time."
  }
  assert {
    condition     = aws_dynamodb_table.ledger.billing_mode == "PAY_PER_REQUEST" && aws_dynamodb_table.ledger.deletion_protection_enabled
    error_message = "The ledger must be on demand and protected from deletion."
  }
  assert {
    condition     = aws_dynamodb_table.ledger.hash_key == "pk" && aws_dynamodb_table.ledger.range_key == null
    error_message = "The ledger's key is pk, alone."
  }
  assert {
    condition = {
      for i in aws_dynamodb_table.ledger.global_secondary_index : i.name => [i.hash_key, i.range_key, i.projection_type, join(",", sort(i.non_key_attributes))]
      } == {
      by_created = ["list_all", "list_at", "INCLUDE", "bucket,object_key,profile"]
      by_state   = ["state", "list_at", "INCLUDE", "bucket,object_key,profile"]
      by_owner   = ["list_owner", "list_at", "INCLUDE", "bucket,object_key,profile"]
    }
    error_message = "The indexes must be those that the ledger package asks."
  }
  assert {
    condition     = aws_dynamodb_table.ledger.ttl[0].enabled && aws_dynamodb_table.ledger.ttl[0].attribute_name == "expires_at"
    error_message = "Records must expire by expires_at."
  }
}

run "customer_managed_key" {
  variables {
    customer_managed_key = true
  }
  assert {
    condition = alltrue(concat(
      [for q in local.queues : q.kms_master_key_id == aws_kms_key.this[0].arn],
      [for c in aws_s3_bucket_server_side_encryption_configuration.this : one(one(c.rule).apply_server_side_encryption_by_default).kms_master_key_id == aws_kms_key.this[0].arn],
      [aws_dynamodb_table.ledger.server_side_encryption[0].enabled, aws_dynamodb_table.ledger.server_side_encryption[0].kms_key_arn == aws_kms_key.this[0].arn],
    ))
    error_message = "Buckets, queues and table must all use the key."
  }
  assert {
    condition = [
      for s in jsondecode(aws_kms_key.this[0].policy).Statement : s.Condition if try(s.Principal.Service, "") == "s3.amazonaws.com"
      ] == [{
        ArnEquals    = { "aws:SourceArn" = "arn:aws:s3:::uploads" }
        StringEquals = { "aws:SourceAccount" = "123456789012" }
    }]
    error_message = "S3 may use the key for the notifications of this bucket alone."
  }
  assert {
    condition     = aws_kms_key.this[0].enable_key_rotation
    error_message = "The key must rotate."
  }
  assert {
    condition = alltrue([
      for policy in [output.worker_policy, output.api_policy] :
      anytrue([for s in jsondecode(policy).Statement : s.Sid == "UseKey" && s.Resource == aws_kms_key.this[0].arn])
    ])
    error_message = "Workers and API must be allowed to use the key."
  }
}

run "read_through_a_cdn" {
  variables {
    customer_managed_key = true
    cdn                  = { enabled = true, arn = "arn:aws:cloudfront::123456789012:distribution/E1" }
  }
  assert {
    condition = [for s in jsondecode(aws_s3_bucket_policy.this["outputs"].policy).Statement : [s.Principal.Service, s.Action, s.Resource, s.Condition] if s.Effect == "Allow"] == [
      ["cloudfront.amazonaws.com", ["s3:GetObject"], ["${aws_s3_bucket.outputs.arn}/outputs/*"], { StringEquals = { "aws:SourceArn" = "arn:aws:cloudfront::123456789012:distribution/E1" } }]
    ]
    error_message = "The one distribution may read results, and nobody else anything."
  }
  assert {
    condition     = alltrue([for s in jsondecode(aws_s3_bucket_policy.this["uploads"].policy).Statement : s.Effect == "Deny"])
    error_message = "Nobody may read uploads by the bucket's policy."
  }
  assert {
    condition = [for s in jsondecode(aws_kms_key.this[0].policy).Statement : [s.Action, s.Condition] if s.Sid == "ResultsThroughTheCDN"] == [
      [["kms:Decrypt"], { StringEquals = { "aws:SourceArn" = "arn:aws:cloudfront::123456789012:distribution/E1" } }]
    ]
    error_message = "The one distribution may decrypt."
  }
}
