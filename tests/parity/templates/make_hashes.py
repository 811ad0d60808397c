"""Writes hashes.json: the chat templates that llama.cpp carries, each with a set of conversations as jinja2 renders them in
the environment that transformers uses. A hash is the start of the SHA-256 of the text; null where jinja2 raises an error.

    python make_hashes.py FOLDER_OF_TEMPLATES        (needs jinja2 3.1)
"""

import datetime
import hashlib
import json
import sys
from pathlib import Path

from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = Path(__file__).parent


class Generation(Extension):
    """{% generation %}: marks answers for training, and prints its content."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_print", []), [], [], body).set_lineno(line)

    def _print(self, caller):
        return caller()


def main():
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, Generation]
    )

    def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise ValueError(message)

    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    now = datetime.datetime(2026, 1, 15, 12, 0, 0)
    environment.globals["strftime_now"] = now.strftime
    conversations = json.loads((HERE / "conversations.json").read_text(encoding="utf-8"))

    def render(template, messages):
        try:
            text = environment.from_string(template).render(
                messages=messages, tools=None, documents=None, add_generation_prompt=True, bos_token="<s>", eos_token="</s>"
            )
        except Exception:  # any refusal
            return None
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    hashes = {
        path.stem: [render(path.read_text(encoding="utf-8"), messages) for messages in conversations]
        for path in sorted(Path(sys.argv[1]).glob("*.jinja"))
    }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(each)}" for name, each in hashes.items())
    (HERE / "hashes.json").write_text(f"{{\n{lines}\n}}\n")


main()
