"""The only reader of the environment: every setting, its default, and what is refused."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


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
    """A setting is missing or wrong. The message names it and says how to mend it."""


_SECRETS = ("DATABASE_URL", "MIGRATION_DATABASE_URL", "SECRET_KEY", "SECRET_KEY_PREVIOUS")


class Settings(BaseSettings):
    """The settings, read from variables that begin with FLOWTRACK_, and from PORT."""

    model_config = SettingsConfigDict(env_prefix="FLOWTRACK_", env_file=".env", extra="ignore", populate_by_name=True)

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

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, given: dict[str, Any]) -> dict[str, Any]:
        """`FLOWTRACK_X_FILE` names a file that holds the secret FLOWTRACK_X."""
        for name in _SECRETS:
            path = os.environ.get(f"FLOWTRACK_{name}_FILE")
            if path and not given.get(name.lower()):
                given[name.lower()] = Path(path).read_text(encoding="utf-8").strip()
        return given

    @field_validator("database_url", "migration_database_url", "secret_key", "secret_key_previous", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(origin.strip().rstrip("/") for origin in value.split(",") if origin.strip())
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.public_url:
            self.public_url = f"http://localhost:{self.port}"
        self.public_url = self.public_url.rstrip("/")
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
        if self.environment is not Environment.PRODUCTION:
            return
        if self.secret_key is None:
            raise SettingsRefused(
                "FLOWTRACK_SECRET_KEY is missing, and in production none is generated. Make one with "
                "`openssl rand -base64 48` and keep it: stored secrets cannot be opened without it."
            )
        if len(self.secret_key.get_secret_value()) < 32:
            raise SettingsRefused("FLOWTRACK_SECRET_KEY needs 32 characters; `openssl rand -base64 48` makes one.")
        if self.is_embedded and not self.allow_embedded:
            raise SettingsRefused(
                "FLOWTRACK_DATABASE_URL is missing. In production name a PostgreSQL 15 to 18, or set "
                "FLOWTRACK_ALLOW_EMBEDDED=true to use the embedded one."
            )
        if not self.is_https:
            raise SettingsRefused(
                "FLOWTRACK_PUBLIC_URL must begin with https:// in production: cookies are bound to it."
            )


def load_settings() -> Settings:
    """Reads the environment. Raises SettingsRefused, naming the variable."""
    try:
        return Settings()
    except (ValueError, OSError) as error:
        raise SettingsRefused(f"A setting cannot be read: {error}") from error
