"""A WebSocket server that says back what it is told, and closes as it is told."""

import contextlib
import threading

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve


def converse(connection):
    with contextlib.suppress(ConnectionClosed):
        answer_all(connection)


def answer_all(connection):
    for message in connection:
        if message == "close":
            connection.close(4001, "as told")
        elif message == "headers":
            connection.send(connection.request.headers.get("x-user-id", "none"))
        elif message == "pieces":
            connection.send(iter(["one ", "two ", "three"]))
        else:
            connection.send(message)


def choose(connection, offered):
    return "check.v1" if "check.v1" in offered else None


def start():
    """Serves on a free port, which it gives."""
    server = serve(converse, "127.0.0.1", 0, select_subprotocol=choose, max_size=2**24)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.socket.getsockname()[1]
