"""Measures accuracy, BLEU, F1 and pseudo-perplexity of a model, with all neurons and with those that prompts choose.

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
from vocabulary import UNK, make_tokenizer, words_of

BLOCKS = {"de": 48, "fr": 48, "answer": 16}  # masks of a response


def accuracy(model, encoder, task, rows, kept):
    prompts = [encoder.prompt(task, text=text) for text, _ in rows]
    probabilities = label_probabilities(model, encoder, task, prompts, kept)
    labels = torch.tensor([label for _, label in rows])
    loss = torch.nn.functional.nll_loss(probabilities.clamp_min(1e-9).log(), labels).item()
    return 100 * (probabilities.argmax(1) == labels).float().mean().item(), loss


def measure(model, encoder, held, steps=(1, 3, 8), counts=(("half", KEPT), ("all", FFN)), sentences=None):
    """Returns the results that main() writes. With all neurons, only 3 steps are measured. `sentences` limits the
    number of translations."""
    model.eval()
    found = {}
    for task in ("sentiment", "topic"):
        scores = {name: accuracy(model, encoder, task, held[task], kept) for name, kept in counts}
        found[task] = {"texts": len(held[task]), "accuracy": {name: score for name, (score, _) in scores.items()},
                       "loss": {name: loss for name, (_, loss) in scores.items()}}
    runs = [(str(count), count, KEPT) for count in steps]
    if len(counts) > 1:
        runs.append(("3, all neurons", 3, FFN))
    for language, pairs in held["pairs"].items():
        pairs, masks = pairs[:sentences], BLOCKS[language]
        prompts = [encoder.prompt(f"translate-{language}", text=a) for a, _ in pairs]
        references = [words_of(b) for _, b in pairs]
        found[f"translate-{language}"] = {"sentences": len(pairs), "masks": masks, "bleu": {}}
        for name, count, kept in runs:
            out = generate(model, prompts, masks, count, kept)
            translations = [words_of(words(encoder.tokenizer, ids)) for ids in out]
            found[f"translate-{language}"]["bleu"][name] = bleu(translations, references)
    questions = held["questions"]
    prompts = [encoder.prompt("answer", context=context_around(c, s, a), question=q) for c, q, s, a in questions]
    found["answer"] = {"questions": len(questions), "masks": BLOCKS["answer"], "f1": {}}
    for name, count, kept in runs:
        out = generate(model, prompts, BLOCKS["answer"], count, kept)
        scores = [answer_f1(words(encoder.tokenizer, ids), a) for ids, (_, _, _, a) in zip(out, questions)]
        found["answer"]["f1"][name] = 100 * sum(scores) / len(scores)
    return found


def perplexities(model, encoder, held):
    """Returns for each held-out set the perplexity of tokens, with 15 % masked, and the fraction of unknown tokens."""
    texts = {"sentiment": [text for text, _ in held["sentiment"]], "topic": [text for text, _ in held["topic"]],
             "captions en": [a for a, _ in held["pairs"]["de"]], "captions de": [b for _, b in held["pairs"]["de"]],
             "captions fr": [b for _, b in held["pairs"]["fr"]], "wikitext": held["wiki"]}
    found = {}
    for name, rows in texts.items():
        rows = [encoder.text(text, 128) for text in rows]
        loss, count = masked_loss(model, rows, torch.Generator().manual_seed(1))
        tokens = [token for row in rows for token in row]
        found[name] = {"perplexity": math.exp(loss), "masked tokens": count,
                       "unknown tokens": tokens.count(UNK) / len(tokens)}
    return found


def rounded(found):
    if isinstance(found, dict):
        return {name: rounded(value) for name, value in found.items()}
    return round(found, 4) if isinstance(found, float) else found


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
             **measure(model, encoder, held), "masked words": perplexities(model, encoder, held)}
    original = read_topics(options.data / "ag-news/dev.csv", clean=False)
    found["topic"]["accuracy, texts not cleaned"] = accuracy(model, encoder, "topic", original, KEPT)[0]
    options.results.write_text(json.dumps(rounded(found), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
