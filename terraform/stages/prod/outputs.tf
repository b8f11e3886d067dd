# The settings of the stage by the names that every command reads; env.sh writes
# them to .env.

output "AWS_REGION" {
  description = "Where the stage is."
  value       = module.pipeline.settings.AWS_REGION
}

output "MOTIONMILL_STAGE" {
  description = "The stage's name."
  value       = module.pipeline.settings.MOTIONMILL_STAGE
}

output "MOTIONMILL_UPLOADS_BUCKET" {
  description = "Where videos arrive, below uploads/."
  value       = module.pipeline.settings.MOTIONMILL_UPLOADS_BUCKET
}

output "MOTIONMILL_OUTPUTS_BUCKET" {
  description = "Where results go, below outputs/."
  value       = module.pipeline.settings.MOTIONMILL_OUTPUTS_BUCKET
}

output "MOTIONMILL_WORK_QUEUE_URL" {
  description = "The queue of jobs that wait."
  value       = module.pipeline.settings.MOTIONMILL_WORK_QUEUE_URL
}

output "MOTIONMILL_IN_PROGRESS_QUEUE_URL" {
  description = "The queue of the timers."
  value       = module.pipeline.settings.MOTIONMILL_IN_PROGRESS_QUEUE_URL
}

output "MOTIONMILL_DEAD_LETTER_QUEUE_URL" {
  description = "The queue of dead jobs and of messages that could not be read."
  value       = module.pipeline.settings.MOTIONMILL_DEAD_LETTER_QUEUE_URL
}

output "MOTIONMILL_LEDGER_TABLE" {
  description = "The table of the ledger."
  value       = module.pipeline.settings.MOTIONMILL_LEDGER_TABLE
}

output "MOTIONMILL_LEASE" {
  description = "How long a claim is good: every worker of a stage must have the same."
  value       = module.pipeline.settings.MOTIONMILL_LEASE
}

output "url" {
  description = "Where the API and the page are."
  value       = module.api.url
}

output "dashboard" {
  description = "Name of the dashboard in CloudWatch."
  value       = module.observe.dashboard
}
