"""The tasks: their prompts and responses, batches of them, and scores."""
import collections
import math
import re

import numpy as np
import torch

from corpus import SENTIMENTS, TOPICS
from model import FFN
from vocabulary import END, MASK, PAD

TASKS = [
    {"name": "sentiment", "template": "{text} sentiment :", "labels": SENTIMENTS},
    {"name": "topic", "template": "{text} topic :", "labels": TOPICS},
    {"name": "translate-de", "template": "{text} german :"},
    {"name": "translate-fr", "template": "{text} french :"},
    {"name": "answer", "template": "{context} question : {question} answer :"},
    {"name": "instruction", "template": "{text} response :"},
]
TEMPLATES = {task["name"]: task["template"] for task in TASKS}
LABELS = SENTIMENTS + TOPICS
MAX_TEXT, MAX_RESPONSE = 200, 64  # tokens; longer ones are cut


def context_around(context, start, answer, min_words=20):
    """Returns the sentences with the answer, and the following ones until there are at least `min_words` words."""
    boundaries = [0] + [match.end() for match in re.finditer(r"[.!?]\s+(?=[A-Z0-9])", context)] + [len(context)]
    first = max(boundary for boundary in boundaries if boundary <= start)
    end = next(boundary for boundary in boundaries[1:] if boundary >= start + len(answer))
    for boundary in boundaries:
        if boundary > end and len(context[first:end].split()) < min_words:
            end = boundary
    return context[first:end].strip()


class Encoder:
    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.label_ids = {label: tokenizer.token_to_id(label) for label in LABELS}
        assert None not in self.label_ids.values()

    def text(self, text, max_tokens=MAX_TEXT):
        return self.tokenizer.encode(text).ids[:max_tokens]

    def prompt(self, task, text="", context="", question=""):
        """Returns the ids of a prompt. Only the texts are cut, never the words of the template."""
        ids = []
        for piece in re.split(r"(\{\w+\})", TEMPLATES[task]):
            value = {"{text}": text, "{context}": context, "{question}": question}.get(piece)
            ids += self.tokenizer.encode(piece).ids if value is None else self.text(value)
        return ids


def pad_batch(prompts, responses):
    """Returns padded rows of prompt and response [batch, length], the lengths of the prompts, and those of both."""
    sizes = [len(p) + len(r) for p, r in zip(prompts, responses)]
    tokens = np.full((len(prompts), max(sizes)), PAD, dtype=np.int64)
    for row, (p, r) in enumerate(zip(prompts, responses)):
        tokens[row, :len(p)], tokens[row, len(p):len(p) + len(r)] = p, r
    return torch.from_numpy(tokens), torch.tensor([len(p) for p in prompts]), torch.tensor(sizes)


