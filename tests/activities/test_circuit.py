"""What fails again and again is left alone; one tries first."""

from datetime import timedelta

from activities.circuit import Circuit

AWAY = timedelta(seconds=30)


class Hand:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def opened(hand: Hand) -> Circuit:
    circuit = Circuit(failures=3, clock=hand)
    assert [circuit.failed() for _ in range(3)] == [False, False, True]
    return circuit


def test_it_opens_after_failures_in_a_row() -> None:
    circuit = Circuit(failures=3, clock=Hand())
    for _ in range(5):
        circuit.failed()
        circuit.failed()
        assert circuit.enter() is None
        circuit.succeeded()
    assert circuit.enter() is None


def test_open_it_lets_nobody_in() -> None:
    hand = Hand()
    circuit = opened(hand)
    assert circuit.enter() == AWAY
    hand.seconds += 20
    assert circuit.enter() == timedelta(seconds=10)


def test_then_one_tries_alone() -> None:
    hand = Hand()
    circuit = opened(hand)
    hand.seconds += 30
    assert [circuit.enter() for _ in range(3)] == [None, AWAY, AWAY]


def test_success_closes_it_failure_opens_it_again() -> None:
    hand = Hand()
    circuit = opened(hand)
    hand.seconds += 30
    assert circuit.enter() is None
    assert not circuit.failed()
    assert circuit.enter() == AWAY
    hand.seconds += 30
    assert circuit.enter() is None
    circuit.succeeded()
    assert [circuit.enter() for _ in range(3)] == [None, None, None]


def test_one_who_never_reports_back_shuts_nobody_out_for_ever() -> None:
    hand = Hand()
    circuit = opened(hand)
    hand.seconds += 30
    assert circuit.enter() is None
    hand.seconds += 30
    assert circuit.enter() is None
