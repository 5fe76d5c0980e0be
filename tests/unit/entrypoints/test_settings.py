"""What the environment and .env may say, and how a mistake in them is told."""

import os
import json
from ipaddress import ip_network
from pathlib import Path

import pytest

from core.kernel.limits import Limit
from entrypoints.settings import Registration, load_settings
from entrypoints.variables import SettingsRefused

SECRET = "do-not-print-me-0123456789-0123456789"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith(("FLOWTRACK_", "OTEL_")) or name == "PORT":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


class Given:
    """Sets variables in one of the two places."""

    def __init__(self, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place, self._monkeypatch = place, monkeypatch

    def __call__(self, **variables: str) -> None:
        if self.place == ".env":
            Path(".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        else:
            for name, value in variables.items():
                self._monkeypatch.setenv(name, value)


@pytest.fixture(params=["environment", ".env"])
def given(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Given:
    return Given(request.param, monkeypatch)


def refusal() -> str:
    with pytest.raises(SettingsRefused) as refused:
        load_settings()
    return str(refused.value)


class TestSecretsInFiles:
    def test_a_file_may_hold_a_secret(self, given: Given) -> None:
        Path("kept").write_text(f"{SECRET}\n")
        given(FLOWTRACK_SECRET_KEY_FILE="kept")
        assert load_settings().secret_keys() == (SECRET,)

    def test_a_file_stands_in_for_an_empty_variable(self, given: Given) -> None:
        Path("kept").write_text("postgresql://app:pw@db/flowtrack")
        given(FLOWTRACK_DATABASE_URL="", FLOWTRACK_DATABASE_URL_FILE="kept")
        url = load_settings().database_url
        assert url is not None and url.get_secret_value() == "postgresql://app:pw@db/flowtrack"

    def test_an_empty_name_of_a_file_means_none(self, given: Given) -> None:
        given(FLOWTRACK_SECRET_KEY_FILE="")
        assert load_settings().secret_key is None

    def test_the_environment_goes_before_dotenv_file_or_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        Path("kept").write_text(SECRET)
        Path(".env").write_text("FLOWTRACK_SECRET_KEY=of-dotenv\n")
        monkeypatch.setenv("FLOWTRACK_SECRET_KEY_FILE", "kept")
        assert load_settings().secret_keys() == (SECRET,)

    def test_the_environments_secret_goes_before_a_file_of_dotenv(self, monkeypatch: pytest.MonkeyPatch) -> None:
        Path("kept").write_text("of-dotenv")
        Path(".env").write_text("FLOWTRACK_SECRET_KEY_FILE=kept\n")
        monkeypatch.setenv("FLOWTRACK_SECRET_KEY", SECRET)
        assert load_settings().secret_keys() == (SECRET,)

    def test_both_at_once_are_refused(self, given: Given) -> None:
        Path("kept").write_text(SECRET)
        given(FLOWTRACK_SECRET_KEY=SECRET, FLOWTRACK_SECRET_KEY_FILE="kept")
        said = refusal()
        assert "FLOWTRACK_SECRET_KEY_FILE" in said
        assert SECRET not in said

    @pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe" + SECRET.encode()])
    def test_a_file_that_cannot_be_read_is_refused_by_the_variables_name(
        self, given: Given, content: bytes | None
    ) -> None:
        if content is not None:
            Path("kept").write_bytes(content)
        given(FLOWTRACK_MIGRATION_DATABASE_URL_FILE="kept", FLOWTRACK_DATABASE_URL="postgresql://app@db/flowtrack")
        said = refusal()
        assert "FLOWTRACK_MIGRATION_DATABASE_URL_FILE" in said
        assert SECRET not in said
        assert "xff" not in said

    def test_a_secret_in_the_place_of_a_files_name_is_not_told(self, given: Given) -> None:
        given(FLOWTRACK_SECRET_KEY_FILE=SECRET)
        assert SECRET not in refusal()


class TestRefusals:
    @pytest.mark.parametrize(
        "name",
        ["FLOWTRACK_REGISTRATON", "FLOWTRACK_PORT_FILE", "FLOWTRACK_PORT", "FLOWTRACK_SECRET_KEY_FILES", "FLOWTRACK_"],
    )
    def test_an_unknown_variable_is_refused_by_name(self, given: Given, name: str) -> None:
        given(**{name: SECRET})
        said = refusal()
        assert name in said
        assert SECRET not in said

    def test_variables_of_others_and_of_the_tests_are_not_ours(self, given: Given) -> None:
        given(FLOWTRACK_TEST_SERVERS="wheels", SOMETHING_ELSE="1", FLOWTRACKER="1", PORT="8001")
        assert load_settings().port == 8001

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("FLOWTRACK_REGISTRATION", SECRET),
            ("FLOWTRACK_ENVIRONMENT", SECRET),
            ("FLOWTRACK_ALLOW_EMBEDDED", SECRET),
            ("PORT", SECRET),
            ("PORT", "70000"),
            ("FLOWTRACK_REDIS_URL", f"http://:{SECRET}@redis"),
            ("FLOWTRACK_REDIS_URL", f"redis://[{SECRET}"),
            ("FLOWTRACK_REDIS_URL", f"redis://{SECRET}:port@redis:port"),
            ("FLOWTRACK_TRUSTED_PROXIES", f"10.0.0.0/8, {SECRET}"),
            ("FLOWTRACK_TRUSTED_PROXIES", "10.0.0.0/33"),
            ("FLOWTRACK_OIDC_PRIVATE_NETWORKS", "10.0.0.0/33"),
            ("FLOWTRACK_OIDC_REDIRECT_ALLOW", "app.example.com"),
            ("FLOWTRACK_OIDC_REDIRECT_ALLOW", "https://*.example.com/"),
            ("FLOWTRACK_OIDC_REDIRECT_ALLOW", "https://app.example.com/, https:///x"),
            ("FLOWTRACK_OIDC_PROVIDERS", f"{SECRET}"),
            ("FLOWTRACK_OIDC_PROVIDERS", f'{{"client_secret": "{SECRET}"}}'),
            (
                "FLOWTRACK_OIDC_PROVIDERS",
                f'[{{"name": "x", "issuer": "https://x.example", "client_secret": "{SECRET}"}}]',
            ),
            ("FLOWTRACK_OIDC_PROVIDERS", '[{"name": "x", "issuer": "x.example", "client_id": "x"}]'),
            ("FLOWTRACK_RATE_LIMIT_SESSION", "700"),
            ("FLOWTRACK_RATE_LIMIT_SESSION", "00/hour"),
            ("FLOWTRACK_RATE_LIMIT_LOGIN", "10/fortnight"),
        ],
    )
    def test_a_wrong_value_is_told_by_its_variable_and_never_printed(self, given: Given, name: str, value: str) -> None:
        given(**{name: value})
        said = refusal()
        assert said.startswith(name)
        assert value not in said

    def test_the_owners_url_without_the_applications_is_refused(self, given: Given) -> None:
        given(FLOWTRACK_MIGRATION_DATABASE_URL=f"postgresql://owner:{SECRET}@db/flowtrack", FLOWTRACK_DATABASE_URL="")
        said = refusal()
        assert "FLOWTRACK_DATABASE_URL" in said
        assert SECRET not in said

    @pytest.mark.parametrize("origins", ["*", "https://app.example.com,*", "https://*.example.com"])
    def test_any_origin_is_refused_since_cookies_are_sent_along(self, given: Given, origins: str) -> None:
        given(FLOWTRACK_CORS_ORIGINS=origins)
        assert "FLOWTRACK_CORS_ORIGINS" in refusal()

    def test_a_dotenv_that_is_no_text_is_refused(self) -> None:
        Path(".env").write_bytes(b"FLOWTRACK_SECRET_KEY=\xff\xfe\n")
        said = refusal()
        assert ".env" in said
        assert "xff" not in said


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://Flow.Example/", "https://flow.example"),
        ("https://flow.example:443", "https://flow.example"),
        ("http://localhost:80", "http://localhost"),
        ("https://flow.example:80", "https://flow.example:80"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("", "http://localhost:8000"),
    ],
)
def test_origins_are_as_browsers_write_them(given: Given, address: str, origin: str) -> None:
    given(FLOWTRACK_PUBLIC_URL=address, FLOWTRACK_CORS_ORIGINS=address)
    settings = load_settings()
    assert settings.own_origin == origin
    assert settings.cors_origins == ((origin,) if address else ())