class Stream:
    """Endless shuffled batches of one task's examples: of similar length, about `tokens` tokens in all."""

    def __init__(self, examples, tokens, generator):
        self.examples, self.tokens, self.generator, self.queue = examples, tokens, generator, []

    def next(self):
        if not self.queue:
            order = list(range(len(self.examples)))
            self.generator.shuffle(order)
            for at in range(0, len(order), 1024):
                pool = sorted(order[at:at + 1024], key=lambda i: len(self.examples[i][0]) + len(self.examples[i][1]))
                while pool:
                    size = len(self.examples[pool[-1]][0]) + len(self.examples[pool[-1]][1]) + 4
                    count = max(1, min(self.tokens // size, len(pool)))
                    self.queue.append(pool[-count:])
                    del pool[-count:]
            self.generator.shuffle(self.queue)
        return [self.examples[i] for i in self.queue.pop()]


# ---------------------------------------------------------------------------------------------------------- measuring

@torch.no_grad()
def label_probabilities(model, encoder, task, prompts, kept=FFN):
    """Returns probabilities of the task's labels [prompts, labels] for a response of one [MASK]."""
    labels = next(t["labels"] for t in TASKS if t["name"] == task)
    ids = [encoder.label_ids[label] for label in labels]
    out = torch.zeros(len(prompts), len(ids))
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    for at in range(0, len(order), 64):
        rows = order[at:at + 64]
        tokens, sizes, lengths = pad_batch([prompts[i] for i in rows], [[MASK]] * len(rows))
        states = model(tokens, sizes, lengths, kept)[torch.arange(len(rows)), sizes]
        out[rows] = torch.softmax(model.logits(states)[:, ids], -1)
    return out


@torch.no_grad()
def generate(model, prompts, count, steps, kept):
    """Generates `count` tokens after each prompt in `steps` steps.

    Each step predicts all masks and fixes the most probable ones: ceil(count * s / steps) are fixed after step s.
    """
    out = [None] * len(prompts)
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    for at in range(0, len(order), 64):
        rows = order[at:at + 64]
        tokens, sizes, lengths = pad_batch([prompts[i] for i in rows], [[MASK] * count] * len(rows))
        positions = sizes[:, None] + torch.arange(count)
        batch = torch.arange(len(rows))[:, None]
        for step in range(1, steps + 1):
            logits = model.logits(model(tokens, sizes, lengths, kept)[batch, positions])
            logits[..., MASK] = logits[..., PAD] = -torch.inf
            best, ids = torch.log_softmax(logits, -1).max(-1)
            responses = tokens[batch, positions]
            masked = responses == MASK
            wanted = -(-count * step // steps) - (count - int(masked[0].sum()))
            chosen = best.masked_fill(~masked, -torch.inf).topk(wanted, dim=-1).indices
            responses.scatter_(1, chosen, ids.gather(1, chosen))
            tokens[batch, positions] = responses
        for i, response in zip(rows, tokens[batch, positions].tolist()):
            out[i] = response
    return out


def words(tokenizer, ids):
    """Returns the text of a response up to [END]."""
    text = ""
    for i in ids:
        if i == END:
            break
        token = tokenizer.id_to_token(i)
        text += token[2:] if token.startswith("##") else " " + token
    return text.strip()


def bleu(hypotheses, references):
    """Corpus BLEU-4 of lists of words, one reference each, without smoothing (Papineni et al. 2002)."""
    matches, totals, lengths = [0] * 4, [0] * 4, [0, 0]
    for hypothesis, reference in zip(hypotheses, references):
        lengths[0] += len(hypothesis)
        lengths[1] += len(reference)
        for n in range(1, 5):
            found = collections.Counter(tuple(hypothesis[i:i + n]) for i in range(len(hypothesis) - n + 1))
            expected = collections.Counter(tuple(reference[i:i + n]) for i in range(len(reference) - n + 1))
            matches[n - 1] += sum((found & expected).values())
            totals[n - 1] += sum(found.values())
    if not all(matches):
        return 0.0
    brevity = min(0.0, 1 - lengths[1] / lengths[0])
    return 100 * math.exp(brevity + sum(math.log(m / t) for m, t in zip(matches, totals)) / 4)


def answer_f1(given, wanted):
    """SQuAD's F1 over the words of an answer, without articles and punctuation."""
    def normalise(text):
        text = re.sub(r"[^\w\s]", " ", text.lower())
        return [word for word in text.split() if word not in ("a", "an", "the")]
    given, wanted = normalise(given), normalise(wanted)
    if not given or not wanted:
        return float(given == wanted)
    common = sum((collections.Counter(given) & collections.Counter(wanted)).values())
    return 2 * common / (len(given) + len(wanted))


@torch.no_grad()
def masked_loss(model, rows, generator, fraction=0.15):
    """Masks a fraction of the tokens. Returns the loss in nats per masked token, and the number of masked tokens."""
    total, count = 0.0, 0
    rows = sorted(rows, key=len)
    for at in range(0, len(rows), 64):
        batch = rows[at:at + 64]
        tokens, sizes, lengths = pad_batch(batch, [[]] * len(batch))
        inside = torch.arange(tokens.shape[1]) < sizes[:, None]
        masked = (torch.rand(tokens.shape, generator=generator) < fraction) & inside
        logits = model.logits(model(tokens.masked_fill(masked, MASK), sizes, lengths)[masked])
        total += torch.nn.functional.cross_entropy(logits, tokens[masked], reduction="sum").item()
        count += int(masked.sum())
    return total / count, count
