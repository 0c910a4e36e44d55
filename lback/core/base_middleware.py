"""A middleware: one hook before the view and one after it."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lback.core.response import Response


class BaseMiddleware(ABC):
    """Base for middlewares; any object with the same two hooks will do as well.

    An instance is built once, at start-up, and serves all requests, from several threads at
    once: what belongs to a request is kept on the request. Response hooks run for every
    response, also when an earlier middleware answered and this one's request hook never ran.
    """

    @abstractmethod
    def process_request(self, request: Any) -> "Response | None":
        """Look at the request, or change it, before it is routed.

        Returns:
            `None` to let the request go on, or a response that answers it here: then no later
            middleware and no view is called.

        Raises:
            HTTPException: Answers with its status, as it would from a view.
        """

    @abstractmethod
    def process_response(self, request: Any, response: "Response") -> "Response":
        """Look at the response, or change or replace it, on its way out.

        Middlewares are asked in the reverse of the order they were added in.

        Returns:
            A response, always: the one given or another.
        """
