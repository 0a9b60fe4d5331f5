"""tritonclient: KServe V2 over HTTP, in JSON and in binary tensors, and over gRPC."""

import queue

import numpy
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

NUMBERS = numpy.array([[0.5, -1.25, 3e8, 7]], dtype=numpy.float32)


def http_client(target):
    # It does not look at names, only at the authority.
    trust = {"ssl": True, "ssl_options": {"ca_certs": target.ca}} if target.ca else {}
    return tritonclient.http.InferenceServerClient(target.authority, **trust)


def over_http(binary, **options):
    def case(target):
        tensor = tritonclient.http.InferInput("x", NUMBERS.shape, "FP32")
        tensor.set_data_from_numpy(NUMBERS, binary_data=binary)
        wanted = tritonclient.http.InferRequestedOutput("y", binary_data=binary)
        with http_client(target) as client:
            answer = client.infer("adder", [tensor], outputs=[wanted], request_id="r", **options)
        assert (answer.as_numpy("y") == NUMBERS + 1).all()
        return answer.as_numpy("y").tobytes(), answer.get_response()

    return case


def metadata(target):
    with http_client(target) as client:
        return client.is_server_live(), client.is_model_ready("adder"), client.get_server_metadata(), client.get_model_metadata("adder")


def wrong_type(target):
    tensor = tritonclient.http.InferInput("x", [1, 4], "INT32")
    tensor.set_data_from_numpy(NUMBERS.astype(numpy.int32))
    with http_client(target) as client:
        return failure(lambda: client.infer("adder", [tensor]))


def failure(call):
    try:
        call()
    except InferenceServerException as error:
        return error.status(), error.message()
    raise AssertionError("it did not fail")


def grpc_client(target):
    trust = {"ssl": True, "root_certificates": target.ca} if target.ca else {}
    return tritonclient.grpc.InferenceServerClient(target.authority, **trust)


def grpc_input():
    tensor = tritonclient.grpc.InferInput("x", NUMBERS.shape, "FP32")
    tensor.set_data_from_numpy(NUMBERS)
    return [tensor]


def over_grpc(**options):
    def case(target):
        with grpc_client(target) as client:
            answer = client.infer("adder", grpc_input(), request_id="r", **options)
        return answer.as_numpy("y").tobytes(), answer.get_response(as_json=True)

    return case


def grpc_metadata(target):
    with grpc_client(target) as client:
        return client.is_server_live(), client.get_model_metadata("adder", as_json=True)


def unknown_over_grpc(target):
    with grpc_client(target) as client:
        return failure(lambda: client.infer("missing", grpc_input()))


def stream_over_grpc(target):
    answers = queue.Queue()
    with grpc_client(target) as client:
        client.start_stream(callback=lambda result, error: answers.put(error or result.as_numpy("y").tobytes()))
        seen = []
        for number in range(5):
            client.async_stream_infer("adder", grpc_input(), request_id=str(number))
            seen.append(answers.get(timeout=30))
        client.stop_stream()
    assert seen == [(NUMBERS + 1).tobytes()] * 5, seen
    return seen


CASES = {
    "metadata": metadata,
    "JSON": over_http(False),
    "binary tensors": over_http(True),
    "compressed": over_http(True, request_compression_algorithm="gzip"),
    "wrong type": wrong_type,
}
GRPC_CASES = {
    "metadata": grpc_metadata,
    "tensors": over_grpc(),
    "compressed": over_grpc(compression_algorithm="gzip"),
    "with a deadline": over_grpc(client_timeout=30),
    "unknown model": unknown_over_grpc,
    "stream": stream_over_grpc,
}
