import pytest

from core.kernel.limits import household, network


class TestNetworks:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("fe80::1%eth0", "fe80::2%eth1"),
            (None, "a socket"),
        ],
    )
    def test_addresses_of_one_household(self, one: str | None, other: str | None) -> None:
        assert household(one) == household(other)

    @pytest.mark.parametrize(
        ("one", "other"),
        [("2001:db8:1:2::1", "2001:db8:1:3::1"), ("192.0.2.1", "192.0.2.2"), ("::1", "0.0.0.1"), (None, "192.0.2.1")],
    )
    def test_addresses_of_two_households(self, one: str | None, other: str | None) -> None:
        assert household(one) != household(other)

    @pytest.mark.parametrize(
        ("one", "other"), [("192.0.2.1", "192.0.2.254"), ("2001:db8:1:2::1", "2001:db8:1:ffff::1")]
    )
    def test_addresses_of_one_network(self, one: str, other: str) -> None:
        assert network(one) == network(other)

    @pytest.mark.parametrize(
        ("one", "other"), [("192.0.2.1", "192.0.3.1"), ("2001:db8:1::1", "2001:db8:2::1"), ("192.0.2.1", "::192.0.2.1")]
    )
    def test_addresses_of_two_networks(self, one: str, other: str) -> None:
        assert network(one) != network(other)