def test_an_origin_with_a_path_stays_as_it_is_for_the_doctor_to_see(given: Given) -> None:
    given(FLOWTRACK_PUBLIC_URL="https://Flow.Example/app", FLOWTRACK_CORS_ORIGINS="https://Flow.Example/app")
    settings = load_settings()
    assert settings.own_origin == "https://flow.example"
    assert settings.cors_origins == ("https://Flow.Example/app",)


@pytest.mark.parametrize(
    "url",
    [
        "flow.example",
        "https://",
        "ftp://flow.example",
        "https://flow.example:99999",
        "https://[::1",
        "javascript:x",
        "/x",
    ],
)
def test_a_public_url_that_browsers_cannot_open_is_refused(given: Given, url: str) -> None:
    given(FLOWTRACK_PUBLIC_URL=url)
    with pytest.raises(SettingsRefused, match="FLOWTRACK_PUBLIC_URL must be") as refused:
        load_settings()
    assert url not in str(refused.value).replace("https://flowtrack.example.com", "").replace("http:// or https://", "")


def test_dotenv_is_read(given: Given) -> None:
    given(FLOWTRACK_REGISTRATION="closed", FLOWTRACK_CORS_ORIGINS="https://a.example.com/, https://b.example.com")
    settings = load_settings()
    assert settings.registration is Registration.CLOSED
    assert settings.cors_origins == ("https://a.example.com", "https://b.example.com")


