"""nginx: one worker, connections kept on both sides, no log; `mirror` for copies."""

from __future__ import annotations

import shutil

from harness.job import Job, Kind

FRAME = """\
daemon off;
master_process {master};
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log crit;
events {{ worker_connections 12000; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
    keepalive_timeout 3600s;
    keepalive_requests 1000000000;
    upstream legacy {{
        server {legacy}; keepalive 512; keepalive_requests 1000000000; keepalive_timeout 3600s;
    }}
    upstream candidate {{
        server {candidate}; keepalive 512; keepalive_requests 1000000000; keepalive_timeout 3600s;
    }}
    split_clients $request_id $half {{ 50% legacy; * candidate; }}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    server {{
        listen 127.0.0.1:{port}{http2} backlog=4096;
        {locations}
    }}
}}
"""

LOCATIONS = {
    Kind.PASS: "location / { proxy_pass http://legacy; }",
    Kind.STREAM: "location / { proxy_pass http://legacy; proxy_buffering off; }",
    Kind.SPLIT: "location / { proxy_pass http://$half; }",
    Kind.SHADOW: (
        "location / { mirror /copy; proxy_pass http://legacy; }"
        " location = /copy { internal; proxy_pass http://candidate$request_uri; }"
    ),
}


def command(job: Job) -> list[str] | None:
    if job.kind not in LOCATIONS:
        return None
    text = FRAME.format(
        master="off" if job.single_process else "on",
        dir=job.dir,
        legacy=job.legacy,
        candidate=job.candidate,
        port=job.port,
        http2=" http2" if job.http2 else "",
        locations=LOCATIONS[job.kind],
    )
    path = job.write("nginx.conf", text)
    return [shutil.which("nginx") or "/usr/sbin/nginx", "-p", str(job.dir), "-e", f"{job.dir}/error.log", "-c", path]
