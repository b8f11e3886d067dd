# How many workers there are, by the number of waiting messages:
#
#   from_zero  none is wanted and a message is visible: one is started
#   track      one or more: as many as the backlog asks, never fewer than one
#   to_zero    no message at all, hidden and delayed ones included, for a while: none
#
# Visible messages are the backlog: those of the work queue are jobs that wait,
# those of the in-progress queue are timers that are due, of jobs whose worker is
# gone. A running job's timer is hidden or delayed; it asks for no more workers,
# but keeps the fleet from going to zero, so that somebody is there when it is due.
# Target tracking alone cannot do all three: from zero instances, any factor makes
# zero; and it knows one number only, which is 0 as soon as nobody waits.

locals {
  # Metrics of the queues and the group by the ids that the expressions use.
  queue_metrics = {
    work_visible  = { queue = var.queue_names.work, metric = "ApproximateNumberOfMessagesVisible" }
    work_hidden   = { queue = var.queue_names.work, metric = "ApproximateNumberOfMessagesNotVisible" }
    work_delayed  = { queue = var.queue_names.work, metric = "ApproximateNumberOfMessagesDelayed" }
    timer_visible = { queue = var.queue_names.in_progress, metric = "ApproximateNumberOfMessagesVisible" }
    timer_hidden  = { queue = var.queue_names.in_progress, metric = "ApproximateNumberOfMessagesNotVisible" }
    timer_delayed = { queue = var.queue_names.in_progress, metric = "ApproximateNumberOfMessagesDelayed" }
  }

  # SQS sends nothing about a queue that nobody has used for six hours.
  backlog    = "(FILL(work_visible, 0) + FILL(timer_visible, 0))"
  everything = join(" + ", [for id, _ in local.queue_metrics : "FILL(${id}, 0)"])

  # At least what one instance is enough for, so that the last one stays until to_zero.
  backlog_per_instance = "IF(${local.backlog} > ${var.backlog_per_instance}, ${local.backlog}, ${var.backlog_per_instance}) / IF(FILL(in_service, REPEAT) > 1, FILL(in_service, REPEAT), 1)"
}

resource "aws_autoscaling_policy" "track" {
  name                   = "${var.prefix}-track"
  autoscaling_group_name = aws_autoscaling_group.workers.name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value = var.backlog_per_instance

    customized_metric_specification {
      dynamic "metrics" {
        for_each = { for id in ["work_visible", "timer_visible"] : id => local.queue_metrics[id] }
        content {
          id          = metrics.key
          return_data = false
          metric_stat {
            stat = "Average"
            metric {
              namespace   = "AWS/SQS"
              metric_name = metrics.value.metric
              dimensions {
                name  = "QueueName"
                value = metrics.value.queue
              }
            }
          }
        }
      }
      metrics {
        id          = "in_service"
        return_data = false
        metric_stat {
          stat = "Average"
          metric {
            namespace   = "AWS/AutoScaling"
            metric_name = "GroupInServiceInstances"
            dimensions {
              name  = "AutoScalingGroupName"
              value = aws_autoscaling_group.workers.name
            }
          }
        }
      }
      metrics {
        id          = "backlog_per_instance"
        label       = "Backlog per instance"
        expression  = local.backlog_per_instance
        return_data = true
      }
    }
  }
}

resource "aws_autoscaling_policy" "from_zero" {
  count                  = var.min_size == 0 ? 1 : 0
  name                   = "${var.prefix}-from-zero"
  autoscaling_group_name = aws_autoscaling_group.workers.name
  policy_type            = "StepScaling"
  adjustment_type        = "ChangeInCapacity"
  step_adjustment {
    metric_interval_lower_bound = "0"
    scaling_adjustment          = 1
  }
}

resource "aws_cloudwatch_metric_alarm" "from_zero" {
  count               = var.min_size == 0 ? 1 : 0
  alarm_name          = "${var.prefix}-from-zero"
  alarm_description   = "Messages wait and no worker is wanted: start one. Not a fault."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_autoscaling_policy.from_zero[0].arn]

  metric_query {
    id          = "wanted"
    label       = "Backlog while no worker is wanted"
    expression  = "IF(FILL(desired, 0) < 1, ${local.backlog}, 0)"
    return_data = true
  }
  dynamic "metric_query" {
    for_each = { for id in ["work_visible", "timer_visible"] : id => local.queue_metrics[id] }
    content {
      id = metric_query.key
      metric {
        namespace   = "AWS/SQS"
        metric_name = metric_query.value.metric
        dimensions  = { QueueName = metric_query.value.queue }
        period      = 60
        stat        = "Maximum"
      }
    }
  }
  metric_query {
    id = "desired"
    metric {
      namespace   = "AWS/AutoScaling"
      metric_name = "GroupDesiredCapacity"
      dimensions  = { AutoScalingGroupName = aws_autoscaling_group.workers.name }
      period      = 60
      stat        = "Maximum"
    }
  }
}

resource "aws_autoscaling_policy" "to_zero" {
  count                  = var.min_size == 0 ? 1 : 0
  name                   = "${var.prefix}-to-zero"
  autoscaling_group_name = aws_autoscaling_group.workers.name
  policy_type            = "StepScaling"
  adjustment_type        = "ExactCapacity"
  step_adjustment {
    metric_interval_upper_bound = "0"
    scaling_adjustment          = 0
  }
}

resource "aws_cloudwatch_metric_alarm" "to_zero" {
  count               = var.min_size == 0 ? 1 : 0
  alarm_name          = "${var.prefix}-to-zero"
  alarm_description   = "No message of any kind for ${var.idle_minutes} minutes: let the workers go. Not a fault."
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  evaluation_periods  = var.idle_minutes
  datapoints_to_alarm = var.idle_minutes
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_autoscaling_policy.to_zero[0].arn]

  metric_query {
    id          = "everything"
    label       = "Messages, hidden and delayed ones included"
    expression  = local.everything
    return_data = true
  }
  dynamic "metric_query" {
    for_each = local.queue_metrics
    content {
      id = metric_query.key
      metric {
        namespace   = "AWS/SQS"
        metric_name = metric_query.value.metric
        dimensions  = { QueueName = metric_query.value.queue }
        period      = 60
        stat        = "Maximum"
      }
    }
  }
}
