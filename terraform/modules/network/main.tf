# Where instances run: the default VPC as it is, or a VPC with public subnets
# and nothing else. There is no NAT gateway: it would cost more than a small
# fleet and every byte of video would be charged on its way through. Instances
# have public addresses and no way in, and reach S3 and DynamoDB by gateway
# endpoints, which are free.

data "aws_region" "current" {}

data "aws_vpc" "default" {
  count   = var.use_default_vpc ? 1 : 0
  default = true
}

data "aws_subnets" "default" {
  count = var.use_default_vpc ? 1 : 0
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.default[0].id]
  }
  filter {
    name   = "default-for-az"
    values = ["true"]
  }
}

data "aws_availability_zones" "available" {
  count = var.use_default_vpc ? 0 : 1
  state = "available"
  filter { # No local zones: they have few instance types.
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

locals {
  zones = var.use_default_vpc ? [] : slice(
    sort(data.aws_availability_zones.available[0].names), 0,
    min(var.zones, length(data.aws_availability_zones.available[0].names)),
  )
}

resource "aws_vpc" "this" {
  count                = var.use_default_vpc ? 0 : 1
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = var.prefix }
}

# Whoever forgets to name a security group gets one that lets nothing through.
resource "aws_default_security_group" "this" {
  count  = var.use_default_vpc ? 0 : 1
  vpc_id = aws_vpc.this[0].id
  tags   = { Name = "${var.prefix}-default" }
}

resource "aws_internet_gateway" "this" {
  count  = var.use_default_vpc ? 0 : 1
  vpc_id = aws_vpc.this[0].id
  tags   = { Name = var.prefix }
}

resource "aws_subnet" "public" {
  for_each                = { for i, zone in local.zones : zone => cidrsubnet(var.cidr, 2, i) }
  vpc_id                  = aws_vpc.this[0].id
  availability_zone       = each.key
  cidr_block              = each.value
  map_public_ip_on_launch = true
  tags                    = { Name = "${var.prefix}-${each.key}" }
}

resource "aws_route_table" "public" {
  count  = var.use_default_vpc ? 0 : 1
  vpc_id = aws_vpc.this[0].id
  tags   = { Name = var.prefix }
}

resource "aws_route" "internet" {
  count                  = var.use_default_vpc ? 0 : 1
  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_route_table_association" "public" {
  for_each       = aws_subnet.public
  subnet_id      = each.value.id
  route_table_id = aws_route_table.public[0].id
}

# Their policy is the default one: what may be done is decided by the roles and
# the buckets, and instances fetch their packages from buckets of others too.
resource "aws_vpc_endpoint" "gateway" {
  for_each          = var.use_default_vpc ? toset([]) : toset(["s3", "dynamodb"])
  vpc_id            = aws_vpc.this[0].id
  service_name      = "com.amazonaws.${data.aws_region.current.region}.${each.key}"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.public[0].id]
  tags              = { Name = "${var.prefix}-${each.key}" }
}
