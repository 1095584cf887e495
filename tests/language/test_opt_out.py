"""STOP, START and HELP are whole messages, however they are written."""

import pytest

from language.opt_out import WORDS, keyword


@pytest.mark.parametrize("text", ["STOP", " stop\n", "Stop!", "“stop”", "ＳＴＯＰ", "СТОП.", "Désabonner", "OPT-OUT"])
def test_stop_in_many_ways(text: str) -> None:
    assert keyword(text) == "stop"


@pytest.mark.parametrize("text", ["stop it", "do not stop", "stopping", "", " ", "...", "1", "nonstop"])
def test_what_only_contains_a_word_is_a_message(text: str) -> None:
    assert keyword(text) is None


@pytest.mark.parametrize(("text", "meant"), [("start", "start"), ("СТАРТ", "start"), ("Hilfe?", None), ("Yes", "yes")])
def test_other_words(text: str, meant: str | None) -> None:
    assert keyword(text) == meant


def test_words_of_the_policy_mean_stop() -> None:
    assert keyword("No  more,", ["no more"]) == "stop"
    assert keyword("no more") is None


def test_each_word_has_one_meaning_and_is_found() -> None:
    for meant, words in WORDS.items():
        assert {keyword(word.upper()) for word in words} == {meant}
    assert sum(map(len, WORDS.values())) == len(frozenset().union(*WORDS.values()))
