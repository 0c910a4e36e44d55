"""Caches beyond one process, and what is done with any cache: remembering results and pages."""
