"""Addresses of webhooks, as far as their text tells."""

import pytest

from core.kernel.errors import Invalid
from core.webhooks.errors import UrlRefused
from core.webhooks.values import checked_types, checked_url


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com", "https://hooks.example.com/", "https://HOOKS.example.com:443/a?b=c",
        "https://xn--hks-0na.example.com:8443/x", "https://93.184.215.14/hooks", "https://[2606:2800:21f::1]/",
        "https://a_b.example.co/%C3%B6",
    ],
)  # fmt: skip
def test_an_address_that_the_whole_internet_knows_is_taken_as_it_is(url: str) -> None:
    assert checked_url(url, to_this_machine=False) == url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://" + "x" * 2000, "2000"), ("http://hooks.example.com/", "https"), ("ftp://hooks.example.com/", "https"),
        ("https://u:p@hooks.example.com/", "password"), ("https://hooks.example.com/#x", "fragment"),
        ("https:///x", "no host"), ("https://hooks.example.com:22/", "port"), ("https://hooks.example.com:/", "port"),
        ("https://hooks.example.com:99999/", "no address"), ("https://[::1", "no address"), ("https://10.0.0.1/", "private"),
        ("https://127.0.0.1/", "private"), ("https://[::1]/", "private"), ("https://169.254.169.254/", "private"),
        ("https://[::ffff:1.2.3.4]/", "private"), ("https://[64:ff9b::102:304]/", "private"),
        ("https://[2002:102:304::1]/", "private"), ("https://localhost/", "private"), ("https://x.localhost/", "private"),
        ("https://metadata.google.internal/", "private"), ("https://printer.local/", "private"),
        ("https://intranet/", "private"), ("https://machine/", "whole internet"), ("https://2130706433/", "whole internet"),
        ("https://127.1/", "whole internet"), ("https://0x7f.0.0.1/", "whole internet"), ("https://0177.0.0.1/", "whole"),
        ("https://a..example.com/", "whole internet"), ("https://example.com./", "whole internet"),
        ("https://hööks.example.com/", "ASCII"), ("https://hooks.example.com/\t", "sign"), ("https://a\\@b.example.com/", "sign"),
        ("https://224.0.0.1/", "reserved"), ("https://192.0.0.9/", "reserved"), ("https://168.63.129.16/", "reserved"),
        ("https://[fec0::1]/", "reserved"), ("https://[3fff::1]/", "reserved"), ("https://0.0.0.0/", "reserved"), ("https://240.0.0.1/", "reserved"),
    ],
)  # fmt: skip
def test_any_other_is_refused_by_name(url: str, why: str) -> None:
    with pytest.raises(UrlRefused, match=why):
        checked_url(url, to_this_machine=False)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/x", "http://localhost:1/", "https://[::1]:9000/"])
def test_this_machine_is_for_development(url: str) -> None:
    assert checked_url(url, to_this_machine=True) == url
    with pytest.raises(UrlRefused):
        checked_url(url, to_this_machine=False)
    with pytest.raises(UrlRefused):
        checked_url("http://10.0.0.1/", to_this_machine=True)


def test_types_are_sorted_and_named_once() -> None:
    assert checked_types(("b_c", "a_b", "b_c")) == ("a_b", "b_c")
    for wrong in ("notification_created", "Task", "a b", "", "x" * 101):
        with pytest.raises(Invalid) as refused:
            checked_types(("a_b", wrong))
        assert refused.value.faults[0].pointer == "/types/1"
