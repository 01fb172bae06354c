resource "digitalocean_database_cluster" "postgres" {
  name                 = "${var.environment}-postgres"
  engine               = "pg"
  version              = "16"
  size                 = "db-s-2vcpu-4gb"
  region               = var.region
  node_count           = 2
  private_network_uuid = digitalocean_vpc.this.id
  maintenance_window {
    day  = "sunday"
    hour = "04:00:00"
  }
  lifecycle {
    prevent_destroy = true
  }
}

resource "digitalocean_database_db" "seatrial" {
  cluster_id = digitalocean_database_cluster.postgres.id
  name       = "seatrial"
}

resource "digitalocean_database_user" "postgres" {
  for_each   = toset(["api", "worker", "migrator", "observer"])
  cluster_id = digitalocean_database_cluster.postgres.id
  name       = each.key
}

# 4 GB give 97 connections; the rest is for migrations, the harness and the provider.
resource "digitalocean_database_connection_pool" "services" {
  for_each   = { api = 40, worker = 20 }
  cluster_id = digitalocean_database_cluster.postgres.id
  name       = each.key
  mode       = "transaction"
  size       = each.value
  db_name    = digitalocean_database_db.seatrial.name
  user       = digitalocean_database_user.postgres[each.key].name
}

# Without a rule a cluster is open to the whole internet.
resource "digitalocean_database_firewall" "postgres" {
  cluster_id = digitalocean_database_cluster.postgres.id
  rule {
    type  = "ip_addr"
    value = digitalocean_vpc.this.ip_range
  }
}

resource "digitalocean_database_cluster" "valkey" {
  name                 = "${var.environment}-valkey"
  engine               = "valkey"
  version              = "8"
  size                 = "db-s-1vcpu-2gb"
  region               = var.region
  node_count           = 2
  eviction_policy      = "noeviction"
  private_network_uuid = digitalocean_vpc.this.id
  maintenance_window {
    day  = "sunday"
    hour = "05:00:00"
  }
  lifecycle {
    prevent_destroy = true
  }
}

resource "digitalocean_database_firewall" "valkey" {
  cluster_id = digitalocean_database_cluster.valkey.id
  rule {
    type  = "ip_addr"
    value = digitalocean_vpc.this.ip_range
  }
}
