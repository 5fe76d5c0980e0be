"""Mail into files, for an installation that names no server: whoever runs it reads the links there."""

import asyncio
import logging
import re
from email.policy import SMTPUTF8
from pathlib import Path

from adapters.mail.writing import written
from adapters.system.secret_files import keep_secret
from core.mail.model import Delivery, Message

log = logging.getLogger("flowtrack.mail")

_SENDER = "FlowTrack <flowtrack@localhost>"


class FileMail:
    """One `.eml` a message, named by its id, so that a repeat takes its own place; for the eyes of its owner alone."""

    def __init__(self, *, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: Message) -> Delivery:
        try:
            await asyncio.to_thread(self._keep, message)
        except OSError as error:
            log.warning("a message could not be written into the data folder", extra={"reason": error.strerror})
            return Delivery.AWAY
        except ValueError as error:
            log.warning("a message cannot be written", extra={"message_id": message.id, "reason": type(error).__name__})
            return Delivery.REFUSED
        return Delivery.SENT

    def _keep(self, message: Message) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = re.sub(r"[^A-Za-z0-9._-]", "_", message.id.strip("<>").partition("@")[0]).lstrip(".")
        whole = written(message, sender=_SENDER).as_bytes(policy=SMTPUTF8.clone(linesep="\n"))
        keep_secret(self._folder / f"{name}.eml", whole.decode())
