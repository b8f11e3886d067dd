# Who a worker is: what the pipeline lets it do with the stage, and what it does
# with its own group.

resource "aws_iam_role" "worker" {
  name = local.group_name
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ec2.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_instance_profile" "worker" {
  name = local.group_name
  role = aws_iam_role.worker.name
}

resource "aws_iam_role_policy" "stage" {
  name   = "stage"
  role   = aws_iam_role.worker.id
  policy = var.policy
}

resource "aws_iam_role_policy" "fleet" {
  name = "fleet"
  role = aws_iam_role.worker.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid    = "LeaveInPeace"
          Effect = "Allow"
          Action = [
            "autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat", "autoscaling:SetInstanceProtection",
          ]
          Resource = aws_autoscaling_group.workers.arn
        },
      ],
      [for group in aws_cloudwatch_log_group.workers : {
        # A stream for each instance, whose id nobody knows before.
        Sid      = "WriteLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
        Resource = [group.arn, "${group.arn}:log-stream:*"]
      }],
      [for on in var.session_manager ? [true] : [] : {
        # What the agent of SSM calls for a session; none of it knows resources.
        Sid    = "SessionManager"
        Effect = "Allow"
        Action = [
          "ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
          "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
        ]
        Resource = "*"
      }],
    )
  })
}
