# What must hold of the API's instances and of who reaches them. The provider is
# mocked: nothing is made.

mock_provider "aws" {
  source = "./tests/mocks"
}

override_resource {
  target = aws_security_group.api
  values = { id = "sg-api" }
}
override_resource {
  target = aws_security_group.door[0]
  values = { id = "sg-door" }
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
  }
  policy        = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
  vpc_id        = "vpc-1"
  subnet_ids    = ["subnet-1", "subnet-2"]
  allowed_cidrs = ["203.0.113.0/24"]
  release = {
    url    = "https://example.com/motionmill-1.0.0-linux-amd64.tar.gz"
    sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  }
}

run "instance" {
  assert {
    condition     = aws_launch_template.api.metadata_options[0].http_tokens == "required" && aws_launch_template.api.block_device_mappings[0].ebs[0].encrypted == "true" && aws_launch_template.api.key_name == null
    error_message = "The instance must have IMDSv2, an encrypted disk and no key."
  }
  assert {
    condition     = aws_autoscaling_group.api.min_size == 1 && aws_autoscaling_group.api.max_size == 1 && length(aws_lb.api) + length(aws_security_group.door) == 0
    error_message = "There must be one instance and no load balancer."
  }
  assert {
    condition = { for r in aws_vpc_security_group_ingress_rule.people : r.description => [r.security_group_id, r.cidr_ipv4, r.from_port, r.to_port] } == {
      "203.0.113.0/24 443" = ["sg-api", "203.0.113.0/24", 443, 443]
      "203.0.113.0/24 80"  = ["sg-api", "203.0.113.0/24", 80, 80]
    } && length(aws_vpc_security_group_ingress_rule.door) == 0
    error_message = "Only those who are allowed may reach the instance, by HTTP (which leads on) and HTTPS."
  }
  assert {
    condition = alltrue([
      for text in [
        "'https://example.com/motionmill-1.0.0-linux-amd64.tar.gz'\n",
        "echo \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef  $archive\" | sha256sum --check",
        "associate-address --allocation-id 'eipalloc-1'",
        "\nMOTIONMILL_LISTEN=\"127.0.0.1:8080\"\n",
        "\nMOTIONMILL_LEDGER_TABLE=\"ledger\"\n",
        "listen 443 ssl http2 default_server;",
        "ssl_protocols TLSv1.2 TLSv1.3;",
        "return 308 https://",
        "proxy_set_header Host 127.0.0.1:8080;",
        "proxy_set_header X-Forwarded-For $remote_addr;",
        "\nMOTIONMILL_TRUSTED_PROXY=\"127.0.0.1/32\"\n",
        "openssl req -x509",
      ] : strcontains(base64decode(aws_launch_template.api.user_data), text)
    ])
    error_message = "The script must install what was pinned, with the stage's settings, behind nginx with TLS."
  }
  assert {
    condition     = strcontains(base64decode(aws_launch_template.api.user_data), "ExecStart=/usr/local/bin/motionmill jobs reconcile\n") && can(regex("systemctl enable --now [^\n]*motionmill-reconcile.timer", base64decode(aws_launch_template.api.user_data)))
    error_message = "The API's instance must look for lost events every day."
  }
  assert {
    condition     = output.url == "https://203.0.113.7" && output.target_group == null
    error_message = "Without a domain the API is at its address."
  }
}

