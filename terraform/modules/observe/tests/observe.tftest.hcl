mock_provider "aws" {
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-west-1:123456789012:motionmill-test-alarms" }
  }
  mock_resource "aws_cloudwatch_metric_alarm" {
    defaults = { arn = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:x" }
  }
}

variables {
  prefix      = "motionmill-test"
  region      = "eu-west-1"
  queue_names = { work = "work", in_progress = "in-progress", dead_letter = "dead-letter" }
  table_name  = "ledger"
  group_name  = "workers"
}

run "oldest_message" {
  variables {
    oldest_message_minutes = 12
  }
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.oldest_message.metric_name == "ApproximateAgeOfOldestMessage" && aws_cloudwatch_metric_alarm.oldest_message.dimensions.QueueName == "work"
      && aws_cloudwatch_metric_alarm.oldest_message.threshold == 720 && aws_cloudwatch_metric_alarm.oldest_message.statistic == "Maximum" && aws_cloudwatch_metric_alarm.oldest_message.comparison_operator == "GreaterThanThreshold"
    )
    error_message = "Somebody must be told when a job waits for too long."
  }
}

run "dead_letters" {
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.dead_letters.metric_name == "ApproximateNumberOfMessagesVisible" && aws_cloudwatch_metric_alarm.dead_letters.dimensions.QueueName == "dead-letter"
      && aws_cloudwatch_metric_alarm.dead_letters.threshold == 0 && aws_cloudwatch_metric_alarm.dead_letters.comparison_operator == "GreaterThanThreshold" && aws_cloudwatch_metric_alarm.dead_letters.evaluation_periods == 1
    )
    error_message = "Somebody must be told of the first dead letter."
  }
}

run "no_workers" {
  assert {
    condition = toset([
      for q in aws_cloudwatch_metric_alarm.no_workers.metric_query : "${q.id} ${q.metric[0].metric_name} ${q.metric[0].dimensions.QueueName} ${q.metric[0].stat}" if length(q.metric) > 0
      ]) == toset([
      "work_visible ApproximateNumberOfMessagesVisible work Maximum", "timer_visible ApproximateNumberOfMessagesVisible in-progress Maximum",
      "work_received NumberOfMessagesReceived work Sum", "timer_received NumberOfMessagesReceived in-progress Sum",
      "work_empty NumberOfEmptyReceives work Sum", "timer_empty NumberOfEmptyReceives in-progress Sum",
    ])
    error_message = "Whether anybody asks must be seen at both queues."
  }
  assert {
    condition = [for q in aws_cloudwatch_metric_alarm.no_workers.metric_query : q.expression if q.return_data == true] == [
      "IF(FILL(work_received, 0) + FILL(work_empty, 0) + FILL(timer_received, 0) + FILL(timer_empty, 0) > 0, 0, FILL(work_visible, 0) + FILL(timer_visible, 0))"
    ]
    error_message = "Somebody must be told when messages wait and nobody asks."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.no_workers.evaluation_periods == 20 && aws_cloudwatch_metric_alarm.no_workers.datapoints_to_alarm == 20 && aws_cloudwatch_metric_alarm.no_workers.threshold == 0
    error_message = "A worker must have had the time to start."
  }
}

run "nobody_to_tell" {
  assert {
    condition     = length(aws_sns_topic.alarms) == 0 && output.topic_arn == null && length(aws_cloudwatch_metric_alarm.no_api) == 0
    error_message = "Without addresses there is no topic, and without a load balancer no alarm about it."
  }
}

run "somebody_to_tell" {
  variables {
    emails       = ["someone@example.com"]
    topic_arns   = ["arn:aws:sns:eu-west-1:123456789012:pager"]
    target_group = { load_balancer = "app/api/1", target_group = "targetgroup/api/1" }
  }
  assert {
    condition = alltrue([
      for a in [aws_cloudwatch_metric_alarm.oldest_message, aws_cloudwatch_metric_alarm.dead_letters, aws_cloudwatch_metric_alarm.no_workers, aws_cloudwatch_metric_alarm.no_api[0]] :
      a.alarm_actions == toset(["arn:aws:sns:eu-west-1:123456789012:motionmill-test-alarms", "arn:aws:sns:eu-west-1:123456789012:pager"])
    ])
    error_message = "Every alarm must be told to everybody."
  }
  assert {
    condition     = aws_sns_topic_subscription.email["someone@example.com"].protocol == "email"
    error_message = "Addresses must get mail."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.no_api[0].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.no_api[0].dimensions.TargetGroup == "targetgroup/api/1"
    error_message = "No news of the API is bad news."
  }
  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.stage.dashboard_body).widgets[0].properties.alarms) == 4
    error_message = "The dashboard must show the alarms."
  }
}

run "dashboard" {
  assert {
    condition = alltrue([
      for name in ["work", "in-progress", "dead-letter", "ledger", "workers"] : anytrue([
        for w in jsondecode(aws_cloudwatch_dashboard.stage.dashboard_body).widgets : strcontains(jsonencode(w), "\"${name}\"") && try(w.properties.region, "") == "eu-west-1"
      ])
    ])
    error_message = "The dashboard must show queues, ledger and workers."
  }
}

run "bad_input" {
  command = plan
  variables {
    prefix                 = "-"
    oldest_message_minutes = 1
    no_workers_minutes     = 1
    emails                 = ["nobody"]
    topic_arns             = ["pager"]
  }
  expect_failures = [var.prefix, var.oldest_message_minutes, var.no_workers_minutes, var.emails, var.topic_arns]
}
