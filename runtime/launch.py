"""Becomes another program, bound to the process that started it. Run as a file, with the standard library only.

    python launch.py PARENT_PID DEATH_SIGNAL USER|- COMMAND ...

Between fork and exec only a fresh interpreter can safely do this; a `preexec_fn` may deadlock beside threads.
"""

import ctypes
import os
import pwd
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, death_signal: int, user: str, command: list[str]) -> None:
    os.setsid()  # Ctrl-C is the supervisor's to hear; it stops the parts in order
    os.umask(0o077)
    if user != "-":
        _become(user)
    if sys.platform == "linux":
        # After the change of user: the kernel forgets it on that.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent:
        sys.exit("the process that started this one is gone")
    os.execvp(command[0], command)


def _become(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ["HOME"] = entry.pw_dir


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
