output "vpc_id" {
  description = "The VPC."
  value       = var.use_default_vpc ? data.aws_vpc.default[0].id : aws_vpc.this[0].id
}

output "subnet_ids" {
  description = "Its public subnets, one in each availability zone."
  value       = var.use_default_vpc ? data.aws_subnets.default[0].ids : [for s in aws_subnet.public : s.id]
  # An instance that starts before its subnet has a way out cannot set itself up.
  depends_on = [aws_route.internet, aws_route_table_association.public]
}
