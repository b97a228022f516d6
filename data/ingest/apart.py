"""Read files in a process of their own, with limits on time and memory: for files of strangers.

A file that crashes its reader, or keeps it busy for ever, takes down that process and no other.

    with ApartReader() as reader:
        contents = reader.read(["spectrum.fits"], criteria)
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from threading import Timer
from typing import IO, Any, Self, cast

from data.ingest.batch import FileContents, read_batch
from data.ingest.criteria import Criteria

SECONDS = 30.0
"""How long one call may take."""
MEMORY = 4 * 2**30
"""Bytes of address space that the process may have."""
_ROOT = Path(__file__).resolve().parent.parent.parent


class ApartReader:
    """Reads files in a process that is started when first needed, and anew after it failed."""

    def __init__(self, *, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        """Set the limits: seconds of each call, and bytes."""
        self._seconds, self._memory = seconds, memory
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start nothing yet."""
        return self

    def __exit__(self, *_error: object) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def read(self, files: list[str], criteria: Criteria) -> FileContents:
        """Read files as `read_batch` does.

        Raises:
            ValueError: The process ended before it was done: it was too slow, or it crashed.
        """
        process = self._process = self._process or self._started()
        timer = Timer(self._seconds, process.kill)
        timer.daemon = True
        timer.start()
        try:
            asked = cast("IO[bytes]", process.stdin)
            pickle.dump((files, criteria), asked)
            asked.flush()
            return pickle.load(cast("IO[bytes]", process.stdout))
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            slow = not timer.is_alive()
            self.__exit__()
            why = f"took more than {self._seconds:g} s" if slow else "crashed its reader"
            raise ValueError(f"unreadable: the file {why}") from error
        finally:
            timer.cancel()

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "data.ingest.apart", str(self._memory)],
            cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip


def serve(asked: IO[bytes], answers: IO[bytes]) -> None:
    """Read what is asked for until there is no more."""
    while True:
        try:
            request: Any = pickle.load(asked)
        except EOFError:
            return
        pickle.dump(read_batch(*request), answers)
        answers.flush()


if __name__ == "__main__":
    import resource

    most = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    # Libraries may print: the pipe is for answers alone.
    answers_pipe, sys.stdout = sys.stdout.buffer, sys.stderr
    serve(sys.stdin.buffer, answers_pipe)
