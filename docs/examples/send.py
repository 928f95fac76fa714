"""Sends a message and, whatever happens in between, sends it once. Python 3.9, nothing else.

    SMS_API=http://127.0.0.1:8080 python3 send.py order-17 010-1234-5678 홍길동

SMS_API is the output apiUrl of the stack, and SMS_API_TOKEN the caller's JWT; go run ./local needs none.
"""
import json
import os
import random
import sys
import time
import urllib.error
import urllib.request

ATTEMPTS = 6
LONGEST_WAIT = 60  # seconds


class Refused(Exception):
    """The API does not take the message, and will not take it if it is asked again. The problem says why."""

    def __init__(self, status, problem):
        super().__init__(f"{status} {problem.get('type')}: {problem.get('errors') or problem.get('detail')}")
        self.problem = problem


def send(message, key):
    """Returns what the API answers: {"id", "status"}. The same key with the same message is one message, however often it is sent."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    if os.environ.get("SMS_API_TOKEN"):
        headers["Authorization"] = "Bearer " + os.environ["SMS_API_TOKEN"]
    url = os.environ.get("SMS_API", "http://127.0.0.1:8080").rstrip("/") + "/v1/messages"
    body = json.dumps(message).encode()  # once: what is repeated is the same to the byte
    for attempt in range(1, ATTEMPTS + 1):
        wait = random.uniform(0, min(LONGEST_WAIT, 0.5 * 2**attempt))
        try:
            request = urllib.request.Request(url, body, headers, method="POST")
            with urllib.request.urlopen(request, timeout=30) as response:
                return json.load(response)  # 202, or 200 when an earlier attempt had been accepted
        except urllib.error.HTTPError as error:
            text = error.read()
            if error.code != 429 and error.code < 500:
                raise Refused(error.code, json.loads(text)) from None
            wait = max(wait, int(error.headers.get("Retry-After") or 0))
            why = str(error.code)
        except (OSError, ValueError) as error:  # no answer, or half of one: it may have been accepted
            why = str(error)
        if attempt == ATTEMPTS or wait > LONGEST_WAIT:
            break
        time.sleep(wait)
    # The key is yours to keep: send the same again later, with the same key.
    raise RuntimeError(f"not answered after {attempt} attempts: {why}")


if __name__ == "__main__":
    order, to, name = sys.argv[1:]
    print(json.dumps(send({
        "template": "TX_1234",
        "recipients": [{"to": to, "name": name, "variables": {"주문번호": order}}],
        "reference": order,
    }, key="order-received-" + order)))  # of the business event, not of the attempt
