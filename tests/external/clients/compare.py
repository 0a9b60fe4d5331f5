"""Asks every server directly and through the gateway, with every client, and compares what the clients got.

Usage: compare.py WAY "REST GRPC SOCKETS" "REST GRPC SOCKETS" [CA_FILE]

The first three ports are those of the servers, the others those of the gateways before them.
"""

import sys
import traceback

import with_anthropic
import with_curl
import with_grpc
import with_httpx
import with_openai
import with_triton
import with_websockets
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
    failed = 0
    for client, server, cases in CLIENTS:
        wrong = [name for name, case in cases.items() if not alike(f"{way}: {client}: {name}", case, direct[server], through[server])]
        failed += len(wrong)
        print(f"{way}: {client}: {len(cases) - len(wrong)} of {len(cases)} cases alike", flush=True)
    return 1 if failed else 0


def alike(name, case, direct, through):
    """Says whether a case ends alike with and without the gateway, and shows where not."""
    try:
        expected = case(direct)
    except Exception:
        print(f"{name}: fails without the gateway", traceback.format_exc(limit=-2), sep="\n")
        return False
    try:
        got = case(through)
    except Exception:
        print(f"{name}: fails", traceback.format_exc(limit=-2), sep="\n")
        return False
    if got != expected:
        print(f"{name}: differs\n  direct:  {shortened(expected)}\n  through: {shortened(got)}")
    return got == expected


def shortened(value):
    text = repr(value)
    return text if len(text) < 2000 else f"{text[:1000]} ... {text[-1000:]}"


sys.exit(main(*sys.argv[1:]))
