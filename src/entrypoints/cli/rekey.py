"""`flowtrack rekey`."""

import asyncio
from typing import Annotated

import typer

from core.auth.model import IDLE
from core.kernel.actor import System
from entrypoints.cli.starting import database
from entrypoints.container import Container, check_database, make_container, reseal
from entrypoints.settings import load_settings
from entrypoints.telemetry import configure_logging


def rekey(
    rotate_signing_key: Annotated[
        bool, typer.Option("--rotate-signing-key", help="Also make a new key for access tokens.")
    ] = False,
) -> None:
    """Seals with FLOWTRACK_SECRET_KEY what was sealed with FLOWTRACK_SECRET_KEY_PREVIOUS. Safe to run again.

    A running server takes a new signing key up by itself; tokens of the one before are accepted until they expire.
    """
    configure_logging()
    settings = load_settings()
    with database(settings) as urls:
        check_database(urls.application)
        container = make_container(settings, database_url=urls.application)
        if rotate_signing_key:
            is_lost = asyncio.run(_rotate(container))
            print("flowtrack: access tokens are signed with a new key", flush=True)
            if is_lost:
                print(
                    "flowtrack: the key of the audit is lost: what was noted until now can be proved no more",
                    flush=True,
                )
        for done in reseal(urls.application, container.sealer()):
            print(f"flowtrack: {done.column}: {done.anew} sealed anew, {done.already} had no need of it", flush=True)
    if settings.secret_key_previous is not None:
        print(
            "flowtrack: FLOWTRACK_SECRET_KEY_PREVIOUS can be left out once every server has worked with the new key "
            f"for {IDLE.days} days. Sooner, devices that have not been used since have to sign in again.",
            flush=True,
        )


async def _rotate(container: Container) -> bool:
    """Makes new keys where it must; whether the audit's was lost."""
    await container.database().open()
    try:
        await container.key_ring().rotate()
        return await container.audit_chain_use_cases().begin_anew(System())
    finally:
        await container.database().close()
