from datetime import UTC, datetime
from html.parser import HTMLParser
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from language.channel import Channel
from language.message import Message
from language.rendering import Rendered, Undeliverable, render

SCOPE: dict[str, Any] = {
    "profile": {
        "first_name": "Ana",
        "city": None,
        "nick": "  ",
        "shop": "Tom & Jerry's <best> *deals*",
        "company": 'A&B "<b>',
        "crafty": "Ana\r\nBcc: all@example.com",
        "tricky": "A\u202ena\x00\u2066",
    },
    "start": {
        "flat": "12-B",
        "price": 1250.0,
        "flats": [{"no": 7}, {"no": 9}],
        "rooms": [1, 2],
        "expires_at": "2026-03-29T00:30:00Z",
        "day": "2026-05-09",
    },
    "now": datetime(2026, 1, 5, 12, 0, tzinfo=UTC),
    "code": "SPRING",
}


def made(channel: Channel = "sms", *, locale: str | None = None, zone: str = "UTC", **parts: Any) -> Rendered:
    message = Message.model_validate({"message": "hello", "class": "service", **parts})
    return render(message, channel, scope=SCOPE, locale=locale, time_zone=zone, link=lambda url: f"{url}?c=1")


def sms(text: str, **options: Any) -> str:
    return made(sms=text, **options).text


def mail(body: str, **options: Any) -> Rendered:
    return made("email", email={"subject": "Hello", "body": body}, **options)


def refusal(channel: Channel = "sms", **parts: Any) -> str:
    with pytest.raises(Undeliverable) as caught:
        made(channel, **parts)
    return caught.value.reason


# Values


def test_values_stand_at_their_place() -> None:
    assert sms("{{ profile.first_name }}, flat {{ start.flat }}: {{ code }}") == "Ana, flat 12-B: SPRING"


@pytest.mark.parametrize("name", ["profile.nothing", "profile.city", "profile.nick", "start.a.b.c", "nowhere"])
def test_a_missing_value_makes_it_undeliverable_and_is_named(name: str) -> None:
    assert refusal(sms=f"Hi {{{{ {name} }}}}") == f"sms needs {name}, which is missing"


def test_the_place_is_named_as_in_the_file() -> None:
    email = {"subject": "{{ profile.city }}", "body": "x"}
    assert refusal("email", email=email).startswith("email.subject needs profile.city")
    locales = {"ru": {"sms": "{{ profile.city }}"}}
    assert refusal(sms="x", locales=locales, locale="ru").startswith("locales.ru.sms needs profile.city")


@pytest.mark.parametrize("name", ["profile.nothing", "profile.city", "profile.nick"])
def test_a_default_stands_in_for_a_missing_value(name: str) -> None:
    assert sms(f"Hi {{{{ {name} | default: 'friend' }}}}") == "Hi friend"
    assert sms(f"Hi {{{{ {name} | upcase | default: 'friend' }}}}") == "Hi friend"


def test_a_default_that_is_missing_itself_is_named() -> None:
    assert "profile.nothing" in refusal(sms="{{ profile.city | default: profile.nothing }}")
    assert "profile.city" in refusal(sms="{{ start.flat | append: profile.city }}")


def test_a_missing_value_may_be_tested() -> None:
    text = "{% if profile.city %}yes{% elsif profile.city == 'x' or profile.age > 3 %}maybe{% else %}no{% endif %}"
    assert sms(text) == "no"
    assert sms("{% unless profile.city contains 'x' %}{% case profile.city %}{% when 'x' %}x{% else %}none{% endcase %}"
               "{% endunless %}") == "none"  # fmt: skip


def test_a_loop_over_something_missing_is_undeliverable() -> None:
    assert "start.items" in refusal(sms="x{% for item in start.items %}{{ item }}{% endfor %}")


def test_loops_count_and_lists_read_as_a_sentence() -> None:
    assert (
        sms("{% for f in start.flats %}{{ forloop.index }}:{{ f.no }} {% endfor %}{{ start.rooms }}") == "1:7 2:9 1, 2"
    )
    assert sms("{{ start.flats.size }} {{ start.flats.first.no }} {{ start.flats[1].no | plus: 0.5 }}") == "2 7 9.5"


