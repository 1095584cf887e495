"""Whose events these are: customers found, made and merged. Decided in memory; nothing here talks to PostgreSQL."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from store.ingest_event import Identifier, IncomingEvent


@dataclass(slots=True, eq=False)
class Person:
    """A customer as this transaction sees it.

    `has_user`: it has a user id of its own (one that is not its anonymous id as well). `traits` are the stored ones,
    loaded where they are asked for, `patch` is what these events add. `is_told`, `is_seen`: what of the stored row
    must change, the traits, time zone and locale, or only when the customer was last seen.
    """

    id: int
    is_new: bool = False
    has_user: bool = False
    into: "Person | None" = None
    patch: dict[str, Any] = field(default_factory=dict)
    traits: Mapping[str, Any] = field(default_factory=dict)
    time_zone: str | None = None
    locale: str | None = None
    seen_at: datetime | None = None
    is_told: bool = False
    is_seen: bool = False

    @property
    def final(self) -> "Person":
        """Who this customer is after all merges."""
        return self if self.into is None else self.into.final

    @property
    def profile(self) -> dict[str, Any]:
        """The traits as this transaction leaves them, with `id`, `time_zone` and `locale`."""
        own = {"id": self.id, "time_zone": self.time_zone, "locale": self.locale}
        return {**self.traits, **self.patch, **own}

    def load(self, row: Mapping[str, Any]) -> None:
        """What is stored of this customer, as far as it was read."""
        self.traits = row["traits"] or {}
        self.time_zone, self.locale, self.seen_at = row["time_zone"], row["locale"], row["last_seen_at"]

    def hear(self, event: IncomingEvent, occurred_at: datetime) -> None:
        """Take over what an event says about its customer."""
        if event.traits:
            self.patch.update(event.traits)
            self.is_told = True
        if event.time_zone and event.time_zone != self.time_zone:
            self.time_zone, self.is_told = event.time_zone, True
        if event.locale and event.locale != self.locale:
            self.locale, self.is_told = event.locale, True
        if event.is_activity:
            self.see(occurred_at)

    def see(self, at: datetime) -> None:
        """The customer was active then."""
        if self.seen_at is None or at > self.seen_at:
            self.seen_at, self.is_seen = at, True


class People:
    """Finds the customer of each event, in order; `owners` holds the stored identifiers among those the events name.

    What follows from it is collected: identifiers to `add` or to `move`, `merges` (from, into), existing customers that
    were `adopted` on the ground of having no user id, and addresses `disputed` between two customers.
    """

    def __init__(self, owners: Mapping[Identifier, int], with_user: Iterable[int], new_id: Callable[[], int]) -> None:
        known = frozenset(with_user)
        self.by_id = {id: Person(id, has_user=id in known) for id in sorted(set(owners.values()))}
        self._owners = {identifier: self.by_id[id] for identifier, id in owners.items()}
        self._new_id = new_id
        self.added: dict[Identifier, Person] = {}
        self.moved: dict[Identifier, Person] = {}
        self.merges: list[tuple[Person, Person]] = []
        self.adopted: set[Person] = set()
        self.disputed: list[tuple[Person, Identifier, Person]] = []

    def owner(self, identifier: Identifier) -> Person | None:
        person = self._owners.get(identifier)
        return person.final if person else None

    def place(self, event: IncomingEvent) -> Person:
        """The customer of this event; made, or merged, when the event says so."""
        person = self._place_alias(event) if event.previous_id else self._place(event.user_id, event.anonymous_id)
        for address in event.addresses():
            other = self.owner(address)
            if other is None:
                self._add(address, person)
            elif other is not person:
                self.disputed.append((person, address, other))
        return person

    def _place(self, user_id: str | None, anonymous_id: str | None) -> Person:
        user = Identifier("user_id", user_id) if user_id else None
        anonymous = Identifier("anonymous_id", anonymous_id) if anonymous_id else None
        if user is None or anonymous is None:
            return self._sole(user or anonymous)
        known, visitor = self.owner(user), self.owner(anonymous)
        if known is not None and visitor is not None:
            return self._unite(known, anonymous, visitor)
        if known is not None:
            self._add(anonymous, known)
            return known
        if visitor is not None:
            return self._recognise(user, anonymous, visitor)
        person = self._make(anonymous)
        self._add(user, person, is_own=user.value != anonymous.value)
        return person

    def _place_alias(self, event: IncomingEvent) -> Person:
        """An alias says outright that two are one, whatever user ids they have."""
        assert event.previous_id is not None
        before = [Identifier("user_id", event.previous_id), Identifier("anonymous_id", event.previous_id)]
        user = Identifier("user_id", event.user_id) if event.user_id else None
        now = user or Identifier("anonymous_id", str(event.anonymous_id))
        person = self.owner(now) or next((known for it in before if (known := self.owner(it))), None) or self._make(now)
        for identifier in (now, *before):
            other = self.owner(identifier)
            if other is None:
                self._add(identifier, person)
            elif other is not person:
                self._merge(other, person)
        return person

    def _sole(self, identifier: Identifier | None) -> Person:
        assert identifier is not None, "an event names a user id or an anonymous id"
        return self.owner(identifier) or self._make(identifier)

    def _recognise(self, user: Identifier, anonymous: Identifier, visitor: Person) -> Person:
        """A user id seen for the first time, with an anonymous id that is known."""
        is_own = user.value != anonymous.value
        if not is_own or not visitor.has_user:
            if is_own:
                self._adopt(visitor)
            self._add(user, visitor, is_own=is_own)
            return visitor
        person = self._make(user)
        self._move(anonymous, person)
        return person

    def _unite(self, known: Person, anonymous: Identifier, visitor: Person) -> Person:
        if known is not visitor and visitor.has_user:
            self._move(anonymous, known)
        elif known is not visitor:
            self._adopt(visitor)
            self._merge(visitor, known)
        return known

    def _make(self, identifier: Identifier) -> Person:
        person = Person(self._new_id(), is_new=True)
        self.by_id[person.id] = person
        self._add(identifier, person)
        return person

    def _add(self, identifier: Identifier, person: Person, *, is_own: bool = True) -> None:
        self._owners[identifier] = self.added[identifier] = person
        if identifier.kind == "user_id" and is_own:
            person.has_user = True

    def _move(self, identifier: Identifier, person: Person) -> None:
        """A shared anonymous id belongs to whoever used it last."""
        self._owners[identifier] = person
        target = self.added if identifier in self.added else self.moved
        target[identifier] = person

    def _adopt(self, visitor: Person) -> None:
        if not visitor.is_new:
            self.adopted.add(visitor)

    def _merge(self, gone: Person, person: Person) -> None:
        gone.into = person
        person.has_user |= gone.has_user
        self.merges.append((gone, person))
