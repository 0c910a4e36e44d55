"""What is to be done when an answer has left: its time tells the client nothing."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from lback.core.http.response_body import close

if TYPE_CHECKING:
    from lback.core.request import Request

logger = logging.getLogger(__name__)

Job = Callable[[], object]

# Where the jobs of a request wait, in its environ.
AFTER_ANSWER = "lback.after_answer"


def after_answer(request: "Request", job: Job) -> None:
    """Have a job run once the server has sent the answer to a request.

    It is dropped where the answer is an error (400 and above): what the request wrote is taken
    back then. The server calls `close()` on the body at the end (PEP 3333). The worker takes no
    other request while the job runs, so a long one belongs into a thread or a queue that the job
    hands it to.

    Args:
        request: The request that is being answered.
        job: Called without arguments; an error of it is logged.
    """
    request.environ.setdefault(AFTER_ANSWER, []).append(job)


class FollowedBody:
    """The body of an answer, with the jobs that run when the server closes it.

    Args:
        body: What the server sends.
        jobs: Run in their order, once.
    """

    def __init__(self, body: Iterable[bytes], jobs: list[Job]) -> None:
        self._body = body
        self._jobs = jobs

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        """Close the body itself and run the jobs."""
        jobs, self._jobs = self._jobs, []
        try:
            close(self._body)
        finally:
            for job in jobs:
                try:
                    job()
                except Exception:
                    # The answer is out: there is no one left to tell but the log.
                    logger.exception("what was to be done after an answer failed")
