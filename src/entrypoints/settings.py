"""The only reader of the environment: every setting, its default, and what is refused."""

import re
from collections.abc import Iterator
from email.utils import formataddr, parseaddr
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from core.kernel.limits import Limit
from core.oidc.ports import InstanceProvider
from entrypoints.oidc_settings import instance_providers
from entrypoints.variables import PREFIX, SECRETS, SettingsRefused, Variables, variable_of


class Environment(StrEnum):
    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


class Registration(StrEnum):
    """Who may open an account: anybody, whoever was invited, or nobody."""

    OPEN = "open"
    INVITATION = "invitation"
    CLOSED = "closed"


SECRET_LENGTH = 32

_RATE = re.compile(r"([1-9][0-9]{0,8})/(second|minute|min|hour|day)")
_LIMITS = ("session", "company", "address", "login", "register", "password", "webhook_test")
_SENDER = re.compile(r"[^\s@<>\"]+@[^\s@<>\"]+")
_SECONDS = {"second": 1, "minute": 60, "min": 60, "hour": 3600, "day": 86_400}


def _rate(value: str) -> str:
    if not _RATE.fullmatch(value):
        raise ValueError("a rate is a number and a span, such as 600/min; spans are second, min, hour and day")
    return value


Rate = Annotated[str, AfterValidator(_rate)]

Sampler = Literal[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
]


