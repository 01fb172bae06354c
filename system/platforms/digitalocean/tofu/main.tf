# What App Platform's spec stands on: network, databases, the worker's droplet, and who is told when something is wrong.
# Read by a parser, never planned and never applied. DIGITALOCEAN_TOKEN comes from the environment.
terraform {
  required_version = ">= 1.8"
  required_providers {
    digitalocean = {
      source  = "digitalocean/digitalocean"
      version = "~> 2.60"
    }
  }
}

resource "digitalocean_vpc" "this" {
  name     = "${var.environment}-vpc"
  region   = var.region
  ip_range = var.vpc_range
}
