"""The plain frame around a Markdown e-mail: one readable column on any screen, light or dark, either direction."""

import html
from string import Template

_RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ps", "sd", "ug", "ur", "yi"})
# Keeps mail programs from showing the first line of the text after the preheader.
_FILLER = "&#847;&zwnj;&nbsp;" * 40

_FRAME = Template("""\
<!doctype html>
<html lang="$locale" dir="$direction">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$subject</title>
<style>
  body { margin: 0; padding: 0; background: #f3f4f6; color: #1f2430; }
  .card { max-width: 600px; margin: 0 auto; background: #ffffff; border-radius: 10px; }
  .text { padding: 32px; font: 16px/1.6 -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
  .text h1 { margin: 0 0 16px; font-size: 24px; line-height: 1.3; }
  .text h2 { margin: 24px 0 8px; font-size: 18px; line-height: 1.3; }
  .text p { margin: 0 0 16px; }
  .text li { margin: 0 0 6px; }
  .text a { color: #1f5eff; }
  .text img { max-width: 100%; height: auto; }
  .text hr { margin: 24px 0; border: 0; border-top: 1px solid #d8dce3; }
  .text blockquote { margin: 0 0 16px; padding: 0 16px; border-inline-start: 4px solid #d8dce3; color: #5b6372; }
  .text code { padding: 2px 6px; border-radius: 4px; background: #eef0f4; font-size: 15px; }
  .text th, .text td { padding: 6px 12px 6px 0; text-align: start; }
  @media (max-width: 480px) { .text { padding: 24px 20px; } }
  @media (prefers-color-scheme: dark) {
    body { background: #14161b; color: #e7e9ee; }
    .card { background: #1e2128; }
    .text a { color: #8fb0ff; }
    .text code { background: #2a2e37; }
  }
</style>
</head>
<body>
$preheader<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"><tr>
<td style="padding: 24px 12px;">
<div class="card"><div class="text">
$content</div></div>
</td></tr></table>
</body>
</html>
""")
_PREHEADER = '<div style="display:none;max-height:0;overflow:hidden">{}{}</div>\n'


def lay_out(content: str, *, subject: str, preheader: str | None, locale: str) -> str:
    """A whole HTML document around `content`, which is HTML; `subject` and `preheader` are plain text."""
    return _FRAME.substitute(
        locale=html.escape(locale),
        direction="rtl" if locale.partition("-")[0] in _RIGHT_TO_LEFT else "ltr",
        subject=html.escape(subject),
        preheader=_PREHEADER.format(html.escape(preheader), _FILLER) if preheader else "",
        content=content,
    )
