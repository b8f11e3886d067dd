mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-west-1" }
  }
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-west-1c", "eu-west-1a", "eu-west-1b"] }
  }
  mock_data "aws_vpc" {
    defaults = { id = "vpc-default" }
  }
  mock_data "aws_subnets" {
    defaults = { ids = ["subnet-1", "subnet-2"] }
  }
  mock_resource "aws_vpc" {
    defaults = { id = "vpc-made" }
  }
}

variables {
  prefix = "motionmill-test"
}

run "minimal" {
  assert {
    condition     = output.vpc_id == "vpc-made" && length(output.subnet_ids) == 3
    error_message = "A VPC with a subnet in each of three zones must be made."
  }
  assert {
    condition     = { for zone, s in aws_subnet.public : zone => s.cidr_block } == { eu-west-1a = "10.60.0.0/22", eu-west-1b = "10.60.4.0/22", eu-west-1c = "10.60.8.0/22" }
    error_message = "The subnets must not overlap, and stay where they are whatever the order of the zones."
  }
  assert {
    condition = toset([for e in aws_vpc_endpoint.gateway : "${e.vpc_endpoint_type} ${e.service_name}"]) == toset([
      "Gateway com.amazonaws.eu-west-1.dynamodb", "Gateway com.amazonaws.eu-west-1.s3",
    ])
    error_message = "S3 and DynamoDB must be reached by gateway endpoints."
  }
  assert {
    condition     = alltrue([for e in aws_vpc_endpoint.gateway : e.route_table_ids == toset([aws_route_table.public[0].id])]) && length(aws_route_table_association.public) == 3
    error_message = "The endpoints must be in the route table of every subnet."
  }
}

run "two_zones" {
  variables {
    zones = 2
  }
  assert {
    condition     = length(output.subnet_ids) == 2
    error_message = "As many zones as asked must be used."
  }
}

run "default_vpc" {
  variables {
    use_default_vpc = true
  }
  assert {
    condition     = output.vpc_id == "vpc-default" && output.subnet_ids == tolist(["subnet-1", "subnet-2"])
    error_message = "The default VPC and its subnets must be found."
  }
  assert {
    condition     = length(aws_vpc.this) + length(aws_subnet.public) + length(aws_vpc_endpoint.gateway) + length(aws_internet_gateway.this) + length(aws_default_security_group.this) == 0
    error_message = "Nothing may be made in the default VPC."
  }
}

run "bad_input" {
  command = plan
  variables {
    prefix = "Motionmill"
    cidr   = "10.0.0.0/30"
    zones  = 1
  }
  expect_failures = [var.prefix, var.cidr, var.zones]
}
