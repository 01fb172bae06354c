"""One module per kind of part: what it runs, what it writes before, how it says that it is ready."""
