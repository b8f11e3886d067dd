# The API and the page: motionmill serve behind nginx, which asks for a password
# if there is one, and behind a load balancer or with TLS of its own. nginx
# addresses the API as 127.0.0.1, the one host that it answers to unasked.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

data "aws_ssm_parameter" "image" {
  count = var.image_id == null ? 1 : 0
  name  = "/aws/service/canonical/ubuntu/server/24.04/stable/current/${var.architecture == "arm64" ? "arm64" : "amd64"}/hvm/ebs-gp3/ami-id"
}

locals {
  alb         = var.mode == "alb"
  name        = "${var.prefix}-api"
  region      = var.settings.AWS_REGION
  arn_prefix  = "arn:${data.aws_partition.current.partition}"
  account_id  = data.aws_caller_identity.current.account_id
  image_id    = var.image_id == null ? data.aws_ssm_parameter.image[0].insecure_value : var.image_id
  server_name = var.domain == null ? local.name : var.domain.name

  environment = merge(var.settings, {
    AWS_DEFAULT_REGION       = local.region
    MOTIONMILL_LISTEN        = "127.0.0.1:8080"
    MOTIONMILL_TRUSTED_PROXY = "127.0.0.1/32"
    MOTIONMILL_MODELS_DIR    = "/opt/motionmill/models"
  }, lookup(local.cdn_settings, "settings", {}), var.environment)

  # Parameters that the instance reads.
  parameters = concat(var.password_parameter[*], values(local.cdn)[*].private_key_parameter, local.alb || var.tls_parameters == null ? [] : values(var.tls_parameters))

  user_data = templatefile("${path.module}/serve.sh.tftpl", {
    mode               = var.mode
    region             = local.region
    release            = var.release
    environment        = join("\n", [for name, value in local.environment : "${name}=\"${value}\""])
    password_parameter = var.password_parameter
    cdn_key_parameter  = one(values(local.cdn)[*].private_key_parameter)
    tls_parameters     = local.alb ? null : var.tls_parameters
    server_name        = local.server_name
    allocation_id      = one(aws_eip.this[*].allocation_id)
    needs_cli          = !local.alb || length(local.parameters) > 0
    nginx = templatefile("${path.module}/nginx.conf.tftpl", {
      mode     = var.mode
      password = var.password_parameter != null
    })
  })

  # What the instances listen on, and who may reach it: the load balancer or the people.
  ports = local.alb ? { http = 8000, health = 8081 } : { https = 443, http = 80 }
}

# The address of the one instance, which the next one takes over.
resource "aws_eip" "this" {
  count  = local.alb ? 0 : 1
  domain = "vpc"
  tags   = { Name = local.name }
}

resource "aws_launch_template" "api" {
  name                                 = local.name
  description                          = "The API of ${var.prefix}"
  image_id                             = local.image_id
  instance_type                        = coalesce(var.instance_type, { x86_64 = "t3.small", arm64 = "t4g.small" }[var.architecture])
  user_data                            = base64encode(local.user_data)
  vpc_security_group_ids               = [aws_security_group.api.id]
  instance_initiated_shutdown_behavior = "terminate"
  update_default_version               = true

  iam_instance_profile {
    arn = aws_iam_instance_profile.api.arn
  }

  block_device_mappings {
    device_name = "/dev/sda1"
    ebs {
      volume_type           = "gp3"
      volume_size           = 12
      encrypted             = true
      delete_on_termination = true
    }
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  # The role may give its address to instances of this name alone.
  dynamic "tag_specifications" {
    for_each = ["instance", "network-interface", "volume"]
    content {
      resource_type = tag_specifications.value
      tags          = { Name = local.name }
    }
  }

  lifecycle {
    precondition {
      condition     = length(local.user_data) <= 16384
      error_message = "The instances' script has more than the 16384 bytes that EC2 takes: give fewer settings."
    }
  }
}

# A group also of one, so that an instance that fails is replaced.
resource "aws_autoscaling_group" "api" {
  name                      = local.name
  min_size                  = local.alb ? var.instances : 1
  max_size                  = local.alb ? var.instances + 1 : 1
  desired_capacity          = local.alb ? var.instances : 1
  vpc_zone_identifier       = var.subnet_ids
  health_check_type         = local.alb ? "ELB" : "EC2"
  health_check_grace_period = 600
  target_group_arns         = aws_lb_target_group.api[*].arn
  wait_for_capacity_timeout = "0"

  launch_template {
    id      = aws_launch_template.api.id
    version = aws_launch_template.api.latest_version
  }

  instance_refresh {
    strategy = "Rolling"
    preferences {
      min_healthy_percentage = local.alb && var.instances > 1 ? 50 : 0
      instance_warmup        = "300"
      skip_matching          = true
    }
  }

  tag {
    key                 = "Name"
    value               = local.name
    propagate_at_launch = true
  }

  # Without its role an instance cannot set itself up.
  depends_on = [aws_iam_role_policy.stage, aws_iam_role_policy.self]
}
