# What must hold of the workers. The provider is mocked: nothing is made.

mock_provider "aws" {
  mock_data "aws_ssm_parameter" {
    defaults = { insecure_value = "ami-0123456789abcdef0" }
  }
  mock_resource "aws_iam_instance_profile" {
    defaults = { arn = "arn:aws:iam::123456789012:instance-profile/workers" }
  }
  mock_resource "aws_autoscaling_group" {
    defaults = { arn = "arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:00000000-0000-0000-0000-000000000000:autoScalingGroupName/motionmill-test-workers" }
  }
  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0123456789abcdef0", latest_version = 7 }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/motionmill/motionmill-test/workers" }
  }
}

override_resource {
  target = aws_autoscaling_policy.from_zero[0]
  values = { arn = "arn:aws:autoscaling:eu-west-1:123456789012:scalingPolicy:1:autoScalingGroupName/motionmill-test-workers:policyName/from-zero" }
}
override_resource {
  target = aws_autoscaling_policy.to_zero[0]
  values = { arn = "arn:aws:autoscaling:eu-west-1:123456789012:scalingPolicy:2:autoScalingGroupName/motionmill-test-workers:policyName/to-zero" }
}

variables {
  prefix = "motionmill-test"
  settings = {
    AWS_REGION                       = "eu-west-1"
    MOTIONMILL_STAGE                 = "test"
    MOTIONMILL_UPLOADS_BUCKET        = "uploads"
    MOTIONMILL_OUTPUTS_BUCKET        = "outputs"
    MOTIONMILL_WORK_QUEUE_URL        = "https://sqs.eu-west-1.amazonaws.com/123456789012/work"
    MOTIONMILL_IN_PROGRESS_QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/in-progress"
    MOTIONMILL_DEAD_LETTER_QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/dead-letter"
    MOTIONMILL_LEDGER_TABLE          = "ledger"
    MOTIONMILL_LEASE                 = "60s"
  }
  policy      = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
  queue_names = { work = "work", in_progress = "in-progress" }
  vpc_id      = "vpc-1"
  subnet_ids  = ["subnet-1", "subnet-2"]
  release = {
    url    = "https://example.com/motionmill-1.0.0-linux-amd64.tar.gz"
    sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  }
}

run "launch" {
  assert {
    condition     = aws_launch_template.worker.metadata_options[0].http_tokens == "required" && aws_launch_template.worker.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "The instance metadata must be IMDSv2 only, and not reachable from containers."
  }
  assert {
    condition = alltrue([
      for d in aws_launch_template.worker.block_device_mappings : d.ebs[0].encrypted == "true" && d.ebs[0].volume_type == "gp3" && d.ebs[0].volume_size == 150
    ]) && length(aws_launch_template.worker.block_device_mappings) == 1
    error_message = "The disk must be encrypted gp3 of the size that was asked."
  }
  assert {
    condition     = aws_launch_template.worker.key_name == null && aws_launch_template.worker.instance_initiated_shutdown_behavior == "terminate"
    error_message = "No SSH key is needed, and an instance that gives up must end."
  }
  assert {
    condition     = aws_launch_template.worker.image_id == "ami-0123456789abcdef0"
    error_message = "The image must be the one that the public parameter names."
  }
  assert {
    condition     = { for name, r in aws_vpc_security_group_egress_rule.worker : name => [r.ip_protocol, r.from_port, r.to_port] } == { http = ["tcp", 80, 80], https = ["tcp", 443, 443] }
    error_message = "Workers may go out by HTTP and HTTPS alone."
  }
}

run "script" {
  variables {
    environment = { MOTIONMILL_CAPACITY = "3" }
    archives = [{
      folder = "onnxruntime"
      url    = "https://example.com/onnxruntime.whl"
      sha256 = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
    }]
  }
  assert {
    condition = alltrue([
      for text in [
        "unpack 'https://example.com/motionmill-1.0.0-linux-amd64.tar.gz' '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef' \"$root/release\"\n",
        "unpack 'https://example.com/onnxruntime.whl' 'fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210' \"$root/onnxruntime\"\n",
        "sha256sum --check",
        "\nTimeoutStopSec=130\n",
        "\nKillMode=mixed\n",
        "\nMOTIONMILL_GRACE=\"100s\"\n",
        "\nMOTIONMILL_LEASE=\"60s\"\n",
        "\nMOTIONMILL_WORK_QUEUE_URL=\"https://sqs.eu-west-1.amazonaws.com/123456789012/work\"\n",
        "\nMOTIONMILL_CAPACITY=\"3\"\n",
        "\nMOTIONMILL_REQUIRE_GPU=\"true\"\n",
        "\nMOTIONMILL_FLEET=\"motionmill-test-workers\"\n",
        "\nMOTIONMILL_LIFECYCLE_HOOK=\"motionmill-test-drain\"\n",
      ] : strcontains(base64decode(aws_launch_template.worker.user_data), text)
    ])
    error_message = "The script must install what was pinned, with the stage's settings, and leave the worker its grace."
  }
  assert {
    condition     = !strcontains(base64decode(aws_launch_template.worker.user_data), "cloudwatch")
    error_message = "Without an agent nothing may be installed for logs."
  }
}

