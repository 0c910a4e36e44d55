"""Renders Jinja2 templates from files and from a database."""

from lback.core.templates.renderer import (
    FRAMEWORK_DIRECTORY,
    RENDERING_SIGNALS,
    DatabaseLoader,
    TemplateRenderer,
    custom_uppercase,
    custom_url_tag,
    default_global_context,
    places_of,
    set_default_router,
)
from lback.core.templates.sandbox import DatabaseSandbox, TemplateRequest

__all__ = [
    "FRAMEWORK_DIRECTORY",
    "RENDERING_SIGNALS",
    "DatabaseLoader",
    "DatabaseSandbox",
    "TemplateRenderer",
    "TemplateRequest",
    "custom_uppercase",
    "custom_url_tag",
    "default_global_context",
    "places_of",
    "set_default_router",
]
