from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID


class ActivityView(NamedTuple):
    """What somebody did, as a screen shows it. `seq` is its position in the log; `user_id` None: nobody, but FlowTrack
    itself. Of what was done to a task, or said about it, `task_key` and `task_title` say which: as the task stands now,
    where the reader sees it, else as it was told then.
    """

    seq: str
    user_id: UUID | None
    user_name: str | None
    action: str
    entity: str
    entity_id: str | None
    task_key: str | None
    task_title: str | None
    project_id: UUID | None
    changes: dict[str, Any]
    timestamp: datetime