run "group" {
  variables {
    max_size          = 6
    on_demand_base    = 1
    on_demand_percent = 25
  }
  assert {
    condition     = !aws_autoscaling_group.workers.protect_from_scale_in
    error_message = "New instances are idle: they must not be protected; the worker protects itself while it is busy."
  }
  assert {
    condition     = aws_autoscaling_group.workers.min_size == 0 && aws_autoscaling_group.workers.max_size == 6
    error_message = "The fleet must go to zero and never grow beyond its limit."
  }
  assert {
    condition = (
      aws_autoscaling_group.workers.mixed_instances_policy[0].instances_distribution[0].on_demand_base_capacity == 1
      && aws_autoscaling_group.workers.mixed_instances_policy[0].instances_distribution[0].on_demand_percentage_above_base_capacity == 25
      && aws_autoscaling_group.workers.mixed_instances_policy[0].instances_distribution[0].spot_allocation_strategy == "price-capacity-optimized"
    )
    error_message = "Spot and on demand must be mixed as asked."
  }
  assert {
    condition     = [for o in aws_autoscaling_group.workers.mixed_instances_policy[0].launch_template[0].override : o.instance_type] == ["g4dn.xlarge", "g5.xlarge", "g6.xlarge"]
    error_message = "There must be several GPU types to choose from."
  }
  assert {
    condition     = aws_autoscaling_group.workers.mixed_instances_policy[0].launch_template[0].launch_template_specification[0].version == "7"
    error_message = "The group must name a version of the launch template, or a new release replaces nothing."
  }
  assert {
    condition     = aws_autoscaling_group.workers.capacity_rebalance && contains(aws_autoscaling_group.workers.suspended_processes, "AZRebalance")
    error_message = "Endangered spot instances must be replaced, and no others be moved."
  }
  assert {
    condition     = aws_autoscaling_group.workers.instance_refresh[0].preferences[0].scale_in_protected_instances == "Wait"
    error_message = "A new release must wait for busy workers."
  }
  assert {
    condition     = length(setsubtract(["GroupDesiredCapacity", "GroupInServiceInstances"], aws_autoscaling_group.workers.enabled_metrics)) == 0
    error_message = "The metrics that the policies read must be enabled."
  }
}

run "hook" {
  variables {
    grace_seconds = 80
  }
  assert {
    condition     = aws_autoscaling_lifecycle_hook.drain.lifecycle_transition == "autoscaling:EC2_INSTANCE_TERMINATING" && aws_autoscaling_lifecycle_hook.drain.default_result == "CONTINUE"
    error_message = "Ending must wait for the worker, and go on when it is dead."
  }
  assert {
    condition     = aws_autoscaling_lifecycle_hook.drain.heartbeat_timeout == 170 && strcontains(local.user_data, "\nTimeoutStopSec=110\n") && strcontains(local.user_data, "MOTIONMILL_GRACE=\"80s\"")
    error_message = "The hook must outlast the unit's timeout, and that the grace."
  }
}

