"""Hold what the four services share: configuration, logs, probes, errors, links, metrics, serving."""
