"""Two chat models that say what the cases have for them: models.py PORTS_FILE. They name themselves wherever models do."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from pathlib import Path

from cases import CASES
from cases import NEW
from cases import OLD
from cases import case_of


def serve(name, place):
    """A model on a port of its own, whose answers stand at this place of the cases; gives the port."""

    class Model(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            says = CASES[case_of(asked["messages"][-1]["content"])][place]
            body = json.dumps(
                {
                    "id": f"chatcmpl-{name}",
                    "model": name,
                    "system_fingerprint": f"fp_{name}",
                    "choices": [{"index": 0, "message": {"role": "assistant", "content": says}, "finish_reason": "stop"}],
                }
            ).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.send_header("x-model", name)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever).start()
    return server.server_port


ports = [serve(OLD, 1), serve(NEW, 2)]
Path(sys.argv[1]).write_text(" ".join(map(str, ports)) + "\n")