def test_rates_and_proxies_are_read(given: Given) -> None:
    given(FLOWTRACK_RATE_LIMIT_LOGIN="7/hour", FLOWTRACK_TRUSTED_PROXIES="10.1.2.3/8, ::1")
    settings = load_settings()
    assert settings.limit("login") == Limit(name="login", most=7, seconds=3600)
    assert settings.limit("session") == Limit(name="session", most=600, seconds=60)
    assert settings.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("::1/128"))


@pytest.mark.parametrize("url", ["redis://redis", "rediss://:pw@redis:6380/1", "unix:///run/redis.sock?db=1"])
def test_redis_may_be_anywhere(given: Given, url: str) -> None:
    given(FLOWTRACK_REDIS_URL=url)
    found = load_settings().redis_url
    assert found is not None and found.get_secret_value() == url
    assert url not in repr(load_settings())


class TestTraces:
    def test_none_are_sent_where_no_collector_is_named(self, given: Given) -> None:
        given(OTEL_EXPORTER_OTLP_ENDPOINT="", OTEL_TRACES_SAMPLER="", OTEL_SERVICE_NAME="")
        settings = load_settings()
        assert (settings.traces_endpoint, settings.otel_service_name) == ("", "flowtrack")

    def test_a_collector_is_named_by_the_standards_variables(self, given: Given) -> None:
        given(OTEL_EXPORTER_OTLP_ENDPOINT="http://collector:4318/", OTEL_TRACES_SAMPLER="traceidratio")
        settings = load_settings()
        assert settings.traces_endpoint == "http://collector:4318/v1/traces"
        assert settings.otel_traces_sampler == "traceidratio"

    def test_the_whole_address_goes_before_the_base(self, given: Given) -> None:
        given(OTEL_EXPORTER_OTLP_ENDPOINT="http://a:4318", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="https://b/x")
        assert load_settings().traces_endpoint == "https://b/x"

    def test_they_are_switched_off_by_one_variable(self, given: Given) -> None:
        given(OTEL_EXPORTER_OTLP_ENDPOINT="http://a:4318", OTEL_SDK_DISABLED="true")
        assert load_settings().traces_endpoint == ""

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("OTEL_TRACES_SAMPLER", "sometimes"),
            ("OTEL_TRACES_SAMPLER_ARG", "2"),
            ("OTEL_TRACES_SAMPLER_ARG", SECRET),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", SECRET),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"),
        ],
    )
    def test_a_wrong_value_is_told_by_its_variable(self, given: Given, name: str, value: str) -> None:
        given(**{name: value})
        said = refusal()
        assert said.startswith(name)
        assert SECRET not in said


@pytest.mark.parametrize("value", ["0", "65", "many", "-1"])
def test_a_number_of_workers_that_cannot_be_is_refused(given: Given, value: str) -> None:
    given(FLOWTRACK_WORKERS=value)
    assert refusal().startswith("FLOWTRACK_WORKERS")


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "for ever", "36501"])
def test_days_that_cannot_be_are_refused(given: Given, value: str) -> None:
    given(FLOWTRACK_EVENTS_KEEP_DAYS=value)
    assert refusal().startswith("FLOWTRACK_EVENTS_KEEP_DAYS")


def test_events_are_kept_for_ever_unless_days_are_given(given: Given) -> None:
    given()
    assert load_settings().events_keep_days is None
    given(FLOWTRACK_EVENTS_KEEP_DAYS="")
    assert load_settings().events_keep_days is None
    given(FLOWTRACK_EVENTS_KEEP_DAYS="90")
    assert load_settings().events_keep_days == 90


def test_the_token_of_the_metrics_may_come_from_a_file(given: Given) -> None:
    Path("kept").write_text(f"{SECRET}\n")
    given(FLOWTRACK_METRICS_TOKEN_FILE="kept")
    token = load_settings().metrics_token
    assert token is not None and token.get_secret_value() == SECRET


