"""Whole directories of journeys out of chance: one journey of the full language, and what happens to one customer.

All chance comes from one `Random`, so that a seed names an example, and hypothesis can make one smaller.
"""

import json
from dataclasses import dataclass, field, replace
from functools import lru_cache
from io import StringIO
from random import Random
from typing import Any

from ruamel.yaml import YAML

from language.channel import CHANNELS, Channel
from language.checker import check_journey
from language.library import Library, read_library
from language.loader import Loaded, load_journey, load_scenario
from language.message_event import REPORTS, event_name, reports_of
from language.scenario import Scenario

Data = dict[str, Any]
Block = list[Data]

EVENTS = ("A", "B", "C", "Moved")
MESSAGES = ("must", "note", "offer")
LENGTHS = ("30m", "1h", "5h", "1d", "3d")
STATUSES = ("new", "seen", "viewed", "sold", "odd")
STAGES = ("first", "second", "third")
STAGE_BY_STATUS = {"new": "first", "seen": "first", "viewed": "second", "sold": "third"}

_TEXTS = """
email: {subject: S, body: 'B {{ start.a | default: 0 }}'}
sms: T
whatsapp: {content_sid: HX0123456789abcdef0123456789abcdef}
voice: {say: V}
push: {title: P, body: B}
web_push: {title: W, body: B}
"""
_CLASSES = {
    "must": "class: transactional\n",
    "note": "class: service\ntopic: news\n",
    "offer": "class: promotional\ntopic: offers\n",
}
SURROUNDINGS = {
    **{f"messages/{name}.yaml": f"message: {name}\n{kind}{_TEXTS}" for name, kind in _CLASSES.items()},
    "destinations.yaml": "destinations: {crm: {url: 'https://crm.example.com/x'}}\n",
    "other.yaml": "journey: other\ntitle: O\nstart: {call: true}\nsteps: [{wait: 400d}]\n",
}
POLICIES = (
    "",
    'quiet_hours: {from: "21:00", to: "09:00"}\n',
    "caps: [{name: daily, limit: 2, per: 1d}]\n",
    'quiet_hours: {from: "20:00", to: "10:00"}\ncaps: [{name: offers, limit: 1, per: 2d, class: promotional}]\n',
)
TRAITS = {"email": "ana@example.com", "phone": "+15005550001", "push_token": "d" * 40}


@dataclass
class Writing:
    """A directory as it was made up, before anything judged it."""

    journey: Data
    scenario: Data
    policy: str = ""

    def read(self) -> tuple[Library, Scenario] | None:
        """The library and the scenario; None where one of them has errors."""
        library, scenario = self.checked()
        return None if library.errors or scenario.model is None else (library, scenario.model)

    def checked(self) -> tuple[Library, Loaded[Scenario]]:
        around = surroundings(self.policy)
        journey = load_journey("j.yaml", quick_text(self.journey))
        scenario = load_scenario("s.yaml", quick_text(self.scenario))
        findings = check_journey(journey, around.messages, frozenset({"j", "other"}))
        journeys = {**around.journeys, **({"j": journey.model} if journey.model else {})}
        return replace(around, journeys=journeys, findings=tuple(findings)), scenario

    def __str__(self) -> str:
        """Its files as a person would write them."""
        return "\n".join((text_of(self.journey), text_of(self.scenario), self.policy))


def text_of(data: Any) -> str:
    stream = StringIO()
    YAML(typ="safe", pure=True).dump(data, stream)
    return stream.getvalue()


@lru_cache
def surroundings(policy: str) -> Library:
    """What all such directories have in common, read once."""
    library = read_library({**SURROUNDINGS, **({"policy.yaml": policy} if policy else {})})
    assert not library.errors, library.errors
    return library


def quick_text(data: Any) -> str:
    """YAML, in the part of it that is JSON: read as the rest is, and much sooner written."""
    return json.dumps(data, indent=0, ensure_ascii=False)


