variable "region" {
  description = "The AWS region of the stage, as eu-west-1."
  type        = string
  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be like eu-west-1."
  }
}

variable "release" {
  description = "The release to install, for Linux on the variant's architecture: URL of a .tar.gz that holds the program motionmill, and its SHA-256."
  type        = object({ url = string, sha256 = string })
}

variable "archives" {
  description = "More for the workers to unpack: the ONNX Runtime library where the release has none, and models. See the module fleet."
  type        = list(object({ folder = string, url = string, sha256 = string }))
  default     = []
}

variable "log_agent" {
  description = "A .deb of the CloudWatch agent that copies the workers' log lines to CloudWatch; null leaves them on the instances. See the module fleet."
  type        = object({ url = string, sha256 = string })
  default     = null
}

variable "variant" {
  description = "What computes: gpu, x86_64 or arm64."
  type        = string
  default     = "gpu"
}

variable "min_size" {
  description = "Least number of workers; 0 lets the fleet go when there is nothing to do."
  type        = number
  default     = 0
}

variable "max_size" {
  description = "Largest number of workers: what the fleet may cost at most."
  type        = number
  default     = 4
}

variable "on_demand_percent" {
  description = "How many of a hundred workers are on demand; the others are spot."
  type        = number
  default     = 0
}

variable "certificate_arn" {
  description = "The certificate of the API's host name, of ACM in this region."
  type        = string
}

variable "domain" {
  description = "Host name of the API and the page, and the Route 53 zone that gets its record; null leaves DNS to you."
  type        = object({ name = string, zone_id = string })
  default     = null
}

variable "allowed_cidrs" {
  description = "IPv4 blocks that may reach the API. 0.0.0.0/0 needs password_parameter."
  type        = list(string)
}

variable "password_parameter" {
  description = "Name of an SSM parameter with lines of htpasswd; null asks for no password."
  type        = string
  default     = null
}

variable "page_origins" {
  description = "Origins of more pages that upload and play, as https://www.example.com."
  type        = list(string)
  default     = []
}

variable "emails" {
  description = "Addresses that are told of alarms."
  type        = list(string)
  validation {
    condition     = length(var.emails) > 0
    error_message = "emails must name somebody: an alarm that nobody is told of is none."
  }
}

variable "cdn" {
  description = "CloudFront before the results: its public keys by a name, the one that signs, the SSM parameter with that one's private key, and the origins of the pages that read. See the module api. Null: results are read from S3 itself."
  type = object({
    public_keys           = map(string)
    signing_key           = string
    private_key_parameter = string
    origins               = list(string)
  })
  default = null
}