def test_a_value_of_the_wrong_kind_is_undeliverable_and_not_quoted() -> None:
    for statement in ("{{ profile.first_name | date: '%d' }}", "{{ profile.first_name | link }}",
                      "{{ profile.first_name | money: 'EUR' }}", "{{ profile }}",
                      "{{ start.price | divided_by: 0 }}"):  # fmt: skip
        reason = refusal(sms=f"one\n{statement}")
        assert reason == f"sms, line 2: a value does not fit {statement}"
        assert "Ana" not in reason


def test_a_text_that_comes_out_empty_is_undeliverable() -> None:
    assert refusal(sms="{% if profile.city %}Hello{% endif %}") == "sms came out empty"


def test_the_machine_s_own_clock_is_not_within_reach() -> None:
    assert sms("{{ now | date: '%Y-%m-%d' }} {{ 'now' | date: '%H:%M' }}") == "2026-01-05 12:00"
    assert "today" in refusal(sms="{{ today }}")


# Times and numbers


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("UTC", "29.03 00:30"),
        ("Europe/Berlin", "29.03 01:30"),
        ("America/Sao_Paulo", "28.03 21:30"),
        ("Asia/Kolkata", "29.03 06:00"),
    ],
)
def test_times_are_the_reader_s(zone: str, shown: str) -> None:
    assert sms("{{ start.expires_at | date: '%d.%m %H:%M' }}", zone=zone) == shown


def test_an_unknown_zone_stops_only_what_shows_a_time() -> None:
    assert sms("{{ start.flat }}", zone="Mars/Olympus") == "12-B"
    for text in ("{{ start.expires_at }}", "{{ start.expires_at | date: '%H' }}"):
        assert refusal(sms=text, zone="Mars/Olympus") == "sms shows a time, and the customer's time zone is not known"


def test_times_follow_the_change_of_the_clocks() -> None:
    before = "{{ '2026-03-29T00:59:00Z' | date: '%H:%M' }}"
    after = "{{ '2026-03-29T01:00:00Z' | date: '%H:%M' }}"
    assert sms(f"{before} {after}", zone="Europe/Berlin") == "01:59 03:00"


def test_a_time_shown_bare_is_readable_in_the_text_s_language() -> None:
    locales = {"ru": {"sms": "{{ start.expires_at }}"}}
    assert sms("{{ start.expires_at }}", zone="Europe/Berlin") == "Mar 29, 2026, 1:30 AM"
    assert sms("x", locale="ru", zone="Europe/Moscow", locales=locales) == "29 мар. 2026 г., 03:30"


def test_a_day_without_a_time_is_not_moved_by_zones() -> None:
    assert sms("{{ start.day | date: '%d.%m' }}", zone="America/Sao_Paulo") == "09.05"


def test_months_and_days_are_in_the_text_s_language() -> None:
    locales = {"ru": {"sms": "{{ start.day | date: '%-d %B, %A' }} {{ start.day | date: '%B %Y' }}"}}
    assert sms("x", locale="ru", locales=locales) == "9 мая, суббота май 2026"
    assert sms("{{ start.day | date: 'long' }}") == "May 9, 2026"


def test_amounts_are_written_as_the_text_s_language_does() -> None:
    text = "{{ start.price | money: 'BRL' }} {{ 1250.5 | money: 'BRL' }} {{ start.price | number }} {{ start.price }}"
    assert sms("x", locale="pt-BR", locales={"pt-BR": {"sms": text}}) == "R$ 1.250 R$ 1.250,50 1.250 1250"
    assert sms("{{ start.price | money: 'RUB' }} {{ start.price | money: 'USD' }}") == "RUB 1,250 $1,250"


# Language


LOCALES = {"pt-BR": {"sms": "oi"}, "pt": {"sms": "olá"}, "ru": {"email": {"subject": "s", "body": "b"}}}


