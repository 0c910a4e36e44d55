"""Sending mail: at once, or beside the requests, where its time tells nobody anything."""

import atexit
import logging
import os
from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING

from lback.mail.backends import MailBackend, MemoryBackend, backend_of
from lback.mail.message import Mail

if TYPE_CHECKING:
    from email.message import EmailMessage

    from lback.core.config import Config

logger = logging.getLogger(__name__)

Job = Callable[[], None]

MAX_WAITING = 1000
SECONDS_BETWEEN_TRIES = (1.0, 10.0)
SECONDS_AT_EXIT = 10.0


class Mailer:
    """Sends mail.

    What is sent later waits in this process, in order, for one thread: a process that is killed
    takes it along. Use a queue of tasks for what must not be lost.

    Args:
        config: The settings `MAIL_…`, read at the first mail.
        backend: Where mail goes; `None` means where the settings say.
        tries: Seconds to wait before each further try of what could not be delivered.
    """

    def __init__(
        self,
        config: "Config",
        *,
        backend: MailBackend | None = None,
        tries: Sequence[float] = SECONDS_BETWEEN_TRIES,
    ) -> None:
        self._config = config
        self._backend = backend
        self._tries = tries
        self._waiting: deque[Job] = deque()
        self._changed = Condition()
        self._unfinished = 0
        # The process whose thread works: a fork takes the mailer along, but not the thread.
        self._process = 0
        self._pause = Event()

    @property
    def backend(self) -> MailBackend:
        """Where mail goes."""
        if self._backend is None:
            self._backend = backend_of(self._config)
        return self._backend

    @property
    def outbox(self) -> "list[EmailMessage]":
        """What was sent to the memory of this process, the oldest first; waits for what is due."""
        self.flush()
        return list(self.backend.outbox) if isinstance(self.backend, MemoryBackend) else []

    def send(self, mail: Mail) -> None:
        """Send a mail now.

        Raises:
            ValueError: An address or the subject holds a line break.
            OSError: It cannot be delivered.
        """
        self.backend.deliver(mail.as_email(self._config.MAIL_FROM))

    def send_later(self, mail: Mail, *, is_sent: bool = True) -> None:
        """Send a mail beside the requests; one that cannot be delivered is tried again and logged.

        Args:
            mail: What is to be sent.
            is_sent: `False` does all but deliver it, so that the work tells nothing about whether
                there is a recipient.

        Raises:
            ValueError: An address or the subject is not allowed; see `Mail.as_email`.
        """
        message = mail.as_email(self._config.MAIL_FROM)
        self.do_later(lambda: self._deliver(message) if is_sent else None)

    def do_later(self, job: Job) -> None:
        """Do something beside the requests, such as to find out whether a mail is to be sent."""
        with self._changed:
            if len(self._waiting) >= MAX_WAITING:
                logger.error("a mail was not sent: %d are waiting", MAX_WAITING)
                return
            if self._process != os.getpid():
                self._start()
            self._waiting.append(job)
            self._unfinished += 1
            self._changed.notify_all()

    def _start(self) -> None:
        self._process = os.getpid()
        self._waiting.clear()
        self._unfinished = 0
        Thread(target=self._work, name="lback mail", daemon=True).start()
        atexit.register(self.flush, SECONDS_AT_EXIT)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting))
                job = self._waiting.popleft()
            try:
                job()
            except Exception:
                # A job that fails must not end the thread of those behind it.
                logger.exception("what was to be done beside the requests failed")
            with self._changed:
                self._unfinished -= 1
                self._changed.notify_all()

    def _deliver(self, message: "EmailMessage") -> None:
        for pause in (*self._tries, None):
            try:
                self.backend.deliver(message)
            except OSError as error:
                if pause is None:
                    logger.error("the mail %r was not delivered: %s", message["Subject"], error)
                    return
                self._pause.wait(pause)
            else:
                return

    def flush(self, seconds: float = 30.0) -> bool:
        """Wait until all has been sent that was to be sent later; false if that takes longer."""
        with self._changed:
            if self._process != os.getpid():
                return True
            return self._changed.wait_for(lambda: self._unfinished == 0, seconds)
