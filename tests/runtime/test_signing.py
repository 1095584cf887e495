"""Links that are their own right."""

import base64

import pytest

from runtime.settings import load_settings
from runtime.signing import Signer

OLD, NEW = bytes(32), bytes(range(32))
VALUES: list[str | int | None] = [7, "email", "offers", None]


def test_what_was_signed_is_read_again_for_its_own_purpose_only() -> None:
    signer = Signer([NEW])
    token = signer.sign("unsubscribe", VALUES)

    assert signer.read("unsubscribe", token) == VALUES
    assert signer.read("preferences", token) is None
    assert token == signer.sign("unsubscribe", VALUES)
    assert not set(token) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def test_links_outlive_the_key_that_signed_them() -> None:
    token = Signer([OLD]).sign("unsubscribe", VALUES)

    assert Signer([NEW, OLD]).read("unsubscribe", token) == VALUES
    assert Signer([NEW]).read("unsubscribe", token) is None


@pytest.mark.parametrize(
    "token", ["", ".", "a", "a.b", "W10.W10", "%.%", "é.é", "\ud800.a", "." * 2000, "W" * 9000 + ".W"]
)
def test_what_nobody_signed_is_nothing(token: str) -> None:
    assert Signer([NEW]).read("unsubscribe", token) is None


def test_one_changed_letter_is_a_forgery() -> None:
    signer = Signer([NEW])
    token = signer.sign("unsubscribe", VALUES)
    body, mark = token.split(".")

    other = signer.sign("unsubscribe", [8, *VALUES[1:]]).split(".")[0]
    assert signer.read("unsubscribe", f"{other}.{mark}") is None
    assert signer.read("unsubscribe", f"{body}.{mark[:-2]}") is None


def test_processes_of_a_developer_agree_without_a_key_and_a_set_key_counts() -> None:
    one, same = (Signer.of(load_settings(database_url="postgresql:///a")) for _ in range(2))
    other = Signer.of(load_settings(database_url="postgresql:///b"))
    keyed = Signer.of(load_settings(signing_keys=f"2026:{base64.b64encode(NEW).decode()}"))

    assert one.read("p", same.sign("p", [1])) == [1]
    assert one.read("p", other.sign("p", [1])) is None
    assert Signer([NEW]).read("p", keyed.sign("p", [1])) == [1]


def test_without_keys_of_its_own_it_signs_by_those_for_encryption_and_what_it_signed_stays_good() -> None:
    old, new = (f"{name}:{base64.b64encode(key).decode()}" for name, key in (("old", OLD), ("new", NEW)))
    before = Signer.of(load_settings(encryption_keys=old)).sign("p", [1])

    assert Signer.of(load_settings(encryption_keys=f"{new},{old}")).read("p", before) == [1]
    assert Signer.of(load_settings(encryption_keys=old, signing_keys=new)).read("p", before) == [1]
    assert Signer.of(load_settings(encryption_keys=new)).read("p", before) is None
    assert Signer([OLD]).read("p", before) is None
