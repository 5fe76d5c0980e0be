"""Asking a name server for TXT records."""

import socket
import threading
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from adapters.dns.records import DnsDomainRecords

NAME = "_flowtrack.firm.example"
HELD = {NAME: ['"flowtrack-domain=abc"', '"in " "two parts"', '"other"'], "empty.example": []}


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    """A name server that holds some records; its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(0.1)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    asked, who = listening.recvfrom(4096)
                except TimeoutError:
                    continue
                question = dns.message.from_wire(asked)
                name = question.question[0].name
                answer = dns.message.make_response(question)
                answer.flags |= dns.flags.RA
                records = HELD.get(str(name).rstrip("."))
                if records is None:
                    answer.set_rcode(dns.rcode.NXDOMAIN)
                elif records:
                    answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *records))
                listening.sendto(answer.to_wire(), who)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        over.set()
        thread.join(timeout=60)


async def test_all_records_of_a_name_are_answered_their_parts_joined(server: int) -> None:
    records = DnsDomainRecords(nameservers=["127.0.0.1"], port=server)
    assert set(await records.texts(NAME)) == {"flowtrack-domain=abc", "in two parts", "other"}


@pytest.mark.parametrize("name", ["empty.example", "nowhere.example", "..", "x" * 64 + ".example"])
async def test_a_name_without_records_proves_nothing(server: int, name: str) -> None:
    assert await DnsDomainRecords(nameservers=["127.0.0.1"], port=server).texts(name) == ()


async def test_nor_does_a_server_that_does_not_answer() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        records = DnsDomainRecords(nameservers=["127.0.0.1"], port=silent.getsockname()[1], seconds=0.2)
        assert await records.texts(NAME) == ()
