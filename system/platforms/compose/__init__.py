"""The system from images."""
