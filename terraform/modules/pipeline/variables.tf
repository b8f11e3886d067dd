variable "name" {
  description = "First part of the name of everything: letters, digits and hyphens, short enough for the names of buckets."
  type        = string
  default     = "motionmill"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,14}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 16 of a-z, 0-9 and -, begin with a letter and not end with a hyphen."
  }
}

variable "stage" {
  description = "The stage: second part of every name, and MOTIONMILL_STAGE."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9]{0,9}$", var.stage)) && var.stage != "local"
    error_message = "stage must be 1 to 10 of a-z and 0-9 and begin with a letter; local is the embedded stage's."
  }
}

variable "lease_seconds" {
  description = "How long a claim is good without a renewal, in seconds: MOTIONMILL_LEASE of the workers, and the visibility timeout of the queues."
  type        = number
  default     = 60
  validation {
    # A timer is a message delayed by the lease, and no delay is longer than 15 minutes.
    condition     = var.lease_seconds >= 15 && var.lease_seconds <= 900 && floor(var.lease_seconds) == var.lease_seconds
    error_message = "lease_seconds must be a whole number from 15 to 900."
  }
}

variable "page_origins" {
  description = "Origins of the web pages that upload and play: scheme, host and port. Empty: no page from elsewhere than the buckets."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for o in var.page_origins : can(regex("^(https://[a-z0-9._-]+(:[0-9]+)?|http://(localhost|127\\.0\\.0\\.1)(:[0-9]+)?)$", o))])
    error_message = "page_origins must be like https://video.example.com; http is for localhost only, and there is no path, no * and no upper case."
  }
}

variable "uploads_expire_after_days" {
  description = "Days after which an uploaded video is deleted; null keeps it. Where records of finished jobs expire, videos must go sooner: reconcile takes one without a record for a new one."
  type        = number
  default     = null
  validation {
    condition     = var.uploads_expire_after_days == null ? true : var.uploads_expire_after_days >= 15
    error_message = "uploads_expire_after_days must be 15 or more: a message can wait for its video for 14 days."
  }
}

variable "outputs_expire_after_days" {
  description = "Days after which the results of a job are deleted; null keeps them."
  type        = number
  default     = null
  validation {
    condition     = var.outputs_expire_after_days == null ? true : var.outputs_expire_after_days >= 1
    error_message = "outputs_expire_after_days must be 1 or more."
  }
}

variable "noncurrent_uploads_days" {
  description = "Days for which an upload that was overwritten or deleted can still be read by its version, as its job does."
  type        = number
  default     = 15
  validation {
    condition     = var.noncurrent_uploads_days >= 15
    error_message = "noncurrent_uploads_days must be 15 or more: a message can wait for its version for 14 days."
  }
}

variable "abandoned_multipart_days" {
  description = "Days after which the parts of an upload that was never completed are deleted."
  type        = number
  default     = 2
  validation {
    condition     = var.abandoned_multipart_days >= 1 && var.abandoned_multipart_days <= 7
    error_message = "abandoned_multipart_days must be from 1 to 7."
  }
}

variable "customer_managed_key" {
  description = "Encrypt buckets, queues and table with a KMS key of the account's own instead of those that AWS manages."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Refuse to delete the ledger table. Turn off and apply before a destroy."
  type        = bool
  default     = true
}

variable "force_destroy" {
  description = "Let a destroy delete buckets that still hold objects, with all of them."
  type        = bool
  default     = false
}

variable "cdn" {
  description = "The CloudFront distribution that may read results: output cdn_arn of the module api. enabled is apart because it must be known before the distribution is."
  type        = object({ enabled = bool, arn = string })
  default     = { enabled = false, arn = null }
}