@dataclass
class Writer:
    """`write` makes up a directory. Journeys may be faulty, though seldom."""

    chance: Random
    most_steps: int = 4
    deepest: int = 2
    count: int = 0
    ids: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    sends: dict[str, list[Channel]] = field(default_factory=dict)
    tasks: dict[str, list[str]] = field(default_factory=dict)
    has_key: bool = False
    has_stages: bool = False
    has_goal: bool = False
    is_capped: bool = False
    """Which of several messages of one moment a cap lets pass is not said: then none goes by several channels."""

    def write(self) -> Writing:
        policy = self.chance.choice(POLICIES) if self._maybe(0.4) else ""
        self.is_capped = "caps" in policy
        return Writing(self.journey(), self.scenario(), policy)

    def _maybe(self, share: float = 0.3) -> bool:
        return self.chance.random() < share

    def _one(self, *of: Any) -> Any:
        return self.chance.choice(of)

    def _some(self, of: tuple[Any, ...], most: int) -> list[Any]:
        return self.chance.sample(of, self.chance.randint(1, min(most, len(of))))

    # --- the head

    def journey(self) -> Data:
        head: Data = {"journey": "j", "title": "J", "start": self._beginning()}
        self.has_stages, self.has_key = self._maybe(0.3), self._maybe(0.25)
        if self.has_key:
            head["key"] = "event.k"
        if self._maybe(0.6):
            self.has_goal = True
            head["goal"] = self._clause() | self._picked(within=self._one("1d", "5d"), ends=False)
        if self._maybe(0.4):
            head["exit"] = {**self._clause(), "outcome": "left"}
        head |= self._picked(on_resume=self._one("send", "skip", "replan"), control=10)
        if self._maybe(0.7):
            head["again"] = self._one("never", "after_exit", "always", {"after": "1d"})
        return head | (self._stages() if self.has_stages else {"steps": self._whole()})

    def _beginning(self) -> Any:
        ways: list[Any] = [{"on": "Go"}, {"on": ["Go", "A"]}, {"on": "Go", "where": "event.a != 1"}]
        return self.chance.choice(ways)

    def _picked(self, **fields: Any) -> Data:
        return {name: value for name, value in fields.items() if self._maybe(0.3)}

    def _stages(self) -> Data:
        stages: Data = {}
        for name in STAGES:
            stages[name] = {"steps": self._block(self.deepest)} | self._picked(restart=True, control=20)
        stages["first"]["statuses"] = ["new", "seen"]
        stages["second"]["statuses"] = ["viewed"]
        stages["third"]["statuses"] = ["sold"]
        return {"stage": {"on": "Status", "is": "event.to"}, "stages": stages}

    def _whole(self) -> Block:
        return [*self._block(self.deepest), {"id": "last", "stop": "finished"}]

    # --- clauses and conditions

    def _condition(self, *, of_steps: bool = True) -> str:
        ways = ["start.a == 1", "start.b != null", "profile.a == 1", "profile.b > 1", "journeys.other.active == true"]
        if of_steps and self.left:
            ways.append(f"steps.{self.chance.choice(self.left)}.outcome == 'done'")
        if of_steps and self.sends:
            ways.append(f"steps.{self.chance.choice(list(self.sends))}.outcome == 'opened'")
        return self.chance.choice(ways)

    def _clause(self) -> Data:
        clause: Data = {"on": self._one(*EVENTS, ["A", "B"])}
        if self._maybe(0.3):
            clause["where"] = self._one("event.a == 1", "event.b != start.b", "profile.a == 1", "event.a != null")
        if self.has_key and self._maybe(0.2):
            clause["match"] = "customer"
        return clause

    def _heard(self) -> Data:
        """What a wait may be for: an event, a report on a message, anything at all."""
        if self.sends and self._maybe(0.35):
            step = self.chance.choice(list(self.sends))
            channel = self.chance.choice(self.sends[step])
            return {"on": event_name(channel, self.chance.choice(reports_of(channel))), "of": step}
        return {"on": "any_activity"} if self._maybe(0.1) else self._clause()

    # --- steps

    def _block(self, depth: int, most: int | None = None) -> Block:
        return [self._step(depth) for _ in range(self.chance.randint(1, most or self.most_steps))]

    def _step(self, depth: int) -> Data:
        plain = ["send", "send", "cascade", "wait", "wait", "set", "call", "coupon", "start"]
        nested = ["wait_for", "wait_for", "branch", "split", "task", "repeat"] if depth else ["wait_for", "task"]
        leaving = ["stop", "go_to"] if self._maybe(0.3) else []
        verb = self.chance.choice([*plain, *nested, *leaving])
        self.count += 1
        number = f"s{self.count}"
        step: Data = {"id": number} | getattr(self, f"_{verb}")(number, depth)
        if self._maybe(0.15):
            step["when"] = self._condition()
        if self._maybe(0.05):
            step["enabled"] = False
        self.ids.append(number)
        self.left += [number] if verb in ("call", "task") else []
        return step

    def _inner(self, depth: int) -> Block:
        return self._block(depth - 1, 2) if depth and self._maybe(0.7) else []

    def _send(self, number: str, _: int) -> Data:
        channels = self._some(CHANNELS, 1 if self.is_capped else 2)
        self.sends[number] = channels
        step = {"send": self.chance.choice(MESSAGES), "via": channels[0] if len(channels) == 1 else channels}
        step |= self._picked(valid_for=self._one("1h", "2d"), on_cap=self._one("drop", "defer"))
        return step | ({"wait": "accepted"} if "voice" in channels and self._maybe() else {})

    def _cascade(self, number: str, _: int) -> Data:
        channels = self._some(CHANNELS, 3)
        self.sends[number] = channels
        rungs: list[Any] = [{channel: self._rung(channel)} for channel in channels[:-1]]
        last = channels[-1]
        rungs.append({last: self._rung(last)} if self._maybe(0.4) else last)
        step = {"cascade": self.chance.choice(MESSAGES), "via": rungs}
        return step | self._picked(on_cap=self._one("drop", "defer", "next_channel"), valid_for="2d", prefer="profile")

    def _rung(self, channel: str) -> Data:
        rung: Data = {"wait": self._one("30m", "6h")}
        if self._maybe(0.3):
            rung["until"] = "goal" if self.has_goal and self._maybe(0.4) else self._one("clicked", "answered")
        if channel in ("voice",) or (channel == "web_push" and rung.get("until") == "answered"):
            rung.pop("until", None)
        if channel == "push" and rung.get("until") == "answered":
            rung["until"] = "opened"
        return rung

    def _wait(self, _number: str, _: int) -> Data:
        window = {"window": self._one("Mon-Fri 09:00-18:00", "Mon-Sun 12:00-13:00")}
        until: Data = {"until": self._one("start.on", "start.on - duration('24h')", "profile.on", "start.day")}
        if "start" in until["until"] and self._maybe(0.6):
            until |= {"rearm_on": "Moved"} | self._picked(again_if_moved=True)
        until |= self._picked(past=self._one("skip", "go", "exit"), missing=self._one("skip", "exit"))
        lengths = self.chance.choice(LENGTHS)
        return {"wait": self._one(lengths, lengths, window, until, until, {"inactive": self._one("1d", "2d")})}

    def _wait_for(self, _number: str, depth: int) -> Data:
        arms = [self._heard() for _ in range(self.chance.randint(1, 2))]
        arms = [arm | ({"do": self._inner(depth)} if self._maybe() else {}) for arm in arms]
        step: Data = {"wait_for": arms, "within": self.chance.choice(LENGTHS)}
        if self._maybe(0.4):
            step["otherwise"] = self._inner(depth)
        return step | self._picked(already="counts", reset_on=self._one("C", ["B", "Moved"]))

    def _branch(self, _number: str, depth: int) -> Data:
        arms = [{"when": self._condition(), "do": self._inner(depth)} for _ in range(self.chance.randint(1, 2))]
        return {"branch": arms, "otherwise": self._inner(depth)}

    def _split(self, number: str, depth: int) -> Data:
        arms = [{"arm": "x", "share": 60, "do": self._inner(depth)}, {"arm": "y", "share": 40}]
        return {"split": f"lot_{number}", "arms": arms}

    def _task(self, number: str, depth: int) -> Data:
        results = {name: self._inner(depth) for name in self._one((), ("yes", "no"), ("yes",))}
        self.tasks[f"ask_{number}"] = list(results)
        step: Data = {"task": f"ask_{number}", "to": "sales", "within": self.chance.choice(LENGTHS)}
        if results:
            step["results"] = results
        return step | ({"otherwise": self._inner(depth)} if self._maybe(0.5) else {})

    def _repeat(self, _number: str, depth: int) -> Data:
        step: Data = {"repeat": self.chance.randint(1, 4), "do": self._block(depth - 1, 2)}
        return (
            step | ({"every": self._one("1d", "5h")} if self._maybe(0.8) else {}) | self._picked(until=self._clause())
        )

    def _set(self, _number: str, _: int) -> Data:
        return {"set": {self._one("a", "b"): self._one("start.b", "1", "2", "start.a")}}

    def _call(self, _number: str, depth: int) -> Data:
        return {"call": "crm"} | ({"otherwise": self._inner(depth)} if self._maybe(0.5) else {})

    def _coupon(self, _number: str, depth: int) -> Data:
        return {"coupon": "codes"} | ({"otherwise": self._inner(depth)} if self._maybe(0.5) else {})

    def _start(self, _number: str, _: int) -> Data:
        return {"start": "other"}

    def _stop(self, _number: str, _: int) -> Data:
        return {"stop": self._one("done", "gone")}

    def _go_to(self, _number: str, _: int) -> Data:
        return {"go_to": self._one(*STAGES) if self.has_stages else self._one(*(self.ids or ["last"]), "last")}

    # --- what happens

    def scenario(self) -> Data:
        scenario: Data = {"scenario": "s", "journey": "j", "given": self._given()}
        customer = {"traits": TRAITS | self._picked(a=1, b=2, on="{{ 4d }}", preferred_channel="sms")}
        if self._maybe(0.4):
            customer["time_zone"] = self._one("America/Sao_Paulo", "Europe/Moscow", "Asia/Kolkata")
        scenario["customer"] = customer
        if self._maybe(0.3):
            scenario["coupons"] = {"codes": self._one([], ["c1"])}
        if self._maybe(0.2):
            scenario["journeys"] = {"other": {"active": self._maybe(0.5)}}
        if self._maybe(0.4):
            scenario["answers"] = {"crm": self._one("refused", {"ok": 1})}
        return scenario | ({"arms": {"control/j": "held_out"}} if self._maybe(0.1) else {})

    def _given(self) -> list[Data]:
        minutes = sorted(self._minute() for _ in range(self.chance.randint(0, 8)))
        begins: Data = {"at": "0h", "on": "Go", "with": self._properties() | ({"k": 1} if self.has_key else {})}
        if self.has_stages:
            begins["on"] = self._one("Go", "Go", "Status")
        return [begins, *({"at": f"{minute}m", **self._happening()} for minute in minutes)]

    def _minute(self) -> int:
        """Mostly an odd minute, at which nothing falls due by itself."""
        hours: int = self._one(self.chance.randint(0, 6), self.chance.randint(0, 24 * 8))
        return hours * 60 + (0 if self._maybe(0.25) else self.chance.choice((7, 17, 47)))

    def _happening(self) -> Data:
        ways = ["event"] * 6 + ["report"] * 4 + ["traits"]
        ways += ["task"] * 2 if self.tasks else []
        ways += ["status"] * 4 if self.has_stages else []
        match self.chance.choice(ways):
            case "report":
                return {self._one(*REPORTS[:4], *REPORTS): self.chance.choice(MESSAGES)}
            case "traits":
                return {"traits": {self._one("a", "b"): self._one(0, 1, 2)}}
            case "task":
                name = self.chance.choice(list(self.tasks))
                results = self.tasks[name]
                return {"done": name} | ({"result": self.chance.choice(results)} if results else {})
            case "status":
                to = {"to": self._one(*STATUSES, *STAGES)}
                return {"on": "Status", "with": self._keyed(to)}
        name = self._one(*EVENTS, "Go") if self._maybe(0.3) else self._one(*EVENTS)
        return {"on": name, "with": self._keyed(self._properties())}

    def _keyed(self, properties: Data) -> Data:
        return properties | ({"k": self._one(1, 1, 1, 2)} if self.has_key and self._maybe(0.9) else {})

    def _properties(self) -> Data:
        moments = (f"{{{{ {self.chance.randint(1, 9)}d }}}}", "x", "{{ 30h }}")
        days = ("2026-01-08", "2026-01-10")
        return self._picked(
            a=self._one(0, 1), b=self._one(1, 2, 3), on=self.chance.choice(moments), day=self._one(*days)
        )
