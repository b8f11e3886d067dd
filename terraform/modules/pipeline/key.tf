resource "aws_kms_key" "this" {
  count                   = var.customer_managed_key ? 1 : 0
  description             = "Data of ${local.prefix}"
  enable_key_rotation     = true
  deletion_window_in_days = 30

  # In a key's own policy, "*" as the resource means this key.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        # Leave the rest to IAM policies, as the default policy of a key does.
        Sid       = "AccountDecides"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        # S3 encrypts the notifications that it sends to the work queue.
        Sid       = "NotificationsOfUploads"
        Effect    = "Allow"
        Principal = { Service = "s3.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Condition = {
          ArnEquals    = { "aws:SourceArn" = aws_s3_bucket.uploads.arn }
          StringEquals = { "aws:SourceAccount" = local.account_id }
        }
      },
      ], [for on in var.cdn.enabled ? [true] : [] : {
        Sid       = "ResultsThroughTheCDN"
        Effect    = "Allow"
        Principal = { Service = "cloudfront.amazonaws.com" }
        Action    = ["kms:Decrypt"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceArn" = var.cdn.arn } }
    }])
  })
}

resource "aws_kms_alias" "this" {
  count         = var.customer_managed_key ? 1 : 0
  name          = "alias/${local.prefix}"
  target_key_id = aws_kms_key.this[0].key_id
}
