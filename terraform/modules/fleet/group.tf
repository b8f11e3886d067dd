# The workers as a group: what they are made of and how they leave.

resource "aws_autoscaling_group" "workers" {
  name                      = local.group_name
  min_size                  = var.min_size
  max_size                  = var.max_size
  vpc_zone_identifier       = var.subnet_ids
  health_check_type         = "EC2"
  default_instance_warmup   = var.warmup_seconds
  wait_for_capacity_timeout = "0"

  # A worker protects itself while it is busy and only then. New instances are
  # idle, so they begin without.
  protect_from_scale_in = false

  # An instance that is likely to be taken away is replaced before it is; its
  # worker gives its jobs back when it is told.
  capacity_rebalance = true

  # Moving instances to even out zones would end workers for nothing.
  suspended_processes = ["AZRebalance"]

  # Those that the alarms and policies read.
  enabled_metrics = ["GroupDesiredCapacity", "GroupInServiceInstances", "GroupMaxSize", "GroupPendingInstances", "GroupTerminatingInstances"]

  mixed_instances_policy {
    instances_distribution {
      on_demand_base_capacity                  = var.on_demand_base
      on_demand_percentage_above_base_capacity = var.on_demand_percent
      on_demand_allocation_strategy            = "prioritized"
      spot_allocation_strategy                 = "price-capacity-optimized"
    }
    launch_template {
      launch_template_specification {
        launch_template_id = aws_launch_template.worker.id
        version            = aws_launch_template.worker.latest_version
      }
      dynamic "override" {
        for_each = local.instance_types
        content {
          instance_type = override.value
        }
      }
    }
  }

  # Another release or image: instances are replaced, each when it is not busy.
  instance_refresh {
    strategy = "Rolling"
    preferences {
      min_healthy_percentage       = 50
      scale_in_protected_instances = "Wait"
      skip_matching                = true
    }
  }

  tag {
    key                 = "Name"
    value               = local.group_name
    propagate_at_launch = true
  }

  lifecycle {
    # The policies decide how many there are.
    ignore_changes = [desired_capacity]
  }

  # Without leave to work, a worker that has started ends at once.
  depends_on = [aws_iam_role_policy.stage]
}

# Ending waits for the worker, which completes the hook when its jobs have ended
# or are given back. One that is dead cannot: then the hook runs out.
resource "aws_autoscaling_lifecycle_hook" "drain" {
  name                   = local.hook_name
  autoscaling_group_name = aws_autoscaling_group.workers.name
  lifecycle_transition   = "autoscaling:EC2_INSTANCE_TERMINATING"
  heartbeat_timeout      = var.grace_seconds + 90
  default_result         = "CONTINUE"
}
