"""Health checks for load balancers and orchestrators: `/health/live` and `/health/ready`."""
