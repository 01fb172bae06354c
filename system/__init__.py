"""Hold the system under test: four services and what they share."""
