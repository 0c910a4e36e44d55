"""Keeps modules importable under their names of version 0.1, with a warning, until version 0.3."""

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.abc import Loader, MetaPathFinder
else:
    # They add nothing at run time, and importing them takes longer than all else of `import lback`.
    Loader = MetaPathFinder = object

MOVED = {
    "lback.accounts.answers": "lback.accounts.responses",
    "lback.accounts.letters": "lback.accounts.emails",
    "lback.accounts.overview": "lback.accounts.account_views",
    "lback.admin.counting": "lback.database.counting",
    "lback.admin.deletion": "lback.auth.dependants",
    "lback.admin.keyset": "lback.database.keyset",
    "lback.admin.locking": "lback.forms.row_state",
    "lback.admin.pickers": "lback.admin.autocomplete",
    "lback.admin.section": "lback.admin.registered_model",
    "lback.cache.outage": "lback.cache.circuit_breaker",
    "lback.cli.command": "lback.cli.click_classes",
    "lback.cli.route_facts": "lback.cli.route_info",
    "lback.database.migrations.gaps": "lback.database.migrations.unfilled_columns",
    "lback.parts": "lback.services",
    "lback.sessions.stores": "lback.sessions.store_settings",
    "lback.static_files.collect": "lback.static_files.collectstatic",
    "lback.static_files.collected": "lback.static_files.serving",
    "lback.core.absolute_uri": "lback.core.http.absolute_uri",
    "lback.core.admission": "lback.core.http.request_validation",
    "lback.core.app_session": "lback.core.http.app_session",
    "lback.core.body": "lback.core.http.body",
    "lback.core.cache_rules": "lback.core.settings.cache_validators",
    "lback.core.conditional": "lback.core.http.conditional",
    "lback.core.config_file": "lback.core.settings.json_file",
    "lback.core.converters": "lback.core.routing.converters",
    "lback.core.cookies": "lback.core.http.cookies",
    "lback.core.database_uri": "lback.core.settings.database_uri",
    "lback.core.debug_report": "lback.core.errors.debug_page",
    "lback.core.development": "lback.core.http.development_server",
    "lback.core.endpoint": "lback.core.routing.endpoint",
    "lback.core.env_file": "lback.core.settings.env_file",
    "lback.core.error_pages": "lback.core.errors.pages",
    "lback.core.framing": "lback.core.http.framing",
    "lback.core.headers": "lback.core.http.headers",
    "lback.core.hosts": "lback.core.http.hosts",
    "lback.core.http_errors": "lback.core.errors.http_errors",
    "lback.core.http_method": "lback.core.http.methods",
    "lback.core.limits": "lback.core.http.limits",
    "lback.core.middleware_order": "lback.core.middleware_loader",
    "lback.core.multidict": "lback.core.http.multidict",
    "lback.core.near_miss": "lback.core.exceptions",
    "lback.core.origins": "lback.core.http.origins",
    "lback.core.patterns": "lback.core.routing.patterns",
    "lback.core.protection_rules": "lback.core.settings.security_validators",
    "lback.core.redaction": "lback.core.errors.redaction",
    "lback.core.response_body": "lback.core.http.response_body",
    "lback.core.route_tree": "lback.core.routing.route_tree",
    "lback.core.setting_defaults": "lback.core.settings.defaults",
    "lback.core.setting_rules": "lback.core.settings.validation",
    "lback.core.setting_values": "lback.core.settings.values",
    "lback.core.uploaded_file": "lback.core.http.uploaded_file",
    "lback.core.url_loading": "lback.core.urls_utils",
    "lback.core.view_arguments": "lback.core.routing.endpoint",
    "lback.core.wsgi_text": "lback.core.http.wsgi_text",
}


class MovedModuleFinder(MetaPathFinder):
    """Finds moved modules under their old names, after all other finders."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Return the spec of a moved module, or None for all other names.

        Args:
            fullname: Dotted name that is imported.
            path: Not used.
            target: Not used.
        """
        if fullname not in MOVED:
            return None
        warnings.warn(
            f"{fullname} moved to {MOVED[fullname]}; the old name goes with version 0.3",
            DeprecationWarning,
            stacklevel=2,
        )
        return ModuleSpec(fullname, _MovedModuleLoader())


class _MovedModuleLoader(Loader):
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(MOVED[spec.name])
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The module was executed under its new name; the import system has just replaced its spec.
        module.__spec__ = self._spec


def install() -> None:
    """Make the old names importable. Further calls do nothing."""
    if not any(isinstance(finder, MovedModuleFinder) for finder in sys.meta_path):
        sys.meta_path.append(MovedModuleFinder())
