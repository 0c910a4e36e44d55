"""Marks of views that describe themselves, for which annotations do not say enough."""

# A function (route, method, view) that returns the `Operation` of the view; None hides it.
OPERATION = "api_operation"