run "track" {
  assert {
    condition     = aws_autoscaling_policy.track.policy_type == "TargetTrackingScaling" && aws_autoscaling_policy.track.target_tracking_configuration[0].target_value == 5
    error_message = "The fleet must follow the backlog per instance."
  }
  assert {
    condition = [
      for m in one(aws_autoscaling_policy.track.target_tracking_configuration[0].customized_metric_specification).metrics : m.expression if m.return_data
    ] == ["IF((FILL(work_visible, 0) + FILL(timer_visible, 0)) > 5, (FILL(work_visible, 0) + FILL(timer_visible, 0)), 5) / IF(FILL(in_service, REPEAT) > 1, FILL(in_service, REPEAT), 1)"]
    error_message = "The metric must be what waits in both queues by instance, and never ask for fewer than one."
  }
  assert {
    condition = toset([
      for m in one(aws_autoscaling_policy.track.target_tracking_configuration[0].customized_metric_specification).metrics :
      "${m.id} ${one(m.metric_stat).metric[0].metric_name} ${one(one(m.metric_stat).metric[0].dimensions).value}" if !m.return_data
      ]) == toset([
      "work_visible ApproximateNumberOfMessagesVisible work",
      "timer_visible ApproximateNumberOfMessagesVisible in-progress",
      "in_service GroupInServiceInstances motionmill-test-workers",
    ])
    error_message = "The backlog must be read from both queues, and the instances from the group."
  }
}

run "from_zero" {
  assert {
    condition     = [for q in aws_cloudwatch_metric_alarm.from_zero[0].metric_query : q.expression if q.return_data == true] == ["IF(FILL(desired, 0) < 1, (FILL(work_visible, 0) + FILL(timer_visible, 0)), 0)"]
    error_message = "From zero a message in either queue must bring one worker; a due timer as well, or a killed job never comes back."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.from_zero[0].threshold == 0 && aws_cloudwatch_metric_alarm.from_zero[0].comparison_operator == "GreaterThanThreshold" && aws_cloudwatch_metric_alarm.from_zero[0].alarm_actions == toset([aws_autoscaling_policy.from_zero[0].arn])
    error_message = "One message must be enough to start a worker."
  }
  assert {
    condition     = aws_autoscaling_policy.from_zero[0].adjustment_type == "ChangeInCapacity" && [for s in aws_autoscaling_policy.from_zero[0].step_adjustment : s.scaling_adjustment] == [1]
    error_message = "One worker must be started."
  }
}

run "to_zero" {
  assert {
    condition = toset([for q in aws_cloudwatch_metric_alarm.to_zero[0].metric_query : "${q.metric[0].metric_name} ${q.metric[0].dimensions.QueueName}" if length(q.metric) > 0]) == toset([
      for pair in setproduct(["Visible", "NotVisible", "Delayed"], ["work", "in-progress"]) : "ApproximateNumberOfMessages${pair[0]} ${pair[1]}"
    ])
    error_message = "The fleet may go only when both queues hold nothing: nothing visible, hidden or delayed."
  }
  assert {
    condition = alltrue([
      for q in aws_cloudwatch_metric_alarm.to_zero[0].metric_query : strcontains(one([for e in aws_cloudwatch_metric_alarm.to_zero[0].metric_query : e.expression if e.return_data == true]), "FILL(${q.id}, 0)") && q.metric[0].stat == "Maximum"
      if length(q.metric) > 0
    ])
    error_message = "All of them must be counted."
  }
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.to_zero[0].threshold == 1 && aws_cloudwatch_metric_alarm.to_zero[0].comparison_operator == "LessThanThreshold"
      && aws_cloudwatch_metric_alarm.to_zero[0].evaluation_periods == 10 && aws_cloudwatch_metric_alarm.to_zero[0].datapoints_to_alarm == 10
      && aws_cloudwatch_metric_alarm.to_zero[0].alarm_actions == toset([aws_autoscaling_policy.to_zero[0].arn])
    )
    error_message = "The queues must have been empty in each of the idle minutes."
  }
  assert {
    condition     = aws_autoscaling_policy.to_zero[0].adjustment_type == "ExactCapacity" && [for s in aws_autoscaling_policy.to_zero[0].step_adjustment : s.scaling_adjustment] == [0]
    error_message = "The fleet must go to zero."
  }
}

run "never_zero" {
  variables {
    min_size = 1
  }
  assert {
    condition     = length(aws_autoscaling_policy.to_zero) + length(aws_autoscaling_policy.from_zero) + length(aws_cloudwatch_metric_alarm.to_zero) + length(aws_cloudwatch_metric_alarm.from_zero) == 0
    error_message = "A fleet that keeps an instance needs no way to zero and back."
  }
}

