from hypothesis import HealthCheck, settings

# No deadline: a busy machine is no defect. Few examples each: the suite is run after every change.
settings.register_profile(
    "unit", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
settings.load_profile("unit")
