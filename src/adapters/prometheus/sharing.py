"""How several processes have one set of metrics: prometheus_client keeps each one's values in files of one folder.

The library decides at its import, by the environment, whether values are kept in files. So the folder is there, and
named, before the processes that share it are started; the process that starts them keeps its own values to itself.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

FOLDER = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def shared_folder() -> Iterator[Path]:
    """A folder of one's own, which the processes started in the meantime share."""
    with tempfile.TemporaryDirectory(prefix="flowtrack-metrics-") as folder:
        os.environ[FOLDER] = folder
        try:
            yield Path(folder)
        finally:
            del os.environ[FOLDER]


def forget_dead(folder: Path) -> None:
    """Drops what says how a process is, where the process is no more. What it counted still counts."""
    for path in folder.glob("gauge_live*_*.db"):
        process = int(path.stem.rpartition("_")[2])
        try:
            os.kill(process, 0)
        except (ProcessLookupError, PermissionError):
            # Somebody else's process by that number is not ours either.
            mark_process_dead(process, str(folder))  # type: ignore[no-untyped-call]
