"""Builds the reference and the site of the documentation."""
