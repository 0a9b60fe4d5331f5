"""A gRPC server of bytes with all four kinds of call, and a KServe V2 model."""

import struct
import threading
import time
from concurrent import futures

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status
from tritonclient.grpc import service_pb2, service_pb2_grpc

SERVICE = "check.Echo"
_cancelled = threading.Event()


def echo(request, context):
    """Says what it was told, in metadata as well."""
    sent = sorted((key, value) for key, value in context.invocation_metadata() if key.startswith("x-"))
    context.send_initial_metadata([("x-initial", "begun"), ("x-raw-bin", b"\x00\xff")])
    context.set_trailing_metadata([("x-trailing", "ended"), *((f"{key}", value) for key, value in sent)])
    return request


def refuse(request, context):
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason="REFUSED", domain="check", metadata={"a": "b"}))
    status = status_pb2.Status(code=code_pb2.FAILED_PRECONDITION, message="nicht möglich: 100 %", details=[detail])
    context.abort_with_status(rpc_status.to_status(status))


def wait(request, context):
    """Waits for its deadline; says no more than whether it knew of one."""
    if context.time_remaining() is None or context.time_remaining() > 5:
        return b"no deadline"
    time.sleep(context.time_remaining() + 0.2)
    return b"late"


def count(request, context):
    for number in range(int(request)):
        yield b"%d" % number


def add(requests, context):
    return b"%d" % sum(int(request) for request in requests)


def talk(requests, context):
    """Answers each message before the next one comes."""
    for request in requests:
        yield request.upper()


def hang(request, context):
    """Streams one message and then nothing, until the caller leaves."""
    context.add_callback(_cancelled.set)
    yield b"begun"
    _cancelled.wait(30)


def was_cancelled(request, context):
    seen = _cancelled.wait(20)
    _cancelled.clear()
    return b"yes" if seen else b"no"


class Adder(service_pb2_grpc.GRPCInferenceServiceServicer):
    def ServerLive(self, request, context):
        return service_pb2.ServerLiveResponse(live=True)

    def ModelMetadata(self, request, context):
        return service_pb2.ModelMetadataResponse(name=request.name, versions=["1"], platform="scripted")

    def ModelInfer(self, request, context):
        if request.model_name != "adder":
            context.abort(grpc.StatusCode.NOT_FOUND, f"no model {request.model_name}")
        return self.infer(request)

    def ModelStreamInfer(self, requests, context):
        for request in requests:
            yield service_pb2.ModelStreamInferResponse(infer_response=self.infer(request))

    def infer(self, request):
        raw = request.raw_input_contents[0]
        numbers = [number + 1 for number in struct.unpack(f"<{len(raw) // 4}f", raw)]
        answer = service_pb2.ModelInferResponse(model_name="adder", model_version="1", id=request.id)
        output = answer.outputs.add()
        output.name, output.datatype = "y", "FP32"
        output.shape.extend(request.inputs[0].shape)
        answer.raw_output_contents.append(struct.pack(f"<{len(numbers)}f", *numbers))
        return answer


HANDLERS = {
    "Echo": grpc.unary_unary_rpc_method_handler(echo),
    "Refuse": grpc.unary_unary_rpc_method_handler(refuse),
    "Wait": grpc.unary_unary_rpc_method_handler(wait),
    "WasCancelled": grpc.unary_unary_rpc_method_handler(was_cancelled),
    "Count": grpc.unary_stream_rpc_method_handler(count),
    "Hang": grpc.unary_stream_rpc_method_handler(hang),
    "Add": grpc.stream_unary_rpc_method_handler(add),
    "Talk": grpc.stream_stream_rpc_method_handler(talk),
}


def start():
    """Serves on a free port, which it gives, together with the server, which must be kept."""
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(futures.ThreadPoolExecutor(16), options=options)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, HANDLERS)])
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Adder(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return port, server
