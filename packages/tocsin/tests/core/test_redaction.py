"""No secret that a program prints is kept or shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.redaction import bounded, redacted

SECRET = "hunter2-Zx81qP"


@pytest.mark.parametrize(
    "line",
    [
        f"DB_PASSWORD={SECRET}",
        f"password: {SECRET}",
        f'{{"api_key": "{SECRET}", "model": "x"}}',
        f"{{'access_token': '{SECRET}'}}",
        f"Authorization: Bearer {SECRET}",
        f"authorization=Basic {SECRET}",
        f"calling with Bearer {SECRET} now",
        f"Cookie: session={SECRET}; theme=dark",
        f"X-Api-Key: {SECRET}",
        f"postgres://tocsin:{SECRET}@db:5432/x",
        f"https://{SECRET}@example.org/path",
        f"mysql --password {SECRET} -h db",
        f"tool --token={SECRET} run",
        f"AWS_SECRET_ACCESS_KEY={SECRET}",
        f"ANTHROPIC_API_KEY: '{SECRET}'",
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n{SECRET}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n(cut",
        f'client_secret = "{SECRET} with a space"',
        f"redis://:{SECRET}@cache:6379",
        f'password="{SECRET}',
        f'"db_password": "{SECRET}',
        f"curl -sS -u deploy:{SECRET} https://example.org",
        f"curl --user=deploy:{SECRET} https://example.org",
    ],
)
def test_a_secret_goes(line: str) -> None:
    clean = redacted(line)
    assert SECRET not in clean
    assert "[redacted]" in clean
    assert redacted(clean) == clean


def test_a_private_key_whose_beginning_was_left_out_goes_by_its_end() -> None:
    clean = redacted("loading it:\nMIIEvQIBADANBgkqh\nkiG9w0BAQEFAASC==\n-----END PRIVATE KEY-----\nno such file")
    assert clean == "loading it:\n[redacted]\n-----END PRIVATE KEY-----\nno such file"
    assert redacted(clean) == clean


@pytest.mark.parametrize(
    "key",
    [
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "ghp_" + "a1" * 18,
        "xoxb-" + "1234567890-abcdef",
        "sk-ant-" + "api03-abcdefghijklmnop",
        "glpat-" + "abcdefghijklmnopqrst",
        "AIza" + "b" * 35,
    ],
)
def test_a_key_goes_by_its_shape_wherever_it_stands(key: str) -> None:
    assert key not in redacted(f"the call with {key} failed")


@pytest.mark.parametrize(
    "line",
    [
        "2026-01-05 14:23:11 ERROR Module initialization error: unknown import wasi_snapshot_preview1.fd_write",
        "agent-booster-7d9f5c-x2x7k   1/1   Running   0   3h",
        "GET https://api.agenticflow.io/health 200",
        "REVISION  CHANGE-CAUSE",
        "64 bytes from 8.8.8.8: icmp_seq=1 ttl=117 time=8.12 ms",
        "cache hits: 812, misses: 190",
        "sort -u names.txt; docker run -u 1000 image",
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert redacted(line) == line


@given(st.text())
def test_redacting_twice_changes_nothing(text: str) -> None:
    assert redacted(redacted(text)) == redacted(text)


def test_a_flood_keeps_its_beginning_and_its_end() -> None:
    text = "begin\n" + "\n".join(f"line {number}" for number in range(10_000)) + "\nend"
    short, cut = bounded(text, 1_000)
    assert cut
    assert short.startswith("begin\n")
    assert short.endswith("\nend")
    assert "bytes left out" in short
    assert len(short.encode()) < 1_100
    assert bounded("short", 1_000) == ("short", False)


@given(st.text(), st.integers(min_value=8, max_value=64))
def test_what_is_bounded_is_whole_characters(text: str, most: int) -> None:
    short, _ = bounded(text, most)
    assert len(short.encode()) <= most + 40


@pytest.mark.parametrize(
    "piece",
    [
        "x",
        "a-",
        "a.",
        "token",
        "--pass",
        "-----",
        "eyJa-",
        "\x1b[0",
        "http://a",
        "x-a-",
        '"token',
        "Bearer ",
        "a:",
        "= ",
    ],
)
def test_no_flood_takes_longer_than_its_length(piece: str) -> None:
    """Each of these took minutes with a pattern that reads on from each of its places."""
    text = piece * (256 * 1024 // len(piece))
    assert redacted(text)
