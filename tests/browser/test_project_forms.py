"""A form with every control looks right in a new project: on a phone, on a desk, in the dark."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from lback import Application, Request, Response, forms, render

PAGE = """{% extends "base.html" %}
{% block title %}Order{% endblock %}
{% block content %}
<h1>Order</h1>
<form method="post" enctype="multipart/form-data" novalidate>
{{ csrf_input }}
{{ form.as_div }}
<fieldset><legend>Once more</legend><label for="plain">Plain</label><input id="plain"></fieldset>
<button>Send</button>
</form>
{% endblock %}
"""
LONG = "Donaudampfschifffahrtsgesellschaftskapitaensmuetzenabzeichenverleihung"
CHOICES = [("s", "Small"), ("m", "Medium"), ("l", f"Large, as in {LONG}")]


class Order(forms.Form):
    name = forms.CharField(max_length=60, help_text="As it is written on the door.")
    email = forms.EmailField()
    amount = forms.IntegerField(min_value=1)
    size = forms.ChoiceField(choices=CHOICES)
    colour = forms.ChoiceField(choices=CHOICES, widget=forms.RadioSelect())
    extras = forms.MultipleChoiceField(choices=CHOICES, widget=forms.CheckboxMultiple())
    boxes = forms.MultipleChoiceField(choices=CHOICES, widget=forms.SelectMultiple())
    remark = forms.TextField(required=False, help_text=f"See {LONG}.")
    due = forms.DateField()
    at = forms.TimeField()
    when = forms.DateTimeField()
    photo = forms.FileField()
    website = forms.URLField(disabled=True, required=False)
    terms = forms.BooleanField(help_text="They are short.")

    def clean(self) -> None:
        self.add_error(None, f"This order cannot be taken: {LONG}")


def order(request: Request) -> Response:
    return render(request, "order.html", form=Order.of(request))


@pytest.fixture
def site(tmp_path: Path, serve: Callable[[Any], str]) -> Iterator[str]:
    """The style sheet and the base page of a new project, with a form on them."""
    new = ["new", "project", "shop", "--minimal"]
    subprocess.run([sys.executable, "-m", "lback", *new], cwd=tmp_path, check=True, timeout=120)
    project = tmp_path / "shop"
    (project / "templates" / "order.html").write_text(PAGE)
    app = Application(DEBUG=True, PROJECT_ROOT=str(project), DATABASE_URL="sqlite://")
    app.db_manager.create_tables()
    app.add_route("/", order, ["GET", "POST"], requires_auth=False)
    yield serve(app)
    app.db_manager.dispose()


@pytest.fixture(
    params=[(scheme, width) for scheme in ("light", "dark") for width in (1280, 390, 320)], ids=str
)
def look(
    request: pytest.FixtureRequest, chromium: Browser, serious_findings: Any
) -> Iterator[tuple[Page, Callable[[str], None]]]:
    """A window, and what examines the page in it."""
    scheme, width = request.param
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    window = context.new_page()

    def examine(name: str) -> None:
        folder = os.environ.get("LBACK_SCREENSHOTS")
        if folder:
            window.screenshot(path=Path(folder) / f"{name}-{scheme}-{width}.png", full_page=True)
        assert serious_findings(window) == []
        assert window.evaluate("document.documentElement.scrollWidth") <= width
        assert window.evaluate(OVERFLOWING) == []

    yield window, examine
    context.close()


# Controls and texts that stick out of the form.
OVERFLOWING = """() => {
  const form = document.querySelector("main form").getBoundingClientRect();
  return [...document.querySelectorAll("main form *")]
    .filter(element => !element.matches("option, [type=hidden]"))
    .filter(element => element.getBoundingClientRect().right > form.right + 1)
    .map(element => element.outerHTML.slice(0, 80));
}"""


def test_every_control_fits(site: str, look: tuple[Page, Callable[[str], None]]) -> None:
    window, examine = look
    window.goto(site)
    examine("empty")
    for name in ("name", "size", "remark", "due", "photo", "website"):
        box = window.locator(f"#id_{name}").bounding_box()
        assert box is not None
        assert box["height"] >= 40, f"{name} is too small for a finger"
        assert box["width"] >= 200, name

    with window.expect_navigation():
        window.get_by_role("button", name="Send").click()
    assert window.locator(".field.invalid .error").count() >= 8
    examine("errors")


def test_a_box_stands_before_its_words(site: str, look: tuple[Page, Callable[[str], None]]) -> None:
    window, _ = look
    window.goto(site)
    for control in ("#id_terms", "#id_colour_0", "#id_extras_2"):
        box = window.locator(control).bounding_box()
        words = window.locator(f'label[for="{control[1:]}"]').bounding_box()
        assert box is not None
        assert words is not None
        assert box["x"] + box["width"] <= words["x"]
        assert abs(box["y"] - words["y"]) < 12
