import json
import subprocess
import sys

SCRIPT = """
import logging, structlog
from runtime.logs import set_up_logs
from runtime.settings import load_settings
set_up_logs(load_settings(log_format={format!r}))
logger = structlog.get_logger("sojourn.test")
logger.info("message sent", channel="sms", email="a@b.eu", note="ann@example.com", cost={{"to": "x", "sum": 3}})
logging.getLogger("temporalio.worker").warning("retrying %s", "+1 500 555-0006")
try:
    raise ValueError("Key (value)=(ann@example.com) already exists.")
except ValueError:
    logger.exception("failed", customer="c-1")
"""


def log(format: str) -> str:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT.format(format=format)], capture_output=True, text=True, check=True
    )
    return result.stderr


def test_json_logs_are_one_object_a_line_from_every_source() -> None:
    sent, retried, failed = (json.loads(line) for line in log("json").splitlines())

    assert (sent["event"], sent["level"], sent["logger"]) == ("message sent", "info", "sojourn.test")
    assert (sent["channel"], sent["cost"], sent["note"]) == ("sms", {"sum": 3}, "[email]")
    assert (retried["event"], retried["logger"]) == ("retrying [phone]", "temporalio.worker")
    assert failed["customer"] == "c-1"
    assert "ValueError: Key (value)=([email]) already exists." in failed["exception"]


def test_readable_logs_hold_no_personal_data_either() -> None:
    text = log("console")

    assert "message sent" in text
    assert "Traceback" in text
    assert "ann@" not in text
    assert "0006" not in text
