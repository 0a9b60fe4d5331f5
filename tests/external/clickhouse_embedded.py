"""ClickHouse's HTTP interface, as far as the gateway and the checks use it, over the engine that chdb embeds.

Usage: clickhouse_embedded.py PORT_FILE
"""

import http.server
import re
import sys
import urllib.parse

import pyarrow
from chdb import session

house = session.Session()


class Query(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "zstd":
            body = pyarrow.input_stream(pyarrow.BufferReader(body), compression="zstd").read()
        settings = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        query = settings.pop("query", "")
        settings.pop("wait_end_of_query", None)
        if settings:
            listed = ", ".join(f"{name} = '{value}'" for name, value in settings.items())
            query = query.replace(" FORMAT ", f" SETTINGS {listed} FORMAT ", 1)
        try:
            status, answer = 200, house.query(f"{query}\n{body.decode()}", "JSONCompact").bytes()
        except Exception as error:
            status, answer = 500, str(error).encode()
        self.send_response(status)
        if status != 200:
            code = re.search(r"Code: (\d+)", answer.decode())
            self.send_header("X-ClickHouse-Exception-Code", code.group(1) if code else "1001")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Query)
with open(sys.argv[1], "w") as file:
    file.write(str(server.server_port))
server.serve_forever()
