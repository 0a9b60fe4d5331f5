"""grpcio: the four kinds of call, metadata both ways, deadlines, cancellation and details of a status."""

import contextlib
import queue
import time
from pathlib import Path

import grpc
from grpc_server import SERVICE
from grpc_status import rpc_status

METADATA = [("x-user-id", "u1"), ("x-raw-bin", b"\x00\x01\xfe\xff"), ("x-twice", "1"), ("x-twice", "2")]


@contextlib.contextmanager
def channel(target):
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    if target.ca:
        trust = grpc.ssl_channel_credentials(Path(target.ca).read_bytes())
        opened = grpc.secure_channel(target.authority, trust, options)
    else:
        opened = grpc.insecure_channel(target.authority, options)
    with opened:
        yield opened


def ended(call):
    """How a call ended: code, details and metadata of the server's own."""
    own = lambda pairs: sorted((key, value) for key, value in pairs or () if key.startswith(("x-", "grpc-status-details")))
    status = rpc_status.from_call(call)
    unpacked = [detail.SerializeToString() for detail in status.details] if status else None
    return call.code().name, call.details(), own(call.initial_metadata()), own(call.trailing_metadata()), unpacked


def unary(method, message, **options):
    def case(target):
        with channel(target) as opened:
            try:
                answer, call = opened.unary_unary(f"/{SERVICE}/{method}").with_call(message, **{"timeout": 60, **options})
            except grpc.RpcError as error:
                answer, call = None, error
            return answer, ended(call)

    return case


def server_stream(target):
    with channel(target) as opened:
        call = opened.unary_stream(f"/{SERVICE}/Count")(b"1000", timeout=60)
        return list(call), ended(call)


def client_stream(target):
    with channel(target) as opened:
        numbers = (b"%d" % number for number in range(1000))
        answer, call = opened.stream_unary(f"/{SERVICE}/Add").with_call(numbers, timeout=60)
        return answer, ended(call)


def conversation(target):
    """The next message is sent only when the last was answered, so nothing on the way may wait for more."""
    with channel(target) as opened:
        said = queue.Queue()
        call = opened.stream_stream(f"/{SERVICE}/Talk")(iter(said.get, None), timeout=60, metadata=METADATA)
        answers = []
        for word in [b"one", b"two", b"x" * 100_000]:
            said.put(word)
            answers.append(next(call))
        said.put(None)
        assert list(call) == []
        return answers, ended(call)


def late(target):
    """The deadline ends the call here, and the server knew of it."""
    with channel(target) as opened:
        begun = time.monotonic()
        try:
            return opened.unary_unary(f"/{SERVICE}/Wait")(b"", timeout=0.5)
        except grpc.RpcError as error:
            assert time.monotonic() - begun < 5
            return error.code().name


def cancelled(target):
    """A caller who leaves is noticed by the server."""
    with channel(target) as opened:
        call = opened.unary_stream(f"/{SERVICE}/Hang")(b"", timeout=60)
        first = next(call)
        call.cancel()
        return first, opened.unary_unary(f"/{SERVICE}/WasCancelled")(b"", timeout=60)


def many(target):
    """A hundred calls at once over one connection."""
    with channel(target) as opened:
        echo = opened.unary_unary(f"/{SERVICE}/Echo")
        calls = [echo.future(b"%d" % number * (number + 1), timeout=60) for number in range(100)]
        return [call.result() for call in calls]


CASES = {
    "unary": unary("Echo", b"hello", metadata=METADATA),
    "nothing": unary("Echo", b""),
    "large": unary("Echo", b"\x00\xff" * 1_500_000),
    "compressed": unary("Echo", b"a" * 100_000, compression=grpc.Compression.Gzip),
    "refusal with details": unary("Refuse", b""),
    "unknown method": unary("Missing", b""),
    "server stream": server_stream,
    "client stream": client_stream,
    "conversation": conversation,
    "deadline": late,
    "cancellation": cancelled,
    "a hundred at once": many,
}
