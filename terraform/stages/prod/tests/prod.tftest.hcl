# The stage as a whole: that its parts fit, and what env.sh gets. The provider is
# mocked: nothing is made.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-west-1" }
  }
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-west-1a", "eu-west-1b", "eu-west-1c"] }
  }
  mock_data "aws_subnets" {
    defaults = { ids = ["subnet-1", "subnet-2"] }
  }
  mock_data "aws_ssm_parameter" {
    defaults = { insecure_value = "ami-0123456789abcdef0" }
  }
  mock_resource "aws_iam_instance_profile" {
    defaults = { arn = "arn:aws:iam::123456789012:instance-profile/x" }
  }
  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0123456789abcdef0", latest_version = 1 }
  }
  mock_resource "aws_autoscaling_group" {
    defaults = { arn = "arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:1:autoScalingGroupName/x" }
  }
  mock_resource "aws_autoscaling_policy" {
    defaults = { arn = "arn:aws:autoscaling:eu-west-1:123456789012:scalingPolicy:1:autoScalingGroupName/x:policyName/x" }
  }
  mock_resource "aws_cloudwatch_metric_alarm" {
    defaults = { arn = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:x" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-west-1:123456789012:alarms" }
  }
  mock_resource "aws_eip" {
    defaults = { allocation_id = "eipalloc-1", public_ip = "203.0.113.7" }
  }
  mock_resource "aws_lb" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/api/1", arn_suffix = "app/api/1", dns_name = "api.eu-west-1.elb.amazonaws.com", zone_id = "Z2" }
  }
  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/api/1", arn_suffix = "targetgroup/api/1" }
  }
}

override_resource {
  target = module.pipeline.aws_s3_bucket.uploads
  values = { id = "uploads", arn = "arn:aws:s3:::uploads" }
}
override_resource {
  target = module.pipeline.aws_s3_bucket.outputs
  values = { id = "outputs", arn = "arn:aws:s3:::outputs" }
}
override_resource {
  target = module.pipeline.aws_sqs_queue.work
  values = { arn = "arn:aws:sqs:eu-west-1:123456789012:work", url = "https://sqs.eu-west-1.amazonaws.com/123456789012/work" }
}
override_resource {
  target = module.pipeline.aws_sqs_queue.in_progress
  values = { arn = "arn:aws:sqs:eu-west-1:123456789012:in-progress", url = "https://sqs.eu-west-1.amazonaws.com/123456789012/in-progress" }
}
override_resource {
  target = module.pipeline.aws_sqs_queue.dead_letter
  values = { arn = "arn:aws:sqs:eu-west-1:123456789012:dead-letter", url = "https://sqs.eu-west-1.amazonaws.com/123456789012/dead-letter" }
}
override_resource {
  target = module.pipeline.aws_dynamodb_table.ledger
  values = { arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/ledger" }
}

variables {
  region = "eu-west-1"
  release = {
    url    = "https://example.com/motionmill-1.0.0-linux-amd64.tar.gz"
    sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  }
  allowed_cidrs      = ["0.0.0.0/0"]
  password_parameter = "/motionmill/prod/htpasswd"
  certificate_arn    = "arn:aws:acm:eu-west-1:123456789012:certificate/1"
  domain             = { name = "video.example.com", zone_id = "Z1" }
  emails             = ["team@example.com"]
}

run "names" {
  assert {
    condition = [
      output.AWS_REGION, output.MOTIONMILL_STAGE, output.MOTIONMILL_UPLOADS_BUCKET, output.MOTIONMILL_OUTPUTS_BUCKET,
      output.MOTIONMILL_WORK_QUEUE_URL, output.MOTIONMILL_IN_PROGRESS_QUEUE_URL, output.MOTIONMILL_DEAD_LETTER_QUEUE_URL,
      output.MOTIONMILL_LEDGER_TABLE, output.MOTIONMILL_LEASE,
      ] == [
      "eu-west-1", "prod", "uploads", "outputs",
      "https://sqs.eu-west-1.amazonaws.com/123456789012/work", "https://sqs.eu-west-1.amazonaws.com/123456789012/in-progress",
      "https://sqs.eu-west-1.amazonaws.com/123456789012/dead-letter", "motionmill-prod-ledger", "60s",
    ]
    error_message = "env.sh must get every setting by its name."
  }
  assert {
    condition     = length(output.dashboard) > 0 && module.fleet.group_name == "motionmill-prod-workers"
    error_message = "Everything must be named for the stage."
  }
}

run "large" {
  assert {
    condition     = module.fleet.max_size == 4 && output.url == "https://video.example.com" && module.observe.topic_arn != null
    error_message = "prod must serve its domain and tell somebody of alarms."
  }
}

run "nobody_to_tell" {
  command = plan
  variables {
    emails = []
  }
  expect_failures = [var.emails]
}

run "with_a_cdn" {
  variables {
    cdn = {
      public_keys           = { first = "-----BEGIN PUBLIC KEY-----\nfirst\n" }
      signing_key           = "first"
      private_key_parameter = "/motionmill/prod/cdn-key"
      origins               = ["https://video.example.com"]
    }
  }
  assert {
    condition     = module.api.cdn_arn != null
    error_message = "prod must make the distribution that was asked for."
  }
}
