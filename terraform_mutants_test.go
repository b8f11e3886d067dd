package motionmill_test

// terraformMutant is a property of a module taken away: the first old of a file
// becomes new, and then a run of its test files must fail.
type terraformMutant struct {
	module, name, file, old, new string
	run                          string
	// because is part of the assertion's message or of the error.
	because string
}

var terraformMutants = []terraformMutant{
	{"pipeline", "no prefix filter", "buckets.tf", "filter_prefix = local.uploads_prefix", "", "notification", "Only uploads may be announced"},
	{"pipeline", "puts only", "buckets.tf", `"s3:ObjectCreated:*"`, `"s3:ObjectCreated:Put"`, "notification", "Every way of creating"},
	{"pipeline", "any bucket may send", "queues.tf", `ArnEquals    = { "aws:SourceArn" = aws_s3_bucket.uploads.arn }`, "", "queue_policies", "Only S3 may send"},
	{"pipeline", "any account may send", "queues.tf", `StringEquals = { "aws:SourceAccount" = local.account_id }`, "", "queue_policies", "Only S3 may send"},
	{"pipeline", "anybody may send", "queues.tf", `Principal = { Service = "s3.amazonaws.com" }`, `Principal = "*"`, "queue_policies", "Only S3 may send"},
	{"pipeline", "S3 may do anything", "queues.tf", `"sqs:SendMessage"`, `"sqs:*"`, "queue_policies", "Only S3 may send"},
	{"pipeline", "open transport of a queue", "queues.tf", `{ "aws:SecureTransport" = "false" }`, `{ "aws:SecureTransport" = "true" }`, "queue_policies", "unencrypted transport"},
	{"pipeline", "visibility not the lease", "queues.tf", "visibility = var.lease_seconds", "visibility = 30", "queues", "visibility timeout"},
	{"pipeline", "lease of workers another", "outputs.tf", `"${var.lease_seconds}s"`, `"60s"`, "queues", "visibility timeout"},
	{"pipeline", "short retention", "queues.tf", "14 * 24 * 3600", "4 * 24 * 3600", "queues", "14 days"},
	{"pipeline", "redrive policy", "queues.tf", "resource \"aws_sqs_queue\" \"work\" {\n", "resource \"aws_sqs_queue\" \"work\" {\n  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead_letter.arn, maxReceiveCount = 5 })\n", "queues", "receive count"},
	{"pipeline", "queue in the clear", "queues.tf", "var.customer_managed_key ? null : true", "false", "queues", "must be encrypted"},
	{"pipeline", "short polls", "queues.tf", "wait       = 20 ", "wait       = 0 ", "queues", "Polls must be long"},
	{"pipeline", "public policies", "buckets.tf", "block_public_policy     = true", "block_public_policy     = false", "buckets", "public access"},
	{"pipeline", "public acls", "buckets.tf", "ignore_public_acls      = true", "ignore_public_acls      = false", "buckets", "public access"},
	{"pipeline", "ownership", "buckets.tf", "BucketOwnerEnforced", "ObjectWriter", "buckets", "must own"},
	{"pipeline", "no versions", "buckets.tf", `status = "Enabled"`, `status = "Suspended"`, "buckets", "keep versions"},
	{"pipeline", "open transport of a bucket", "buckets.tf", `Resource  = [each.value.arn, "${each.value.arn}/*"]`, `Resource  = [each.value.arn]`, "buckets", "unencrypted transport"},
	{"pipeline", "no ETag for browsers", "buckets.tf", `["ETag"]     `, `["Server"]     `, "browsers", "read the ETag"},
	{"pipeline", "browsers from anywhere", "buckets.tf", "allowed_origins = var.page_origins", `allowed_origins = ["*"]`, "browsers", "page's origins"},
	{"pipeline", "abandoned parts stay", "buckets.tf", "days_after_initiation = var.abandoned_multipart_days", "days_after_initiation = 365", "lifecycle", "abandoned"},
	{"pipeline", "videos vanish", "variables.tf", "Days after which an uploaded video is deleted; null keeps it. Where records of finished jobs expire, videos must go sooner: reconcile takes one without a record for a new one.\"\n  type        = number\n  default     = null", "x\"\n  type        = number\n  default     = 20", "lifecycle", "Unless asked"},
	{"pipeline", "no recovery", "table.tf", "point_in_time_recovery {\n    enabled = true", "point_in_time_recovery {\n    enabled = false", "table", "point in time"},
	{"pipeline", "table without protection", "table.tf", "= var.deletion_protection", "= false", "table", "protected from deletion"},
	{"pipeline", "another projection", "table.tf", `"bucket", "object_key"]`, `"bucket"]`, "table", "indexes"},
	{"pipeline", "another TTL", "table.tf", `"expires_at"`, `"expires"`, "table", "expire"},
	{"pipeline", "queue without the key", "queues.tf", "kms_master_key_id                 = local.key_arn", "kms_master_key_id                 = null", "customer_managed_key", "must all use the key"},
	{"pipeline", "key for any bucket", "key.tf", `ArnEquals    = { "aws:SourceArn" = aws_s3_bucket.uploads.arn }`, "", "customer_managed_key", "this bucket alone"},
	{"pipeline", "wildcard action", "access.tf", `"s3:GetObject", "s3:GetObjectVersion"`, `"s3:Get*"`, "no_wildcards", "must be named"},
	{"pipeline", "wildcard resource", "access.tf", "Resource = aws_sqs_queue.dead_letter.arn", `Resource = "*"`, "no_wildcards", "only wildcards"},
	{"pipeline", "whole bucket", "access.tf", "${aws_s3_bucket.uploads.arn}/${local.uploads_prefix}*", "${aws_s3_bucket.uploads.arn}/*", "no_wildcards", "only wildcards"},
	{"pipeline", "worker may delete sources", "access.tf", `"s3:GetObjectVersion"]`, `"s3:GetObjectVersion", "s3:DeleteObject"]`, "worker", "exactly what it calls"},
	{"pipeline", "API may take work", "access.tf", "\"sqs:SendMessage\"\n        Resource = aws_sqs_queue.work.arn", "[\"sqs:SendMessage\", \"sqs:ReceiveMessage\"]\n        Resource = aws_sqs_queue.work.arn", "api", "exactly what it calls"},
	{"pipeline", "API may list no versions", "access.tf", `"s3:ListBucketVersions"`, `"s3:ListBucket"`, "api", "exactly what it calls"},
	{"pipeline", "another name", "outputs.tf", "MOTIONMILL_LEDGER_TABLE ", "MOTIONMILL_TABLE ", "names", "names that every command reads"},

	{"fleet", "IMDSv1", "launch.tf", `"required"`, `"optional"`, "launch", "IMDSv2"},
	{"fleet", "disk in the clear", "launch.tf", "encrypted             = true", "encrypted             = false", "launch", "encrypted gp3"},
	{"fleet", "any port out", "launch.tf", "http = 80", "http = 25", "launch", "HTTP and HTTPS alone"},
	{"fleet", "release not checked", "worker.sh.tftpl", "sha256sum --check", "true", "script", "what was pinned"},
	{"fleet", "unit kills before the grace ends", "worker.sh.tftpl", "grace_seconds + 30", "90", "script", "leave the worker its grace"},
	{"fleet", "new instances protected", "group.tf", "protect_from_scale_in = false", "protect_from_scale_in = true", "group", "must not be protected"},
	{"fleet", "no spot strategy", "group.tf", "price-capacity-optimized", "lowest-price", "group", "mixed as asked"},
	{"fleet", "refresh ends busy workers", "group.tf", `"Wait"`, `"Refresh"`, "group", "wait for busy"},
	{"fleet", "zones evened out", "group.tf", `["AZRebalance"]`, "[]", "group", "no others be moved"},
	{"fleet", "metrics off", "group.tf", `["GroupDesiredCapacity", "GroupInServiceInstances", `, "[", "group", "must be enabled"},
	{"fleet", "hook shorter than the unit", "group.tf", "var.grace_seconds + 90", "var.grace_seconds", "hook", "outlast"},
	{"fleet", "hook stops the end", "group.tf", `"CONTINUE"`, `"ABANDON"`, "hook", "go on when it is dead"},
	{"fleet", "timers not in the backlog", "scaling.tf", "(FILL(work_visible, 0) + FILL(timer_visible, 0))", "FILL(work_visible, 0)", "from_zero", "due timer"},
	{"fleet", "track to zero", "scaling.tf", "${local.backlog}, ${var.backlog_per_instance}) /", "${local.backlog}, 0) /", "track", "fewer than one"},
	{"fleet", "zero with hidden timers", "scaling.tf", "    timer_hidden  = { queue = var.queue_names.in_progress, metric = \"ApproximateNumberOfMessagesNotVisible\" }\n", "", "to_zero", "hold nothing"},
	{"fleet", "zero with delayed timers", "scaling.tf", "    timer_delayed = { queue = var.queue_names.in_progress, metric = \"ApproximateNumberOfMessagesDelayed\" }\n", "", "to_zero", "hold nothing"},
	{"fleet", "zero at once", "scaling.tf", "datapoints_to_alarm = var.idle_minutes", "datapoints_to_alarm = 1", "to_zero", "each of the idle minutes"},
	{"fleet", "wildcard action", "role.tf", `"autoscaling:SetInstanceProtection",`, `"autoscaling:*",`, "role", "must be named"},
	{"fleet", "any group", "role.tf", "Resource = aws_autoscaling_group.workers.arn", `Resource = "*"`, "role", "No resource may be a wildcard"},

	{"api", "IMDSv1", "main.tf", `"required"`, `"optional"`, "instance", "IMDSv2"},
	{"api", "open to all", "network.tf", "cidr_ipv4         = each.value.cidr", `cidr_ipv4         = "0.0.0.0/0"`, "instance", "Only those who are allowed"},
	{"api", "instances open beside the load balancer", "network.tf", "local.alb ? aws_security_group.door[0].id : aws_security_group.api.id", "aws_security_group.api.id", "alb", "not the instances"},
	{"api", "old TLS", "network.tf", "ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-2016-08", "alb", "TLS 1.2"},
	{"api", "plain HTTP", "network.tf", `protocol    = "HTTPS"`, `protocol    = "HTTP"`, "alb", "lead on to HTTPS"},
	{"api", "no password needed", "variables.tf", "var.password_parameter != null || contains", "true || contains", "open_without_password", "Missing expected failure"},
	{"api", "password not asked", "nginx.conf.tftpl", "auth_basic_user_file /etc/nginx/motionmill/htpasswd;", "", "instance_with_domain_and_secrets", "Password and certificate"},
	{"api", "a client says who it is", "nginx.conf.tftpl", `mode == "instance" ? "$remote_addr"`, `mode == "instance" ? "$http_x_forwarded_for"`, "instance", "behind nginx with TLS"},
	{"api", "results without a signature", "cdn.tf", "    trusted_key_groups         = [aws_cloudfront_key_group.outputs[\"this\"].id]\n", "", "signed", "without a signature"},
	{"api", "results in the clear", "cdn.tf", `"https-only"`, `"allow-all"`, "signed", "nor without TLS"},
	{"api", "only the new key", "cdn.tf", "items    = [for key in aws_cloudfront_public_key.outputs : key.id]", "items    = [aws_cloudfront_public_key.outputs[each.value.signing_key].id]", "signed", "All keys must be trusted"},
	{"api", "a copy for every signature", "cdn.tf", `query_string_behavior = "whitelist"
      query_strings { items = ["response-content-disposition"] } # The name of a download.`, `query_string_behavior = "allExcept"
      query_strings { items = ["x"] }`, "kept", "share one copy"},
	{"api", "results for any page", "cdn.tf", "items = each.value.origins", `items = ["*"]`, "kept", "given pages alone"},
	{"pipeline", "any distribution may read", "buckets.tf", `Condition = { StringEquals = { "aws:SourceArn" = var.cdn.arn } }`, "Condition = {}", "read_through_a_cdn", "The one distribution"},
	{"pipeline", "the CDN reads the API's notes", "buckets.tf", "${aws_s3_bucket.outputs.arn}/outputs/*", "${aws_s3_bucket.outputs.arn}/*", "read_through_a_cdn", "The one distribution"},
	{"api", "any parameter", "role.tf", ":parameter${name}", ":parameter/*", "instance_with_domain_and_secrets", "these parameters alone"},
	{"api", "lost events stay lost", "serve.sh.tftpl", "motionmill jobs reconcile", "motionmill version", "instance", "look for lost events every day"},
	{"api", "any instance", "role.tf", `Condition = { StringEquals = { "aws:ResourceTag/Name" = local.name } }`, "Condition = { StringEquals = { \"aws:ResourceTag/Name\" = \"*\" } }", "role", "own instances alone"},

	{"observe", "dead letters tolerated", "main.tf", "threshold           = 0\n  comparison_operator = \"GreaterThanThreshold\"\n  treat_missing_data", "threshold           = 9\n  comparison_operator = \"GreaterThanThreshold\"\n  treat_missing_data", "dead_letters", "first dead letter"},
	{"observe", "age of another queue", "main.tf", "dimensions          = { QueueName = var.queue_names.work }", "dimensions          = { QueueName = var.queue_names.dead_letter }", "oldest_message", "waits for too long"},
	{"observe", "sweepers are nobody", "main.tf", " + FILL(timer_received, 0) + FILL(timer_empty, 0) > 0", " > 0", "no_workers", "nobody asks"},
	{"observe", "alarm told to nobody", "main.tf", "alarm_actions       = local.topics", "alarm_actions       = []", "somebody_to_tell", "told to everybody"},

	{"network", "overlapping subnets", "main.tf", "cidrsubnet(var.cidr, 2, i)", "cidrsubnet(var.cidr, 2, 0)", "minimal", "must not overlap"},
	{"network", "no endpoint of DynamoDB", "main.tf", `["s3", "dynamodb"]`, `["s3"]`, "minimal", "gateway endpoints"},
	{"network", "another VPC beside the default one", "main.tf", "resource \"aws_internet_gateway\" \"this\" {\n  count  = var.use_default_vpc ? 0 : 1\n  vpc_id = aws_vpc.this[0].id", "resource \"aws_internet_gateway\" \"this\" {\n  count  = 1\n  vpc_id = \"x\"", "default_vpc", "Nothing may be made"},
}
