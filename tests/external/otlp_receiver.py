"""An OTLP receiver (gRPC) that waits for the spans of one shadowed chat, and for what was reported of it, and checks them.

Usage: otlp_receiver.py PORT_FILE TRACE_ID PARENT_SPAN_ID
Exits 0 when there is one server span under the client's span and one client span a model under the server span,
all in the client's trace, and one evaluation that belongs to the span of the answer; 1, with what is wrong, otherwise.
"""

import sys
import threading
from concurrent import futures
from pathlib import Path

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span

PATIENCE_SECONDS = 60
EXPECTED_SPANS = 3


class Events(logs_service_pb2_grpc.LogsServiceServicer):
    def __init__(self):
        self.events = []
        self.complete = threading.Event()

    def Export(self, request, context):
        for resource_logs in request.resource_logs:
            for scope_logs in resource_logs.scope_logs:
                self.events += scope_logs.log_records
        self.complete.set()
        return logs_service_pb2.ExportLogsServiceResponse()


class Spans(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self):
        self.spans = []
        self.complete = threading.Event()

    def Export(self, request, context):
        for resource_spans in request.resource_spans:
            resource = attributes(resource_spans.resource.attributes)
            for scope_spans in resource_spans.scope_spans:
                self.spans += [(resource, span) for span in scope_spans.spans]
        if len(self.spans) >= EXPECTED_SPANS:
            self.complete.set()
        return trace_service_pb2.ExportTraceServiceResponse()


def attributes(pairs):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def check(spans, events, trace_id, parent_id):
    for resource, span in spans:
        assert resource.get("service.name") == "crossfade", resource
        assert span.trace_id.hex() == trace_id, f"trace {span.trace_id.hex()}"
        name = "chat gpt-x" if span.kind == Span.SPAN_KIND_CLIENT else "POST"
        assert span.name == name, f"name {span.name}"
        assert span.end_time_unix_nano > span.start_time_unix_nano, f"{span.name} took no time"
    servers = [span for _, span in spans if span.kind == Span.SPAN_KIND_SERVER]
    clients = [span for _, span in spans if span.kind == Span.SPAN_KIND_CLIENT]
    assert len(servers) == 1 and len(clients) == 2, f"{len(servers)} server and {len(clients)} client spans"
    server = servers[0]
    assert server.parent_span_id.hex() == parent_id, f"the server span hangs under {server.parent_span_id.hex()}"
    assert attributes(server.attributes).get("crossfade.experiment") == "traced", server
    roles = set()
    for client in clients:
        told = attributes(client.attributes)
        assert client.parent_span_id == server.span_id, f"a client span hangs under {client.parent_span_id.hex()}"
        assert told.get("http.request.method") == "POST", told
        assert told.get("http.response.status_code") == 200, told
        assert told.get("gen_ai.provider.name") == "openai", told
        assert told.get("gen_ai.response.id") == "c-1", told
        assert told.get("gen_ai.usage.output_tokens") == 7, told
        assert [reason.string_value for reason in told["gen_ai.response.finish_reasons"].values] == ["length"], told
        roles.add((told.get("crossfade.arm"), told.get("crossfade.role")))
        print("client", told.get("crossfade.arm"), client.span_id.hex(), flush=True)
    assert roles == {("old", "answer"), ("new", "shadow")}, roles
    assert len(events) == 1, events
    answer = next(client for client in clients if attributes(client.attributes)["crossfade.role"] == "answer")
    event, told = events[0], attributes(events[0].attributes)
    assert event.event_name == "gen_ai.evaluation.result", event
    assert (event.trace_id, event.span_id) == (answer.trace_id, answer.span_id), event
    assert (told["gen_ai.evaluation.name"], told["gen_ai.evaluation.score.value"]) == ("liked", 1.0), told
    assert told["gen_ai.response.id"] == "c-1", told
    for one in [*(span for _, span in spans), event]:
        assert "a question" not in str(one), one


def main(port_file, trace_id, parent_id):
    receiver, events = Spans(), Events()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(receiver, server)
    logs_service_pb2_grpc.add_LogsServiceServicer_to_server(events, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    Path(port_file).write_text(str(port))
    arrived = receiver.complete.wait(PATIENCE_SECONDS) and events.complete.wait(PATIENCE_SECONDS)
    server.stop(grace=1).wait()
    counts = f"{len(receiver.spans)} spans and {len(events.events)} events in {PATIENCE_SECONDS} s"
    assert arrived, f"{counts}, expected {EXPECTED_SPANS} and 1"
    check(receiver.spans, events.events, trace_id, parent_id)


main(*sys.argv[1:])
