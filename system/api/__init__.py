"""Serve accounts, sessions and assets: the product's HTTP API."""
