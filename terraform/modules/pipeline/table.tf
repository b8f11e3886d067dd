# The ledger. Its keys and indexes are those of the ledger package; what is not
# a key is not declared. Claim and sweep read the table itself, never an index.
resource "aws_dynamodb_table" "ledger" {
  name                        = "${local.prefix}-ledger"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "pk"
    type = "S"
  }
  attribute {
    name = "list_all"
    type = "S"
  }
  attribute {
    name = "list_at"
    type = "S"
  }
  attribute {
    name = "state"
    type = "S"
  }
  attribute {
    name = "list_owner"
    type = "S"
  }

  dynamic "global_secondary_index" {
    for_each = local.indexes
    content {
      name               = global_secondary_index.key
      hash_key           = global_secondary_index.value
      range_key          = "list_at"
      projection_type    = "INCLUDE"
      non_key_attributes = ["profile", "bucket", "object_key"]
    }
  }

  # Only records that carry the attribute expire; whether and when is the workers' setting.
  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  # Disabled means a key that AWS owns, not that nothing is encrypted.
  server_side_encryption {
    enabled     = var.customer_managed_key
    kms_key_arn = local.key_arn
  }
}

locals {
  # Lists, each by its hash key, newest first.
  indexes = {
    by_created = "list_all"
    by_state   = "state"
    by_owner   = "list_owner"
  }
}