run "instance_with_domain_and_secrets" {
  variables {
    domain             = { name = "video.example.com", zone_id = "Z1" }
    password_parameter = "/motionmill/test/htpasswd"
    tls_parameters     = { certificate = "/motionmill/test/certificate", key = "/motionmill/test/key" }
    allowed_cidrs      = ["0.0.0.0/0"]
  }
  assert {
    condition     = output.url == "https://video.example.com" && aws_route53_record.api[0].records == toset(["203.0.113.7"]) && aws_route53_record.api[0].type == "A"
    error_message = "The domain must lead to the address."
  }
  assert {
    condition = alltrue([
      for text in [
        "auth_basic_user_file /etc/nginx/motionmill/htpasswd;",
        "put '/motionmill/test/htpasswd' htpasswd www-data\n",
        "put '/motionmill/test/certificate' certificate.pem www-data\n",
        "put '/motionmill/test/key' key.pem www-data\n",
      ] : strcontains(base64decode(aws_launch_template.api.user_data), text)
    ]) && !strcontains(base64decode(aws_launch_template.api.user_data), "openssl req")
    error_message = "Password and certificate must come from their parameters."
  }
  assert {
    condition = one([for s in jsondecode(aws_iam_role_policy.self[0].policy).Statement : s.Resource if s.Sid == "ReadSecrets"]) == [
      "arn:aws:ssm:eu-west-1:123456789012:parameter/motionmill/test/htpasswd",
      "arn:aws:ssm:eu-west-1:123456789012:parameter/motionmill/test/certificate",
      "arn:aws:ssm:eu-west-1:123456789012:parameter/motionmill/test/key",
    ]
    error_message = "The role may read these parameters alone."
  }
}

run "role" {
  variables {
    password_parameter = "/motionmill/test/htpasswd"
  }
  assert {
    condition     = aws_iam_role_policy.stage.policy == var.policy && aws_iam_role_policy.stage.role == aws_iam_role.api.id
    error_message = "The role must have what the pipeline grants."
  }
  assert {
    condition = alltrue(flatten([
      for s in jsondecode(aws_iam_role_policy.self[0].policy).Statement : [for a in flatten([s.Action]) : s.Effect == "Allow" && !strcontains(a, "*")]
    ]))
    error_message = "Every action must be named."
  }
  assert {
    condition = toset(flatten([
      for s in jsondecode(aws_iam_role_policy.self[0].policy).Statement : [for r in s.Resource : "${s.Sid} ${r}" if strcontains(r, "*")]
      ])) == toset([
      "SessionManager *",
      "GiveAddressToOwnInstances arn:aws:ec2:eu-west-1:123456789012:instance/*",
      "GiveAddressToOwnInstances arn:aws:ec2:eu-west-1:123456789012:network-interface/*",
    ])
    error_message = "No resource may be a wildcard where its name is known."
  }
  assert {
    condition     = one([for s in jsondecode(aws_iam_role_policy.self[0].policy).Statement : s.Condition.StringEquals["aws:ResourceTag/Name"] if s.Sid == "GiveAddressToOwnInstances"]) == "motionmill-test-api"
    error_message = "The address may be given to the API's own instances alone."
  }
}