class TestMail:
    GIVEN = {"FLOWTRACK_SMTP_HOST": "mail.example.com", "FLOWTRACK_SMTP_FROM": "FlowTrack <flowtrack@example.com>"}

    def test_without_a_server_there_is_none(self, given: Given) -> None:
        given(FLOWTRACK_SMTP_HOST="", FLOWTRACK_SMTP_PORT="", FLOWTRACK_SMTP_FROM="")
        settings = load_settings()
        assert (settings.smtp_host, settings.smtp_port, settings.smtp_security) == ("", None, "starttls")

    def test_a_server_and_whom_mail_is_from_are_enough(self, given: Given) -> None:
        given(**self.GIVEN)
        assert load_settings().smtp_from == "FlowTrack <flowtrack@example.com>"

    def test_a_server_needs_to_know_whom_mail_is_from(self, given: Given) -> None:
        given(FLOWTRACK_SMTP_HOST="mail.example.com")
        assert "FLOWTRACK_SMTP_FROM" in refusal()

    @pytest.mark.parametrize("half", [{"FLOWTRACK_SMTP_USERNAME": "us"}, {"FLOWTRACK_SMTP_PASSWORD": SECRET}])
    def test_a_name_and_a_password_belong_together(self, given: Given, half: dict[str, str]) -> None:
        given(**self.GIVEN, **half)
        said = refusal()
        assert "FLOWTRACK_SMTP_USERNAME" in said
        assert SECRET not in said

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("FROM", "nobody"),
            ("FROM", "Flow\nTrack <a@example.com>"),
            ("FROM", "a@b@example.com"),
            ("PORT", "0"),
            ("PORT", "70000"),
            ("SECURITY", "perhaps"),
        ],
    )
    def test_a_wrong_value_is_told_by_its_variable(self, given: Given, name: str, value: str) -> None:
        given(**{**self.GIVEN, f"FLOWTRACK_SMTP_{name}": value})
        assert refusal().startswith(f"FLOWTRACK_SMTP_{name}")

    def test_the_password_may_come_from_a_file(self, given: Given) -> None:
        Path("kept").write_text(f"{SECRET}\n")
        given(**self.GIVEN, FLOWTRACK_SMTP_USERNAME="us", FLOWTRACK_SMTP_PASSWORD_FILE="kept")
        password = load_settings().smtp_password
        assert password is not None and password.get_secret_value() == SECRET


def test_providers_of_the_installation_and_where_to_come_back_to(given: Given) -> None:
    given(FLOWTRACK_PUBLIC_URL="https://flow.example.com")
    settings = load_settings()
    assert (settings.instance_providers(), settings.oidc_redirects()) == ((), ("https://flow.example.com/",))
    one = {"name": "One", "issuer": "https://one.example/", "client_id": "x", "client_secret": SECRET}
    two = {
        "name": "Two",
        "issuer": "https://two.example",
        "client_id": "x",
        "email_domains": ["Two.example", "M\u00dcNCHEN.example."],
    }
    given(
        FLOWTRACK_OIDC_PROVIDERS=json.dumps([one, two]),
        FLOWTRACK_OIDC_REDIRECT_ALLOW="https://app.example.com/, https://desk.example.com/in",
        FLOWTRACK_OIDC_PRIVATE_NETWORKS="10.20.0.0/16",
    )
    settings = load_settings()
    first, second = settings.instance_providers()
    assert (first.client.issuer, first.client.client_secret, first.email_domains) == (
        "https://one.example/",
        SECRET,
        (),
    )
    assert (second.client.client_secret, second.email_domains) == (None, ("two.example", "xn--mnchen-3ya.example"))
    assert first.id != second.id and first.id == load_settings().instance_providers()[0].id
    assert settings.oidc_redirects() == ("https://app.example.com/", "https://desk.example.com/in")
    assert settings.oidc_private_networks == (ip_network("10.20.0.0/16"),)
    assert SECRET not in repr(settings) and SECRET not in repr(first)


@pytest.mark.parametrize("domain", ["", "@two.example", "*.example", "two example", "x" * 64 + ".example"])
def test_a_domain_that_is_none_is_refused_at_the_start(given: Given, domain: str) -> None:
    provider = {"name": "Two", "issuer": "https://two.example", "client_id": "x", "email_domains": [domain]}
    given(FLOWTRACK_OIDC_PROVIDERS=json.dumps([provider]))
    assert refusal().startswith("FLOWTRACK_OIDC_PROVIDERS")
