from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from temporalio.testing import ActivityEnvironment

from activities import coupons as activity
from language.port import Answer
from store.coupons import Coupons, load_codes
from store.database import Database
from tests.deeds import add_enrolments, take_coupon

POOL = "bonus30"


async def take(activities: activity.CouponActivities, one: tuple[int, int]) -> Answer:
    answer: Answer = await ActivityEnvironment().run(activities.take_coupon, take_coupon(*one))
    return answer


async def test_pool_that_runs_low_is_told_once_and_counted(db: Database) -> None:
    people = await add_enrolments(db, 14)
    await load_codes(db, POOL, (f"C{number}" for number in range(13)))
    activities = activity.CouponActivities(Coupons(db))
    with capture_logs() as lines:
        answers = [await take(activities, one) for one in people]
    assert [answer.verdict for answer in answers] == ["done"] * 13 + ["refused"]
    assert [(line["event"], line["pool"], line["left"]) for line in lines] == [
        ("coupons.low", POOL, 12),
        ("coupons.low", POOL, 10),
        ("coupons.low", POOL, 0),
    ]
    assert REGISTRY.get_sample_value("sojourn_coupons_left", {"pool": POOL}) == 0


async def test_pool_that_was_filled_again_is_told_again(db: Database) -> None:
    people = await add_enrolments(db, 3)
    await load_codes(db, POOL, ["A"])
    activities = activity.CouponActivities(Coupons(db))
    await take(activities, people[0])
    await load_codes(db, POOL, (f"C{number}" for number in range(activity.LOW + 2)))
    with capture_logs() as lines:
        for one in people[1:]:
            await take(activities, one)
    assert [line["left"] for line in lines] == [activity.LOW]
