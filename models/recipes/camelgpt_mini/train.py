"""Trains CamelGPT-mini, 56,000 parameters, by masked language modelling on prompts and responses.

Texts → a WordPiece vocabulary chosen for the tasks → a bidirectional transformer → a GGUF file in Q8_0. See README.md.
Usage: train.py --data FOLDER --out camelgpt-mini.gguf [--steps N] [--until N] [--choose] [--vocabulary FILE]
"""
import argparse
import copy
import json
import random
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from corpus import SENTIMENTS, TOPICS, load
from export import write_gguf
from measure import measure
from model import FFN, KEPT, VOCABULARY, CamelGptMini
from tasks import MAX_RESPONSE, Encoder, Stream, context_around, pad_batch
from teacher import random_span, soft_labels
from vocabulary import END, MASK, choose_vocabulary, make_tokenizer


def join_words(text):
    """Undoes the Treebank's tokenisation: "do n't" → "don't", "it 's good ." → "it's good."."""
    for mark in ("n't", "'s", "'re", "'ve", "'ll", "'d", "'m", ",", ".", "!", "?", ";", ":"):
        text = text.replace(" " + mark, mark)
    return text


def judge(texts):
    """Returns {task: [(text, label or None, probabilities)]}: the teachers' judgement of texts and of spans of them."""
    out = {}
    for task, labels, min_words, span_count in (("sentiment", SENTIMENTS, 3, 3), ("topic", TOPICS, 8, 2)):
        whole = {variant for text, _ in texts[task] for variant in (text, join_words(text))}

        def variants(text, generator):
            return [join_words(text)] + [random_span(text, generator, min_words) for _ in range(span_count)]
        rows, accuracy = soft_labels(texts[task], len(labels), variants)
        print(f"teachers of {task}: accuracy {100 * accuracy:.2f} % on held-out folds", flush=True)
        out[task] = [(text, label if text in whole else None, soft) for text, label, soft in rows]
    return out


def examples(texts, judged, encoder, trust):
    """Returns {task: [(prompt ids, response ids, label probabilities)]}. `trust` is the weight of the teachers."""
    out = {}
    for task, labels in (("sentiment", SENTIMENTS), ("topic", TOPICS)):
        out[task] = []
        for text, label, soft in judged[task]:
            target = np.array(soft)
            if label is not None:
                target = trust * target + (1 - trust) * np.eye(len(labels))[label]
            response = [encoder.label_ids[labels[int(target.argmax())]]]
            out[task].append((encoder.prompt(task, text=text), response, target))
    for language, pairs in texts["pairs"].items():
        task = f"translate-{language}"
        out[task] = [(encoder.prompt(task, text=a), encoder.text(b, MAX_RESPONSE)) for a, b in pairs]
    out["answer"] = [(encoder.prompt("answer", context=context_around(context, start, answer), question=question),
                      encoder.text(answer, 24)) for context, question, start, answer in texts["questions"]]
    out["instruction"] = [(encoder.prompt("instruction", text=a), encoder.text(b, MAX_RESPONSE))
                          for a, b in texts["instructions"]]
    plain = [text for text, _ in texts["sentiment"] + texts["topic"]] + texts["wiki"] + \
        [text for pairs in texts["pairs"].values() for pair in pairs[:8000] for text in pair]
    out["masked"] = [(encoder.text(text, 128), []) for text in plain]
    return out


