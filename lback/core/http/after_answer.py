"""Jobs that run after the response has been sent, so that they do not delay the client."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from lback.core.http.response_body import close

if TYPE_CHECKING:
    from lback.core.request import Request

logger = logging.getLogger(__name__)

Job = Callable[[], object]

# The key of the jobs of a request in its environ.
AFTER_ANSWER = "lback.after_answer"


def after_answer(request: "Request", job: Job) -> None:
    """Run a job after the server has sent the response to a request.

    Jobs run when the server closes the body (PEP 3333). They are dropped if the response is an
    error (400 or above), because the changes of the request are rolled back then. The worker
    handles no other request while a job runs, so pass long work on to a thread or a queue.

    Args:
        request: The current request.
        job: Called without arguments; an exception is logged.
    """
    request.environ.setdefault(AFTER_ANSWER, []).append(job)


def run_jobs(jobs: Iterable[Job]) -> None:
    """Run jobs in order. An exception is logged, because what they follow has happened already.

    Args:
        jobs: Jobs after a response or a commit.
    """
    for job in jobs:
        try:
            job()
        except Exception:
            logger.exception("a job after the response or the commit failed: %r", job)


class FollowedBody:
    """The body of a response, with jobs that run when the server closes it.

    Args:
        body: The body that is sent.
        jobs: Run once, in order.
    """

    def __init__(self, body: Iterable[bytes], jobs: list[Job]) -> None:
        self._body = body
        self._jobs = jobs

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        """Close the body and run the jobs."""
        jobs, self._jobs = self._jobs, []
        try:
            close(self._body)
        finally:
            run_jobs(jobs)
