"""Health checks for load balancers and orchestrators: `/health/live` and `/health/ready`."""

from lback.monitoring.health import HealthChecks

__all__ = ["HealthChecks"]
