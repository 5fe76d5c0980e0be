from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.audit.model import EMPTY, AuditEvent, Defect, Examination, Head, digest_of, plain, proof

KEY = b"k" * 32
COMPANY = UUID(int=7)
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def event(**fields: object) -> AuditEvent:
    kept = {
        "company_id": COMPANY, "id": uuid4(), "type": "role.changed", "at": AT, "actor_id": None, "via": "session",
        "session_id": None, "token_id": None, "request_id": None, "details": {"old": "member"}, "address": "192.0.2.7",
        "agent": None, "personal": {"name": "Ann"}, "salt": b"salt", "erased_at": None, "coalesced_by": None,
        "number": None, "mac": None,
    } | fields  # fmt: skip
    digest = digest_of(b"salt", address=kept["address"], agent=kept["agent"], personal=kept["personal"])
    return AuditEvent(**{"digest": digest, **kept})


def chained(events: list[AuditEvent], *, after: Head = EMPTY) -> list[AuditEvent]:
    taken = []
    for each in events:
        after = proof(each, after=after, key=KEY)
        taken.append(each._replace(number=after.length, mac=after.mac))
    return taken


def examined(events: list[AuditEvent], expected: Head | None = None) -> Examination:
    examination = Examination(key=KEY, expected=expected)
    examination.look_at(events)
    examination.finish()
    return examination


CHAINS = st.integers(2, 12).map(lambda length: chained([event() for _ in range(length)]))


@given(chain=CHAINS, cut=st.integers(0, 12))
def test_a_chain_proves_itself_in_whatever_pieces_it_is_looked_at(chain: list[AuditEvent], cut: int) -> None:
    examination = Examination(key=KEY)
    examination.look_at(chain[:cut])
    examination.look_at(chain[cut:])
    examination.finish()
    assert examination.flaw is None
    assert examination.head == Head(len(chain), chain[-1].mac or b"")


@given(chain=CHAINS, place=st.integers(0, 11), data=st.data())
def test_whatever_is_altered_is_found_where_it_is(chain: list[AuditEvent], place: int, data: st.DataObject) -> None:
    place %= len(chain)
    name, value = data.draw(
        st.sampled_from(
            [
                ("type", "role.unchanged"), ("actor_id", UUID(int=1)), ("via", "system"), ("session_id", UUID(int=1)),
                ("token_id", UUID(int=1)), ("request_id", "r"), ("details", {}), ("digest", b""), ("mac", b""),
                ("at", datetime(2026, 11, 20, 9, 31, tzinfo=UTC)), ("id", UUID(int=1)), ("coalesced_by", "x"),
                ("company_id", UUID(int=8)), ("address", "192.0.2.8"), ("personal", {"name": "Bea"}),
            ]
        )
    )  # fmt: skip
    chain[place] = chain[place]._replace(**{name: value})
    flaw = examined(chain).flaw
    assert flaw is not None
    assert flaw.number == place + 1


@given(chain=CHAINS, place=st.integers(0, 11))
def test_what_is_taken_out_is_missed_unless_it_was_the_end(chain: list[AuditEvent], place: int) -> None:
    head = examined(chain).head
    place %= len(chain)
    del chain[place]
    flaw = examined(chain, expected=head).flaw
    assert flaw is not None
    assert (flaw.number, flaw.id) == (place + 1, None)
    assert flaw.defect is (Defect.CUT_OFF if place == len(chain) else Defect.MISSING)


def test_with_another_key_nothing_proves_itself() -> None:
    chain = chained([event()])
    examination = Examination(key=b"x" * 32)
    examination.look_at(chain)
    assert examination.flaw is not None


@pytest.mark.parametrize("left", [{"address": "192.0.2.7"}, {"personal": {"name": "Ann"}}, {"erased_at": None}])
def test_what_was_erased_is_well_only_if_all_of_it_is_gone(left: dict[str, object]) -> None:
    (whole,) = chained([event()])
    gone = whole._replace(address=None, agent=None, personal=None, salt=None, erased_at=AT)
    assert examined([gone]).flaw is None
    flaw = examined([gone._replace(**left)]).flaw
    assert flaw is not None
    assert flaw.defect is Defect.PERSONAL_ALTERED


def test_a_chain_that_went_on_still_holds_the_head_that_was_written_down() -> None:
    chain = chained([event() for _ in range(5)])
    assert examined(chain, expected=Head(3, chain[2].mac or b"")).flaw is None
    flaw = examined(chain, expected=Head(3, chain[3].mac or b"")).flaw
    assert flaw is not None
    assert (flaw.number, flaw.defect) == (3, Defect.REPLACED)


@given(chain=CHAINS, lost=st.integers(1, 12))
def test_of_what_the_key_was_lost_only_what_is_missing_is_found(chain: list[AuditEvent], lost: int) -> None:
    lost = min(lost, len(chain))
    examination = Examination(key=KEY, unproved=lost)
    examination.look_at([chain[0]._replace(type="altered"), *chain[1:]])
    assert examination.flaw is None
    assert examination.head == examined(chain).head
    examination = Examination(key=KEY, unproved=lost)
    examination.look_at(chain[1:])
    assert examination.flaw is not None
    assert examination.flaw.number == 1


def test_a_head_is_read_as_it_was_written() -> None:
    head = Head(12, b"\x01\xff")
    assert Head.read(str(head)) == head
    for text in ("12", "x:00", "12:xyz", ""):
        with pytest.raises(ValueError, match=r"."):
            Head.read(text)


def test_values_are_kept_as_json_carries_them() -> None:
    assert plain({"b": UUID(int=1), "a": (AT.date(), 1)}) == {
        "a": ["2026-11-20", 1],
        "b": "00000000-0000-0000-0000-000000000001",
    }
