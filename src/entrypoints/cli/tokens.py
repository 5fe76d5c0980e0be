"""`flowtrack token`: API tokens, as the operator makes, lists and revokes them."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer

from core.kernel.actor import System
from core.tokens.model import USUAL, Expiry, Scope
from entrypoints.cli.operating import asked

token = typer.Typer(name="token", help="Make, list and revoke API tokens.", no_args_is_help=True)
Company = Annotated[str, typer.Option(help="The code of the company.")]


@token.command("create")
def create_token(
    company: Company,
    user: Annotated[str, typer.Option(help="The username of the service user.")],
    scope: Annotated[list[Scope], typer.Option(help="What it is good for; may be repeated.")],
    name: Annotated[str, typer.Option(help="What it is for.")] = "Made by the operator",
    days: Annotated[int | None, typer.Option(min=1, max=366, help="For how long it works; else 90 days.")] = None,
    forever: Annotated[bool, typer.Option("--forever", help="It works until it is revoked.")] = False,
) -> None:
    """Makes an API token for a service user, and prints it this once."""
    if forever and days is not None:
        raise typer.BadParameter("--days and --forever exclude each other")
    expires_at: Expiry = USUAL
    if forever:
        expires_at = None
    elif days is not None:
        expires_at = datetime.now(UTC) + timedelta(days=days)
    made = asked(
        lambda container: container.token_operator_use_cases().create(
            System(), company=company, username=user, name=name, scopes=tuple(scope), expires_at=expires_at
        )
    )
    print(f"flowtrack: made {made.token.id}   {_until(made.token.expires_at)}", flush=True)
    print(made.secret, flush=True)


@token.command("list")
def list_tokens(company: Company) -> None:
    """Lists all API tokens of a company: id, state, how it begins, last use, holder, name, scopes."""
    for each in asked(lambda container: container.token_operator_use_cases().tokens(System(), company=company)):
        shown = each.token
        used = f"used {shown.last_used_at:%Y-%m-%d %H:%M}" if shown.last_used_at else "never used"
        print(
            f"{shown.id}   {shown.status:<8} {shown.hint}   {_until(shown.expires_at)}   {used}"
            f"   {each.username}   {shown.name}   {' '.join(shown.scopes)}"
        )


@token.command("revoke")
def revoke_token(token_id: Annotated[UUID, typer.Argument(help="The token's id.", show_default=False)]) -> None:
    """Revokes an API token; it stops working at once."""
    revoked = asked(lambda container: container.token_operator_use_cases().revoke(System(), token_id))
    print(f"flowtrack: {revoked.id} is {revoked.status}", flush=True)


def _until(expires_at: datetime | None) -> str:
    return f"until {expires_at:%Y-%m-%d}" if expires_at else "until it is revoked"