class Settings(BaseSettings):
    """The settings, read from variables that begin with FLOWTRACK_, from PORT, and from those of OpenTelemetry."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )

    environment: Environment = Environment.DEVELOPMENT
    data_dir: Path = Path("data")
    database_url: SecretStr | None = None
    migration_database_url: SecretStr | None = None
    direct_database_url: SecretStr | None = None
    database_prepared_statements: bool = True
    secret_key: SecretStr | None = None
    secret_key_previous: SecretStr | None = None
    public_url: str = ""
    host: str = "127.0.0.1"
    port: int = Field(default=8000, validation_alias="PORT", ge=1, le=65535)
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    registration: Registration = Registration.OPEN
    allow_embedded: bool = False
    redis_url: SecretStr | None = None
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    # For so many days events stay in the log; None: for ever.
    events_keep_days: int | None = Field(default=None, ge=1, le=36500)
    rate_limits_enabled: bool = True
    rate_limit_session: Rate = "600/min"
    rate_limit_company: Rate = "6000/min"
    rate_limit_address: Rate = "60/min"
    rate_limit_login: Rate = "10/min"
    rate_limit_register: Rate = "30/hour"
    rate_limit_password: Rate = "10/min"  # noqa: S105  (no secret)
    rate_limit_webhook_test: Rate = "30/min"
    smtp_host: str = ""
    smtp_port: int | None = Field(default=None, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_username: str = ""
    smtp_password: SecretStr | None = None
    smtp_from: str = ""
    workers: int = Field(default=1, ge=1, le=64)
    jobs_in_server: bool = True
    # Where a process of `flowtrack worker` answers probes; None: nowhere.
    worker_port: int | None = Field(default=None, ge=1, le=65535)
    metrics_token: SecretStr | None = None
    oidc_providers: SecretStr | None = None
    oidc_redirect_allow: Annotated[tuple[str, ...], NoDecode] = ()
    oidc_private_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    otel_exporter_otlp_endpoint: str = Field(default="", validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    otel_exporter_otlp_traces_endpoint: str = Field(default="", validation_alias="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    otel_exporter_otlp_protocol: Literal["http/protobuf"] = Field(
        default="http/protobuf", validation_alias="OTEL_EXPORTER_OTLP_PROTOCOL"
    )
    otel_service_name: str = Field(default="flowtrack", validation_alias="OTEL_SERVICE_NAME")
    otel_traces_sampler: Sampler = Field(default="parentbased_always_on", validation_alias="OTEL_TRACES_SAMPLER")
    otel_traces_sampler_arg: float = Field(default=1.0, validation_alias="OTEL_TRACES_SAMPLER_ARG", ge=0.0, le=1.0)
    otel_sdk_disabled: bool = Field(default=False, validation_alias="OTEL_SDK_DISABLED")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (the name is pydantic's)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given in code goes before the environment, and that before `.env`."""
        return init_settings, Variables(settings_cls, env_settings), Variables(settings_cls, dotenv_settings)

    @field_validator("smtp_port", "events_keep_days", "worker_port", *(name.lower() for name in SECRETS), mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("smtp_from")
    @classmethod
    def _is_sender(cls, value: str) -> str:
        name, address = parseaddr(value)
        if value and not (_SENDER.fullmatch(address) and value.isprintable()):
            raise ValueError("an address, perhaps with a name, such as FlowTrack <flowtrack@example.com>")
        return formataddr((name, address)) if value else ""

    @field_validator("otel_exporter_otlp_endpoint", "otel_exporter_otlp_traces_endpoint")
    @classmethod
    def _is_address(cls, value: str) -> str:
        found = urlsplit(value)
        if value and (found.scheme not in ("http", "https") or not found.hostname):
            raise SettingsRefused(
                "OTEL_EXPORTER_OTLP_ENDPOINT must be the address of a collector that takes OTLP over HTTP, for example "
                "http://localhost:4318"
            )
        return value

    @field_validator("public_url")
    @classmethod
    def _is_page(cls, value: str) -> str:
        try:
            found = urlsplit(value)
            is_whole = found.scheme in ("http", "https") and bool(found.hostname) and found.port != 0
        except ValueError:
            is_whole = False
        if value and not is_whole:
            raise SettingsRefused(
                "FLOWTRACK_PUBLIC_URL must be the http:// or https:// address that browsers reach the product at, for "
                "example https://flowtrack.example.com"
            )
        return value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            # Browsers name no path; one slash at the end is what people copy with the address.
            value = tuple(_origin(each) if urlsplit(each).path in ("", "/") else each for each in _listed(value))
        if isinstance(value, tuple) and any("*" in origin for origin in value):
            raise SettingsRefused(
                "FLOWTRACK_CORS_ORIGINS must name each origin in full, without *: cookies are sent along with requests."
            )
        return value

    @field_validator("oidc_providers")
    @classmethod
    def _readable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            instance_providers(value.get_secret_value())
        return value

    @field_validator("oidc_redirect_allow", mode="before")
    @classmethod
    def _pages(cls, value: object) -> object:
        pages = tuple(_listed(value)) if isinstance(value, str) else value
        for each in pages if isinstance(pages, tuple) else ():
            parts = urlsplit(each)
            if parts.scheme not in ("http", "https") or not parts.hostname or "*" in each or parts.query:
                raise ValueError("addresses in full, separated by commas; one that ends with / allows all below it")
        return pages

    @field_validator("trusted_proxies", "oidc_private_networks", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return tuple(ip_network(each.strip(), strict=False) for each in value.split(",") if each.strip())
        except ValueError:
            raise ValueError("networks or addresses separated by commas, such as 10.0.0.0/8, ::1") from None

    @field_validator("redis_url")
    @classmethod
    def _reachable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value.get_secret_value())
            is_whole = bool(parts.path if parts.scheme == "unix" else parts.hostname and parts.port != 0)
        except ValueError:
            is_whole = False
        if not is_whole or parts.scheme not in ("redis", "rediss", "unix"):
            raise ValueError("a URL such as redis://:password@host:6379/0, rediss://... or unix:///path/to/socket")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.public_url:
            self.public_url = f"http://localhost:{self.port}"
        self.public_url = self.public_url.rstrip("/")
        if self.migration_database_url is not None and self.database_url is None:
            raise SettingsRefused(
                "FLOWTRACK_MIGRATION_DATABASE_URL is set, and FLOWTRACK_DATABASE_URL is not: name the same database "
                "there, with the role that the server works under, for example postgresql://flowtrack_app:...@host/flowtrack"
            )
        return self

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Self:
        if not self.smtp_host:
            return self
        if not self.smtp_from:
            raise SettingsRefused(
                "FLOWTRACK_SMTP_HOST is set, and FLOWTRACK_SMTP_FROM is not: whom mail is from, for example FlowTrack "
                "<flowtrack@example.com>"
            )
        if bool(self.smtp_username) != (self.smtp_password is not None):
            raise SettingsRefused(
                "FLOWTRACK_SMTP_USERNAME and FLOWTRACK_SMTP_PASSWORD belong together: set both, or leave both out"
            )
        return self

    @property
    def is_embedded(self) -> bool:
        """Whether the server brings its own PostgreSQL."""
        return self.database_url is None

    @property
    def is_https(self) -> bool:
        """Whether browsers reach the product by HTTPS, so that cookies are bound to it."""
        return urlsplit(self.public_url).scheme == "https"

    @property
    def own_origin(self) -> str:
        """How browsers name the pages of the product in `Origin`."""
        return _origin(self.public_url)

    def oidc_redirects(self) -> tuple[str, ...]:
        """Where browsers may be sent after signing in at a provider; without one named, the usual one comes first."""
        return self.oidc_redirect_allow or (f"{self.public_url}/",)

    def instance_providers(self) -> tuple[InstanceProvider, ...]:
        """The providers that sign everyone in."""
        return instance_providers(self.oidc_providers.get_secret_value()) if self.oidc_providers is not None else ()

    @property
    def totp_issuer(self) -> str:
        """What authenticators call the installation, so that of two of them neither takes the other's place."""
        return f"FlowTrack {urlsplit(self.public_url).hostname}"

    def rate_limits(self) -> tuple[Limit, ...]:
        """All of them."""
        return tuple(map(self.limit, _LIMITS))

    def limit(self, name: str) -> Limit:
        """One of the rate limits, by what of its setting follows RATE_LIMIT_."""
        most, _, span = getattr(self, f"rate_limit_{name}").partition("/")
        return Limit(name=name, most=int(most), seconds=_SECONDS[span])

    @property
    def traces_endpoint(self) -> str:
        """Where spans are sent to; empty where requests are not traced."""
        if self.otel_sdk_disabled:
            return ""
        base = self.otel_exporter_otlp_endpoint.rstrip("/")
        return self.otel_exporter_otlp_traces_endpoint or (f"{base}/v1/traces" if base else "")

    def secret_keys(self) -> tuple[str, ...]:
        """The installation's key, and after it the one that it replaced, if there was one."""
        keys = (self.secret_key, self.secret_key_previous)
        return tuple(key.get_secret_value() for key in keys if key is not None)

    def refuse_unsafe(self) -> None:
        """Raises SettingsRefused for what must not be in production, with the setting that mends it."""
        for refusal in self.unsafe():
            raise SettingsRefused(refusal)

    def unsafe(self) -> Iterator[str]:
        """All that must not be in production."""
        if self.environment is not Environment.PRODUCTION:
            return
        if self.secret_key is None:
            yield (
                "FLOWTRACK_SECRET_KEY is missing, and in production none is generated. Make one with "
                "`openssl rand -base64 48` and keep it: stored secrets cannot be opened without it."
            )
        elif len(self.secret_key.get_secret_value()) < SECRET_LENGTH:
            yield "FLOWTRACK_SECRET_KEY needs 32 characters; `openssl rand -base64 48` makes one."
        if self.is_embedded and not self.allow_embedded:
            yield (
                "FLOWTRACK_DATABASE_URL is missing. In production name a PostgreSQL 15 to 18, or set "
                "FLOWTRACK_ALLOW_EMBEDDED=true to use the embedded one."
            )
        if not self.is_https:
            yield "FLOWTRACK_PUBLIC_URL must begin with https:// in production: cookies are bound to it."


def secret_files() -> dict[str, Path]:
    """The files that FLOWTRACK_X_FILE variables name, by variable. Raises OSError and ValueError for a bad `.env`."""
    named = {f"{PREFIX}{secret}_FILE" for secret in SECRETS}
    found: dict[str, Path] = {}
    for source in (DotEnvSettingsSource(Settings), EnvSettingsSource(Settings)):
        given = {name.upper(): value for name, value in source.env_vars.items() if value}
        found |= {name: Path(path) for name, path in given.items() if name in named and path}
    return found


def _listed(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _origin(url: str) -> str:
    """Scheme, host and port of an address as browsers write them: in small letters, without the usual port."""
    parts = urlsplit(url.lower())
    usual = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return f"{parts.scheme}://{parts.netloc.removesuffix(usual)}" if parts.netloc else url


def load_settings() -> Settings:
    """Reads the environment and `.env`. Raises SettingsRefused, naming the variable."""
    try:
        return Settings()
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise SettingsRefused("; ".join(f"{variable_of(each['loc'][0])}: {each['msg']}" for each in faults)) from None
    except OSError as error:
        raise SettingsRefused(f".env cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsRefused(".env is not UTF-8 text") from None
