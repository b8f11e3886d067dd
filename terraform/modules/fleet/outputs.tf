output "group_name" {
  description = "Name of the Auto Scaling group."
  value       = aws_autoscaling_group.workers.name
}

output "role_arn" {
  description = "The role of the workers."
  value       = aws_iam_role.worker.arn
}

output "max_size" {
  description = "Largest number of instances."
  value       = var.max_size
}
