from store.coupons import Coupons, load_codes
from store.database import Database
from tests.api.reading import reading
from tests.deeds import add_enrolments, take_coupon


async def test_pools_are_counted(db: Database) -> None:
    [one] = await add_enrolments(db, 1)
    await load_codes(db, "bonus30", ["A", "B", "C"])
    await load_codes(db, "welcome", ["A"])
    await Coupons(db).take(take_coupon(*one))
    async with reading(db) as api:
        answer = await api.get("/v1/coupons")
    assert answer.json() == {
        "items": [{"pool": "bonus30", "left": 2, "taken": 1}, {"pool": "welcome", "left": 1, "taken": 0}]
    }
