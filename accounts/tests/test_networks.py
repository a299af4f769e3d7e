"""Networks of keys: one written form, and whether an address lies in them."""

import pytest
from django.core.exceptions import ValidationError

from accounts.networks import MOST_NETWORKS, address_is_in, networks_normalised, split_lines


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7/32", "203.0.113.7"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("2001:db8::1/32", "2001:db8::/32"),
        ("2001:db8::1/128", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
        (" 0.0.0.0/0 ", "0.0.0.0/0"),
    ],
)
def test_a_network_is_kept_in_its_one_written_form(typed: str, kept: str) -> None:
    assert networks_normalised([typed]) == [kept]


@pytest.mark.parametrize(
    "typed",
    [
        "example.org",
        "203.0.113",
        "203.0.113.7/33",
        "1.2.3.4-5",
        "fe80::1%eth0",
        "203.0.113.07",
        "3405803783",
        "*",
    ],
)
def test_what_is_no_network_is_refused_in_words(typed: str) -> None:
    with pytest.raises(ValidationError, match="no address and no range"):
        networks_normalised([typed])


def test_each_network_is_kept_once_and_at_most_twenty_are() -> None:
    assert networks_normalised(["10.0.0.1/8", "", "10.0.0.0/8", "::1"]) == ["10.0.0.0/8", "::1"]
    many = [f"10.0.{n}.0/24" for n in range(MOST_NETWORKS)]
    assert networks_normalised(many) == many
    with pytest.raises(ValidationError, match="at most 20"):
        networks_normalised([*many, "10.1.0.0/24"])


def test_a_field_may_hold_them_with_commas_spaces_or_lines_between() -> None:
    assert split_lines("10.0.0.0/8, ::1\r\n192.0.2.1;192.0.2.2  ") == [
        "10.0.0.0/8",
        "::1",
        "192.0.2.1",
        "192.0.2.2",
    ]


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("10.9.9.9", True),
        ("11.0.0.0", False),
        ("2001:db8:ffff::1", True),
        ("2001:db9::1", False),
        ("203.0.113.7", True),
        ("203.0.113.8", False),
        (None, False),
    ],
)
def test_an_address_is_inside_or_not(address: str | None, inside: bool) -> None:
    assert address_is_in(address, ["10.0.0.0/8", "2001:db8::/32", "203.0.113.7"]) is inside
