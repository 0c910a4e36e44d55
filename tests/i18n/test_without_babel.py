"""What an application pays and says without languages, and without the extra."""

import subprocess
import sys

import pytest

from lback import Application
from lback.core.exceptions import ConfigurationError
from lback.core.server import publish
from lback.i18n import get_language, gettext, gettext_lazy
from lback.i18n.babel import locale_of, require_babel
from lback.translation import Translations, set_process_language
from tests.i18n.conftest import Build

PROGRAM = """
import sys
from lback import Application, render
from lback.i18n import gettext, gettext_lazy
from lback.testing import Client
app = Application(DEBUG=True)
label = gettext_lazy("Title")

@app.route("/", requires_auth=False)
def home(request):
    return gettext("Welcome %(label)s", label=label)

assert Client(app).get("/").text == "Welcome Title"
loaded = [name for name in sys.modules if name.startswith(("babel", "lback.i18n.requests"))]
assert loaded == [], loaded
"""


def test_an_application_with_english_alone_imports_no_babel() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)


def test_a_missing_extra_is_named_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    locale_of.cache_clear()
    monkeypatch.setitem(sys.modules, "babel", None)
    with pytest.raises(ConfigurationError, match=r'pip install "lback-web\[i18n\]"'):
        Application(LANGUAGES=["en", "de"])
    with pytest.raises(ConfigurationError, match="format_date needs Babel"):
        require_babel("format_date")
    assert Application(LANGUAGE="en").app_controller.locale is None


@pytest.mark.parametrize("code", ["german", "de_DE", "DE", "", "pt-br", "../de"])
def test_what_is_no_tag_is_refused(code: str) -> None:
    with pytest.raises(ConfigurationError, match="LANGUAGE"):
        Application(LANGUAGES=["en", code]).prepare()


def test_outside_requests_the_default_language_applies(build: Build) -> None:
    app = build(LANGUAGE="de")
    label = gettext_lazy("Welcome")
    publish(app)
    try:
        assert (get_language(), gettext("Welcome"), str(label)) == (
            "de",
            "Willkommen",
            "Willkommen",
        )
    finally:
        set_process_language(Translations, None)
        app.db_manager.dispose()
    assert gettext("Welcome") == "Welcome"
