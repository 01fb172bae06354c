# App Platform's own alerts stand in its spec; these are of what it stands on.
resource "digitalocean_monitor_alert" "worker" {
  for_each = {
    "v1/insights/droplet/cpu"                        = 90
    "v1/insights/droplet/memory_utilization_percent" = 90
    "v1/insights/droplet/disk_utilization_percent"   = 80
  }
  type        = each.key
  description = "${var.environment} worker: ${each.key}"
  compare     = "GreaterThan"
  value       = each.value
  window      = "10m"
  enabled     = true
  tags        = [digitalocean_tag.worker.id]
  alerts {
    email = [var.alert_email]
  }
}

resource "digitalocean_monitor_alert" "databases" {
  for_each = {
    "v1/dbaas/alerts/cpu_alerts"                = 80
    "v1/dbaas/alerts/memory_utilization_alerts" = 85
    "v1/dbaas/alerts/disk_utilization_alerts"   = 75
  }
  type        = each.key
  description = "${var.environment} databases: ${each.key}"
  compare     = "GreaterThan"
  value       = each.value
  window      = "10m"
  enabled     = true
  entities    = [digitalocean_database_cluster.postgres.id, digitalocean_database_cluster.valkey.id]
  alerts {
    email = [var.alert_email]
  }
}

resource "digitalocean_uptime_check" "hosts" {
  for_each = var.hosts
  name     = each.key
  type     = "https"
  target   = "https://${each.key}/readyz"
  regions  = ["us_east", "eu_west"]
  enabled  = true
}

resource "digitalocean_uptime_alert" "down" {
  for_each   = digitalocean_uptime_check.hosts
  name       = "${each.key} is down"
  check_id   = each.value.id
  type       = "down_global"
  threshold  = 1
  comparison = "less_than"
  period     = "2m"
  notifications {
    email = [var.alert_email]
  }
}

resource "digitalocean_uptime_alert" "certificate" {
  for_each   = digitalocean_uptime_check.hosts
  name       = "${each.key} has a certificate that ends"
  check_id   = each.value.id
  type       = "ssl_expiry"
  threshold  = 14
  comparison = "less_than"
  period     = "1h"
  notifications {
    email = [var.alert_email]
  }
}
