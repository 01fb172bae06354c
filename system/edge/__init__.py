"""Serve previews and posters through signed links, from a bounded disk cache in front of the object store."""
