"""Columns that many tables have."""

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Identity, SmallInteger, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field


def row_id() -> Any:
    return Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True))


def jsonb(default: str | None = "{}") -> Any:
    server = text(f"'{default}'::jsonb") if default is not None else None
    return Field(sa_column=Column(JSONB, nullable=default is None, server_default=server))


def moment(*, nullable: bool = True, index: bool = False) -> Any:
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=nullable, index=index))


def big(*, nullable: bool = False, index: bool = False, default: int | None = None) -> Any:
    server = text(str(default)) if default is not None else None
    return Field(default=default, sa_column=Column(BigInteger, nullable=nullable, index=index, server_default=server))


def small(*, default: int) -> Any:
    server = text(str(default))
    return Field(default=default, sa_column=Column(SmallInteger, nullable=False, server_default=server))
