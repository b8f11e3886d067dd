output "url" {
  description = "Where the API and the page are."
  value       = "https://${var.domain != null ? var.domain.name : local.alb ? aws_lb.api[0].dns_name : aws_eip.this[0].public_ip}"
}

output "role_arn" {
  description = "The role of the API."
  value       = aws_iam_role.api.arn
}

output "target_group" {
  description = "The load balancer and the target group as CloudWatch names them; null without a load balancer."
  value       = local.alb ? { load_balancer = aws_lb.api[0].arn_suffix, target_group = aws_lb_target_group.api[0].arn_suffix } : null
}

output "cdn_arn" {
  description = "The distribution before the outputs bucket, which the module pipeline lets read it; null without one."
  value       = one([for d in aws_cloudfront_distribution.outputs : d.arn])
}
