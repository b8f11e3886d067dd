variable "prefix" {
  description = "Begins the name of everything made here: name and stage."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}$", var.prefix))
    error_message = "prefix must be of a-z, 0-9 and -, begin with a letter and have at most 31 characters."
  }
}

variable "use_default_vpc" {
  description = "Look up the account's default VPC instead of making one."
  type        = bool
  default     = false
}

variable "cidr" {
  description = "Addresses of the VPC that is made: an IPv4 block of /16 to /24."
  type        = string
  default     = "10.60.0.0/20"
  validation {
    condition     = can(cidrnetmask(var.cidr)) && can(regex("/(1[6-9]|2[0-4])$", var.cidr))
    error_message = "cidr must be an IPv4 block of /16 to /24, as 10.60.0.0/20."
  }
}

variable "zones" {
  description = "How many availability zones to use. More zones give spot capacity more places to come from."
  type        = number
  default     = 3
  validation {
    condition     = contains([2, 3, 4], var.zones)
    error_message = "zones must be 2, 3 or 4; a load balancer needs two."
  }
}