class Trainer:
    def __init__(self, model, encoder, data, options):
        self.model, self.encoder, self.options = model, encoder, options
        self.generator = random.Random(options.seed)
        self.random = np.random.default_rng(options.seed)
        self.streams = {name: Stream(rows, options.tokens, self.generator) for name, rows in data.items()}
        self.labels = {name: [encoder.label_ids[label] for label in labels]
                       for name, labels in (("sentiment", SENTIMENTS), ("topic", TOPICS))}

    def batch(self, name):
        """Returns a batch of a task: tokens, prompt lengths, lengths, masked tokens, their weights, masked response
        tokens, and the label probabilities or None."""
        rows, rng = self.streams[name].next(), self.random
        if name in ("sentiment", "topic"):
            count = 1 if rng.random() < 0.75 else int(rng.integers(2, 9))
            responses = [row[1] + [END] * (count - 1) for row in rows]
        elif name == "masked":
            responses = [[] for _ in rows]
        else:
            extra = int(rng.integers(1, 17))
            responses = [row[1] + [END] * extra for row in rows]
        prompts = [row[0] for row in rows]
        tokens, sizes, lengths = pad_batch(prompts, responses)
        shape = tokens.shape
        places = np.arange(shape[1])
        in_prompt = places < sizes.numpy()[:, None]
        in_response = ~in_prompt & (places < lengths.numpy()[:, None])
        one = sizes.numpy() + rng.integers(0, np.maximum(1, (lengths - sizes).numpy()))  # at least this one is masked
        masked = in_response & ((rng.random(shape) < rng.random((shape[0], 1))) | (places == one[:, None]))
        weights = masked * np.where((tokens.numpy() == END) & (places > sizes.numpy()[:, None]), 0.3, 1.0)
        if name == "masked":
            dropped = in_prompt & (rng.random(shape) < rng.uniform(0.05, 0.4, (shape[0], 1)))
            weights = weights + dropped
        else:
            tail = sizes.numpy()[:, None] - 2  # the template's words are never masked
            chosen = rng.random(shape) < self.options.drop * rng.random((shape[0], 1)) * 2
            dropped = in_prompt & (places < tail) & chosen
            weights = weights + self.options.auxiliary * dropped
        soft = torch.from_numpy(np.array([row[2] for row in rows])).float() if len(rows[0]) > 2 else None
        answers = torch.from_numpy(masked)
        masked, weights = torch.from_numpy(masked | dropped), torch.from_numpy(weights).float()
        return tokens, sizes, lengths, masked, weights, answers, soft

    def loss(self, name, kept):
        tokens, sizes, lengths, masked, weights, answers, soft = self.batch(name)
        states = self.model(tokens.masked_fill(masked, MASK), sizes, lengths, kept)[masked]
        logs = torch.log_softmax(self.model.logits(states), -1)
        losses = -logs.gather(1, tokens[masked][:, None])[:, 0]
        if soft is not None:  # the target at the label's position is the teachers' probabilities
            row, place = masked.nonzero(as_tuple=True)
            labels = place == sizes[row]
            losses = torch.where(labels, -(logs[:, self.labels[name]] * soft[row]).sum(1), losses)
        weights, answers = weights[masked], answers[masked]
        if name == "masked":
            return losses.sum() / max(1, len(losses))
        main = (losses * weights)[answers].sum() / weights[answers].sum()
        rest = (losses * weights)[~answers].sum() / max(1, int((~answers).sum()))
        return main + rest

    def train(self, report):
        o = self.options
        matrices = [p for p in self.model.parameters() if p.dim() == 2]
        vectors = [p for p in self.model.parameters() if p.dim() < 2]
        groups = [{"params": matrices, "weight_decay": o.decay}, {"params": vectors, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=o.rate, betas=(0.9, 0.98), foreach=True)
        average = copy.deepcopy(self.model)
        others = ["translate-de", "translate-fr", "answer", "instruction", "masked"]
        chances = np.array([0.3, 0.3, 0.12, 0.03, 0.25])
        started, seen = time.time(), Counter()
        step = 0
        while step < min(o.until, o.steps):
            for group in optimizer.param_groups:
                group["lr"] = o.rate * min(1, (step + 1) / 200) * (1 - step / o.steps)
            other = others[self.random.choice(len(others), p=chances)]
            for name, weight in (("sentiment", o.sentiment), ("topic", o.topic), (other, o.other)):
                kept = KEPT if self.random.random() < 0.75 else FFN
                loss = self.loss(name, kept) * weight
                loss.backward()
                seen[name] = 0.99 * seen[name] + 0.01 * loss.item() / weight if name in seen else loss.item() / weight
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            with torch.no_grad():
                fade = min(0.999, (step + 1) / (step + 10))
                torch._foreach_lerp_(list(average.parameters()), list(self.model.parameters()), 1 - fade)
            step += 1
            if step % o.report == 0 or step == min(o.until, o.steps):
                losses = " ".join(f"{name} {loss:.3f}" for name, loss in seen.items())
                print(f"step {step} {time.time() - started:.0f} s {losses} {report(average)}", flush=True)
        return average


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True, help="the folder that README.md describes")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--vocabulary", type=Path,
                        help="file of the tokens; the teachers' labels are stored next to it; created if it is missing")
    parser.add_argument("--choose", action="store_true", help="evaluate on data held out of the training sets")
    parser.add_argument("--steps", type=int, default=12000, help="length of the schedule; the rate falls to zero")
    parser.add_argument("--until", type=int, default=9500, help="step at which training stops")
    parser.add_argument("--tokens", type=int, default=1536, help="in each of the three batches of a step")
    parser.add_argument("--rate", type=float, default=5e-3)
    parser.add_argument("--decay", type=float, default=0.05)
    parser.add_argument("--drop", type=float, default=0.1, help="mean fraction of a prompt's tokens that are masked")
    parser.add_argument("--auxiliary", type=float, default=0.1, help="weight of the loss of these tokens")
    parser.add_argument("--trust", type=float, default=0.5, help="weight of the teachers in a label's target")
    parser.add_argument("--sentiment", type=float, default=1.0, help="weight of the task")
    parser.add_argument("--topic", type=float, default=1.0, help="weight of the task")
    parser.add_argument("--other", type=float, default=1.0, help="weight of the other tasks")
    parser.add_argument("--report", type=int, default=500)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)

    texts, held = load(options.data, options.choose)
    if options.vocabulary and options.vocabulary.exists():
        tokens = json.loads(options.vocabulary.read_text(encoding="utf-8"))
    else:
        tokens = choose_vocabulary(texts, VOCABULARY, print)
        if options.vocabulary:
            options.vocabulary.write_text(json.dumps(tokens, ensure_ascii=False), encoding="utf-8")
    model = CamelGptMini()
    assert len(tokens) == model.embedding.num_embeddings, (len(tokens), model.embedding.num_embeddings)
    encoder = Encoder(make_tokenizer(tokens))
    soft = options.vocabulary.with_suffix(".soft.json") if options.vocabulary else None
    if soft and soft.exists():
        judged = json.loads(soft.read_text(encoding="utf-8"))
    else:
        judged = judge(texts)
        if soft:
            soft.write_text(json.dumps(judged), encoding="utf-8")
    data = examples(texts, judged, encoder, options.trust)
    sizes = {name: (len(rows), sum(len(row[0]) + len(row[1]) for row in rows)) for name, rows in data.items()}
    print(f"examples and tokens: {sizes}", flush=True)

    def report(model):
        found = measure(model, encoder, held, steps=(3,), counts=(("half", KEPT),), sentences=100)
        return " ".join(f"{task} {name} {value:.2f}" for task, scores in found.items() for scores in scores.values()
                        if isinstance(scores, dict) for name, value in scores.items())

    model = Trainer(model, encoder, data, options).train(report)
    write_gguf(options.out, model, tokens)


if __name__ == "__main__":
    main()
