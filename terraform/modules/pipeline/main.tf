# The pipeline of one stage: where videos arrive and results go, what is to be
# done, and the one truth about it. Everything that holds data is here.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  prefix     = "${var.name}-${var.stage}"
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.region

  # Both are names of the program (api and worker/pipeline); uploads elsewhere
  # in the bucket are not announced, results elsewhere are not written.
  uploads_prefix = "uploads/"
  outputs_prefix = "outputs/"

  # Bucket names are shared by all accounts of a partition.
  bucket_suffix = "${local.account_id}-${local.region}"

  key_arn = var.customer_managed_key ? aws_kms_key.this[0].arn : null
}
