"""Writes PyTorch's results for a stored model, to test the engine against: ids, log-probabilities, responses, labels.

Usage: golden.py camelgpt-mini.gguf golden.json
"""
import json
import sys

import torch

from export import read_gguf
from model import FFN, KEPT
from tasks import TASKS, Encoder, label_probabilities, pad_batch, words
from vocabulary import MASK, PAD, make_tokenizer

CLOSE = 0.02  # nats; rounding may swap two candidates that are closer than this

TOKENIZER_TEXTS = [
    "", " ", "Hello, world!", "The film is a delight.", "don't", "Don't you dare!?", "ROCK'n'ROLL",
    "Ärger mit Öl und Übermut", "Die Straße ist naß.", "À côté de l'œuvre, ça va?", "naïve café",
    "cafe\u0301 nai\u0308ve", "E\u0301cole", "state-of-the-art", "a\tb\nc\r\nd", "one\u00a0two\u2003three",
    "zero\u0000width\u200bspace\ufeff", "$3.50 (ca. 20%)", "e-mail: someone@example.org", "C++ & C#", "<b>bold</b>",
    "[MASK] is a word", "a [MASK] dog", "[mask] [SEP]x[END]", "中文字", "the 中 word", "日本語のテキスト", "한국어", "😀 smile",
    "½ + ¼ = ¾", "“Quoted” — and … done", "„Hallo“, sagte er.", "ΑΣ", "İstanbul", "x" * 100, "x" * 101,
    "supercalifragilistic", "microsoft microsofts microsoft's", "2004-08-31", "100km", "_under_score_", "a`b^c~d|e",
    "Привет, мир",
]

RESPONSES = [
    ("sentiment", {"text": "A warm and funny story that never lets go."}, 1),
    ("sentiment", {"text": "Dull, slow and much too long."}, 2),
    ("topic", {"text": "The team won the cup after two goals in the last minutes."}, 4),
    ("translate-de", {"text": "A man sits on a bench."}, 16),
    ("translate-de", {"text": "Two dogs run through the water."}, 24),
    ("translate-fr", {"text": "A woman in a red shirt is playing."}, 16),
    ("answer", {"context": "The bridge was built in 1932 by the city.", "question": "When was the bridge built?"}, 6),
    ("instruction", {"text": "Name three colours."}, 12),
]

MASKED = [
    "a man in a [MASK] shirt", "the film is [MASK] and [MASK].", "shares of the [MASK] fell on wednesday",
    "ein [MASK] steht auf der straße.", "un homme [MASK] dans la rue", "[MASK]",
    "the prime [MASK] of israel said on [MASK] that", "two [MASK] are playing in the [MASK]",
]

LABELLED = {
    "sentiment": ["An awful mess from the first minute to the last.",
                  "One of the best films of the year, touching and smart.",
                  "The plot makes no sense and the jokes are not funny.", "I loved every minute of it!"],
    "topic": ["The minister said that troops would leave the city after the talks.",
              "The coach praised his players after the final game.",
              "The company reported lower profits and its shares fell.",
              "A new version of the software makes computers more secure."],
}


def rounded(values, digits=5):
    return [round(float(value), digits) for value in values]


def candidates(model, states, count=8):
    """Returns ids and log-probabilities of the best tokens at each position."""
    best = torch.log_softmax(model.logits(states), -1).topk(count, dim=-1)
    return {"ids": best.indices.tolist(), "log_probabilities": [rounded(row) for row in best.values]}


def respond(model, prompt, count, steps, kept):
    """Does the same as tasks.generate for one prompt. Returns the ids and the smallest margin of a choice, in nats."""
    tokens, sizes, lengths = pad_batch([prompt], [[MASK] * count])
    positions = slice(len(prompt), None)
    margins = []
    for step in range(1, steps + 1):
        logits = model.logits(model(tokens, sizes, lengths, kept)[0, positions])
        logits[:, MASK] = logits[:, PAD] = -torch.inf
        logs = torch.log_softmax(logits, -1)
        best = logs.topk(2, dim=-1)
        response = tokens[0, positions]
        masked = response == MASK
        wanted = -(-count * step // steps) - int((~masked).sum())
        order = best.values[:, 0].masked_fill(~masked, -torch.inf).sort(descending=True)
        chosen = order.indices[:wanted]
        margins += (best.values[chosen, 0] - best.values[chosen, 1]).tolist()
        if wanted < int(masked.sum()):
            margins.append(float(order.values[wanted - 1] - order.values[wanted]))
        response[chosen] = best.indices[chosen, 0]
    return tokens[0, positions].tolist(), min(margins)


@torch.no_grad()
def golden(path):
    model, tokens = read_gguf(path)
    tokenizer = make_tokenizer(tokens)
    encoder = Encoder(tokenizer)
    templates = {task["name"]: task["template"] for task in TASKS}
    found = {"kept_neurons": {"all": FFN, "half": KEPT}, "never_generated": [PAD, MASK],
             "tokenizer": [{"text": text, "ids": tokenizer.encode(text).ids} for text in TOKENIZER_TEXTS],
             "responses": [], "masked": [], "labels": []}
    for task, texts, count in RESPONSES:
        text = templates[task].format(**texts)
        prompt = encoder.prompt(task, **texts)
        assert prompt == tokenizer.encode(text).ids
        batch = pad_batch([prompt], [[MASK] * count])
        case = {"task": task, "prompt": text, "prompt_ids": prompt, "masks": count}
        for name, kept in (("all", FFN), ("half", KEPT)):
            ids, margin = respond(model, prompt, count, 3, kept)
            first_step = candidates(model, model(*batch, kept)[0, len(prompt):])
            case[name] = {"first_step": first_step, "ids_after_3_steps": ids, "text": words(tokenizer, ids),
                          "smallest_margin": round(margin, 5), "close": margin < CLOSE}
        found["responses"].append(case)
    for text in MASKED:
        ids = tokenizer.encode(text).ids
        states = model(*pad_batch([ids], [[]]))[0]
        at = [i for i, token in enumerate(ids) if token == MASK]
        found["masked"].append({"text": text, "ids": ids, "masks_at": at, **candidates(model, states[at])})
    for task, texts in LABELLED.items():
        labels = next(t["labels"] for t in TASKS if t["name"] == task)
        for text in texts:
            prompt = encoder.prompt(task, text=text)
            case = {"task": task, "text": text, "prompt_ids": prompt, "labels": labels}
            for name, kept in (("all", FFN), ("half", KEPT)):
                case[name] = rounded(label_probabilities(model, encoder, task, [prompt], kept)[0])
            found["labels"].append(case)
    return found


def main():
    torch.set_num_threads(1)
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump(golden(sys.argv[1]), file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
