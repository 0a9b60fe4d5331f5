"""Two models, told apart by how a path begins, `/old/` or `/new/`, over HTTP and, with a certificate, over HTTPS.

Usage: grafana_models.py HTTP_PORT HTTPS_PORT CERTIFICATE KEY

A request says what is true: {"truth": 3}. The old model gets three of four right, the new one nine of ten, and the new
one fails now and then. `/rank` asks for a list, `/chat` for a stream of events that calls a tool and tells its tokens. `/hook/`
takes messages.
"""

import json
import random
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RIGHT = {"old": 0.75, "new": 0.9}


def answer(model, task, asked):
    if model == "hook":
        return {}
    if task == "rank":
        ids = list(range(8))
        random.shuffle(ids)
        if model == "new":
            ids.sort(key=lambda item: item != asked["truth"])
        return {"results": [{"doc_id": item} for item in ids]}
    is_right = random.random() < RIGHT[model]
    return {"label": f"label {asked['truth']}" if is_right else "another"}


def events():
    """A language model's answer, event by event."""
    call = {"index": 0, "function": {"name": "weather", "arguments": random.choice(['{"city": "Rome"}', "{}"])}}
    usage = {"prompt_tokens": 20, "completion_tokens": random.randrange(5, 50)}
    yield {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}
    yield {"choices": [{"index": 0, "delta": {}, "finish_reason": random.choice(["tool_calls", "length"])}]}
    yield {"choices": [], "usage": usage}


class Models(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        _, model, task = self.path.split("/")
        fails = model == "new" and random.random() < 0.02
        if task == "chat" and not fails:
            return self.stream()
        body = json.dumps(answer(model, task, asked)).encode()
        self.send_response(503 if fails else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in [*map(json.dumps, events()), "[DONE]"]:
            data = f"data: {event}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            time.sleep(0.002)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


def main(http_port, https_port, certificate, key):
    secure = ThreadingHTTPServer(("127.0.0.1", int(https_port)), Models)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    threading.Thread(target=secure.serve_forever, daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", int(http_port)), Models).serve_forever()


main(*sys.argv[1:])
