"""The pages for customers, as HTML: no script, no picture, one small style. They work by keyboard as well."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from string import Template

from api.preference_words import Words, language_of, words_for
from language.channel import Channel
from language.preferences import Cell, Choices

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
}

_FRAME = Template("""\
<!doctype html>
<html lang="$language">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
  :root { --ground: #f3f4f6; --card: #fff; --ink: #1f2430; --soft: #5b6372; --line: #e3e6eb; --accent: #1f5eff;
    --on-accent: #fff; --good: #e8f5ec; --good-ink: #14532d; }
  @media (prefers-color-scheme: dark) { :root { --ground: #14161b; --card: #1e2128; --ink: #e7e9ee; --soft: #a3abba;
    --line: #333844; --accent: #8fb0ff; --on-accent: #10131a; --good: #16331f; --good-ink: #bbf7d0; } }
  * { box-sizing: border-box; }
  body { margin: 0; background: var(--ground); color: var(--ink);
    font: 16px/1.5 -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
  main { max-width: 640px; margin: 0 auto; padding: 24px 16px 48px; }
  h1 { margin: 8px 0 12px; font-size: 26px; line-height: 1.25; }
  .intro, .hint { margin: 0 0 16px; color: var(--soft); }
  .note { margin: 0 0 16px; padding: 12px 16px; border-radius: 10px; background: var(--good); color: var(--good-ink); }
  fieldset { margin: 0 0 10px; padding: 14px 16px; border: 1px solid var(--line); border-radius: 12px;
    background: var(--card); min-width: 0; }
  legend { float: left; width: 100%; padding: 0; font-weight: 600; }
  fieldset > * { clear: both; }
  .about { margin: 0; color: var(--soft); font-size: 15px; }
  .boxes { display: flex; flex-wrap: wrap; gap: 4px 20px; margin-top: 6px; }
  label { display: inline-flex; align-items: center; gap: 8px; min-height: 44px; cursor: pointer; }
  label.off { color: var(--soft); cursor: default; }
  input[type=checkbox] { width: 22px; height: 22px; margin: 0; accent-color: var(--accent); }
  .buttons { position: sticky; bottom: 0; padding: 12px 0; background: var(--ground); }
  button, .button { display: inline-block; min-height: 48px; padding: 12px 28px; border: 1px solid transparent;
    border-radius: 10px; font: inherit; font-weight: 600; text-decoration: none; cursor: pointer;
    background: var(--accent); color: var(--on-accent); }
  button.quiet { background: transparent; border-color: var(--line); color: var(--ink); }
  :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
  hr { margin: 16px 0; border: 0; border-top: 1px solid var(--line); }
</style>
</head>
<body><main>
<h1>$title</h1>
$content</main></body>
</html>
""")


def page(locale: str | None, title: str, content: str) -> str:
    """A whole document; `content` is HTML."""
    return _FRAME.substitute(language=language_of(locale), title=escape(title), content=content)


def note(text: str) -> str:
    return f'<p class="note" role="status">{escape(text)}</p>\n'


@dataclass(frozen=True, slots=True)
class Leaving:
    """A button by which a customer leaves one topic at once: what is left, and where that is told."""

    topic: str
    channel: str
    action: str


def preference_page(
    locale: str | None, choices: Choices, *, action: str, said: str | None = None, leaving: Leaving | None = None
) -> str:
    """`action` is where the choice goes; `said` stands above it, and a button for `leaving`."""
    words = words_for(locale)
    shown = said or (words.all_off if choices.is_all_off else None)
    parts = [note(shown)] if shown else []
    parts += [_leave(words, leaving)] if leaving else []
    if not choices.shown:
        parts.append(f'<p class="intro">{words.nothing}</p>\n')
    parts += [f'<p class="intro">{words.intro}</p>\n'] if choices.shown else []
    parts.append(f'<form method="post" action="{escape(action)}">\n')
    parts += _stopped(words, choices)
    parts += [_topic(locale, words, choices, topic) for topic in _in_order(choices, locale) if choices.cells(topic)]
    if choices.shown or _may_return(choices):
        parts.append(f'<p class="buttons"><button name="do" value="save">{words.save}</button></p>\n')
    parts.append(f"</form>\n<hr>\n{_everything_off(words, action)}")
    parts.append(f'<p class="hint">{words.transactional}</p>\n')
    return page(locale, words.title, "".join(parts))


def confirm_page(locale: str | None, topic: str, *, action: str) -> str:
    """A button, as programs that look into mails follow links."""
    words = words_for(locale)
    button = f"<button>{escape(words.confirm.format(topic))}</button>"
    form = f'<form method="post" action="{escape(action)}"><p>{button}</p></form>\n'
    return page(locale, words.confirm_title, form)


def told_page(locale: str | None, said: str, preferences: str) -> str:
    words = words_for(locale)
    return page(locale, said, f'<p><a class="button" href="{escape(preferences)}">{words.to_preferences}</a></p>\n')


def not_found_page() -> str:
    """In all languages: nobody knows who looks at it."""
    found = (words_for(language) for language in ("en", "ru", "pt"))
    content = "".join(f"<p><strong>{words.not_found_title}.</strong> {words.not_found}</p>\n" for words in found)
    return page(None, words_for("en").not_found_title, content)


def _in_order(choices: Choices, locale: str | None) -> list[str]:
    return sorted(choices.topics, key=lambda topic: choices.topics[topic].words(locale).title.casefold())


def _topic(locale: str | None, words: Words, choices: Choices, topic: str) -> str:
    text = choices.topics[topic].words(locale)
    about = f'<p class="about">{escape(text.description)}</p>' if text.description else ""
    cells = choices.cells(topic)
    boxes = "".join(_box(words, choices, cell) for cell in cells)
    waits = any(choices.is_pending(cell) for cell in cells)
    pending = f'<p class="about">{words.pending}</p>' if waits else ""
    return f"<fieldset><legend>{escape(text.title)}</legend>{about}<div class=boxes>{boxes}</div>{pending}</fieldset>\n"


def _box(words: Words, choices: Choices, cell: Cell) -> str:
    name, label = f"{cell.topic}.{cell.channel}", words.channel(cell.channel)
    if choices.is_stopped(cell.channel):
        return f'<label class="off"><input type="checkbox" disabled> {label}</label>'
    checked = " checked" if choices.is_on(cell) or choices.is_pending(cell) else ""
    box = f'<input type="checkbox" name="on" value="{name}"{checked}>'
    return f'<label>{box} {label}</label><input type="hidden" name="shown" value="{name}">'


def _stopped(words: Words, choices: Choices) -> Iterator[str]:
    for channel in choices.channels:
        if choices.is_stopped(channel):
            title = f"{words.channel(channel)}: {words.stopped}"
            way = f'<p class="about">{words.reply_start}</p>' if _by_word(choices, channel) else _again(words, channel)
            yield f"<fieldset><legend>{title}</legend>{way}</fieldset>\n"


def _again(words: Words, channel: Channel) -> str:
    return f'<label><input type="checkbox" name="again" value="{channel}"> {words.again}</label>'


def _by_word(choices: Choices, channel: Channel) -> bool:
    """Who has replied STOP is stopped by the network as well, which hears only their START."""
    return channel in ("sms", "whatsapp") and any(
        one.state == "opted_out" and (one.channel, one.topic) == (channel, None) for one in choices.consents
    )


def _may_return(choices: Choices) -> bool:
    return any(choices.is_stopped(one) and not _by_word(choices, one) for one in choices.channels)


def _leave(words: Words, leaving: Leaving) -> str:
    button = f"<button>{escape(words.leave.format(leaving.topic, words.channel(leaving.channel)))}</button>"
    return f'<form method="post" action="{escape(leaving.action)}"><p>{button}</p></form>\n<hr>\n'


def _everything_off(words: Words, action: str) -> str:
    button = f'<button class="quiet" name="do" value="everything_off">{words.everything_off}</button>'
    hint = f'<p class="hint">{words.everything_off_hint}</p>'
    return f'<form method="post" action="{escape(action)}"><p>{button}</p>{hint}</form>\n'
