# What somebody must be told of, and the picture to look at then.

locals {
  topics = concat(aws_sns_topic.alarms[*].arn, var.topic_arns)
}

# Not encrypted by the key that AWS manages: CloudWatch may not use that. An
# alarm's text holds names and numbers only.
resource "aws_sns_topic" "alarms" {
  count = length(var.emails) > 0 ? 1 : 0
  name  = "${var.prefix}-alarms"
}

resource "aws_sns_topic_subscription" "email" {
  for_each  = toset(var.emails)
  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = "email"
  endpoint  = each.value
}

resource "aws_cloudwatch_metric_alarm" "oldest_message" {
  alarm_name          = "${var.prefix}-oldest-message"
  alarm_description   = "A job waits for more than ${var.oldest_message_minutes} minutes: the fleet is at its largest, cannot get instances, or fails. Look at the dashboard, then at the fleet's activity."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = var.queue_names.work }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 5
  threshold           = var.oldest_message_minutes * 60
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.topics
  ok_actions          = local.topics
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  alarm_name          = "${var.prefix}-dead-letters"
  alarm_description   = "A job is dead or a message could not be read. motionmill jobs list --state dead says why; jobs redrive puts it back."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = var.queue_names.dead_letter }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.topics
  ok_actions          = local.topics
}

# A worker is whoever asks for messages: a number of instances says nothing of
# whether the program on them runs. An idle worker asks every 20 s. With a
# backlog, a minute in which neither a full nor an empty answer was given is one
# in which nobody asked; busy workers ask for due timers still.
resource "aws_cloudwatch_metric_alarm" "no_workers" {
  alarm_name          = "${var.prefix}-no-workers"
  alarm_description   = "Messages wait and nobody has asked for any in ${var.no_workers_minutes} minutes: no instance starts, or the program on it does not. Look at the fleet's activity and at an instance's journal (motionmill, motionmill-setup)."
  evaluation_periods  = var.no_workers_minutes
  datapoints_to_alarm = var.no_workers_minutes
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.topics
  ok_actions          = local.topics

  metric_query {
    id          = "abandoned"
    label       = "Messages that wait while nobody asks"
    expression  = "IF(FILL(work_received, 0) + FILL(work_empty, 0) + FILL(timer_received, 0) + FILL(timer_empty, 0) > 0, 0, FILL(work_visible, 0) + FILL(timer_visible, 0))"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = {
      work_visible   = { queue = var.queue_names.work, metric = "ApproximateNumberOfMessagesVisible", stat = "Maximum" }
      work_received  = { queue = var.queue_names.work, metric = "NumberOfMessagesReceived", stat = "Sum" }
      work_empty     = { queue = var.queue_names.work, metric = "NumberOfEmptyReceives", stat = "Sum" }
      timer_visible  = { queue = var.queue_names.in_progress, metric = "ApproximateNumberOfMessagesVisible", stat = "Maximum" }
      timer_received = { queue = var.queue_names.in_progress, metric = "NumberOfMessagesReceived", stat = "Sum" }
      timer_empty    = { queue = var.queue_names.in_progress, metric = "NumberOfEmptyReceives", stat = "Sum" }
    }
    content {
      id = metric_query.key
      metric {
        namespace   = "AWS/SQS"
        metric_name = metric_query.value.metric
        dimensions  = { QueueName = metric_query.value.queue }
        period      = 60
        stat        = metric_query.value.stat
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "no_api" {
  count               = var.target_group == null ? 0 : 1
  alarm_name          = "${var.prefix}-no-api"
  alarm_description   = "The load balancer finds no healthy instance of the API."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HealthyHostCount"
  dimensions          = { LoadBalancer = var.target_group.load_balancer, TargetGroup = var.target_group.target_group }
  statistic           = "Minimum"
  period              = 60
  evaluation_periods  = 5
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = local.topics
  ok_actions          = local.topics
}

locals {
  queue_metrics = {
    Waiting = "ApproximateNumberOfMessagesVisible"
    Hidden  = "ApproximateNumberOfMessagesNotVisible"
    Delayed = "ApproximateNumberOfMessagesDelayed"
  }
  graph = { period = 60, region = var.region, view = "timeSeries" }
  graphs = [
    merge(local.graph, {
      title   = "Work queue: jobs that wait (visible), being claimed (hidden)"
      stat    = "Maximum"
      metrics = [for label, metric in local.queue_metrics : ["AWS/SQS", metric, "QueueName", var.queue_names.work, { label = label }]]
    }),
    merge(local.graph, {
      title   = "In-progress queue: timers of running jobs (delayed, hidden), due (visible)"
      stat    = "Maximum"
      metrics = [for label, metric in local.queue_metrics : ["AWS/SQS", metric, "QueueName", var.queue_names.in_progress, { label = label }]]
    }),
    merge(local.graph, {
      title = "Workers"
      stat  = "Maximum"
      metrics = [for metric in ["GroupDesiredCapacity", "GroupInServiceInstances", "GroupPendingInstances", "GroupTerminatingInstances", "GroupMaxSize"] :
      ["AWS/AutoScaling", metric, "AutoScalingGroupName", var.group_name]]
    }),
    merge(local.graph, {
      title   = "Age of the oldest waiting job, in seconds"
      stat    = "Maximum"
      metrics = [["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", var.queue_names.work]]
    }),
    merge(local.graph, {
      title   = "Dead letters"
      stat    = "Maximum"
      metrics = [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.queue_names.dead_letter]]
    }),
    merge(local.graph, {
      title = "Ledger: capacity used, and requests that were throttled"
      stat  = "Sum"
      metrics = [for metric in ["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"] :
      ["AWS/DynamoDB", metric, "TableName", var.table_name]]
    }),
  ]
  alarms = concat(
    [aws_cloudwatch_metric_alarm.oldest_message.arn, aws_cloudwatch_metric_alarm.dead_letters.arn, aws_cloudwatch_metric_alarm.no_workers.arn],
    aws_cloudwatch_metric_alarm.no_api[*].arn,
  )
}

resource "aws_cloudwatch_dashboard" "stage" {
  dashboard_name = var.prefix
  dashboard_body = jsonencode({
    widgets = concat(
      [{ type = "alarm", x = 0, y = 0, width = 24, height = 2, properties = { title = "Alarms", alarms = local.alarms } }],
      [for i, graph in local.graphs : { type = "metric", x = i % 2 * 12, y = 2 + floor(i / 2) * 6, width = 12, height = 6, properties = graph }],
    )
  })
}
