"""Serve the product's pages: sign in, upload, watch, promote."""
