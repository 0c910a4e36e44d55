"""What a request meets on its way to the view, and a response on its way out."""

from lback.middleware.authentication import AuthenticationMiddleware
from lback.middleware.body_parsing import BodyParsingMiddleware
from lback.middleware.sessions import SessionMiddleware

__all__ = ["AuthenticationMiddleware", "BodyParsingMiddleware", "SessionMiddleware"]
