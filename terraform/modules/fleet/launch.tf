# How one worker comes to be: image, disk, network and what it installs.

data "aws_ssm_parameter" "image" {
  count = var.image_id == null ? 1 : 0
  name = {
    gpu    = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"
    x86_64 = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
    arm64  = "/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id"
  }[var.variant]
}

locals {
  # The name is known before the group is made: workers are told it.
  group_name = "${var.prefix}-workers"
  hook_name  = "${var.prefix}-drain"
  log_group  = "/motionmill/${var.prefix}/workers"

  image_id = var.image_id == null ? data.aws_ssm_parameter.image[0].insecure_value : var.image_id

  # Several types, or spot capacity often cannot be had.
  instance_types = coalesce(var.instance_types, {
    gpu    = ["g4dn.xlarge", "g5.xlarge", "g6.xlarge"]
    x86_64 = ["c7i.2xlarge", "c6i.2xlarge", "c7a.2xlarge", "c6a.2xlarge"]
    arm64  = ["c7g.2xlarge", "c7gd.2xlarge", "c6g.2xlarge"]
  }[var.variant])

  environment = merge(
    var.settings,
    {
      AWS_DEFAULT_REGION        = var.settings.AWS_REGION
      MOTIONMILL_FLEET          = local.group_name
      MOTIONMILL_LIFECYCLE_HOOK = local.hook_name
      MOTIONMILL_GRACE          = "${var.grace_seconds}s"
      MOTIONMILL_MODELS_DIR     = "/opt/motionmill/models"
      MOTIONMILL_WORK_DIR       = "/var/lib/motionmill/work"
    },
    var.variant == "gpu" ? {
      LD_LIBRARY_PATH        = "/usr/local/cuda/lib64"
      MOTIONMILL_REQUIRE_GPU = tostring(var.require_gpu)
    } : {},
    var.environment,
  )

  user_data = templatefile("${path.module}/worker.sh.tftpl", {
    release       = var.release
    archives      = var.archives
    environment   = join("\n", [for name, value in local.environment : "${name}=\"${value}\""])
    grace_seconds = var.grace_seconds
    log_agent     = var.log_agent
    log_config = var.log_agent == null ? "" : jsonencode({
      logs = { logs_collected = { files = { collect_list = [{
        file_path       = "/var/log/syslog"
        log_group_name  = local.log_group
        log_stream_name = "{instance_id}"
        filters         = [{ type = "include", expression = "motionmill" }]
      }] } } }
    })
  })
}

# No way in at all; out by HTTPS, and by HTTP for the packages of Ubuntu, which
# are signed.
resource "aws_security_group" "worker" {
  name        = local.group_name
  description = "Motionmill workers of ${var.prefix}: nothing in, HTTP and HTTPS out"
  vpc_id      = var.vpc_id
  tags        = { Name = local.group_name }
}

resource "aws_vpc_security_group_egress_rule" "worker" {
  for_each          = { https = 443, http = 80 }
  security_group_id = aws_security_group.worker.id
  description       = each.key
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
}

resource "aws_launch_template" "worker" {
  name                                 = local.group_name
  description                          = "A worker of ${var.prefix}"
  image_id                             = local.image_id
  instance_type                        = local.instance_types[0]
  user_data                            = base64encode(local.user_data)
  vpc_security_group_ids               = [aws_security_group.worker.id]
  ebs_optimized                        = true
  instance_initiated_shutdown_behavior = "terminate"
  update_default_version               = true

  iam_instance_profile {
    arn = aws_iam_instance_profile.worker.arn
  }

  block_device_mappings {
    device_name = "/dev/sda1" # The root volume of Ubuntu's images.
    ebs {
      volume_type           = "gp3"
      volume_size           = var.disk_gib
      encrypted             = true
      delete_on_termination = true
    }
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required" # IMDSv2 only.
    http_put_response_hop_limit = 1          # Not from within containers.
    instance_metadata_tags      = "enabled"  # The worker finds the name of its group there.
  }

  dynamic "tag_specifications" {
    for_each = ["instance", "volume"]
    content {
      resource_type = tag_specifications.value
      tags          = { Name = local.group_name }
    }
  }

  lifecycle {
    precondition {
      condition     = length(local.user_data) <= 16384
      error_message = "The instances' script has more than the 16384 bytes that EC2 takes: give fewer archives or settings."
    }
  }
}

resource "aws_cloudwatch_log_group" "workers" {
  count             = var.log_agent == null ? 0 : 1
  name              = local.log_group
  retention_in_days = var.log_days
}
