"""Checks of `flowtrack doctor`: how mail leaves."""

import asyncio
from collections.abc import Iterator

from core.operations.read_models import Finding
from entrypoints.cli.examination import Examination, failed, ok, warning
from entrypoints.container import mail_refusal

_FIXES = {
    "SMTPAuthenticationError": "mend FLOWTRACK_SMTP_USERNAME and FLOWTRACK_SMTP_PASSWORD",
    "SSLError": "FLOWTRACK_SMTP_HOST must be the name that the server's certificate is for, signed by one whom this "
    "machine trusts; SSL_CERT_FILE names more of these",
    "SMTPException": "the server offers no STARTTLS: set FLOWTRACK_SMTP_SECURITY to tls, or FLOWTRACK_SMTP_PORT to the "
    "one for submission, which is 587",
}
_UNREACHED = "start the server, mend FLOWTRACK_SMTP_HOST, FLOWTRACK_SMTP_PORT and FLOWTRACK_SMTP_SECURITY"


def mail(given: Examination) -> Iterator[Finding]:
    settings = given.settings
    if not settings.smtp_host:
        said = f"each message is written into {settings.data_dir.absolute() / 'mail'}, and nobody is sent any"
        fix = "FLOWTRACK_SMTP_HOST=smtp.example.com, FLOWTRACK_SMTP_FROM='FlowTrack <flowtrack@example.com>'"
        yield warning(said, fix) if given.is_production else ok(said)
        return
    if settings.smtp_security == "none" and settings.smtp_username:
        yield warning("the password of mail travels in clear", "FLOWTRACK_SMTP_SECURITY=starttls, or tls")
    refusal = asyncio.run(mail_refusal(settings))
    if refusal is None:
        yield ok("the mail server answers, and would take mail from us")
    else:
        yield failed(f"the mail server cannot be used: {refusal}", _FIXES.get(refusal, _UNREACHED))
