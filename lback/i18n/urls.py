"""URL patterns of languages: `include("lback.i18n.urls", "/language")`."""

from lback.core.urls_utils import path
from lback.i18n.javascript import message_script
from lback.i18n.switching import choose_language

urlpatterns = [
    path("/", choose_language, ["POST"], "choose_language", requires_auth=False),
    path("/messages/{code}.js", message_script, ["GET"], "message_script", requires_auth=False),
]
