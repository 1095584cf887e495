import pytest
from hypothesis import given
from hypothesis import strategies as st

from language.segments import count_segments, encoding_of


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("я" * 70, 1),
        ("я" * 71, 2),
        ("я" * 134, 2),
        ("я" * 135, 3),
        ("€" * 80, 1),
        ("a" + "€" * 80, 2),
        ("🎉" * 35, 1),
        ("🎉" * 36, 2),
        ("a" * 69 + "🎉", 2),
    ],
)
def test_counts_as_the_networks_do(text: str, parts: int) -> None:
    assert count_segments(text) == parts


def test_a_two_unit_character_is_not_torn_between_parts() -> None:
    assert count_segments("a" * 152 + "€" + "a" * 152) == 3  # 306 units would be two parts, were the € torn
    assert count_segments("я" * 66 + "🎉" + "я" * 66) == 3


@pytest.mark.parametrize("text", ["Olá", "“quoted”", "Привет", "שלום", "a – b"])
def test_one_foreign_character_makes_all_of_it_ucs2(text: str) -> None:
    assert encoding_of(text) == "ucs2"


def test_accents_and_signs_of_the_gsm_alphabet_are_cheap() -> None:
    assert encoding_of("àéñöüß £5 {x} [y] ~ €") == "gsm7"


@given(st.text(max_size=400), st.characters())
def test_a_longer_text_never_costs_less(text: str, more: str) -> None:
    assert count_segments(text + more) >= count_segments(text)
