# dev: small, without a GPU, gone when idle, and easy to take down with all that
# is in it.

provider "aws" {
  region = var.region
  default_tags {
    tags = { Project = "motionmill", Stage = "dev" }
  }
}

locals {
  prefix = "motionmill-dev"
}

module "pipeline" {
  source                    = "../../modules/pipeline"
  stage                     = "dev"
  page_origins              = concat([module.api.url], var.page_origins)
  uploads_expire_after_days = 30
  outputs_expire_after_days = 30
  deletion_protection       = false
  force_destroy             = true
}

module "network" {
  source          = "../../modules/network"
  prefix          = local.prefix
  use_default_vpc = true
}

module "fleet" {
  source      = "../../modules/fleet"
  prefix      = local.prefix
  settings    = module.pipeline.settings
  policy      = module.pipeline.worker_policy
  queue_names = module.pipeline.queue_names
  vpc_id      = module.network.vpc_id
  subnet_ids  = module.network.subnet_ids
  variant     = "x86_64"
  disk_gib    = 60
  max_size    = 2
  release     = var.release
  archives    = var.archives
}

module "api" {
  source              = "../../modules/api"
  prefix              = local.prefix
  settings            = module.pipeline.settings
  policy              = module.pipeline.api_policy
  vpc_id              = module.network.vpc_id
  subnet_ids          = module.network.subnet_ids
  mode                = "instance"
  allowed_cidrs       = var.allowed_cidrs
  release             = var.release
  deletion_protection = false
}

module "observe" {
  source      = "../../modules/observe"
  prefix      = local.prefix
  region      = var.region
  queue_names = module.pipeline.queue_names
  table_name  = module.pipeline.table_name
  group_name  = module.fleet.group_name
  emails      = var.emails
}
