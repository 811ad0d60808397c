"""What a model is worth: accuracy, BLEU, F1 and pseudo-perplexity, with all neurons and with those that a prompt chose.

Usage: measure.py --data FOLDER camelgpt-mini.gguf --results results.json
"""
import argparse
import json
import math
from pathlib import Path

import torch

from corpus import load, read_topics
from export import read_gguf
from model import FFN, KEPT
from tasks import Encoder, answer_f1, bleu, context_around, generate, label_probabilities, masked_loss, words
from vocabulary import make_tokenizer, words_of

BLOCKS = {"de": 48, "fr": 48, "answer": 16}  # masks of a response


def accuracy(model, encoder, task, rows, kept):
    probabilities = label_probabilities(model, encoder, task, [encoder.prompt(task, text=text) for text, _ in rows], kept)
    labels = torch.tensor([label for _, label in rows])
    loss = torch.nn.functional.nll_loss(probabilities.clamp_min(1e-9).log(), labels).item()
    return 100 * (probabilities.argmax(1) == labels).float().mean().item(), loss


def measure(model, encoder, held, quick=False):
    model.eval()
    found = {}
    for task in ("sentiment", "topic"):
        for kept in (KEPT,) if quick else (KEPT, FFN):
            part, loss = accuracy(model, encoder, task, held[task], kept)
            found[f"{task} accuracy, {kept} neurons"], found[f"{task} loss, {kept} neurons"] = part, loss
    for steps in (3,) if quick else (1, 3, 8):
        for kept in (KEPT,) if quick or steps != 3 else (KEPT, FFN):
            suffix = f", {steps} steps, {kept} neurons"
            for language in ("de", "fr"):
                pairs = held["pairs"][language][:100 if quick else None]
                prompts = [encoder.prompt(f"translate-{language}", text=a) for a, _ in pairs]
                out = generate(model, prompts, BLOCKS[language], steps, kept)
                found[f"BLEU en-{language}{suffix}"] = bleu([words_of(words(encoder.tokenizer, ids)) for ids in out],
                                                            [words_of(b) for _, b in pairs])
            questions = held["questions"]
            prompts = [encoder.prompt("answer", context=context_around(c, s, a), question=q) for c, q, s, a in questions]
            out = generate(model, prompts, BLOCKS["answer"], steps, kept)
            scores = [answer_f1(words(encoder.tokenizer, ids), a) for ids, (_, _, _, a) in zip(out, questions)]
            found[f"answer F1{suffix}"] = 100 * sum(scores) / len(scores)
    if not quick:
        texts = {"sentiment": [t for t, _ in held["sentiment"]], "topic": [t for t, _ in held["topic"]],
                 "captions en": [a for a, _ in held["pairs"]["de"]], "captions de": [b for _, b in held["pairs"]["de"]],
                 "captions fr": [b for _, b in held["pairs"]["fr"]], "wikitext": held["wiki"]}
        for name, rows in texts.items():
            loss, count = masked_loss(model, [encoder.text(text, 128) for text in rows], torch.Generator().manual_seed(1))
            found[f"perplexity of masked tokens, {name}"], found[f"masked tokens, {name}"] = math.exp(loss), count
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, tokens = read_gguf(options.model)
    encoder = Encoder(make_tokenizer(tokens))
    _, held = load(options.data, False)
    found = {"parameters": sum(p.numel() for p in model.parameters()), "bytes": options.model.stat().st_size,
             **measure(model, encoder, held)}
    as_they_are = read_topics(options.data / "ag-news/dev.csv", clean=False)
    found[f"topic accuracy, {KEPT} neurons, texts not cleaned"], _ = accuracy(model, encoder, "topic", as_they_are, KEPT)
    for name in ("sentiment", "topic"):
        found[f"{name} texts"] = len(held[name])
    found["translated sentences"], found["questions"] = len(held["pairs"]["de"]), len(held["questions"])
    options.results.write_text(json.dumps({name: round(value, 4) for name, value in found.items()}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
