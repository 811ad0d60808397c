"""Writes hashes.json: the chat templates that llama.cpp carries, each with a set of conversations as jinja2 renders them in
the environment that transformers uses. A hash is the start of the SHA-256 of the text; null where jinja2 raises an error,
and where a template that expects arguments as JSON prints a dict.

    python make_hashes.py FOLDER_OF_TEMPLATES        (needs jinja2 3.1)
"""

import datetime
import hashlib
import json
import re
import sys
from pathlib import Path

from jinja_environment import environment, render

HERE = Path(__file__).parent


def cut_after(text, content):
    """What apply_chat_template of transformers does with continue_final_message; None where it raises an error."""
    at = text.rfind(content.strip())
    if at < 0:
        return None
    end = at + len(content.lstrip())
    return text[:end] if text[at:end] == content.lstrip() else text[: at + len(content.strip())]


def main():
    now = datetime.datetime(2026, 1, 15, 12, 0, 0)
    environment.globals["strftime_now"] = now.strftime
    conversations = json.loads((HERE / "conversations.json").read_text(encoding="utf-8"))

    def hash_of(template, conversation):
        variables = {
            "messages": conversation["messages"],
            "tools": conversation.get("tools"),
            "documents": conversation.get("documents"),
            "add_generation_prompt": conversation.get("addGenerationPrompt", True),
            "bos_token": "<s>",
            "eos_token": "</s>",
            **conversation.get("variables", {}),
        }
        text = render(template, **variables)
        if text is None or re.search(r"\{'(?:zone|a)': ", text):
            return None
        if conversation.get("continueFinalMessage"):
            text = cut_after(text, conversation["messages"][-1]["content"])
        return text and hashlib.sha256(text.encode()).hexdigest()[:16]

    hashes = {
        path.stem: [hash_of(path.read_text(encoding="utf-8"), each) for each in conversations]
        for path in sorted(Path(sys.argv[1]).glob("*.jinja"))
    }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(each)}" for name, each in hashes.items())
    (HERE / "hashes.json").write_text(f"{{\n{lines}\n}}\n")


main()
