"""What a handle offers, by component; a level that adds something has a class of its own."""
