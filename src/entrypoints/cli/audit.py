"""`flowtrack audit`: the proof that nobody altered the record, and erasing what it tells of a person."""

import sys
from typing import Annotated

import typer

from core.audit.model import Head
from core.audit.read_models import Verified
from core.kernel.actor import System
from entrypoints.cli.operating import asked
from entrypoints.container import Container

audit = typer.Typer(name="audit", help="Prove and erase what the audit tells.", no_args_is_help=True)


@audit.command("verify")
def verify(
    company: Annotated[str | None, typer.Option(help="The code of one company; else all of them.")] = None,
    head: Annotated[
        str | None, typer.Option(help="What the log told of that company earlier, as COUNT:PROOF.", show_default=False)
    ] = None,
) -> None:
    """Examines every audit event against its proof, and names the first that was altered or is missing (exit code 1).

    An attacker who holds the database and the secret key could make a whole chain anew: compare it with a head that
    was written down elsewhere. Servers log the heads every hour, as `audit head`.
    """
    if head is not None and company is None:
        raise typer.BadParameter("a head is one company's: name it by --company", param_hint="--head")
    try:
        expected = Head.read(head) if head is not None else None
    except ValueError as error:
        raise typer.BadParameter("must be COUNT:PROOF, as `audit head` tells it", param_hint="--head") from error
    found = asked(lambda container: _verified(container, company, expected))
    for each in found:
        print(f"flowtrack: {_said(each)}", flush=True)
    if any(each.flaw is not None for each in found):
        sys.exit(1)


@audit.command("erase")
def erase(
    company: Annotated[str, typer.Option(help="The code of the company.")],
    person: Annotated[str, typer.Option(help="The person's username or address there.")],
) -> None:
    """Erases in a company's audit what tells of a person: addresses, programs, names. The events stay, and prove
    themselves as before.
    """
    count = asked(
        lambda container: container.audit_chain_use_cases().erase(System(), company_code=company, person=person)
    )
    print(f"flowtrack: erased in {count} events", flush=True)


async def _verified(container: Container, company: str | None, expected: Head | None) -> list[Verified]:
    # What was noted a moment ago is taken up first, so that it is examined too.
    chain = container.audit_chain_use_cases()
    await chain.extend(System())
    return [each async for each in chain.verify(System(), company_code=company, expected=expected)]


def _said(verified: Verified) -> str:
    name = verified.company_code or "(no company)"
    if verified.flaw is None:
        lost = f" (the first {verified.unproved} not: their key is lost)" if verified.unproved else ""
        return f"{name}: {verified.head.length} events prove themselves{lost}   head: {verified.head}"
    which = f" (id {verified.flaw.id})" if verified.flaw.id is not None else ""
    return f"{name}: event {verified.flaw.number}{which} is {verified.flaw.defect}"
