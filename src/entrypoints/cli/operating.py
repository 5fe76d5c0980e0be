"""`flowtrack purge`, `flowtrack company` and `flowtrack user`: what the operator does across companies."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, TypeVar

import typer

from core.kernel.actor import System
from entrypoints.cli.starting import database
from entrypoints.container import Container, check_database, make_container
from entrypoints.settings import load_settings
from entrypoints.telemetry import configure_logging

Answer = TypeVar("Answer")

company = typer.Typer(name="company", help="Open and list companies.", no_args_is_help=True)
user = typer.Typer(name="user", help="Help people back in.", no_args_is_help=True)


def purge() -> None:
    """Removes for good what was deleted or has ended more than 30 days ago, as a server does every hour."""
    purged = asked(lambda container: container.purge_use_cases().purge(System()))
    if purged is None:
        print("flowtrack: another process is purging at this moment", flush=True)
        return
    for name, count in asdict(purged).items():
        print(f"flowtrack: {count} {name.replace('_', ' ')}", flush=True)


@company.command("create")
def create_company(
    name: Annotated[str, typer.Option(help="What the company is called.")],
    owner: Annotated[str, typer.Option(help="The e-mail address of its owner.")],
    owner_name: Annotated[str | None, typer.Option(help="The owner's name; else made from the address.")] = None,
) -> None:
    """Opens a company, whatever FLOWTRACK_REGISTRATION says, and prints how its owner signs in."""
    password = secrets.token_urlsafe(12)
    opened = asked(
        lambda container: container.operator_use_cases().create_company(
            System(), name=name, owner=owner, owner_name=owner_name, temporary_password=password
        )
    )
    signs_in = f"temporary password: {password}" if opened.password_is_new else "with the password that they have"
    print(f"flowtrack: opened {opened.code}   id: {opened.id}   owner: {opened.email}   {signs_in}", flush=True)


@company.command("list")
def list_companies() -> None:
    """Lists all companies: code, how many active people, since when, name."""
    for each in asked(lambda container: container.operator_use_cases().companies(System())):
        state = f"   deleted {each.deleted_at:%Y-%m-%d}" if each.deleted_at else "" if each.is_active else "   inactive"
        print(f"{each.code:<40} {each.people:>6} {each.created_at:%Y-%m-%d}   {each.id}   {each.name}{state}")


@company.command("verify-domain")
def verify_domain(
    code: Annotated[str, typer.Argument(help="The code of the company.", show_default=False)],
    domain: Annotated[str, typer.Argument(help="A domain that is the company's own.", show_default=False)],
) -> None:
    """Takes a domain for a company's own, whatever the DNS says: its OpenID providers may speak for its addresses."""
    proved = asked(
        lambda container: container.email_domain_use_cases().vouch(System(), company_code=code, domain=domain)
    )
    print(f"flowtrack: {proved.domain} is proved to be {code}'s", flush=True)


@user.command("reset-password")
def reset_password(
    email: Annotated[str, typer.Argument(help="The address of the account.", show_default=False)],
) -> None:
    """Gives an account a temporary password, prints it once, and signs all its devices out."""
    password = secrets.token_urlsafe(12)
    address = asked(
        lambda container: container.operator_use_cases().reset_password(System(), email, temporary_password=password)
    )
    print(f"flowtrack: {address}   temporary password: {password}", flush=True)


@user.command("reset-factor")
def reset_factor(
    email: Annotated[str, typer.Argument(help="The address of the account.", show_default=False)],
) -> None:
    """Takes the second factor of an account away, and signs all its devices out. Be sure who asks for it."""
    address = asked(lambda container: container.operator_use_cases().reset_factor(System(), email))
    print(f"flowtrack: {address}   signs in with the password alone from now on", flush=True)


def asked(ask: Callable[[Container], Awaitable[Answer]]) -> Answer:
    """What a use case answers, asked of this installation's database."""
    configure_logging()
    settings = load_settings()
    with database(settings) as urls:
        check_database(urls.application)
        return asyncio.run(_opened(make_container(settings, database_url=urls.application), ask))


async def _opened(container: Container, ask: Callable[[Container], Awaitable[Answer]]) -> Answer:
    await container.database().open()
    try:
        return await ask(container)
    finally:
        await container.database().close()
