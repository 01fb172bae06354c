variable "environment" {
  type    = string
  default = "production"
}

variable "region" {
  type    = string
  default = "tor1"
}

variable "vpc_range" {
  type    = string
  default = "10.10.0.0/20"
}

variable "alert_email" {
  type        = string
  description = "An address that the account has verified."
}

variable "hosts" {
  type    = set(string)
  default = ["app.example.com", "api.example.com", "play.example.com"]
}

variable "gpu_size" {
  type        = string
  default     = "gpu-4000adax1-20gb"
  description = "A size whose GPU encodes video: RTX 4000 Ada, RTX 6000 Ada or L40S. H100, H200 and MI300X have no encoder."
  validation {
    condition     = contains(["gpu-4000adax1-20gb", "gpu-6000adax1-48gb", "gpu-l40sx1-48gb"], var.gpu_size)
    error_message = "The GPU must have an encoder."
  }
}

variable "worker_count" {
  type    = number
  default = 1
}

variable "worker_image" {
  type        = string
  description = "The worker's image with its digest: registry.digitalocean.com/NAME/seatrial-worker@sha256:..."
  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.worker_image))
    error_message = "The image must be given by digest."
  }
}

variable "release" {
  type = string
}

variable "ssh_keys" {
  type        = list(string)
  description = "Fingerprints of those who may put the worker's secrets in place."
}
