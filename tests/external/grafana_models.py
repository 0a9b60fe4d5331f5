"""Two models, told apart by how a path begins, `/old/` or `/new/`, over HTTP and, with a certificate, over HTTPS.

Usage: grafana_models.py HTTP_PORT HTTPS_PORT CERTIFICATE KEY

A request says what is true: {"truth": 3}. The old model gets three of four right, the new one nine of ten, and the new
one fails now and then. `/rank` asks for a list, `/chat` for an answer that tells its tokens. `/hook/`
takes messages.
"""

import json
import random
import ssl
import sys
import threading
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
    if task == "chat":
        usage = {"prompt_tokens": 20, "completion_tokens": random.randrange(5, 50)}
        return {"choices": [], "usage": usage}
    is_right = random.random() < RIGHT[model]
    return {"label": f"label {asked['truth']}" if is_right else "another"}


class Models(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        _, model, task = self.path.split("/")
        fails = model == "new" and random.random() < 0.02
        body = json.dumps(answer(model, task, asked)).encode()
        self.send_response(503 if fails else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

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
