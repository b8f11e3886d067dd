output "settings" {
  description = "The settings of the stage, by the names that every command reads."
  value = {
    AWS_REGION                       = local.region
    MOTIONMILL_STAGE                 = var.stage
    MOTIONMILL_UPLOADS_BUCKET        = aws_s3_bucket.uploads.id
    MOTIONMILL_OUTPUTS_BUCKET        = aws_s3_bucket.outputs.id
    MOTIONMILL_WORK_QUEUE_URL        = aws_sqs_queue.work.url
    MOTIONMILL_IN_PROGRESS_QUEUE_URL = aws_sqs_queue.in_progress.url
    MOTIONMILL_DEAD_LETTER_QUEUE_URL = aws_sqs_queue.dead_letter.url
    MOTIONMILL_LEDGER_TABLE          = aws_dynamodb_table.ledger.name
    MOTIONMILL_LEASE                 = "${var.lease_seconds}s"
  }
}

output "queue_names" {
  description = "Names of the queues by what they are for: work, in_progress, dead_letter."
  value       = { for name, queue in local.queues : name => queue.name }
}

output "table_name" {
  description = "Name of the ledger table."
  value       = aws_dynamodb_table.ledger.name
}

output "worker_policy" {
  description = "What a worker may do, as the JSON of an identity policy."
  value       = jsonencode(local.worker_policy)
}

output "api_policy" {
  description = "What the API may do, as the JSON of an identity policy."
  value       = jsonencode(local.api_policy)
}

output "outputs_bucket_domain" {
  description = "The outputs bucket's name in DNS, for a CDN before it."
  value       = aws_s3_bucket.outputs.bucket_regional_domain_name
}
