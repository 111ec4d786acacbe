"""Settings: from where, in which order, and what is said of those that cannot be used."""

from pathlib import Path

import pytest

from tocsin.cli.settings import Settings, SettingsError, load, strangers


def test_nothing_needs_to_be_set() -> None:
    settings = load(environ={})
    assert (settings.url, settings.playbook) == ("http://127.0.0.1:8700", "agentic-flow")
    assert settings.database_path.name == "tocsin.db"


def test_the_environment_wins_over_the_file_and_the_line_over_both(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.toml"
    file.write_text('port = 9000\nhost = "10.0.0.1"\nplaybook = "minimal"\n')
    settings = load(file, {"TOCSIN_PORT": "9001", "TOCSIN_HOST": "10.0.0.2"}, host="10.0.0.3")
    assert (settings.port, settings.host, settings.playbook) == (9001, "10.0.0.3", "minimal")


def test_the_file_can_be_named_in_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.toml"
    file.write_text("port = 9000\n")
    assert load(environ={"TOCSIN_CONFIG": str(file)}).port == 9000


def test_a_secret_can_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("xoxb-1\n")
    assert load(environ={"TOCSIN_SLACK_TOKEN_FILE": str(tmp_path / "secret")}).slack_token == "xoxb-1"


def test_a_list_of_addresses_is_separated_by_commas_or_spaces() -> None:
    settings = load(environ={"TOCSIN_WEBHOOK_ALLOW": "hooks.example.org, http://127.0.0.1:9/p"})
    assert settings.webhook_allow == ("hooks.example.org", "http://127.0.0.1:9/p")


def test_an_empty_variable_is_as_none() -> None:
    assert load(environ={"TOCSIN_PORT": ""}).port == 8700


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TOCSIN_PORT", "eighty", "TOCSIN_PORT"),
        ("TOCSIN_PORT", "0", "free port"),
        ("TOCSIN_PORT", "65536", "free port"),
        ("TOCSIN_PLAYBOOK_SPEED", "0", "above 0"),
        ("TOCSIN_PLAYBOOK_SPEED", "nan", "above 0"),
        ("TOCSIN_SMTP_SECURITY", "ssl", "starttls, tls or plain"),
        ("TOCSIN_SMTP_HOST", "mail.example.org", "TOCSIN_SMTP_FROM"),
        ("TOCSIN_ZOOM_CLIENT_SECRET", "s", "TOCSIN_ZOOM_ACCOUNT_ID and TOCSIN_ZOOM_CLIENT_ID and TOCSIN_ZOOM_USER"),
        ("TOCSIN_ZOOM_API_URL", "api.zoom.us", "http://"),
        ("TOCSIN_PROMETHEUS_URL", "127.0.0.1:9090", "http://"),
        ("TOCSIN_LOG_LEVEL", "loud", "debug, info, warning or error"),
        ("TOCSIN_LINK_SECRET", "short", "none"),
        ("TOCSIN_SLACK_TOKEN_FILE", "/no/such/file", "TOCSIN_SLACK_TOKEN_FILE"),
        ("TOCSIN_CONFIG", "/no/such/file.toml", "--config"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_its_remedy(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load(environ={name: value})


def test_an_error_about_a_secret_does_not_tell_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        load(environ={"TOCSIN_LINK_SECRET": "hunter2"})
    assert "hunter2" not in str(error.value)
    assert "hunter2" not in repr(Settings(smtp_password="hunter2"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", '"port"'),
        ("port = ", "not TOML"),
        ('slack_token = "a"\nslack_token_file = "b"', "Keep one"),
        ('url = "http://x"', "not a setting"),
        ('port = "many"', "free port"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_remedy(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "tocsin.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=said) as error:
        load(file, {})
    assert str(file) in str(error.value)


def test_a_misspelt_variable_is_not_passed_over_in_silence() -> None:
    said = strangers({"TOCSIN_PROMETEUS_URL": "http://x", "TOCSIN_TOKEN": "t", "TOCSIN_SLACK_TOKEN_FILE": "f"})
    assert said == ['TOCSIN_PROMETEUS_URL is not a setting; did you mean "TOCSIN_PROMETHEUS_URL"?']


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:8700"), ("::1", "http://[::1]:8700"), ("::", "http://127.0.0.1:8700")],
)
def test_links_lead_to_an_address_that_can_be_reached(host: str, url: str) -> None:
    assert Settings(host=host).url == url
