"""The only reader of the environment: every setting, its default, and what is refused."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)


class Environment(StrEnum):
    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


class Registration(StrEnum):
    """Who may open an account: anybody, whoever was invited, or nobody."""

    OPEN = "open"
    INVITATION = "invitation"
    CLOSED = "closed"


class SettingsRefused(Exception):
    """A setting is missing or wrong. The message names it and says how to mend it, and never holds its value."""


SECRET_LENGTH = 32

_PREFIX = "FLOWTRACK_"
_OF_TESTS = "FLOWTRACK_TEST_"
_SECRETS = ("DATABASE_URL", "MIGRATION_DATABASE_URL", "SECRET_KEY", "SECRET_KEY_PREVIOUS")


class Settings(BaseSettings):
    """The settings, read from variables that begin with FLOWTRACK_, and from PORT."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_file=".env", extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )

    environment: Environment = Environment.DEVELOPMENT
    data_dir: Path = Path("data")
    database_url: SecretStr | None = None
    migration_database_url: SecretStr | None = None
    database_prepared_statements: bool = True
    secret_key: SecretStr | None = None
    secret_key_previous: SecretStr | None = None
    public_url: str = ""
    host: str = "127.0.0.1"
    port: int = Field(default=8000, validation_alias="PORT", ge=1, le=65535)
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    registration: Registration = Registration.OPEN
    allow_embedded: bool = False

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
        return init_settings, _Variables(settings_cls, env_settings), _Variables(settings_cls, dotenv_settings)

    @field_validator("database_url", "migration_database_url", "secret_key", "secret_key_previous", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            value = tuple(origin.strip().rstrip("/") for origin in value.split(",") if origin.strip())
        if isinstance(value, tuple) and any("*" in origin for origin in value):
            raise SettingsRefused(
                "FLOWTRACK_CORS_ORIGINS must name each origin in full, without *: cookies are sent along with requests."
            )
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

    @property
    def is_embedded(self) -> bool:
        """Whether the server brings its own PostgreSQL."""
        return self.database_url is None

    @property
    def is_https(self) -> bool:
        """Whether browsers reach the product by HTTPS, so that cookies are bound to it."""
        return urlsplit(self.public_url).scheme == "https"

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


class _Variables(PydanticBaseSettingsSource):
    """The variables of one place, the environment or `.env`.

    `FLOWTRACK_X_FILE` names a file that holds the secret FLOWTRACK_X. A name that is none of ours is refused: it is
    a setting misspelt, or one that this release does not have.
    """

    def __init__(self, settings_cls: type[BaseSettings], found: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        assert isinstance(found, EnvSettingsSource)
        self._found = found
        self._known = {_variable(field.validation_alias or name) for name, field in settings_cls.model_fields.items()}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self._found.get_field_value(field, field_name)

    def __call__(self) -> dict[str, Any]:
        given = {name.upper(): value for name, value in self._found.env_vars.items()}
        files = {f"{_PREFIX}{secret}_FILE": secret for secret in _SECRETS}
        unknown = sorted(
            name
            for name in given
            if name.startswith(_PREFIX) and not name.startswith(_OF_TESTS) and name not in self._known | files.keys()
        )
        if unknown:
            raise SettingsRefused(f"{', '.join(unknown)}: no setting of that name; .env.example lists them all.")
        values = dict(self._found())
        for name, secret in files.items():
            if not (path := given.get(name)):
                continue
            if given.get(f"{_PREFIX}{secret}"):
                raise SettingsRefused(f"{_PREFIX}{secret} and {name} are both set; leave one of them out.")
            values[secret.lower()] = _content(name, Path(path))
        return values


def secret_files() -> dict[str, Path]:
    """The files that FLOWTRACK_X_FILE variables name, by variable. Raises OSError and ValueError for a bad `.env`."""
    named = {f"{_PREFIX}{secret}_FILE" for secret in _SECRETS}
    found: dict[str, Path] = {}
    for source in (DotEnvSettingsSource(Settings), EnvSettingsSource(Settings)):
        given = {name.upper(): value for name, value in source.env_vars.items() if value}
        found |= {name: Path(path) for name, path in given.items() if name in named and path}
    return found


def _content(variable: str, path: Path) -> str:
    """What a secret's file holds. The messages leave the path out too: it may be a secret in the wrong place."""
    try:
        content = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsRefused(f"{variable} names a file that cannot be read: {error.strerror}") from None
    except ValueError:
        raise SettingsRefused(f"{variable} names a file that is not UTF-8 text") from None
    if not content:
        raise SettingsRefused(f"{variable} names a file that is empty")
    return content


def _variable(name: object) -> str:
    """The variable of a field: PORT has no prefix, since hosting platforms set it."""
    return "PORT" if name in ("port", "PORT") else f"{_PREFIX}{name}".upper()


def load_settings() -> Settings:
    """Reads the environment and `.env`. Raises SettingsRefused, naming the variable."""
    try:
        return Settings()
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise SettingsRefused("; ".join(f"{_variable(each['loc'][0])}: {each['msg']}" for each in faults)) from None
    except OSError as error:
        raise SettingsRefused(f".env cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsRefused(".env is not UTF-8 text") from None
