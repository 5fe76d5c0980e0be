import logging
from collections.abc import Sequence

import dns.asyncresolver
from dns.exception import DNSException

log = logging.getLogger("flowtrack.dns")


class DnsDomainRecords:
    """Asks the name servers that the machine is set up with, or those named."""

    def __init__(self, *, nameservers: Sequence[str] = (), port: int = 53, seconds: float = 5.0) -> None:
        self._nameservers = tuple(nameservers)
        self._port = port
        self._seconds = seconds

    async def texts(self, name: str) -> Sequence[str]:
        try:
            resolver = dns.asyncresolver.Resolver(configure=not self._nameservers)
            if self._nameservers:
                resolver.nameservers = list(self._nameservers)
                resolver.port = self._port
            answer = await resolver.resolve(name, "TXT", lifetime=self._seconds, search=False)
        except (DNSException, OSError) as error:
            # None there, or nobody answers: neither proves anything.
            log.info("no TXT records of %s: %s", name, type(error).__name__)
            return ()
        return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
