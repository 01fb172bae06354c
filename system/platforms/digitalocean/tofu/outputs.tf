# What app.yaml and the profile name: to be copied there.
output "vpc_id" {
  value = digitalocean_vpc.this.id
}

output "postgres_host" {
  value = digitalocean_database_cluster.postgres.private_host
}

output "valkey_host" {
  value = digitalocean_database_cluster.valkey.private_host
}

output "worker_addresses" {
  value = digitalocean_droplet.worker[*].ipv4_address_private
}
