# Who reaches whom: people the load balancer, it the instances; or people the
# instance. The instances go out by HTTP (packages) and HTTPS.

resource "aws_security_group" "api" {
  name        = local.name
  description = "Motionmill API of ${var.prefix}"
  vpc_id      = var.vpc_id
  tags        = { Name = local.name }
}

resource "aws_vpc_security_group_egress_rule" "api" {
  for_each          = { https = 443, http = 80 }
  security_group_id = aws_security_group.api.id
  description       = each.key
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
}

# The door is what people reach.
resource "aws_security_group" "door" {
  count       = local.alb ? 1 : 0
  name        = "${local.name}-door"
  description = "Load balancer of the Motionmill API of ${var.prefix}"
  vpc_id      = var.vpc_id
  tags        = { Name = "${local.name}-door" }
}

resource "aws_vpc_security_group_ingress_rule" "people" {
  for_each = {
    for pair in setproduct(var.allowed_cidrs, [443, 80]) : "${pair[0]} ${pair[1]}" => { cidr = pair[0], port = pair[1] }
  }
  security_group_id = local.alb ? aws_security_group.door[0].id : aws_security_group.api.id
  description       = each.key
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "door" {
  for_each                     = local.alb ? local.ports : {}
  security_group_id            = aws_security_group.door[0].id
  description                  = "${each.key} to the instances"
  referenced_security_group_id = aws_security_group.api.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_vpc_security_group_ingress_rule" "door" {
  for_each                     = local.alb ? local.ports : {}
  security_group_id            = aws_security_group.api.id
  description                  = "${each.key} from the load balancer"
  referenced_security_group_id = aws_security_group.door[0].id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_lb" "api" {
  count                      = local.alb ? 1 : 0
  name                       = local.name
  load_balancer_type         = "application"
  internal                   = var.internal
  subnets                    = var.subnet_ids
  security_groups            = [aws_security_group.door[0].id]
  drop_invalid_header_fields = true
  idle_timeout               = 120 # Event streams say something every 15 s.
  enable_deletion_protection = var.deletion_protection
}

resource "aws_lb_target_group" "api" {
  count                = local.alb ? 1 : 0
  name                 = local.name
  vpc_id               = var.vpc_id
  target_type          = "instance"
  protocol             = "HTTP"
  port                 = local.ports.http
  deregistration_delay = "30"
  health_check {
    protocol            = "HTTP"
    port                = tostring(local.ports.health)
    path                = "/healthz"
    matcher             = "200"
    interval            = 15
    healthy_threshold   = 2
    unhealthy_threshold = 4
  }
}

resource "aws_lb_listener" "https" {
  count             = local.alb ? 1 : 0
  load_balancer_arn = aws_lb.api[0].arn
  protocol          = "HTTPS"
  port              = 443
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.api[0].arn
  }
}

resource "aws_lb_listener" "http" {
  count             = local.alb ? 1 : 0
  load_balancer_arn = aws_lb.api[0].arn
  protocol          = "HTTP"
  port              = 80
  default_action {
    type = "redirect"
    redirect {
      protocol    = "HTTPS"
      port        = "443"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_route53_record" "api" {
  count   = var.domain == null ? 0 : 1
  zone_id = var.domain.zone_id
  name    = var.domain.name
  type    = "A"
  ttl     = local.alb ? null : 300
  records = local.alb ? null : [aws_eip.this[0].public_ip]

  dynamic "alias" {
    for_each = aws_lb.api
    content {
      name                   = alias.value.dns_name
      zone_id                = alias.value.zone_id
      evaluate_target_health = false
    }
  }
}
