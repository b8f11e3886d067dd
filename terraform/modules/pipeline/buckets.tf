resource "aws_s3_bucket" "uploads" {
  bucket        = "${local.prefix}-uploads-${local.bucket_suffix}"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket" "outputs" {
  bucket        = "${local.prefix}-outputs-${local.bucket_suffix}"
  force_destroy = var.force_destroy
}

locals {
  buckets = { uploads = aws_s3_bucket.uploads, outputs = aws_s3_bucket.outputs }

  # The one distribution, and of the bucket what jobs have made.
  cdn_reads = [for on in var.cdn.enabled ? [true] : [] : {
    Sid       = "ResultsThroughTheCDN"
    Effect    = "Allow"
    Principal = { Service = "cloudfront.amazonaws.com" }
    Action    = ["s3:GetObject"]
    Resource  = ["${aws_s3_bucket.outputs.arn}/outputs/*"]
    Condition = { StringEquals = { "aws:SourceArn" = var.cdn.arn } }
  }]
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each                = local.buckets
  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.buckets
  bucket   = each.value.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets
  bucket   = each.value.id
  rule {
    bucket_key_enabled = var.customer_managed_key ? true : null
    apply_server_side_encryption_by_default {
      sse_algorithm     = var.customer_managed_key ? "aws:kms" : "AES256"
      kms_master_key_id = local.key_arn
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.buckets
  bucket   = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Sid       = "EncryptedTransportOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [each.value.arn, "${each.value.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }], each.key == "outputs" ? local.cdn_reads : [])
  })
  # S3 refuses two changes of a bucket's access at once.
  depends_on = [aws_s3_bucket_public_access_block.this]
}

# A job reads the version that its notification named, whatever came after.
resource "aws_s3_bucket_versioning" "uploads" {
  bucket = aws_s3_bucket.uploads.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_cors_configuration" "uploads" {
  count  = length(var.page_origins) > 0 ? 1 : 0
  bucket = aws_s3_bucket.uploads.id
  cors_rule {
    id              = "browsers-upload"
    allowed_methods = ["PUT"]
    allowed_origins = var.page_origins
    allowed_headers = ["content-type", "if-none-match", "x-amz-*"] # What the API signs.
    expose_headers  = ["ETag"]                                     # Completing an upload in parts needs it.
    max_age_seconds = 3600
  }
}

resource "aws_s3_bucket_cors_configuration" "outputs" {
  count  = length(var.page_origins) > 0 ? 1 : 0
  bucket = aws_s3_bucket.outputs.id
  cors_rule {
    id              = "browsers-play"
    allowed_methods = ["GET", "HEAD"]
    allowed_origins = var.page_origins
    allowed_headers = ["range"]
    expose_headers  = ["Accept-Ranges", "Content-Length", "Content-Range", "ETag"]
    max_age_seconds = 3600
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "uploads" {
  bucket = aws_s3_bucket.uploads.id

  rule {
    id     = "abandoned-multiparts"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = var.abandoned_multipart_days
    }
  }

  rule {
    id     = "noncurrent-versions"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_uploads_days
    }
    # A marker with no version left under it.
    expiration {
      expired_object_delete_marker = true
    }
  }

  dynamic "rule" {
    for_each = var.uploads_expire_after_days[*]
    content {
      id     = "expire"
      status = "Enabled"
      filter {}
      expiration {
        days = rule.value
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.uploads]
}

resource "aws_s3_bucket_lifecycle_configuration" "outputs" {
  bucket = aws_s3_bucket.outputs.id

  rule {
    id     = "abandoned-multiparts"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = var.abandoned_multipart_days
    }
  }

  rule {
    id     = "notes-of-the-api" # It removes them itself, as long as it runs. A share link lives as long as its note: 30 days at most.
    status = "Enabled"
    filter {
      prefix = "api/"
    }
    expiration {
      days = 31
    }
  }

  dynamic "rule" {
    for_each = var.outputs_expire_after_days[*]
    content {
      id     = "expire"
      status = "Enabled"
      filter {}
      expiration {
        days = rule.value
      }
    }
  }
}

# Without the prefix, whatever anyone puts into the bucket becomes a job; the
# reader of notifications refuses outputs/ once more, for results that were put
# here by mistake.
resource "aws_s3_bucket_notification" "uploads" {
  bucket = aws_s3_bucket.uploads.id
  queue {
    id            = "uploads-to-work"
    queue_arn     = aws_sqs_queue.work.arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = local.uploads_prefix
  }
  # S3 tries the queue when the notification is set up.
  depends_on = [aws_sqs_queue_policy.work, aws_kms_key.this]
}
