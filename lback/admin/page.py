"""Render admin pages with the variables that their common layout needs."""

from typing import TYPE_CHECKING, Any

from lback.admin.access import address, has_task_pages, user_of, visible_models
from lback.admin.asset_files import VERSION
from lback.admin.columns import cell, shown
from lback.core.response import HTMLResponse
from lback.forms.identity import identity_text
from lback.forms.labels import in_sentence, name_in_sentence
from lback.forms.markup import tag
from lback.sessions.messages import flashed
from lback.shortcuts import render
from lback.time_zones import current_zone
from lback.translation import text_direction

if TYPE_CHECKING:
    from lback.core.request import Request


def isolated(text: str) -> str:
    """Return a value for a page that is written from right to left, so that dates stay in order."""
    return tag("bdi", {}, text) if text_direction() == "rtl" else text


def page(
    request: "Request", template: str, *, title: str, status_code: int = 200, **context: Any
) -> HTMLResponse:
    """Render a template of the admin.

    Args:
        request: The request.
        template: File name of the template below `admin/`.
        title: Title of the page.
        status_code: Status code.
        **context: Further variables of the template.
    """
    user = user_of(request)

    def link(name: str, /, **params: object) -> str:
        return address(request, f"admin-{name}", **params)

    return render(
        request,
        f"admin/{template}",
        status_code=status_code,
        title=title,
        in_sentence=in_sentence,
        isolated=isolated,
        name_in_sentence=name_in_sentence,
        user=user,
        has_tasks=has_task_pages(request),
        sections=visible_models(request) if user is not None else [],
        link=link,
        version=VERSION,
        messages=flashed(request) if request.session is not None else [],
        shown=shown,
        cell=cell,
        key_of=identity_text,
        time_zone=str(current_zone()),
        **context,
    )
