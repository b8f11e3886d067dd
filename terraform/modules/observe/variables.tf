variable "prefix" {
  description = "Begins the name of everything made here: name and stage."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}$", var.prefix))
    error_message = "prefix must be of a-z, 0-9 and -, begin with a letter and have at most 31 characters."
  }
}

variable "region" {
  description = "The region of the stage, for the dashboard."
  type        = string
}

variable "queue_names" {
  description = "Names of the queues: output queue_names of the module pipeline."
  type        = object({ work = string, in_progress = string, dead_letter = string })
}

variable "table_name" {
  description = "Name of the ledger table."
  type        = string
}

variable "group_name" {
  description = "Name of the workers' Auto Scaling group."
  type        = string
}

variable "target_group" {
  description = "The API's load balancer and target group as CloudWatch names them, or null: output target_group of the module api."
  type        = object({ load_balancer = string, target_group = string })
  default     = null
}

variable "oldest_message_minutes" {
  description = "How long a job may wait for a worker, in minutes, before somebody is told. From zero workers it takes about ten."
  type        = number
  default     = 30
  validation {
    condition     = var.oldest_message_minutes >= 5 && var.oldest_message_minutes <= 1440
    error_message = "oldest_message_minutes must be from 5 to 1440."
  }
}

variable "no_workers_minutes" {
  description = "How long messages may wait while nobody asks for any, in minutes, before somebody is told."
  type        = number
  default     = 20
  validation {
    condition     = var.no_workers_minutes >= 5 && var.no_workers_minutes <= 120 && floor(var.no_workers_minutes) == var.no_workers_minutes
    error_message = "no_workers_minutes must be a whole number from 5 to 120."
  }
}

variable "emails" {
  description = "Addresses that are told of alarms; each has to confirm a first mail."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for e in var.emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", e))])
    error_message = "emails must be addresses of mail."
  }
}

variable "topic_arns" {
  description = "SNS topics that are told of alarms, besides the one that is made when emails are given."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for arn in var.topic_arns : can(regex("^arn:[a-z-]+:sns:", arn))])
    error_message = "topic_arns must be ARNs of SNS topics."
  }
}
