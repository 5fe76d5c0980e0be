"""How settings are named in the environment and in `.env`, and what is refused there."""

from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

PREFIX = "FLOWTRACK_"
_OF_TESTS = "FLOWTRACK_TEST_"
SECRETS = (
    "DATABASE_URL",
    "MIGRATION_DATABASE_URL",
    "DIRECT_DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "SECRET_KEY_PREVIOUS",
    "METRICS_TOKEN",
    "SMTP_PASSWORD",
    "OIDC_PROVIDERS",
)
_OF_TRACES = "OTEL_"


class SettingsRefused(Exception):
    """A setting is missing or wrong. The message names it and says how to mend it, and never holds its value."""


class Variables(PydanticBaseSettingsSource):
    """The variables of one place, the environment or `.env`.

    `FLOWTRACK_X_FILE` names a file that holds the secret FLOWTRACK_X. A name that is none of ours is refused: it is
    a setting misspelt, or one that this release does not have.
    """

    def __init__(self, settings_cls: type[BaseSettings], found: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        assert isinstance(found, EnvSettingsSource)
        self._found = found
        self._known = {variable_of(field.validation_alias or name) for name, field in settings_cls.model_fields.items()}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self._found.get_field_value(field, field_name)

    def __call__(self) -> dict[str, Any]:
        given = {name.upper(): value for name, value in self._found.env_vars.items()}
        files = {f"{PREFIX}{secret}_FILE": secret for secret in SECRETS}
        unknown = sorted(
            name
            for name in given
            if name.startswith(PREFIX) and not name.startswith(_OF_TESTS) and name not in self._known | files.keys()
        )
        if unknown:
            raise SettingsRefused(f"{', '.join(unknown)}: no setting of that name; .env.example lists them all.")
        # OpenTelemetry has it that an empty variable is one that is not set.
        values = {
            name: value
            for name, value in self._found().items()
            if value != "" or not variable_of(name).startswith(_OF_TRACES)
        }
        for name, secret in files.items():
            if not (path := given.get(name)):
                continue
            if given.get(f"{PREFIX}{secret}"):
                raise SettingsRefused(f"{PREFIX}{secret} and {name} are both set; leave one of them out.")
            values[secret.lower()] = _content(name, Path(path))
        return values


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


def variable_of(name: object) -> str:
    """The variable of a field: PORT has no prefix, since hosting platforms set it, nor what is OpenTelemetry's."""
    variable = str(name).upper()
    return variable if variable == "PORT" or variable.startswith(_OF_TRACES) else f"{PREFIX}{variable}"
