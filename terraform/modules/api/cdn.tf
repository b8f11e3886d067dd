# CloudFront before the outputs bucket: results are kept near who watches them. It
# alone may read the bucket from outside (origin access control), and it answers to
# nobody without a signature of the API's, which is good for minutes. URLs are
# signed, not cookies: a player on any site can follow one, and CloudFront leaves the
# signature out of what it keeps an object under.

locals {
  cdn = var.cdn == null ? {} : { this = var.cdn }
  cdn_settings = { for cdn in values(local.cdn) : "settings" => {
    MOTIONMILL_CDN_URL      = "https://${aws_cloudfront_distribution.outputs["this"].domain_name}"
    MOTIONMILL_CDN_KEY_ID   = aws_cloudfront_public_key.outputs[cdn.signing_key].id
    MOTIONMILL_CDN_KEY_FILE = "/etc/motionmill/cdn.pem"
  } }
}

resource "aws_cloudfront_public_key" "outputs" {
  for_each    = var.cdn == null ? {} : var.cdn.public_keys
  name        = "${local.name}-${each.key}"
  encoded_key = each.value
}

# All keys are trusted, so that one follows another without a gap.
resource "aws_cloudfront_key_group" "outputs" {
  for_each = local.cdn
  name     = local.name
  items    = [for key in aws_cloudfront_public_key.outputs : key.id]
}

resource "aws_cloudfront_origin_access_control" "outputs" {
  for_each                          = local.cdn
  name                              = local.name
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

# A result never changes under its key, which names the attempt that made it.
resource "aws_cloudfront_cache_policy" "outputs" {
  for_each    = local.cdn
  name        = "${local.name}-outputs"
  min_ttl     = 0
  default_ttl = 86400
  max_ttl     = 31536000
  parameters_in_cache_key_and_forwarded_to_origin {
    cookies_config { cookie_behavior = "none" }
    headers_config { header_behavior = "none" }
    query_strings_config {
      query_string_behavior = "whitelist"
      query_strings { items = ["response-content-disposition"] } # The name of a download.
    }
  }
}

# Players on other sites read with scripts, and need to see ranges and lengths.
resource "aws_cloudfront_response_headers_policy" "outputs" {
  for_each = local.cdn
  name     = "${local.name}-outputs"
  cors_config {
    access_control_allow_credentials = false
    access_control_max_age_sec       = 86400
    origin_override                  = true
    access_control_allow_headers { items = ["Range", "If-Range"] }
    access_control_allow_methods { items = ["GET", "HEAD"] }
    access_control_allow_origins { items = each.value.origins }
    access_control_expose_headers { items = ["Accept-Ranges", "Content-Length", "Content-Range", "ETag"] }
  }
  security_headers_config {
    content_type_options { override = true }
  }
}

resource "aws_cloudfront_distribution" "outputs" {
  for_each        = local.cdn
  comment         = "Results of ${var.prefix}"
  enabled         = true
  is_ipv6_enabled = true
  http_version    = "http2and3"
  price_class     = each.value.price_class

  origin {
    origin_id                = "outputs"
    domain_name              = each.value.bucket_domain
    origin_access_control_id = aws_cloudfront_origin_access_control.outputs["this"].id
  }

  # Below outputs/ lie the results; what else is in the bucket is the API's own.
  ordered_cache_behavior {
    path_pattern               = "/outputs/*"
    target_origin_id           = "outputs"
    allowed_methods            = ["GET", "HEAD", "OPTIONS"]
    cached_methods             = ["GET", "HEAD", "OPTIONS"]
    viewer_protocol_policy     = "https-only"
    trusted_key_groups         = [aws_cloudfront_key_group.outputs["this"].id]
    cache_policy_id            = aws_cloudfront_cache_policy.outputs["this"].id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.outputs["this"].id
  }

  # Nothing else is served. A signature is asked for all the same.
  default_cache_behavior {
    target_origin_id       = "outputs"
    allowed_methods        = ["GET", "HEAD"]
    cached_methods         = ["GET", "HEAD"]
    viewer_protocol_policy = "https-only"
    trusted_key_groups     = [aws_cloudfront_key_group.outputs["this"].id]
    cache_policy_id        = aws_cloudfront_cache_policy.outputs["this"].id
  }

  restrictions {
    geo_restriction { restriction_type = "none" }
  }

  viewer_certificate {
    cloudfront_default_certificate = true
  }
}
