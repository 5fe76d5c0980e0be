"""`flowtrack serve` as it is, but that no fact of its requests comes into the log: what the log's cost is held against."""

import sys

from adapters.sql.unit_of_work import SqlUnitOfWork
from core.kernel.events import Fact
from entrypoints.cli.main import main


def _forget(self: SqlUnitOfWork, *facts: Fact) -> None:
    """Writes nothing, and so tells nobody."""


if __name__ == "__main__":
    SqlUnitOfWork.record = _forget
    sys.argv[1:] = ["serve"]
    main()
