"""What a request meets on its way to the view, and a response on its way out."""

from lback.middleware.body_parsing import BodyParsingMiddleware

__all__ = ["BodyParsingMiddleware"]
