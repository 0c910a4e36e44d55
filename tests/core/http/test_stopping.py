"""Whether the server stops is known to its workers, and to no other process."""

import subprocess
import sys

# In a process of its own, because Python 3.12 warns of a fork while other threads run.
SCRIPT = """
import os
from lback.core.http.stopping import StopFlag

def seen_by_a_child(flag, set_there=False):
    child = os.fork()
    if child == 0:
        if set_there:
            flag.set()
        os._exit(int(flag.is_set()))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1

flag = StopFlag()
flag.share()
assert not seen_by_a_child(flag)
flag.set()
assert seen_by_a_child(flag)
flag.clear()
assert seen_by_a_child(flag, set_there=True)
assert flag.is_set(), "the child shares it"

flag.share()
assert not flag.is_set(), "each server has a flag of its own"

flag = StopFlag()
assert seen_by_a_child(flag, set_there=True)
assert not flag.is_set(), "a flag that is not shared belongs to its process"
"""


def test_workers_share_the_flag_of_their_server() -> None:
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=False, capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")
