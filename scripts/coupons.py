"""`sojourn coupons`: fill pools from CSV files, and count what is left."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import typer

from language.steps.doing import NAME
from runtime.settings import Settings
from scripts.database import opened
from store.coupons import count_pools, load_codes

LONGEST = 200
HEADERS = ("code", "codes", "coupon", "coupons", "couponcode", "promocode", "voucher", "vouchercode")
"""What a first line may say, beside spaces, `_` and `-`, to be no code but a heading."""


class BadFileError(ValueError):
    """Its text says what is wrong, and in which line."""


async def load(settings: Settings, pool: str, file: Path) -> int:
    """Print what was done, or why nothing was; returns the exit code."""
    if not re.fullmatch(NAME, pool):
        typer.echo(
            f"{pool}: no journey can name this pool; use small letters, digits and _\nnothing was loaded", err=True
        )
        return 1
    try:
        async with opened(settings) as db:
            with file.open(newline="", encoding="utf-8-sig") as text:
                loaded = await load_codes(db, pool, read_codes(text, file.name))
    except BadFileError as error:
        typer.echo(f"{error}\nnothing was loaded", err=True)
        return 1
    typer.echo(f"{pool}: {loaded.new:,} new, {loaded.repeated:,} there already or repeated in the file")
    return 0


async def count(settings: Settings) -> None:
    """Print a line for each pool."""
    async with opened(settings) as db:
        for pool in await count_pools(db):
            typer.echo(f"{pool.pool}: {pool.left:,} left, {pool.taken:,} taken")


def read_codes(text: TextIO, name: str) -> Iterator[str]:
    """The first column of a CSV file, whether it uses `,`, `;` or tabs, without a heading. Raises BadFileError."""
    rows, is_first = csv.reader(text, delimiter=_delimiter(text, name), strict=True), True
    try:
        for row in rows:
            code = row[0].strip() if row else ""
            if code and not (is_first and _is_heading(code)):
                yield _checked(code, f"{name}:{rows.line_num}")
            is_first = is_first and not code
    except csv.Error as error:
        raise BadFileError(f"{name}:{rows.line_num}: {error}") from None
    except UnicodeDecodeError:
        raise BadFileError(f"{name}: after line {rows.line_num}: this is not UTF-8") from None


def _delimiter(text: TextIO, name: str) -> str:
    try:
        first = text.readline()
    except UnicodeDecodeError:
        raise BadFileError(f"{name}: this is not UTF-8") from None
    text.seek(0)
    return next((mark for mark in ",;\t" if mark in first), ",")


def _is_heading(code: str) -> bool:
    return re.sub(r"[\s_-]", "", code).casefold() in HEADERS


def _checked(code: str, place: str) -> str:
    if len(code) > LONGEST or not code.isprintable():
        raise BadFileError(f"{place}: a code has at most {LONGEST} characters, all of them printable")
    return code
