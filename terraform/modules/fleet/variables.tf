variable "prefix" {
  description = "Begins the name of everything made here: name and stage."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}$", var.prefix))
    error_message = "prefix must be of a-z, 0-9 and -, begin with a letter and have at most 31 characters."
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
  description = "More settings of the workers, as MOTIONMILL_CAPACITY; they win over settings."
  type        = map(string)
  default     = {}
  validation {
    condition     = alltrue([for name, value in var.environment : can(regex("^[A-Z][A-Z0-9_]*$", name)) && can(regex("^[^\"\\\\\r\n]*$", value))])
    error_message = "environment must have names of A-Z, 0-9 and _, and values without quotes, backslashes and line breaks."
  }
  validation {
    condition     = length(setintersection(keys(var.environment), ["MOTIONMILL_GRACE", "MOTIONMILL_LEASE"])) == 0
    error_message = "environment must not set MOTIONMILL_GRACE (use grace_seconds) or MOTIONMILL_LEASE (use lease_seconds of the pipeline): other parts depend on them."
  }
}

variable "policy" {
  description = "What a worker may do with the stage, as the JSON of an identity policy: output worker_policy of the module pipeline."
  type        = string
  validation {
    condition     = can(jsondecode(var.policy).Statement)
    error_message = "policy must be the JSON of an identity policy."
  }
}

variable "queue_names" {
  description = "Names of the queues whose backlog decides how many workers there are: output queue_names of the module pipeline."
  type        = object({ work = string, in_progress = string })
}

variable "vpc_id" {
  description = "The VPC of the instances."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets with a way to the internet, in as many zones as possible."
  type        = list(string)
  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "subnet_ids must name a subnet."
  }
}

variable "variant" {
  description = "What computes: gpu (NVIDIA), x86_64 or arm64 (both without a GPU)."
  type        = string
  default     = "gpu"
  validation {
    condition     = contains(["gpu", "x86_64", "arm64"], var.variant)
    error_message = "variant must be gpu, x86_64 or arm64."
  }
}

variable "instance_types" {
  description = "Instance types to take spot and on-demand capacity from, best first and of like size; null takes those of the variant."
  type        = list(string)
  default     = null
  validation {
    condition = var.instance_types == null ? true : length(var.instance_types) > 0 && alltrue([
      for t in var.instance_types : can(regex({
        gpu    = "^(g4dn|g5|g6|g6e)\\.[a-z0-9]+$"
        x86_64 = "^[cmr][5-8](i|a|n|d|in|id|idn|flex|i-flex)*\\.[a-z0-9]+$"
        arm64  = "^[cmr][6-8]g[a-z]*\\.[a-z0-9]+$"
      }[var.variant], t))
    ])
    error_message = "instance_types must fit the variant: g4dn, g5, g6 or g6e for gpu; c, m or r of Intel or AMD for x86_64, as c7i.2xlarge; of Graviton for arm64, as c7g.2xlarge."
  }
}

variable "image_id" {
  description = "An AMI of Ubuntu for the variant's architecture, with the NVIDIA driver for gpu; null takes the newest public one at each apply."
  type        = string
  default     = null
  validation {
    condition     = var.image_id == null ? true : can(regex("^ami-[0-9a-f]+$", var.image_id))
    error_message = "image_id must be like ami-0123456789abcdef0."
  }
}

variable "disk_gib" {
  description = "Size of an instance's volume in GiB: the system, the program, and source and outputs of all jobs that run at once. The GPU image alone needs about 65."
  type        = number
  default     = 150
  validation {
    condition     = var.disk_gib >= (var.variant == "gpu" ? 100 : 30) && var.disk_gib <= 16384
    error_message = "disk_gib must be from 30 (100 for gpu) to 16384."
  }
}

variable "release" {
  description = "The release to install: URL of a .tar.gz that holds the program motionmill, and its SHA-256. Another one starts an instance refresh."
  type        = object({ url = string, sha256 = string })
  validation {
    condition     = can(regex("^https://[^\\s\"'`$\\\\]+$", var.release.url)) && can(regex("^[0-9a-f]{64}$", var.release.sha256))
    error_message = "release must have an https URL without blanks, quotes, $ and backslashes, and a SHA-256 of 64 hexadecimal digits."
  }
}

