"""Customers by the names that people have for them."""

from typing import Annotated

from pydantic import AfterValidator

from api.paging import Text
from api.problem import Problem
from store.database import Database
from store.reading_customers import CustomerRecord, find_customer, parse_name


def _readable(text: str) -> str:
    parse_name(text)
    return text


CustomerName = Annotated[Text, AfterValidator(_readable)]
"""Our id, or `user_id:…`, `anonymous_id:…`, `email:…`, `phone:…`."""

NAMES = "Our id, or `user_id:…`, `anonymous_id:…`, `email:…`, `phone:…`."


async def customer_of(db: Database, name: CustomerName) -> CustomerRecord:
    """Who was merged into another customer is found as that one. Raises Problem when there is nobody."""
    record = await find_customer(db, parse_name(name))
    if record is None:
        raise Problem(404, "There is no such customer", f"Nobody is known as {name}.")
    return record


async def family_of(db: Database, name: CustomerName | None) -> list[int] | None:
    """The ids under which the customer's rows may stand; none for somebody unknown; None when nobody was named."""
    if name is None:
        return None
    record = await find_customer(db, parse_name(name))
    return record.family if record else []
