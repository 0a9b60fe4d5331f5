"""Prepares what records are delivered to, and reads back what came.

Usage: deliveries.py S3_PORT AZURE_PORT NATS_PORT RECORDS stores|log|stream|refusing|widen|read
"""

import asyncio
import base64
import glob
import json
import os
import pathlib
import random
import sys

import boto3
import duckdb
import nats
import pyarrow
import pyarrow.parquet
from azure.storage.blob import BlobServiceClient

s3_port, azure_port, nats_port, records, action = sys.argv[1:]
VECTORS = pathlib.Path(__file__).parents[1] / "vectors/records/log.jsonl"
SEGMENT = "crossfade-20260102T030405-" + 31 * "0"


def s3():
    return boto3.client(
        "s3", endpoint_url=f"http://127.0.0.1:{s3_port}", region_name="us-east-1",
        aws_access_key_id=os.environ["ACCESS"], aws_secret_access_key=os.environ["SECRET"])


def azure():
    url = f"http://127.0.0.1:{azure_port}/records"
    service = BlobServiceClient(url, credential={"account_name": "records", "account_key": os.environ["AZURE_KEY"]})
    return service.get_container_client("records")


def stores():
    buckets = [bucket["Name"] for bucket in s3().list_buckets()["Buckets"]]
    if "records" not in buckets:
        s3().create_bucket(Bucket="records")
    if not azure().exists():
        azure().create_container()


def log():
    """Two segments: one line of each kind, and bodies that no compression makes small, so that files go up in parts.
    Some lines are small enough for the stream that refuses the others at first."""
    os.makedirs(records)
    lines = VECTORS.read_text(encoding="utf-8").splitlines()
    pathlib.Path(f"{records}/{SEGMENT}1.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    dice = random.Random(1)
    pair = json.loads(lines[1])
    with open(f"{records}/{SEGMENT}2.jsonl", "w", encoding="utf-8") as file:
        for number in range(500):
            body = dice.randbytes(24 if number % 5 == 4 else 24_000)
            pair["request"]["body"] = {"base64": base64.b64encode(body).decode()}
            file.write(json.dumps(pair, separators=(",", ":"), ensure_ascii=False) + "\n")


def lines():
    """The lines of the log by their ids, in order."""
    found = []
    for path in sorted(glob.glob(f"{records}/crossfade-*.jsonl")):
        at = 0
        for line in open(path, "rb"):
            found.append((f"{pathlib.Path(path).stem}:{at}", line.decode().removesuffix("\n")))
            at += len(line)
    return found


async def with_stream(work):
    client = await nats.connect(f"nats://127.0.0.1:{nats_port}", connect_timeout=2)
    try:
        return await work(client.jetstream())
    finally:
        await client.close()


async def add_stream(stream):
    """A stream that refuses the larger messages."""
    await stream.add_stream(name="records", subjects=["crossfade.>"], max_msg_size=10_000)


async def refusing(stream):
    """The stream has what comes before the first line that it refuses, and nothing else."""
    before = next(at for at, (_, line) in enumerate(lines()) if len(line) > 9_000)
    assert (await stream.stream_info("records")).state.messages == before


async def widen_stream(stream):
    await stream.update_stream(name="records", subjects=["crossfade.>"], max_msg_size=-1)


async def read_stream(stream):
    found = []
    reader = await stream.pull_subscribe("crossfade.records", stream="records")
    total = (await stream.stream_info("records")).state.messages
    while len(found) < total:
        for message in await reader.fetch(min(100, total - len(found)), timeout=10):
            found.append((message.headers["Nats-Msg-Id"], message.data.decode()))
            await message.ack()
    return found


def read():
    expected = lines()
    assert len(expected) == 508, len(expected)
    keys = [item["Key"] for item in s3().list_objects_v2(Bucket="records")["Contents"]]
    assert all(key.startswith("below/this/date=2026-01-02/crossfade-") for key in keys), keys
    found, files = [], []
    for key in keys:
        files.append(f"{records}.{len(files)}.parquet")
        s3().download_file("records", key, files[-1])
        table = pyarrow.parquet.read_table(files[-1], partitioning=None)
        found += zip(table["id"].to_pylist(), table["line"].to_pylist())
    assert sorted(found) == sorted(expected), "S3 holds other lines than the log"
    largest = max(os.path.getsize(file) for file in files)
    assert largest > 8 * 1024 * 1024, f"no file went up in parts: {largest}"
    rows = duckdb.execute("SELECT count(*), count(DISTINCT id), sum(len(calls)) FROM read_parquet(?)", [files]).fetchone()
    assert rows == (508, 508, 3 * 501 + 2), rows

    found = []
    for blob in azure().list_blobs():
        packed = azure().download_blob(blob.name).readall()
        text = pyarrow.input_stream(pyarrow.BufferReader(packed), compression="zstd").read().decode()
        found += text.splitlines()
    assert sorted(found) == sorted(line for _, line in expected), "Azure holds other lines than the log"

    assert asyncio.run(with_stream(read_stream)) == expected, "the stream holds other lines than the log"
    print("deliveries: S3, Azure and NATS hold the log line for line, each line once")


{"stores": stores, "log": log, "stream": lambda: asyncio.run(with_stream(add_stream)),
 "refusing": lambda: asyncio.run(with_stream(refusing)),
 "widen": lambda: asyncio.run(with_stream(widen_stream)), "read": read}[action]()
