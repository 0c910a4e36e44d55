"""Base classes of middlewares: one hook before the view and one after it."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.core.response import Response


class BaseMiddleware(ABC):
    """Abstract base class of middlewares; any object with the same two hooks works as well.

    One instance is built at start-up and serves all requests, from several threads at once:
    store values that belong to a request on the request. Response hooks run for every response,
    also if an earlier middleware returned it and the request hook of this one never ran.

    Inherit from `SimpleMiddleware` to override only one of the hooks.
    """

    @abstractmethod
    def process_request(self, request: "Request") -> "Response | None":
        """Process a request before it is routed.

        Args:
            request: The request; it may be changed in place.

        Returns:
            None to continue, or a response that ends the request here: no later middleware and
            no view is called.

        Raises:
            HTTPException: Answered with its status, as if a view had raised it.
        """

    @abstractmethod
    def process_response(self, request: "Request", response: "Response") -> "Response":
        """Process a response before it is sent.

        Response hooks run in the reverse of the order in which the middlewares were added.

        Args:
            request: The request that is answered.
            response: The response so far; it may be changed in place.

        Returns:
            The response to send: the one given or another.
        """


class SimpleMiddleware(BaseMiddleware):
    """Base class with both hooks empty: override the ones you need.

    A hook that is not overridden is never called.

    Example:
        >>> class PoweredBy(SimpleMiddleware):
        ...     def process_response(self, request, response):
        ...         response.headers["X-Powered-By"] = "Lback"
        ...         return response
        >>> app.add_middleware(PoweredBy())
        >>> Client(app).get("/").headers["x-powered-by"]
        'Lback'
    """

    def process_request(self, request: "Request") -> "Response | None":  # noqa: ARG002
        """Return None, which continues with the next middleware."""
        return None

    def process_response(self, request: "Request", response: "Response") -> "Response":  # noqa: ARG002
        """Return the response unchanged.

        Args:
            request: The request that is answered.
            response: The response so far.
        """
        return response
