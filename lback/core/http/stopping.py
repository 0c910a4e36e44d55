"""Whether the server has been told to stop: a flag that a process shares with its workers."""

import mmap


class StopFlag:
    """A flag that the process which starts the workers sets, and all workers see.

    Example:
        >>> flag = StopFlag()
        >>> flag.is_set()
        False
        >>> flag.set()
        >>> flag.is_set()
        True
    """

    def __init__(self) -> None:
        self._memory: bytearray | mmap.mmap = bytearray(1)

    def share(self) -> None:
        """Share the flag, which is not set then, with child processes that are forked afterwards.

        Without this call each process has a flag of its own.
        """
        self._memory = mmap.mmap(-1, 1)

    def set(self) -> None:
        """Set the flag, in this process and in those that share it."""
        self._memory[0] = 1

    def clear(self) -> None:
        """Clear the flag, in this process and in those that share it."""
        self._memory[0] = 0

    def is_set(self) -> bool:
        """Return True if the flag is set."""
        return self._memory[0] == 1


# Set by `lback serve` when it receives SIGTERM.
stop_flag = StopFlag()
