"""A scripted model server over HTTP/1.1: echoes, files, OpenAI, Anthropic and KServe V2, always the same answers."""

import base64
import gzip
import hashlib
import json
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FILE = bytes(range(256)) * 4096
DATE = "Tue, 24 Nov 2026 00:00:00 GMT"
FAILURES = 2
"""How often a request that asks for it fails before it succeeds."""

CHAT_USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}


class Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Requests that failed so far, by what the client calls them.
    failures = {}
    lock = threading.Lock()

    def do_GET(self):
        routes = {
            "/file": self.file,
            "/headers": self.odd_headers,
            "/nothing": lambda: self.send(204, None, {}),
            "/v2/health/live": lambda: self.send(200, b"", {}),
            "/v2/health/ready": lambda: self.send(200, b"", {}),
            "/v2/models/adder/ready": lambda: self.send(200, b"", {}),
            "/v2": lambda: self.send_json(200, {"name": "scripted", "version": "1", "extensions": ["binary_tensor_data"]}),
            "/v2/models/adder": lambda: self.send_json(200, {"name": "adder", "versions": ["1"], "platform": "scripted",
                "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}],
                "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 4]}]}),
        }
        self.route(routes)

    def do_HEAD(self):
        self.do_GET()

    def do_POST(self):
        self.body = self.read_body()
        routes = {
            "/echo": self.echo,
            "/early": lambda: self.send_json(413, {"error": "too large"}),
            "/v1/chat/completions": self.chat,
            "/v1/embeddings": self.embeddings,
            "/v1/messages": self.messages,
            "/v2/models/adder/infer": self.infer,
        }
        self.route(routes)

    do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_POST

    def route(self, routes):
        found = routes.get(self.path.partition("?")[0])
        if found is None:
            self.send_json(404, {"error": {"message": "no such path", "type": "not_found_error"}})
        else:
            found()

    def read_body(self):
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def echo(self):
        """Says what arrived: the request but for its body, of which it says the digest."""
        seen = {
            "method": self.command,
            "target": self.path,
            "headers": sorted((name.lower(), value) for name, value in self.headers.items()),
            "bytes": len(self.body),
            "sha256": hashlib.sha256(self.body).hexdigest(),
        }
        self.send_json(200, seen)

    def file(self):
        wanted = self.headers.get("range")
        if wanted is None:
            self.send(200, FILE, {"content-type": "application/octet-stream", "accept-ranges": "bytes", "etag": '"1"'})
            return
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        first, last = int(first), int(last or len(FILE) - 1)
        if first >= len(FILE):
            self.send(416, b"", {"content-range": f"bytes */{len(FILE)}"})
            return
        part = FILE[first : last + 1]
        span = {"content-range": f"bytes {first}-{first + len(part) - 1}/{len(FILE)}", "etag": '"1"'}
        self.send(206, part, span)

    def odd_headers(self):
        body = gzip.compress(b"compressed", mtime=0)
        self.begin(200, {"content-encoding": "gzip", "x-empty": "", "x-latin": "caf\xe9", "vary": "accept"})
        for cookie in ["a=1; path=/", "b=2; httponly"]:
            self.send_header("set-cookie", cookie)
        self.finish_with(body)

    def chat(self):
        asked = json.loads(self.body)
        if asked["model"] == "fails-twice" and not self.failed_enough(asked["messages"][0]["content"]):
            self.send(503, b'{"error": {"message": "busy", "type": "server_error"}}',
                {"content-type": "application/json", "retry-after-ms": "10", "x-request-id": "r-1"})
            return
        refusals = {"unknown": 404, "forbidden": 401, "wrong": 400, "limited": 429}
        if asked["model"] in refusals:
            error = {"message": "refused", "type": "invalid_request_error", "param": "model", "code": asked["model"]}
            self.send_json(refusals[asked["model"]], {"error": error})
            return
        retries = self.headers.get("x-stainless-retry-count")
        said = {"role": "assistant", "content": f"Grüße, retried {retries}"}
        whole = {"id": "c-1", "object": "chat.completion", "created": 1, "model": asked["model"], "usage": CHAT_USAGE,
            "choices": [{"index": 0, "message": said, "finish_reason": "stop", "logprobs": None}]}
        if asked.get("stream"):
            self.stream([(None, chunk) for chunk in chat_chunks(asked["model"])] + [(None, "[DONE]")])
        else:
            self.send_json(200, whole)

    def failed_enough(self, name):
        with self.lock:
            self.failures[name] = self.failures.get(name, 0) + 1
            return self.failures[name] > FAILURES

    def embeddings(self):
        asked = json.loads(self.body)
        numbers = [0.5, -1.25, 3e-8]
        plain = base64.b64encode(struct.pack("<3f", *numbers)).decode()
        vector = plain if asked.get("encoding_format") == "base64" else numbers
        rows = [{"object": "embedding", "index": place, "embedding": vector} for place, _ in enumerate(asked["input"])]
        usage = {"prompt_tokens": 8, "total_tokens": 8}
        self.send_json(200, {"object": "list", "model": asked["model"], "data": rows, "usage": usage})

    def messages(self):
        asked = json.loads(self.body)
        if asked["model"] == "overloaded":
            self.send_json(529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
            return
        usage = {"input_tokens": 25, "output_tokens": 15, "cache_read_input_tokens": 7}
        whole = {"id": "m-1", "type": "message", "role": "assistant", "model": asked["model"], "stop_reason": "end_turn",
            "stop_sequence": None, "content": [{"type": "text", "text": "Hello!"}], "usage": usage}
        if asked.get("stream"):
            self.stream(message_events(whole))
        else:
            self.send_json(200, whole)

    def infer(self):
        """Adds one to a tensor; in JSON, or with binary tensors before and after."""
        body = gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body
        size = int(self.headers.get("inference-header-content-length", len(body)))
        asked = json.loads(body[:size])
        tensor = asked["inputs"][0]
        if tensor["datatype"] != "FP32":
            self.send_json(400, {"error": f"unexpected datatype {tensor['datatype']}"})
            return
        count = tensor["shape"][0] * tensor["shape"][1]
        numbers = tensor["data"] if "data" in tensor else struct.unpack(f"<{count}f", body[size:])
        result = [number + 1 for number in numbers]
        output = {"name": "y", "datatype": "FP32", "shape": tensor["shape"]}
        answer = {"model_name": "adder", "model_version": "1", "id": asked.get("id", ""), "outputs": [output]}
        if asked.get("outputs", [{}])[0].get("parameters", {}).get("binary_data") or asked.get("parameters", {}).get("binary_data_output"):
            output["parameters"] = {"binary_data_size": 4 * count}
            head = json.dumps(answer).encode()
            self.send(200, head + struct.pack(f"<{count}f", *result),
                {"content-type": "application/octet-stream", "inference-header-content-length": str(len(head))})
        else:
            output["data"] = result
            self.send_json(200, answer)

    def stream(self, events):
        self.begin(200, {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked"})
        self.end_headers()
        for name, message in events:
            text = message if isinstance(message, str) else json.dumps(message)
            event = (f"event: {name}\n" if name else "") + f"data: {text}\n\n"
            self.wfile.write(f"{len(event.encode()):x}\r\n{event}\r\n".encode())
        self.wfile.write(b"0\r\n\r\n")

    def send_json(self, status, document):
        self.send(status, json.dumps(document).encode(), {"content-type": "application/json"})

    def send(self, status, body, headers):
        self.begin(status, headers)
        if body is None:
            self.end_headers()
        else:
            self.finish_with(body)

    def begin(self, status, headers):
        self.send_response_only(status)
        for name, value in {"server": "scripted", "date": DATE, "x-request-id": "r-1", **headers}.items():
            self.send_header(name, value)

    def finish_with(self, body):
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


def chat_chunks(model):
    frame = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": model}
    for word in ["Grü", "ße", "!"]:
        yield {**frame, "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}], "usage": None}
    yield {**frame, "choices": [], "usage": CHAT_USAGE}


def message_events(whole):
    begun = {**whole, "content": [], "stop_reason": None}
    yield "message_start", {"type": "message_start", "message": begun}
    block = {"type": "text", "text": ""}
    yield "content_block_start", {"type": "content_block_start", "index": 0, "content_block": block}
    yield "ping", {"type": "ping"}
    for word in ["Hel", "lo!"]:
        delta = {"type": "text_delta", "text": word}
        yield "content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta}
    yield "content_block_stop", {"type": "content_block_stop", "index": 0}
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    yield "message_delta", {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 15}}
    yield "message_stop", {"type": "message_stop"}


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_):
        """A client that leaves is no fault."""


def start():
    """Serves on a free port, which it gives."""
    server = Server(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port