@pytest.mark.parametrize(
    ("locale", "text", "used"),
    [
        ("pt-BR", "oi", "pt-BR"),
        ("pt_br", "oi", "pt-BR"),
        ("pt-PT", "olá", "pt"),
        ("ru", "hello", "en"),
        ("fr", "hello", "en"),
        (None, "hello", "en"),
        ("", "hello", "en"),
    ],
)
def test_the_nearest_language_that_has_the_channel_is_used(locale: str | None, text: str, used: str) -> None:
    rendered = made(sms="hello", email={"subject": "s", "body": "b"}, locales=LOCALES, locale=locale)
    assert (rendered.text, rendered.locale) == (text, used)


def test_a_channel_without_text_is_undeliverable() -> None:
    assert refusal("voice", sms="x") == "the message has no text for voice"


# SMS


def test_an_sms_says_how_many_parts_it_costs() -> None:
    assert made(sms="я" * 71).segments == 2


def test_an_sms_too_long_for_the_network_is_undeliverable() -> None:
    made(sms="{{ code }}" + "a" * 1594)
    assert refusal(sms="{{ code }}" + "a" * 1595) == "sms came out at 1,601 characters; 1,600 is the most"


@pytest.mark.parametrize("character", ["\0", "\x07", "\x1b", "\x7f"])
def test_a_text_with_a_control_character_is_refused_when_loaded(character: str) -> None:
    with pytest.raises(ValueError, match=rf"line 2 of the text: the character U\+{ord(character):04X} cannot be shown"):
        made(sms=f"one\ntwo{character}")


def test_half_a_character_in_a_value_is_left_out() -> None:
    message = Message.model_validate({"message": "x", "class": "service", "sms": "Hi {{ name }}"})
    assert render(message, "sms", scope={"name": "A\ud83d👋"}, locale=None, time_zone="UTC").text == "Hi A👋"


def test_an_sms_shows_values_as_they_are() -> None:
    assert sms("{{ profile.shop }}") == "Tom & Jerry's <best> *deals*"


def test_links_are_tracked_in_both_spellings() -> None:
    assert sms("{{ 'https://a.b/c' | link }} {{ link: 'https://a.b/d' }}") == "https://a.b/c?c=1 https://a.b/d?c=1"


def test_a_cached_sms_is_quick() -> None:
    message = Message.model_validate(
        {
            "message": "x",
            "class": "service",
            "sms": "Flat {{ start.flat }} until {{ start.expires_at | date: '%d.%m' }}",
        }
    )
    timings = []
    for _ in range(200):
        began = perf_counter()
        render(message, "sms", scope=SCOPE, locale="en", time_zone="Europe/Berlin")
        timings.append(perf_counter() - began)
    assert min(timings) < 0.0003


# E-mail


def test_markdown_becomes_a_page_and_plain_text() -> None:
    rendered = mail("# Hi {{ profile.first_name }}\n\nOne **two**.\n\n- a\n- b\n\n1. c\n2. d\n\n[Pay](https://p.y/x)")
    assert rendered.html is not None
    assert "<h1>Hi Ana</h1>" in rendered.html
    assert "<strong>two</strong>" in rendered.html
    assert rendered.text == "Hi Ana\n\nOne two.\n\n- a\n- b\n\n1. c\n2. d\n\nPay: https://p.y/x"


def test_plain_text_keeps_line_breaks_and_leaves_out_what_is_hidden() -> None:
    assert mail("Best,\\\nthe team").text == "Best,\nthe team"
    page = "<head><title>t</title></head><p>a<br>b</p><div style='display: none'>c<br><p>d</p></div><p>e</p>"
    assert made("email", email={"subject": "Hi", "html": page}).text == "a\nb\n\ne"


def test_a_paragraph_that_is_only_a_link_is_a_button() -> None:
    page = mail("[Pay]({{ 'https://p.y/x?a=1&b=2' | link }})\n\nor [see]({{ 'https://p.y' | link }})").html
    assert page is not None
    assert '<a href="https://p.y/x?a=1&amp;b=2?c=1" style="display:inline-block' in page
    assert '<a href="https://p.y?c=1">see</a>' in page


EVIL = "**Bob**\n# <script>x</script> [free](https://evil.example) `a` | <img src=x onerror=1> &amp; _x_ \\"


