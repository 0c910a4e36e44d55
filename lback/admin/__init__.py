"""The admin: which models it shows."""

from lback.admin.registry import AdminRegistry, Registration, register, site

__all__ = ["AdminRegistry", "Registration", "register", "site"]
