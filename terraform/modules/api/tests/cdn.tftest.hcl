# What must hold of CloudFront before the results. The provider is mocked: nothing
# is made.

mock_provider "aws" {
  source = "./tests/mocks"
}

override_resource {
  target = aws_cloudfront_public_key.outputs["new"]
  values = { id = "KNEW" }
}
override_resource {
  target = aws_cloudfront_public_key.outputs["old"]
  values = { id = "KOLD" }
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
  cdn = {
    bucket_domain         = "outputs.s3.eu-west-1.amazonaws.com"
    public_keys           = { new = "-----BEGIN PUBLIC KEY-----\nnew\n", old = "-----BEGIN PUBLIC KEY-----\nold\n" }
    signing_key           = "new"
    private_key_parameter = "/motionmill/test/cdn-key"
    origins               = ["https://video.example.com"]
  }
}

run "signed" {
  assert {
    condition = alltrue([
      for b in concat(aws_cloudfront_distribution.outputs["this"].default_cache_behavior, aws_cloudfront_distribution.outputs["this"].ordered_cache_behavior) :
      b.trusted_key_groups == tolist(["group-1"]) && b.viewer_protocol_policy == "https-only"
    ])
    error_message = "Nothing may be read without a signature, nor without TLS."
  }
  assert {
    condition     = aws_cloudfront_key_group.outputs["this"].items == toset(["KNEW", "KOLD"])
    error_message = "All keys must be trusted, so that one can follow another."
  }
  assert {
    condition     = one(aws_cloudfront_distribution.outputs["this"].origin).origin_access_control_id == "oac-1" && aws_cloudfront_origin_access_control.outputs["this"].signing_behavior == "always"
    error_message = "The bucket must know its reader."
  }
  assert {
    condition     = aws_cloudfront_distribution.outputs["this"].ordered_cache_behavior[0].path_pattern == "/outputs/*" && !contains(aws_cloudfront_distribution.outputs["this"].ordered_cache_behavior[0].allowed_methods, "PUT")
    error_message = "Results are read, and nothing else."
  }
}

run "kept" {
  assert {
    condition = alltrue([for p in aws_cloudfront_cache_policy.outputs["this"].parameters_in_cache_key_and_forwarded_to_origin :
      p.cookies_config[0].cookie_behavior == "none" && p.headers_config[0].header_behavior == "none" && p.query_strings_config[0].query_strings[0].items == toset(["response-content-disposition"])
    ])
    error_message = "All readers must share one copy of an object."
  }
  assert {
    condition     = aws_cloudfront_response_headers_policy.outputs["this"].cors_config[0].access_control_allow_origins[0].items == toset(["https://video.example.com"])
    error_message = "Scripts of the given pages alone may read."
  }
}

run "settings" {
  assert {
    condition = alltrue([
      for text in [
        "\nMOTIONMILL_CDN_URL=\"https://d1.cloudfront.net\"\n",
        "\nMOTIONMILL_CDN_KEY_ID=\"KNEW\"\n",
        "\nMOTIONMILL_CDN_KEY_FILE=\"/etc/motionmill/cdn.pem\"\n",
        "put '/motionmill/test/cdn-key' /etc/motionmill/cdn.pem motionmill\n",
      ] : strcontains(base64decode(aws_launch_template.api.user_data), text)
    ])
    error_message = "The API must sign by the signing key."
  }
  assert {
    condition     = contains(flatten([for s in jsondecode(aws_iam_role_policy.self[0].policy).Statement : s.Resource if s.Sid == "ReadSecrets"]), "arn:aws:ssm:eu-west-1:123456789012:parameter/motionmill/test/cdn-key")
    error_message = "The API must be able to read its private key."
  }
  assert {
    condition     = output.cdn_arn == "arn:aws:cloudfront::123456789012:distribution/E1"
    error_message = "The bucket must be told of the distribution."
  }
}

run "none" {
  variables {
    cdn = null
  }
  assert {
    condition     = output.cdn_arn == null && length(aws_cloudfront_distribution.outputs) == 0 && !strcontains(base64decode(aws_launch_template.api.user_data), "CDN")
    error_message = "Unless asked there is no distribution."
  }
}

run "unknown_signing_key" {
  command = plan
  variables {
    cdn = {
      bucket_domain         = "outputs.s3.eu-west-1.amazonaws.com"
      public_keys           = { new = "-----BEGIN PUBLIC KEY-----\nnew\n" }
      signing_key           = "other"
      private_key_parameter = "/motionmill/test/cdn-key"
      origins               = ["https://video.example.com"]
    }
  }
  expect_failures = [var.cdn]
}
