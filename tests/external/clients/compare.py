"""Asks every server directly and through the gateway, with every client, and compares what the clients got.

Usage: compare.py WAY "REST GRPC SOCKETS" "REST GRPC SOCKETS" [CA_FILE]

The first three ports are those of the servers, the others those of the gateways before them.
"""

import sys

import with_anthropic
import with_curl
import with_grpc
import with_httpx
import with_openai
import with_triton
import with_websockets
from alike import compare
from target import Target

REST, GRPC, SOCKETS = range(3)
CLIENTS = [
    ("curl", REST, with_curl.CASES),
    ("httpx", REST, with_httpx.CASES),
    ("openai", REST, with_openai.CASES),
    ("anthropic", REST, with_anthropic.CASES),
    ("tritonclient over HTTP", REST, with_triton.CASES),
    ("tritonclient over gRPC", GRPC, with_triton.GRPC_CASES),
    ("grpcio", GRPC, with_grpc.CASES),
    ("websockets", SOCKETS, with_websockets.CASES),
]


def main(way, servers, gateways, ca=None):
    mixes = way == "interleave"
    direct = [Target(int(port), gateway=False, mixes=mixes) for port in servers.split()]
    through = [Target(int(port), gateway=True, mixes=mixes, ca=ca) for port in gateways.split()]
    return 1 if compare(way, CLIENTS, direct, through) else 0


sys.exit(main(*sys.argv[1:]))
