variable "prefix" {
  description = "Begins the name of everything made here: name and stage."
  type        = string
  validation {
    # The names of load balancers and target groups have 32 characters at most.
    condition     = can(regex("^[a-z][a-z0-9-]{0,26}[a-z0-9]$", var.prefix))
    error_message = "prefix must be 2 to 28 of a-z, 0-9 and -, begin with a letter and not end with a hyphen."
  }
}

variable "settings" {
  description = "The settings of the stage, by the names that every command reads: output settings of the module pipeline."
  type        = map(string)
  validation {
    condition = alltrue([for name in [
      "MOTIONMILL_STAGE", "MOTIONMILL_UPLOADS_BUCKET", "MOTIONMILL_OUTPUTS_BUCKET", "MOTIONMILL_WORK_QUEUE_URL",
      "MOTIONMILL_IN_PROGRESS_QUEUE_URL", "MOTIONMILL_DEAD_LETTER_QUEUE_URL", "MOTIONMILL_LEDGER_TABLE", "AWS_REGION",
    ] : contains(keys(var.settings), name)])
    error_message = "settings must hold the region, the stage, both buckets, the three queues and the ledger table."
  }
  validation {
    condition     = alltrue([for name, value in var.settings : can(regex("^[A-Z][A-Z0-9_]*$", name)) && can(regex("^[^\"\\\\\r\n]*$", value))])
    error_message = "settings must have names of A-Z, 0-9 and _, and values without quotes, backslashes and line breaks."
  }
}

variable "environment" {
  description = "More settings of the API, as MOTIONMILL_MAX_UPLOAD; they win over settings."
  type        = map(string)
  default     = {}
  validation {
    condition     = alltrue([for name, value in var.environment : can(regex("^[A-Z][A-Z0-9_]*$", name)) && can(regex("^[^\"\\\\\r\n]*$", value))])
    error_message = "environment must have names of A-Z, 0-9 and _, and values without quotes, backslashes and line breaks."
  }
  validation {
    condition     = !contains(keys(var.environment), "MOTIONMILL_LISTEN")
    error_message = "environment must not set MOTIONMILL_LISTEN: nginx reaches the API at 127.0.0.1:8080."
  }
}

variable "policy" {
  description = "What the API may do with the stage, as the JSON of an identity policy: output api_policy of the module pipeline."
  type        = string
  validation {
    condition     = can(jsondecode(var.policy).Statement)
    error_message = "policy must be the JSON of an identity policy."
  }
}

variable "vpc_id" {
  description = "The VPC of the instances."
  type        = string
}

variable "subnet_ids" {
  description = "Public subnets, in two zones at least for a load balancer."
  type        = list(string)
  validation {
    condition     = length(var.subnet_ids) >= (var.mode == "alb" ? 2 : 1)
    error_message = "subnet_ids must name a subnet, and two in different zones for a load balancer."
  }
}

variable "mode" {
  description = "What ends TLS: alb, a load balancer before one instance or more; instance, nginx on the one instance, with an address that stays."
  type        = string
  default     = "instance"
  validation {
    condition     = contains(["alb", "instance"], var.mode)
    error_message = "mode must be alb or instance."
  }
}

variable "allowed_cidrs" {
  description = "IPv4 blocks that may reach the API. Empty: nobody but who forwards a port by the Session Manager."
  type        = list(string)
  validation {
    condition     = alltrue([for c in var.allowed_cidrs : can(cidrnetmask(c))])
    error_message = "allowed_cidrs must be IPv4 blocks, as 203.0.113.0/24."
  }
  validation {
    condition     = var.password_parameter != null || contains(keys(var.environment), "MOTIONMILL_AUTH_KEYS_URL") || alltrue([for c in var.allowed_cidrs : !endswith(c, "/0")])
    error_message = "allowed_cidrs may hold 0.0.0.0/0 only with a password_parameter, or where environment names the keys of an identity provider by MOTIONMILL_AUTH_KEYS_URL: else nobody is asked who they are."
  }
}

variable "password_parameter" {
  description = "Name of an SSM parameter (a SecureString of the account's own default key) that holds lines of htpasswd; nginx then asks for a name and a password. Null asks for none."
  type        = string
  default     = null
  validation {
    condition     = var.password_parameter == null ? true : can(regex("^/[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+)*$", var.password_parameter))
    error_message = "password_parameter must be like /motionmill/prod/htpasswd."
  }
}

variable "certificate_arn" {
  description = "The certificate of the load balancer, of ACM; needed for alb."
  type        = string
  default     = null
  validation {
    condition     = var.mode == "alb" ? can(regex("^arn:[a-z-]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+$", coalesce(var.certificate_arn, "-"))) : var.certificate_arn == null
    error_message = "certificate_arn must be the ARN of a certificate of ACM for mode alb, and null for mode instance."
  }
}

