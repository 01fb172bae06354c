from hypothesis import HealthCheck, settings

# A busy machine may take its time.
PATIENT = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
