"""Starts a server of each kind and writes their ports into a file: `rest grpc sockets`.

Usage: servers.py PORTS_FILE
"""

import os
import sys
import threading
from pathlib import Path

import grpc_server
import rest_server
import socket_server

rest, (grpc, kept), sockets = rest_server.start(), grpc_server.start(), socket_server.start()
written = Path(sys.argv[1])
beside = written.with_suffix(".new")
beside.write_text(f"{rest} {grpc} {sockets}\n")
os.replace(beside, written)
threading.Event().wait()
