"""The list of addresses that may be called."""

import pytest

from tocsin.core.outbound import AllowList, is_web_url

ALLOWED = AllowList(["hooks.example.org", "https://api.example.org/tocsin", "http://127.0.0.1:9093/"])


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.org",
        "https://HOOKS.example.org/any/path?x=1",
        "https://hooks.example.org:443/x",
        "https://api.example.org/tocsin",
        "https://api.example.org/tocsin/a?b#c",
        "http://127.0.0.1:9093/-/healthy",
    ],
)
def test_an_address_under_an_entry_may_be_called(url: str) -> None:
    assert ALLOWED.refusal(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/",
        "https://hooks.example.org:8443/",
        "https://hooks.example.org.evil.example/",
        "https://evil.example/https://hooks.example.org/",
        "https://hooks.example.org@evil.example/",
        "https://hooks.example.org\\@evil.example/",
        "https://api.example.org/tocsinx",
        "https://api.example.org/tocsin/../admin",
        "https://api.example.org/tocsin/%2e%2E/admin",
        "https://api.example.org/tocsin/..\\admin",
        "http://127.0.0.1/",
        "http://127.0.0.1:9093:80/",
        "http://127.0.0.1:99999/",
        "http://[::1/",
        "ftp://hooks.example.org/",
        "file:///etc/passwd",
        "//hooks.example.org/",
        "https:///path",
        "https://hooks.example.org/a b",
        "https://hooks.example.org/\r\nHost: evil",
        "https://hööks.example.org/",
        "",
    ],
)
def test_anything_else_may_not(url: str) -> None:
    assert ALLOWED.refusal(url)


def test_an_empty_list_allows_nothing() -> None:
    assert AllowList([]).refusal("https://hooks.example.org/")


def test_an_entry_that_is_no_address_is_found_at_the_start() -> None:
    with pytest.raises(ValueError, match="neither a host"):
        AllowList(["https://user@host/"])


@pytest.mark.parametrize(("url", "web"), [("https://x.example/a?b=c&d", True), ("javascript:alert(1)", False)])
def test_only_web_pages_are_links(url: str, web: bool) -> None:
    assert is_web_url(url) is web
