variable "region" {
  description = "The AWS region of the stage, as eu-west-1."
  type        = string
  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be like eu-west-1."
  }
}

variable "release" {
  description = "The release to install, for Linux on x86_64: URL of a .tar.gz that holds the program motionmill, and its SHA-256."
  type        = object({ url = string, sha256 = string })
}

variable "archives" {
  description = "More for the workers to unpack: the ONNX Runtime library where the release has none, and models. See the module fleet."
  type        = list(object({ folder = string, url = string, sha256 = string }))
  default     = []
}

variable "allowed_cidrs" {
  description = "IPv4 blocks that may reach the API, which asks for no password here: your own. Empty: nobody but by the Session Manager."
  type        = list(string)
  default     = []
}

variable "page_origins" {
  description = "Origins of more pages that upload and play, as http://localhost:3000."
  type        = list(string)
  default     = []
}

variable "emails" {
  description = "Addresses that are told of alarms."
  type        = list(string)
  default     = []
}
