"""Deploys releases to App Platform, and takes them back."""
