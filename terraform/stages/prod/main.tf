# prod: GPUs, a load balancer, protection from mistakes, and videos that stay.

provider "aws" {
  region = var.region
  default_tags {
    tags = { Project = "motionmill", Stage = "prod" }
  }
}

locals {
  prefix = "motionmill-prod"
}

module "pipeline" {
  source       = "../../modules/pipeline"
  stage        = "prod"
  page_origins = concat([module.api.url], var.page_origins)
  cdn          = { enabled = var.cdn != null, arn = module.api.cdn_arn }
}

module "network" {
  source = "../../modules/network"
  prefix = local.prefix
}

module "fleet" {
  source            = "../../modules/fleet"
  prefix            = local.prefix
  settings          = module.pipeline.settings
  policy            = module.pipeline.worker_policy
  queue_names       = module.pipeline.queue_names
  vpc_id            = module.network.vpc_id
  subnet_ids        = module.network.subnet_ids
  variant           = var.variant
  min_size          = var.min_size
  max_size          = var.max_size
  on_demand_percent = var.on_demand_percent
  release           = var.release
  archives          = var.archives
  log_agent         = var.log_agent
}

module "api" {
  source             = "../../modules/api"
  prefix             = local.prefix
  settings           = module.pipeline.settings
  policy             = module.pipeline.api_policy
  vpc_id             = module.network.vpc_id
  subnet_ids         = module.network.subnet_ids
  mode               = "alb"
  certificate_arn    = var.certificate_arn
  domain             = var.domain
  allowed_cidrs      = var.allowed_cidrs
  password_parameter = var.password_parameter
  cdn                = one([for cdn in var.cdn[*] : merge(cdn, { bucket_domain = module.pipeline.outputs_bucket_domain })])
  architecture       = var.variant == "arm64" ? "arm64" : "x86_64"
  release            = var.release
}

module "observe" {
  source       = "../../modules/observe"
  prefix       = local.prefix
  region       = var.region
  queue_names  = module.pipeline.queue_names
  table_name   = module.pipeline.table_name
  group_name   = module.fleet.group_name
  target_group = module.api.target_group
  emails       = var.emails
}
