resource "digitalocean_tag" "worker" {
  name = "${var.environment}-worker"
}

resource "digitalocean_droplet" "worker" {
  count      = var.worker_count
  name       = "${var.environment}-worker-${count.index + 1}"
  region     = var.region
  size       = var.gpu_size
  image      = "gpu-h100x1-base" # the vendor's image with driver and container toolkit for one NVIDIA GPU, of whatever model
  vpc_uuid   = digitalocean_vpc.this.id
  tags       = [digitalocean_tag.worker.id]
  ssh_keys   = var.ssh_keys
  monitoring = true
  user_data = templatefile("${path.module}/worker.cloud-init.yaml", {
    image    = var.worker_image
    release  = var.release
    instance = "worker-${count.index + 1}"
    replace  = indent(6, file("${path.module}/worker-release.sh"))
  })
  # Image and release are those of the first boot; another release comes by seatrial-worker-release, and keeps the secrets.
  lifecycle {
    ignore_changes = [user_data]
  }
}

resource "digitalocean_firewall" "worker" {
  name = "${var.environment}-worker"
  tags = [digitalocean_tag.worker.id]

  inbound_rule {
    protocol         = "tcp"
    port_range       = "8080"
    source_addresses = [digitalocean_vpc.this.ip_range]
  }
  inbound_rule {
    protocol         = "tcp"
    port_range       = "22"
    source_addresses = [digitalocean_vpc.this.ip_range]
  }

  outbound_rule {
    protocol              = "tcp"
    port_range            = "443"
    destination_addresses = ["0.0.0.0/0", "::/0"]
  }
  outbound_rule {
    protocol              = "tcp"
    port_range            = "25060-25061"
    destination_addresses = [digitalocean_vpc.this.ip_range]
  }
  outbound_rule {
    protocol              = "udp"
    port_range            = "53"
    destination_addresses = ["0.0.0.0/0", "::/0"]
  }
}
