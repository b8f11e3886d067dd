# Who the API is: what the pipeline lets it do with the stage, and what an
# instance needs to set itself up.

resource "aws_iam_role" "api" {
  name = local.name
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ec2.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_instance_profile" "api" {
  name = local.name
  role = aws_iam_role.api.name
}

resource "aws_iam_role_policy" "stage" {
  name   = "stage"
  role   = aws_iam_role.api.id
  policy = var.policy
}

locals {
  self = concat(
    length(local.parameters) == 0 ? [] : [{
      Sid      = "ReadSecrets"
      Effect   = "Allow"
      Action   = ["ssm:GetParameter"]
      Resource = [for name in local.parameters : "${local.arn_prefix}:ssm:${local.region}:${local.account_id}:parameter${name}"]
    }],
    [for address in aws_eip.this : {
      Sid      = "TakeAddress"
      Effect   = "Allow"
      Action   = ["ec2:AssociateAddress"]
      Resource = ["${local.arn_prefix}:ec2:${local.region}:${local.account_id}:elastic-ip/${address.allocation_id}"]
    }],
  )

  # The ids of instances to come are not known; their name is.
  take_address = [for address in aws_eip.this : {
    Sid       = "GiveAddressToOwnInstances"
    Effect    = "Allow"
    Action    = ["ec2:AssociateAddress"]
    Resource  = [for kind in ["instance", "network-interface"] : "${local.arn_prefix}:ec2:${local.region}:${local.account_id}:${kind}/*"]
    Condition = { StringEquals = { "aws:ResourceTag/Name" = local.name } }
  }]

  # What the agent of SSM calls for a session; none of it knows resources.
  sessions = [for on in var.session_manager ? [true] : [] : {
    Sid    = "SessionManager"
    Effect = "Allow"
    Action = [
      "ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
    ]
    Resource = ["*"]
  }]

  statements = concat(local.self, local.take_address, local.sessions)
}

# A role policy cannot be empty.
resource "aws_iam_role_policy" "self" {
  count  = !local.alb || length(local.parameters) > 0 || var.session_manager ? 1 : 0
  name   = "self"
  role   = aws_iam_role.api.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}
