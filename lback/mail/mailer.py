"""Mailer: sends email at once, or in a background thread of the process."""

import atexit
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING

from lback.core.unit_of_work import after_commit
from lback.mail.backends import MailBackend, MemoryBackend, backend_of
from lback.mail.files import GetStorages, MissingAttachment, add_files
from lback.mail.message import Mail

if TYPE_CHECKING:
    from email.message import EmailMessage

    from lback.core.config import Config
    from lback.mail.message import OutgoingMail

logger = logging.getLogger(__name__)

Job = Callable[[], None]

MAX_WAITING = 1000
SECONDS_BETWEEN_TRIES = (1.0, 10.0)
SECONDS_AT_EXIT = 10.0


class Mailer:
    """Sends email.

    If the setting `TASKS` is set, messages that are sent later are tasks: they are stored with the
    data of their transaction, and none is lost. Otherwise they wait in memory, in order, for one
    background thread, and are lost if the process is killed.

    Args:
        config: The settings `MAIL_…`, read when the first message is sent.
        backend: Delivers the messages; `None` means the one that the settings choose.
        tries: Seconds to wait before each further attempt to deliver a message.
        enqueue: Called with a message and whether to deliver it, instead of the background thread.
        storages: Returns the storages by name, from which the files of emails are read.
    """

    def __init__(
        self,
        config: "Config",
        *,
        backend: MailBackend | None = None,
        tries: Sequence[float] = SECONDS_BETWEEN_TRIES,
        enqueue: "Callable[[OutgoingMail, bool], None] | None" = None,
        storages: GetStorages | None = None,
    ) -> None:
        self._config = config
        self._backend = backend
        self._tries = tries
        self._enqueue = enqueue
        self._storages = storages
        # When to begin at the earliest, and what to do.
        self._waiting: deque[tuple[float, Job]] = deque()
        self._changed = Condition()
        self._unfinished = 0
        self._flushing = 0
        # The process that the thread runs in: a fork copies the mailer, but not the thread.
        self._process = 0
        self._pause = Event()

    @property
    def backend(self) -> MailBackend:
        """The backend that delivers messages."""
        if self._backend is None:
            self._backend = backend_of(self._config)
        return self._backend

    @property
    def outbox(self) -> "list[EmailMessage]":
        """The messages in the memory backend, oldest first; waits for those still to be sent."""
        self.flush()
        return list(self.backend.outbox) if isinstance(self.backend, MemoryBackend) else []

    def send(self, mail: Mail) -> None:
        """Send an email now.

        Args:
            mail: The message.

        Raises:
            ValueError: As `Mail.as_email`, or an inline image is not an image.
            MissingAttachment: A file is not in its storage.
            ConfigurationError: There is no storage of this name.
            OSError: The message cannot be delivered, or a storage cannot be read now.
        """
        self.deliver(self._message(mail))

    def deliver(self, message: "OutgoingMail") -> None:
        """Read the files of a message and deliver it.

        Args:
            message: The message, as `Mail.as_email` returns it.

        Raises:
            ValueError, MissingAttachment, ConfigurationError, OSError: As `send`.
        """
        add_files(message, self._storages)
        self.backend.deliver(message)

    def _message(self, mail: Mail) -> "OutgoingMail":
        return mail.as_email(self._config.MAIL_FROM, self._config.MAIL_ENVELOPE_SENDER)

    def send_later(self, mail: Mail, *, is_sent: bool = True) -> None:
        """Send an email in the background; failed deliveries are tried again and then logged.

        With the setting `TASKS`, it is a task of the queue "mail", which a worker runs. Within a
        request, or a block `with db_manager.session()`, it waits for the commit and is dropped by a
        rollback; see `lback.after_commit`. Files are read when the message is delivered, so that
        they must be kept until then.

        Args:
            mail: The message.
            is_sent: `False` does all the work except the delivery, so that response times do not
                reveal whether there is a recipient.

        Raises:
            ValueError: As `Mail.as_email`.
        """
        message = self._message(mail)
        if self._enqueue is not None:
            self._enqueue(message, is_sent)
            return
        after_commit(self.do_later, lambda: self._deliver(message) if is_sent else None)

    def do_later(self, job: Job, *, delay: float = 0.0) -> None:
        """Run a function in the background thread, such as one that looks up recipients.

        If 1000 functions are waiting already, it is dropped and an error is logged.

        Args:
            job: A function without parameters.
            delay: Seconds to wait before it begins. Functions run in the order of the calls, so
                that later ones wait as well; `flush` does not.
        """
        with self._changed:
            if len(self._waiting) >= MAX_WAITING:
                logger.error("email not sent: queue is full: %d", MAX_WAITING)
                return
            if self._process != os.getpid():
                self._start()
            self._waiting.append((time.monotonic() + delay, job))
            self._unfinished += 1
            self._changed.notify_all()

    def _start(self) -> None:
        self._process = os.getpid()
        self._waiting.clear()
        self._unfinished = self._flushing = 0
        Thread(target=self._work, name="lback mail", daemon=True).start()
        atexit.register(self.flush, SECONDS_AT_EXIT)

    def _work(self) -> None:
        while True:
            job = self._next()
            try:
                job()
            except BaseException:
                # A job that fails, by SystemExit as well, must not end the thread.
                logger.exception("background mail job failed")
            with self._changed:
                self._unfinished -= 1
                self._changed.notify_all()

    def _next(self) -> Job:
        """Wait for the first function that is to begin now."""
        with self._changed:
            while True:
                wait = self._waiting[0][0] - time.monotonic() if self._waiting else None
                if wait is not None and (wait <= 0 or self._flushing):
                    return self._waiting.popleft()[1]
                self._changed.wait(wait)

    def _deliver(self, message: "OutgoingMail") -> None:
        for pause in (*self._tries, None):
            try:
                self.deliver(message)
            except MissingAttachment as error:
                logger.error("email not delivered: %s", error)
                return
            except OSError as error:
                if pause is None:
                    logger.error("email not delivered: %r: %s", message["Subject"], error)
                    return
                self._pause.wait(pause)
            else:
                return

    def flush(self, seconds: float = 30.0) -> bool:
        """Wait until everything to be sent later has been sent.

        Args:
            seconds: How long to wait at most.

        Returns:
            False if that takes longer.
        """
        with self._changed:
            if self._process != os.getpid():
                return True
            self._flushing += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: self._unfinished == 0, seconds)
            finally:
                self._flushing -= 1
