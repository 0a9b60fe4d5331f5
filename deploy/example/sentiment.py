"""A stand-in for your own models and your own application: is a review positive? Python's standard library suffices.

    sentiment.py model old PORT      serves the model `old`, which knows half of the words; `new` knows all of them
    sentiment.py users URL RATE      sends reviews to URL/score, RATE a second, and reports what was right

A model answers POST /score {"text": "..."} with {"label": "positive", "score": 0.9}, and GET /healthz.
"""

import json
import random
import signal
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = {
    "good": 1, "bad": -1, "great": 1, "awful": -1, "fine": 1, "poor": -1, "lovely": 1, "dull": -1,
    "superb": 1, "dreadful": -1, "charming": 1, "tedious": -1, "splendid": 1, "clumsy": -1, "brilliant": 1, "bland": -1,
}
KNOWN = {"old": dict(list(WORDS.items())[: len(WORDS) // 2]), "new": WORDS}
THINGS = ["film", "book", "meal", "hotel", "concert"]


def judge(known, text):
    """The label and the probability that the review is positive."""
    total = sum(known.get(word, 0) for word in text.lower().split())
    positive = {-1: 0.1, 0: 0.5, 1: 0.9}[max(-1, min(1, total))]
    return {"label": "positive" if positive >= 0.5 else "negative", "score": positive}


class Model(BaseHTTPRequestHandler):
    """One of the two models over HTTP."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves in one piece
    known = WORDS

    def do_GET(self):
        self.answer(200, {"status": "ok"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            self.answer(200, judge(self.known, json.loads(body)["text"]))
        except (ValueError, TypeError, KeyError, AttributeError):
            self.answer(400, {"error": "expected {\"text\": \"...\"}"})

    def answer(self, status, said):
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(name, port):
    Model.known = KNOWN[name]
    ThreadingHTTPServer(("", port), Model).serve_forever()


def post(url, said, headers):
    """The answer's headers; none when there is no answer of status 200."""
    request = urllib.request.Request(url, json.dumps(said).encode(), {"content-type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()
            return answer.headers
    except OSError as error:
        print(f"{url}: {error}", file=sys.stderr)
        return None


def send(url, rate):
    """Users write reviews and say afterwards whether they had liked the thing."""
    while True:
        word = random.choice(list(WORDS))
        user = f"user-{random.randrange(1000)}"
        review = {"text": f"a {word} {random.choice(THINGS)}"}
        headers = post(f"{url}/score", review, {"x-user-id": user})
        if headers is not None and "crossfade-id" in headers:
            truth = "positive" if WORDS[word] > 0 else "negative"
            report = {"request_id": headers["crossfade-id"], "outcome": "liked", "value": truth}
            post(f"{url}/feedback", report, {})
        time.sleep(random.expovariate(rate))


if __name__ == "__main__":
    # As the first process of a container it would be deaf to SIGTERM otherwise.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    match sys.argv[1:]:
        case ["model", ("old" | "new") as name, port]:
            serve(name, int(port))
        case ["users", url, rate]:
            send(url, float(rate))
        case _:
            sys.exit(__doc__)
