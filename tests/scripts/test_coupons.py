import io
from pathlib import Path

import pytest

from runtime.settings import Settings
from scripts.coupons import BadFileError, count, load, read_codes
from store.coupons import PoolRecord, count_pools
from store.database import Database


def codes(text: str) -> list[str]:
    return list(read_codes(io.StringIO(text, newline=""), "bonus.csv"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A1\nB2\n", ["A1", "B2"]),
        ("code\nA1\n", ["A1"]),
        ("\n\nCoupon Code,value\nA1,10\n", ["A1"]),
        ("Code;valid\nA1;2026\nB2;2026", ["A1", "B2"]),
        ("PROMO_CODE\tx\r\nA1\ty\r\n", ["A1"]),
        (' A1 ,x\n\n"B,2",x\n', ["A1", "B,2"]),
        ("A1\ncode\n", ["A1", "code"]),
        ("", []),
    ],
)
def test_first_column_is_read_without_a_heading(text: str, expected: list[str]) -> None:
    assert codes(text) == expected


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("A1\nB\x002\n", "bonus.csv:2: "),
        (f"A1\n\n{'x' * 201}\n", "bonus.csv:3: a code has at most 200 characters"),
        ('A1\n"B2\n', "bonus.csv:2: "),
    ],
)
def test_what_is_no_code_is_told_with_its_line(text: str, place: str) -> None:
    with pytest.raises(BadFileError) as wrong:
        codes(text)
    assert str(wrong.value).startswith(place)


async def test_file_is_loaded_and_counted(
    db: Database, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bonus.csv"
    file.write_text("code\nA1\nB2\nA1\n", encoding="utf-8-sig")
    settings = Settings(database_url=database_url)
    assert await load(settings, "bonus30", file) == 0
    assert await load(settings, "bonus30", file) == 0
    await count(settings)
    assert capsys.readouterr().out.splitlines() == [
        "bonus30: 2 new, 1 there already or repeated in the file",
        "bonus30: 0 new, 3 there already or repeated in the file",
        "bonus30: 2 left, 0 taken",
    ]
    assert await count_pools(db) == [PoolRecord("bonus30", left=2, taken=0)]


@pytest.mark.parametrize(("pool", "content"), [("bonus 30", b"A1\n"), ("bonus30", b"A1\nB2\n\xff\n")])
async def test_bad_file_or_name_loads_nothing(
    db: Database, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], pool: str, content: bytes
) -> None:
    file = tmp_path / "bonus.csv"
    file.write_bytes(content)
    assert await load(Settings(database_url=database_url), pool, file) == 1
    assert "nothing was loaded" in capsys.readouterr().err
    assert await count_pools(db) == []
