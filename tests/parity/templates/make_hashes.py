"""Writes hashes.json: the chat templates that llama.cpp carries, each with a set of conversations as jinja2 renders them in
the environment that transformers uses. A hash is the start of the SHA-256 of the text; null where jinja2 raises an error.

    python make_hashes.py FOLDER_OF_TEMPLATES        (needs jinja2 3.1)
"""

import datetime
import hashlib
import json
import sys
from pathlib import Path

from jinja_environment import environment, render

HERE = Path(__file__).parent


def main():
    now = datetime.datetime(2026, 1, 15, 12, 0, 0)
    environment.globals["strftime_now"] = now.strftime
    conversations = json.loads((HERE / "conversations.json").read_text(encoding="utf-8"))

    def hash_of(template, messages):
        fixed = {"tools": None, "documents": None, "add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>"}
        text = render(template, messages=messages, **fixed)
        return None if text is None else hashlib.sha256(text.encode()).hexdigest()[:16]

    hashes = {
        path.stem: [hash_of(path.read_text(encoding="utf-8"), messages) for messages in conversations]
        for path in sorted(Path(sys.argv[1]).glob("*.jinja"))
    }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(each)}" for name, each in hashes.items())
    (HERE / "hashes.json").write_text(f"{{\n{lines}\n}}\n")


main()
