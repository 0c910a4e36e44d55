"""The functions of version 0.1 for error responses call the methods of `ErrorHandler`."""

import pytest

from lback import Application, NotFound, Request
from lback.core.errors import http_errors


def test_an_old_function_calls_the_method_and_warns() -> None:
    app = Application(DEBUG=True)
    request = Request("/", "GET", None, None, {})

    with pytest.warns(DeprecationWarning, match="call the method of ErrorHandler"):
        error_response = http_errors.error_response

    assert error_response(app.error_handler, NotFound(), request).status_code == 404


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        http_errors.nothing  # noqa: B018