run "role" {
  variables {
    log_agent = {
      url    = "https://example.com/agent.deb"
      sha256 = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
    }
  }
  assert {
    condition     = aws_iam_role_policy.stage.policy == var.policy && aws_iam_role_policy.stage.role == aws_iam_role.worker.id
    error_message = "The role must have what the pipeline grants."
  }
  assert {
    condition = alltrue(flatten([
      for s in jsondecode(aws_iam_role_policy.fleet.policy).Statement : [for a in flatten([s.Action]) : s.Effect == "Allow" && !strcontains(a, "*")]
    ]))
    error_message = "Every action must be named."
  }
  assert {
    condition = toset(flatten([
      for s in jsondecode(aws_iam_role_policy.fleet.policy).Statement : [for r in flatten([s.Resource]) : "${s.Sid} ${r}" if strcontains(r, "*")]
      ])) == toset([
      "SessionManager *",
      "WriteLog arn:aws:logs:eu-west-1:123456789012:log-group:/motionmill/motionmill-test/workers:log-stream:*",
    ])
    error_message = "No resource may be a wildcard where the API knows resources."
  }
  assert {
    condition     = one([for s in jsondecode(aws_iam_role_policy.fleet.policy).Statement : s.Resource if s.Sid == "LeaveInPeace"]) == aws_autoscaling_group.workers.arn
    error_message = "A worker may act on its own group alone."
  }
  assert {
    condition     = [for s in jsondecode(aws_iam_role.worker.assume_role_policy).Statement : s.Principal] == [{ Service = "ec2.amazonaws.com" }]
    error_message = "Instances alone may be workers."
  }
  assert {
    condition     = strcontains(base64decode(aws_launch_template.worker.user_data), "fetch 'https://example.com/agent.deb' 'fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210'") && aws_cloudwatch_log_group.workers[0].retention_in_days == 30
    error_message = "Log lines must be copied when asked."
  }
}

run "no_sessions" {
  variables {
    session_manager = false
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.fleet.policy, "ssm")
    error_message = "Without the session manager nothing of SSM may be granted."
  }
}

run "arm64" {
  variables {
    variant  = "arm64"
    disk_gib = 30
  }
  assert {
    condition     = strcontains(data.aws_ssm_parameter.image[0].name, "/arm64/") && alltrue([for o in aws_autoscaling_group.workers.mixed_instances_policy[0].launch_template[0].override : can(regex("^c[67]g", o.instance_type))])
    error_message = "Image and types must be of one architecture."
  }
  assert {
    condition     = !strcontains(local.user_data, "MOTIONMILL_REQUIRE_GPU")
    error_message = "Without a GPU none may be required."
  }
}

run "x86_64" {
  variables {
    variant        = "x86_64"
    instance_types = ["c7i.4xlarge", "c7a.4xlarge", "m7i-flex.4xlarge"]
    image_id       = "ami-00000000000000001"
  }
  assert {
    condition     = aws_launch_template.worker.image_id == "ami-00000000000000001" && length(data.aws_ssm_parameter.image) == 0
    error_message = "An image that is named must be used."
  }
}

run "bad_input" {
  command = plan
  variables {
    prefix               = "-"
    settings             = { MOTIONMILL_STAGE = "a\nb" }
    environment          = { MOTIONMILL_GRACE = "5s" }
    policy               = "none"
    subnet_ids           = []
    instance_types       = ["c7g.large"]
    image_id             = "ubuntu"
    disk_gib             = 50
    release              = { url = "http://example.com/x.tar.gz", sha256 = "0" }
    archives             = [{ folder = "../etc", url = "https://example.com/x.rar", sha256 = "0" }]
    grace_seconds        = 120
    min_size             = -1
    backlog_per_instance = 0
    idle_minutes         = 1
    warmup_seconds       = 5
    on_demand_base       = -1
    on_demand_percent    = 101
    log_agent            = { url = "https://example.com/agent.rpm", sha256 = "0" }
    log_days             = 2
  }
  expect_failures = [
    var.prefix, var.settings, var.environment, var.policy, var.subnet_ids, var.instance_types, var.image_id, var.disk_gib, var.release, var.archives,
    var.grace_seconds, var.min_size, var.backlog_per_instance, var.idle_minutes, var.warmup_seconds,
    var.on_demand_base, var.on_demand_percent, var.log_agent, var.log_days,
  ]
}

run "unknown_variant" {
  command = plan
  variables {
    variant  = "tpu"
    image_id = "ami-00000000000000001"
  }
  expect_failures = [var.variant]
}

run "sizes_that_contradict" {
  command = plan
  variables {
    min_size = 3
    max_size = 2
  }
  expect_failures = [var.max_size]
}
