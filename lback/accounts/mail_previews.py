"""Templates of emails of a development server, shown in every language."""

from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import ChainableUndefined

from lback.accounts.responses import has_mailbox, page
from lback.core.exceptions import NotFound
from lback.translation import SOURCE_LANGUAGE, language, text_direction

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.core.response import Response
    from lback.core.templates import TemplateRenderer

FOLDER = "mail"
_SUFFIXES = (".txt", ".html")


class Preview(NamedTuple):
    """A template of an email in one language."""

    language: str
    direction: str
    content: str
    problem: str


class _Placeholder(ChainableUndefined):
    """A value that the preview does not have; shown as its name in braces."""

    def __str__(self) -> str:
        return f"{{{self._undefined_name}}}"

    def __getattr__(self, name: str) -> "_Placeholder":
        if name.startswith("__"):
            raise AttributeError(name)  # asked for by copy, pickle and the like
        return type(self)(name=f"{self._undefined_name}.{name}")

    def __getitem__(self, key: object) -> "_Placeholder":  # type: ignore[override]
        return type(self)(name=f"{self._undefined_name}.{key}")


def mail_previews(request: "Request", template_renderer: "TemplateRenderer") -> "Response":
    """Show the templates in folders `mail` in every language of the application.

    Values that they need are shown as names in braces.

    Args:
        request: The request.
        template_renderer: Injected renderer of the templates.

    Raises:
        NotFound: The mailbox is not shown to this visitor; see `mailbox`.
    """
    if not has_mailbox(request):
        raise NotFound
    languages = request.app.dependencies.get("languages")
    codes = getattr(languages, "codes", None) or (SOURCE_LANGUAGE,)
    environment: Any = template_renderer.environment.overlay(undefined=_Placeholder)
    names = [name for name in environment.list_templates() if _is_mail(name)]
    previews = {name: [_preview(environment, name, code) for code in codes] for name in names}
    return page(request, "mail_previews", previews=previews)


def _is_mail(name: str) -> bool:
    *folders, last = name.split("/")
    return FOLDER in folders and last.endswith(_SUFFIXES) and not last.startswith("_")


def _preview(environment: Any, name: str, code: str) -> Preview:
    content = problem = ""
    with language(code):
        direction = text_direction()
        try:
            content = environment.get_template(name).render()
        except Exception as error:  # noqa: BLE001  it is shown
            # Anything that a template raises; it is shown beside the name of the template.
            problem = f"{type(error).__name__}: {error}"
    return Preview(code, direction, content, problem)
