"""The part of the composition root that mails. Only the container takes it up."""

from importlib import import_module
from typing import Any

from dependency_injector import containers, providers

from adapters.mail.files import FileMail
from adapters.sql.connection import Database
from adapters.sql.digests import SqlDigestPosts
from adapters.sql.posting import SqlAccountPosts, SqlCompanyPosts
from core.auth.ports import LinkTokens
from core.auth.use_cases.following import LetterLimits
from core.kernel.ports import Clock, Ids
from core.mail.use_cases import DigestUseCases, MailUseCases
from core.mail.wording import Wording
from entrypoints.settings import Settings


def mail_of(settings: Settings) -> Any:
    """By what mail leaves: the server that is named, or files in the data folder."""
    if not settings.smtp_host:
        return FileMail(folder=settings.data_dir / "mail")
    password = settings.smtp_password
    # By name, and only where a server is named.
    return import_module("adapters.mail.smtp").SmtpMail(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        username=settings.smtp_username or None,
        password=password.get_secret_value() if password is not None else None,
        sender=settings.smtp_from,
    )


async def mail_refusal(settings: Settings) -> str | None:
    """What stands in the way of sending mail by the server that is named; None if nothing does, or none is."""
    mail = mail_of(settings)
    found: str | None = None if isinstance(mail, FileMail) else await mail.refusal()
    return found


class MailContainer(containers.DeclarativeContainer):
    """What leaves as mail."""

    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    link_tokens: providers.Dependency[LinkTokens] = providers.Dependency()
    letter_limits: providers.Dependency[LetterLimits] = providers.Dependency(instance_of=LetterLimits)
    clock: providers.Dependency[Clock] = providers.Dependency()
    ids: providers.Dependency[Ids] = providers.Dependency()

    carrier = providers.Singleton(mail_of, settings)
    wording = providers.Singleton(Wording, public_url=settings.provided.public_url)
    digest_use_cases = providers.Singleton(
        DigestUseCases,
        mail=carrier,
        posts=providers.Singleton(SqlDigestPosts, database),
        wording=wording,
        clock=clock,
    )
    use_cases = providers.Singleton(
        MailUseCases,
        mail=carrier,
        companies=providers.Factory(SqlCompanyPosts, database),
        accounts=providers.Factory(SqlAccountPosts, database),
        links=link_tokens,
        letters=letter_limits,
        wording=wording,
        clock=clock,
        ids=ids,
    )