@pytest.mark.parametrize(
    "body", ["{{ evil }}", "- {{ evil }}", "`{{ evil }}`", "[x]({{ evil }})", "> {{ evil | append: '!' }}",
             "{% capture x %}{{ evil }}{% endcapture %}{{ x }}", "| a |\n|---|\n| {{ evil }} |"],
)  # fmt: skip
def test_a_customer_s_value_carries_no_markup(body: str) -> None:
    message = Message.model_validate(
        {
            "message": "x",
            "class": "service",
            "email": {"subject": "{{ evil }}", "preheader": "{{ evil }}", "body": body},
        }
    )
    rendered = render(message, "email", scope={"evil": EVIL}, locale=None, time_zone="UTC")
    assert rendered.html is not None
    shown = rendered.html.partition("<body>")[2]
    for tag in ("<script", "<img", "<strong", "<em>", "<h1", 'href="https://evil'):
        assert tag not in shown
    assert "vq7x" not in rendered.html + rendered.text


class Tags(HTMLParser):
    """The tags of a page, with the names of their attributes; line breaks aside."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "br":
            self.found.append((tag, tuple(name for name, _ in attrs)))


SKELETON = "# {{ v }}\n\n{{ v }} **{{ v }}** `{{ v }}`\n\n[{{ v }}]({{ v }})\n\n- {{ v }}\n\n{{ v }}"
MARKUP = st.text(st.sampled_from("ab1 \n\t.*_#`[]()<>!|&;\"'/\\~=-+:xvq7")).filter(str.strip)


@given(MARKUP | st.text(min_size=1).filter(str.strip))
def test_no_value_changes_the_shape_of_a_page(value: str) -> None:
    def shape(filled: str) -> list[tuple[str, tuple[str, ...]]]:
        message = Message.model_validate(
            {"message": "x", "class": "service", "email": {"subject": "s", "body": SKELETON}}
        )
        return Tags(render(message, "email", scope={"v": filled}, locale=None, time_zone="UTC").html or "").found

    assert shape(value) == shape("plain")


def test_an_address_from_a_customer_s_value_must_be_a_web_address() -> None:
    def target(value: str) -> str:
        message = Message.model_validate(
            {"message": "x", "class": "service", "email": {"subject": "s", "body": "[go]({{ url }})"}}
        )
        page = render(message, "email", scope={"url": value}, locale=None, time_zone="UTC").html or ""
        return page.partition('<a href="')[2].partition('"')[0]

    assert target("javascript:alert(1)") == "#"
    assert target("https://[broken") == "#"
    assert target('https://a.b/"><script>') == "https://a.b/%22%3E%3Cscript%3E"
    assert target("https://a.b/?q=1&r=2") == "https://a.b/?q=1&amp;r=2"


def test_a_value_that_looks_like_our_own_marks_is_only_text() -> None:
    message = Message.model_validate(
        {"message": "x", "class": "service", "email": {"subject": "s", "body": "[{{ a }}]({{ b }}) {{ a }} vq7x9x7qv"}}
    )
    scope = {"a": "vq7x1x7qv", "b": "https://a.b/vq7x0x7qv?vq7x99x7qv"}
    page = render(message, "email", scope=scope, locale=None, time_zone="UTC").html or ""
    assert '<a href="https://a.b/vq7x0x7qv?vq7x99x7qv">vq7x1x7qv</a> vq7x1x7qv vq7x9x7qv' in page


def test_html_is_sent_as_written_with_its_values_escaped() -> None:
    email = {"subject": "Hi", "html": '<p title="{{ profile.company }}">{{ profile.company }}</p><style>p{}</style>'}
    rendered = made("email", email=email)
    assert rendered.html == ('<p title="A&amp;B &quot;&lt;b&gt;">A&amp;B &quot;&lt;b&gt;</p><style>p{}</style>')
    assert rendered.text == 'A&B "<b>'


def test_mjml_becomes_html_with_its_values_escaped() -> None:
    source = (
        "<mjml><mj-head><mj-preview>Soon</mj-preview></mj-head><mj-body><mj-section><mj-column>"
        "{% if code %}<mj-text>Hi {{ profile.company }}</mj-text>{% endif %}"
        "<mj-button href=\"{{ 'https://p.y' | link }}\">Pay</mj-button></mj-column></mj-section></mj-body></mjml>"
    )
    rendered = made("email", email={"subject": "Hi", "mjml": source})
    assert rendered.html is not None
    assert rendered.html.startswith("<!doctype html>")
    assert "Hi A&amp;B &quot;&lt;b&gt;" in rendered.html
    assert "googleapis" not in rendered.html
    assert rendered.text == 'Hi A&B "<b>\n\nPay: https://p.y?c=1'


def test_a_subject_is_one_line() -> None:
    rendered = made("email", email={"subject": "Hi {{ profile.crafty }}", "body": "x"})
    assert rendered.subject == "Hi Ana Bcc: all@example.com"


def test_the_preheader_is_hidden_and_not_in_the_plain_text() -> None:
    rendered = made("email", email={"subject": "Hi", "preheader": "Pay & go", "body": "Text"})
    assert rendered.preheader == "Pay & go"
    assert "Pay &amp; go" in (rendered.html or "")
    assert rendered.text == "Text"


def test_right_to_left_languages_read_from_the_right() -> None:
    locales = {"he": {"email": {"subject": "שלום", "body": "שלום {{ profile.first_name }}"}}}
    rendered = made("email", email={"subject": "Hi", "body": "Hi"}, locales=locales, locale="he-IL")
    assert '<html lang="he" dir="rtl">' in (rendered.html or "")
    assert rendered.text == "שלום Ana"


def test_characters_that_reorder_or_hide_text_are_dropped() -> None:
    assert sms("Hi {{ profile.tricky }}!") == "Hi Ana!"


# Other channels


def test_other_channels_carry_their_fields() -> None:
    call = made("voice", voice={"say": "Hello {{ profile.first_name }}", "timeout": "40s"})
    assert call.content == {"say": "Hello Ana", "language": "en", "machine": "hang_up", "timeout": 40}
    asks = made("voice", voice={"say": "Hello", "gather": {"digits": 2, "thanks": "Bye {{ profile.first_name }}"}})
    assert asks.content["gather"] == {"digits": 2, "timeout": 5, "thanks": "Bye Ana"}
    chat = made("whatsapp", whatsapp={"content_sid": "HX" + "0" * 32, "variables": {1: "{{ start.flat }}"}})
    assert chat.content == {"content_sid": "HX" + "0" * 32, "variables": {"1": "12-B"}}
    push = made("push", push={"title": "Hi", "body": "{{ code }}", "url": "{{ 'https://a.b' | link }}"})
    assert push.content == {"title": "Hi", "body": "SPRING", "url": "https://a.b?c=1"}
    assert "voice.say needs profile.city" in refusal("voice", voice={"say": "{{ profile.city }}"})


def test_every_channel_has_a_text_to_show() -> None:
    sid = "HX" + "0" * 32
    push = {"title": "Hi {{ profile.first_name }}", "body": "{{ code }}"}
    assert made("voice", voice={"say": "Hello {{ profile.first_name }}"}).text == "Hello Ana"
    assert made("whatsapp", whatsapp={"content_sid": sid, "variables": {1: "{{ start.flat }}", 2: "soon"}}).text == (
        "12-B · soon"
    )
    assert made("whatsapp", whatsapp={"content_sid": sid}).text == f"Template {sid}"
    for shown in (made("push", push=push), made("web_push", web_push=push)):
        assert (shown.subject, shown.text) == ("Hi Ana", "SPRING")


def test_whatsapp_free_text_is_what_it_shows() -> None:
    sid = "HX" + "0" * 32
    chat = made("whatsapp", whatsapp={"content_sid": sid, "variables": {1: "soon"}, "text": "Flat {{ start.flat }}"})
    assert (chat.text, chat.content["text"]) == ("Flat 12-B", "Flat 12-B")
    long = {"content_sid": sid, "text": "x" * 1601}
    assert "whatsapp.text came out at 1,601 characters" in refusal("whatsapp", whatsapp=long)


def test_call_may_play_a_recording() -> None:
    call = made("voice", voice={"say": "Hello", "play": "https://a.example/{{ profile.first_name }}.mp3"})
    assert (call.text, call.content["play"]) == ("Hello", "https://a.example/Ana.mp3")