run "alb" {
  variables {
    mode            = "alb"
    instances       = 3
    certificate_arn = "arn:aws:acm:eu-west-1:123456789012:certificate/1"
    domain          = { name = "video.example.com", zone_id = "Z1" }
  }
  assert {
    condition     = aws_lb_listener.https[0].protocol == "HTTPS" && aws_lb_listener.https[0].port == 443 && aws_lb_listener.https[0].certificate_arn == var.certificate_arn && startswith(aws_lb_listener.https[0].ssl_policy, "ELBSecurityPolicy-TLS13-1-2")
    error_message = "The load balancer must speak TLS 1.2 or newer."
  }
  assert {
    condition     = aws_lb_listener.http[0].default_action[0].type == "redirect" && aws_lb_listener.http[0].default_action[0].redirect[0].protocol == "HTTPS"
    error_message = "HTTP must lead on to HTTPS."
  }
  assert {
    condition = { for r in aws_vpc_security_group_ingress_rule.people : r.description => r.security_group_id } == {
      "203.0.113.0/24 443" = "sg-door"
      "203.0.113.0/24 80"  = "sg-door"
    }
    error_message = "People may reach the load balancer, not the instances."
  }
  assert {
    condition = { for name, r in aws_vpc_security_group_ingress_rule.door : name => [r.security_group_id, r.referenced_security_group_id, r.from_port, r.to_port] } == {
      http   = ["sg-api", "sg-door", 8000, 8000]
      health = ["sg-api", "sg-door", 8081, 8081]
    } && alltrue([for r in aws_vpc_security_group_ingress_rule.door : r.cidr_ipv4 == null])
    error_message = "The load balancer alone may reach the instances."
  }
  assert {
    condition     = aws_lb_target_group.api[0].health_check[0].path == "/healthz" && aws_lb_target_group.api[0].health_check[0].port == "8081" && aws_autoscaling_group.api.health_check_type == "ELB" && aws_autoscaling_group.api.min_size == 3
    error_message = "Instances whose API does not answer must be replaced."
  }
  assert {
    condition     = aws_route53_record.api[0].alias[0].name == aws_lb.api[0].dns_name && length(aws_eip.this) == 0 && !strcontains(base64decode(aws_launch_template.api.user_data), "associate-address")
    error_message = "The domain must lead to the load balancer, and no instance needs an address of its own."
  }
  assert {
    condition     = strcontains(base64decode(aws_launch_template.api.user_data), "listen 8000 default_server;") && !strcontains(base64decode(aws_launch_template.api.user_data), "listen 443") && aws_lb.api[0].drop_invalid_header_fields && aws_lb.api[0].enable_deletion_protection
    error_message = "TLS must end at the load balancer."
  }
}

run "alb_without_sessions" {
  variables {
    mode            = "alb"
    session_manager = false
    certificate_arn = "arn:aws:acm:eu-west-1:123456789012:certificate/1"
  }
  assert {
    condition     = length(aws_iam_role_policy.self) == 0
    error_message = "An instance that needs nothing more must be granted nothing more."
  }
}

run "arm64" {
  variables {
    architecture = "arm64"
  }
  assert {
    condition     = strcontains(data.aws_ssm_parameter.image[0].name, "/arm64/") && aws_launch_template.api.instance_type == "t4g.small"
    error_message = "Image and type must be of one architecture."
  }
}

run "open_without_password" {
  command = plan
  variables {
    allowed_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.allowed_cidrs]
}

run "open_with_sign_in" {
  command = plan
  variables {
    allowed_cidrs = ["0.0.0.0/0"]
    environment   = { MOTIONMILL_AUTH_KEYS_URL = "https://login.example.com/keys", MOTIONMILL_AUTH_ISSUER = "https://login.example.com/", MOTIONMILL_AUTH_AUDIENCE = "motionmill" }
  }
  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.people) == 2
    error_message = "Where people sign in, the API may be open to all."
  }
}

run "alb_without_certificate" {
  command = plan
  variables {
    mode       = "alb"
    subnet_ids = ["subnet-1"]
  }
  expect_failures = [var.certificate_arn, var.subnet_ids]
}

run "bad_input" {
  command = plan
  variables {
    prefix             = "-"
    settings           = { MOTIONMILL_STAGE = "test" }
    environment        = { MOTIONMILL_LISTEN = "0.0.0.0:80" }
    policy             = "none"
    password_parameter = "htpasswd"
    tls_parameters     = { certificate = "/a'b", key = "/c" }
    domain             = { name = "https://video", zone_id = "Z1" }
    instances          = 0
    instance_type      = "small"
    image_id           = "ubuntu"
    release            = { url = "http://example.com/x.tar.gz", sha256 = "0" }
  }
  expect_failures = [
    var.prefix, var.settings, var.environment, var.policy, var.password_parameter, var.tls_parameters, var.domain,
    var.instances, var.instance_type, var.image_id, var.release,
  ]
}

run "unknown_architecture" {
  command = plan
  variables {
    architecture = "sparc"
    image_id     = "ami-00000000000000001"
  }
  expect_failures = [var.architecture]
}