variable "archives" {
  description = "More to unpack under /opt/motionmill, each a .tar.gz, .zip or .whl by URL and SHA-256: the ONNX Runtime library where the release has none (folder onnxruntime), models (folder models)."
  type        = list(object({ folder = string, url = string, sha256 = string }))
  default     = []
  validation {
    condition = alltrue([for a in var.archives :
      can(regex("^[a-z][a-z0-9-]*$", a.folder)) && can(regex("^https://[^\\s\"'`$\\\\]+\\.(tar\\.gz|tgz|zip|whl)$", a.url)) && can(regex("^[0-9a-f]{64}$", a.sha256))
    ])
    error_message = "archives must each have a folder of a-z, 0-9 and -, an https URL that ends with .tar.gz, .tgz, .zip or .whl, and a SHA-256 of 64 hexadecimal digits."
  }
}

variable "require_gpu" {
  description = "Whether a worker of the variant gpu refuses to start without a GPU that it can use, rather than compute slowly at a GPU's price."
  type        = bool
  default     = true
}

variable "grace_seconds" {
  description = "How long running jobs may go on once stopping began: MOTIONMILL_GRACE. A spot instance has 120 s from the notice to its end."
  type        = number
  default     = 100
  validation {
    condition     = var.grace_seconds >= 0 && var.grace_seconds <= 100 && floor(var.grace_seconds) == var.grace_seconds
    error_message = "grace_seconds must be a whole number from 0 to 100: the notice is polled every 5 s, and giving jobs back takes some seconds more."
  }
}

variable "min_size" {
  description = "Least number of instances; 0 lets the fleet go when there is nothing to do."
  type        = number
  default     = 0
  validation {
    condition     = var.min_size >= 0 && floor(var.min_size) == var.min_size
    error_message = "min_size must be a whole number from 0."
  }
}

variable "max_size" {
  description = "Largest number of instances: what the fleet may cost at most."
  type        = number
  default     = 4
  validation {
    condition     = var.max_size >= max(1, var.min_size) && floor(var.max_size) == var.max_size
    error_message = "max_size must be a whole number from 1, and not below min_size."
  }
}

variable "backlog_per_instance" {
  description = "Waiting jobs for which one instance is enough: (how long a job may wait) / (how long a job takes) * (jobs that an instance runs at once)."
  type        = number
  default     = 5
  validation {
    condition     = var.backlog_per_instance > 0
    error_message = "backlog_per_instance must be more than 0."
  }
}

variable "idle_minutes" {
  description = "Minutes without any message before the last instances go, where min_size is 0."
  type        = number
  default     = 10
  validation {
    condition     = var.idle_minutes >= 5 && var.idle_minutes <= 180 && floor(var.idle_minutes) == var.idle_minutes
    error_message = "idle_minutes must be a whole number from 5 to 180: what CloudWatch knows of a queue is some minutes old."
  }
}

variable "warmup_seconds" {
  description = "How long an instance takes from its launch to its first job; until then it counts as help that is on its way."
  type        = number
  default     = 300
  validation {
    condition     = var.warmup_seconds >= 60 && var.warmup_seconds <= 1800
    error_message = "warmup_seconds must be from 60 to 1800."
  }
}

variable "on_demand_base" {
  description = "How many instances are on demand before any is spot."
  type        = number
  default     = 0
  validation {
    condition     = var.on_demand_base >= 0 && floor(var.on_demand_base) == var.on_demand_base
    error_message = "on_demand_base must be a whole number from 0."
  }
}

variable "on_demand_percent" {
  description = "How many of a hundred instances above the base are on demand; the others are spot."
  type        = number
  default     = 0
  validation {
    condition     = var.on_demand_percent >= 0 && var.on_demand_percent <= 100 && floor(var.on_demand_percent) == var.on_demand_percent
    error_message = "on_demand_percent must be a whole number from 0 to 100."
  }
}

variable "session_manager" {
  description = "Let people with the right role log in by the Session Manager of SSM. There is no SSH, no key and no open port."
  type        = bool
  default     = true
}

variable "log_agent" {
  description = "A .deb of the CloudWatch agent, by URL and SHA-256, that copies the workers' log lines to CloudWatch; null leaves them in the journal of each instance, which ends with it."
  type        = object({ url = string, sha256 = string })
  default     = null
  validation {
    condition     = var.log_agent == null ? true : can(regex("^https://[^\\s\"'`$\\\\]+\\.deb$", var.log_agent.url)) && can(regex("^[0-9a-f]{64}$", var.log_agent.sha256))
    error_message = "log_agent must have an https URL that ends with .deb, and a SHA-256 of 64 hexadecimal digits."
  }
}

variable "log_days" {
  description = "Days for which log lines in CloudWatch are kept."
  type        = number
  default     = 30
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_days)
    error_message = "log_days must be one of the numbers that CloudWatch Logs takes, as 7, 30 or 365."
  }
}
