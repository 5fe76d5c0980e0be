"""The providers of the whole installation, as the operator writes them down."""

from typing import Annotated
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from email_validator import EmailNotValidError, validate_email
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from core.oidc.ports import InstanceProvider, ProviderClient

EXAMPLE = '[{"name": "Example", "issuer": "https://login.example.com", "client_id": "...", "client_secret": "..."}]'


class _Provider(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    name: Annotated[str, Field(min_length=1, max_length=200)]
    issuer: Annotated[str, Field(min_length=1, max_length=500)]
    client_id: Annotated[str, Field(min_length=1, max_length=255)]
    client_secret: Annotated[str, Field(min_length=1)] | None = None
    email_domains: list[str] = []


_PROVIDERS = TypeAdapter(list[_Provider])


def instance_providers(written: str) -> tuple[InstanceProvider, ...]:
    """What FLOWTRACK_OIDC_PROVIDERS says. Raises ValueError, which names no value."""
    try:
        given = _PROVIDERS.validate_json(written)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(each) for each in first["loc"])
        raise ValueError(f"a list such as {EXAMPLE}; {place or 'it'}: {first['msg']}") from None
    for each in given:
        if urlsplit(each.issuer).scheme not in ("https", "http"):
            raise ValueError("each issuer is the https:// address of a provider")
    return tuple(
        InstanceProvider(
            # The same on every process and after every start, so that addresses of it may be kept.
            id=uuid5(NAMESPACE_URL, f"{each.issuer} {each.client_id}"),
            name=each.name,
            client=ProviderClient(issuer=each.issuer, client_id=each.client_id, client_secret=each.client_secret),
            email_domains=tuple(_as_in_addresses(domain) for domain in each.email_domains),
        )
        for each in given
    )


def _as_in_addresses(domain: str) -> str:
    """A domain as it stands in addresses: in lower case and IDNA form. Raises ValueError."""
    try:
        found = validate_email(
            f"postmaster@{domain.strip().removesuffix('.')}", check_deliverability=False, test_environment=True
        )
    except EmailNotValidError:
        raise ValueError("each of email_domains is a domain, such as example.com") from None
    return found.ascii_domain.lower()
