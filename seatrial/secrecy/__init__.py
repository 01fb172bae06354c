"""Secrets: where they are read from, how strong they are, where they must not appear, and the commands about them."""