variable "tls_parameters" {
  description = "For mode instance: names of the SSM parameters (SecureString for the key) with the certificate and its key in PEM, read anew every day. Null: nginx makes a certificate that no browser trusts."
  type        = object({ certificate = string, key = string })
  default     = null
  validation {
    condition = var.tls_parameters == null ? true : alltrue([
      for name in values(var.tls_parameters) : can(regex("^/[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+)*$", name))
    ])
    error_message = "tls_parameters must be like /motionmill/prod/certificate and /motionmill/prod/key."
  }
}

variable "domain" {
  description = "Host name of the API and the page, and the Route 53 zone that gets its record; null leaves DNS to you."
  type        = object({ name = string, zone_id = string })
  default     = null
  validation {
    condition     = var.domain == null ? true : can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.domain.name))
    error_message = "domain.name must be like video.example.com."
  }
}

variable "internal" {
  description = "For mode alb: whether the load balancer has private addresses only."
  type        = bool
  default     = false
}

variable "instances" {
  description = "For mode alb: how many instances serve; the API keeps nothing, so any number may."
  type        = number
  default     = 2
  validation {
    condition     = var.instances >= 1 && var.instances <= 10 && floor(var.instances) == var.instances
    error_message = "instances must be a whole number from 1 to 10."
  }
}

variable "architecture" {
  description = "Of the instances and the release: x86_64 or arm64."
  type        = string
  default     = "x86_64"
  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture must be x86_64 or arm64."
  }
}

variable "instance_type" {
  description = "Type of the instances; null takes a small one of the architecture. Videos never pass through the API."
  type        = string
  default     = null
  validation {
    condition     = var.instance_type == null ? true : can(regex("^[a-z0-9-]+\\.[a-z0-9]+$", var.instance_type))
    error_message = "instance_type must be like t3.small."
  }
}

variable "image_id" {
  description = "An AMI of Ubuntu for the architecture; null takes the newest public one at each apply."
  type        = string
  default     = null
  validation {
    condition     = var.image_id == null ? true : can(regex("^ami-[0-9a-f]+$", var.image_id))
    error_message = "image_id must be like ami-0123456789abcdef0."
  }
}

variable "release" {
  description = "The release to install: URL of a .tar.gz that holds the program motionmill, and its SHA-256."
  type        = object({ url = string, sha256 = string })
  validation {
    condition     = can(regex("^https://[^\\s\"'`$\\\\]+$", var.release.url)) && can(regex("^[0-9a-f]{64}$", var.release.sha256))
    error_message = "release must have an https URL without blanks, quotes, $ and backslashes, and a SHA-256 of 64 hexadecimal digits."
  }
}

variable "session_manager" {
  description = "Let people with the right role log in by the Session Manager of SSM. There is no SSH and no key."
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "Refuse to delete the load balancer. Turn off and apply before a destroy."
  type        = bool
  default     = true
}

variable "cdn" {
  description = "CloudFront before the outputs bucket; null has results read from S3 itself. bucket_domain: output outputs_bucket_domain of the module pipeline, which must be given output cdn_arn. public_keys: by a name, RSA public keys in PEM that are trusted; signing_key: the name of the one whose private key the SSM parameter (a SecureString of the account's own default key) private_key_parameter holds. origins: of the pages whose scripts may read. price_class: of CloudFront."
  type = object({
    bucket_domain         = string
    public_keys           = map(string)
    signing_key           = string
    private_key_parameter = string
    origins               = list(string)
    price_class           = optional(string, "PriceClass_100")
  })
  default = null
  validation {
    condition     = var.cdn == null ? true : contains(keys(var.cdn.public_keys), var.cdn.signing_key) && alltrue([for key in values(var.cdn.public_keys) : startswith(key, "-----BEGIN PUBLIC KEY-----")])
    error_message = "cdn.public_keys must hold public keys in PEM, and one of the name cdn.signing_key."
  }
  validation {
    condition     = var.cdn == null ? true : can(regex("^/[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+)*$", var.cdn.private_key_parameter))
    error_message = "cdn.private_key_parameter must be like /motionmill/prod/cdn-key."
  }
  validation {
    condition     = var.cdn == null ? true : length(var.cdn.origins) > 0 && alltrue([for o in var.cdn.origins : can(regex("^https://[a-z0-9._-]+(:[0-9]+)?$", o))])
    error_message = "cdn.origins must be origins as https://video.example.com, one at least."
  }
}
