"""Asks the chat demo's models through the gateway, and its judge, by OpenAI's client: python chat_demo_client.py MODELS JUDGE."""

import json
import sys

import openai

models, judge = sys.argv[1:]
client = openai.OpenAI(base_url=models, api_key="none", max_retries=0, default_headers={"x-demo": "ab"})
messages = [{"role": "user", "content": "What do you call mail on paper, not electronic?"}]
conversation = {"x-conversation-id": "from-python"}

whole = client.chat.completions.create(model="glossary", messages=messages, extra_headers=conversation)
text = whole.choices[0].message.content
assert ": " in text and whole.choices[0].finish_reason == "stop", whole
assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens, whole
assert whole._request_id.startswith("req_"), whole

chunks = list(
    client.chat.completions.create(
        model="glossary",
        messages=messages,
        extra_headers=conversation,
        stream=True,
        stream_options={"include_usage": True},
    )
)
assert chunks[0].choices[0].delta.role == "assistant", chunks[0]
assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == text
assert [c.usage for c in chunks if c.usage] == [whole.usage], chunks[-1]
assert len(chunks) == whole.usage.completion_tokens + 3

try:
    client.chat.completions.create(model="unheard-of", messages=messages)
    raise SystemExit("a model that does not exist answered")
except openai.NotFoundError as error:
    assert error.code == "model_not_found" and error.param == "model", error

case = """<question>What do you call mail on paper, not electronic?</question>
<answer_a>snail-mail: Paper mail, as opposed to electronic.</answer_a>
<answer_b>daemon: A program that lies in wait.</answer_b>"""
judging = openai.OpenAI(base_url=judge, api_key="none", max_retries=0)
said = judging.chat.completions.create(
    model="judge",
    messages=[{"role": "user", "content": case}],
    response_format={"type": "json_object"},
    temperature=0,
)
assert json.loads(said.choices[0].message.content)["winner"] == "a", said
