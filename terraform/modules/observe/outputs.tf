output "dashboard" {
  description = "Name of the dashboard in CloudWatch."
  value       = aws_cloudwatch_dashboard.stage.dashboard_name
}

output "topic_arn" {
  description = "The topic that alarms are told to; null when no emails are given."
  value       = one(aws_sns_topic.alarms[*].arn)
}
