"""Chooses the WordPiece vocabulary: stems that indicate sentiment or topic, frequent words, continuations, characters.

Matching is greedy, so a stem ("disappoint") covers all words that begin with it and have no longer token.
"""
from collections import Counter, defaultdict

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

SPECIAL = ["[PAD]", "[UNK]", "[MASK]", "[END]", "[SEP]"]
PAD, UNK, MASK, END, SEP = range(5)
normalizer = normalizers.Sequence([
    normalizers.NFC(),
    normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=True)])
pre_tokenizer = pre_tokenizers.BertPreTokenizer()


def words_of(text):
    return [word for word, _ in pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(text))]


def make_tokenizer(tokens):
    """Makes a tokenizer from tokens as BERT writes them: continuations begin with ##."""
    ids = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizer
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def characters(counts, min_count):
    """Returns the characters that occur at least `min_count` times at the start of words, and those inside words."""
    first, inner = Counter(), Counter()
    for word, count in counts.items():
        first[word[0]] += count
        for c in word[1:]:
            inner[c] += count
    everywhere = set("abcdefghijklmnopqrstuvwxyz0123456789")
    return (sorted(everywhere | {c for c, n in first.items() if n >= min_count}),
            sorted(everywhere | {c for c, n in inner.items() if n >= min_count}))


def stems(counts, min_count):
    """Returns the candidates for tokens at the start of a word: words, and prefixes that continue in different ways."""
    total, children = Counter(), defaultdict(set)
    for word, count in counts.items():
        total[word] += 0
        for n in range(2, len(word) + 1):
            total[word[:n]] += count
            if n < len(word):
                children[word[:n]].add(word[n])
            else:
                children[word].add("")
    return {stem for stem, count in total.items()
            if count >= min_count and len(stem) >= 2 and (len(children[stem]) > 1 or "" in children[stem])
            and any(c.isalpha() for c in stem)}


def sparse(rows, columns, shape):
    values = torch.ones(len(rows))
    indices = torch.tensor([rows, columns], dtype=torch.long)
    return (torch.sparse_coo_tensor(indices, values, shape).coalesce().to_sparse_csr(),
            torch.sparse_coo_tensor(indices.flip(0), values, shape[::-1]).coalesce().to_sparse_csr())


def logistic_regression(features, labels, classes, ridge, steps=60):
    """Softmax regression over sparse features by Nesterov's method. Returns weights [features, classes] and biases."""
    x, xt = features
    n, d = x.shape
    v = torch.ones(d, 1)
    for _ in range(8):
        v = xt @ (x @ v)
        scale = v.norm()
        v /= scale
    rate = 1 / (0.5 * scale / n + ridge)
    targets = torch.nn.functional.one_hot(labels, classes).float()
    weights, biases, momentum = torch.zeros(d, classes), torch.zeros(classes), torch.zeros(d, classes)
    for step in range(steps):
        ahead = weights + momentum
        error = torch.softmax(x @ ahead + biases, 1) - targets
        new = ahead - rate * (xt @ error / n + ridge * ahead)
        biases = biases - 0.5 * error.mean(0)
        momentum = step / (step + 3) * (new - weights)
        weights = new
    return weights, biases


def choose_stems(tasks, fixed, candidates, count, ridge=1e-3, fraction=0.1, log=None):
    """Drops the least useful fraction of the candidates repeatedly, until `count` remain besides the fixed stems.

    tasks is [(documents as lists of words, labels, classes, weight)]. The score of a word is the sum of the weights of
    its prefixes among the stems. The utility of a stem is the square of its weight, its contribution beyond the next
    shorter stem, times the fraction of texts that contain it. Towards the end, only texts count in which the stem is a
    token, that is, the longest stem of a word. Before that, longer stems that are still to be dropped would hide it.
    """
    alive, fixed = sorted(set(candidates) - set(fixed)), sorted(fixed)
    while len(alive) > count:
        index = {stem: i for i, stem in enumerate(alive + fixed)}
        utility, paths, late = np.zeros(len(index)), {}, len(alive) < 2 * count
        for documents, labels, classes, weight in tasks:
            rows, columns, used = [], [], np.zeros(len(index))
            for row, document in enumerate(documents):
                found, tokens = set(), set()
                for word in document:
                    path = paths.get(word)
                    if path is None:
                        path = paths[word] = [index[word[:n]] for n in range(2, len(word) + 1) if word[:n] in index]
                    found.update(path)
                    tokens.update(path[-1:])
                rows += [row] * len(found)
                columns += found
                used[list(tokens if late else found)] += 1
            features = sparse(rows, columns, (len(documents), len(index)))
            weights, _ = logistic_regression(features, labels, classes, ridge)
            weights = weights - weights.mean(1, keepdim=True)
            utility += weight * used / len(documents) * weights.square().sum(1).numpy()
        keep = max(count, int(len(alive) * (1 - fraction)))
        order = np.argsort(-utility[:len(alive)], kind="stable")[:keep]
        alive = sorted(alive[i] for i in order)
        if log:
            log(f"{len(alive)} stems")
    return alive


def choose_continuations(counts, tokens, count):
    """Returns the continuations that save most pieces, one after the other, given the tokens at the start of words."""
    rests = Counter()
    for word, occurrences in counts.items():
        n = next(n for n in range(len(word), 0, -1) if word[:n] in tokens or n == 1)
        if n < len(word):
            rests[word[n:]] += occurrences
    pieces, chosen = {rest: list(rest) for rest in rests}, []
    for _ in range(count):  # byte-pair merges; only their results become tokens
        saved = Counter()
        for rest, split in pieces.items():
            for a, b in zip(split, split[1:]):
                saved[a + b] += rests[rest]
        best = max(saved, key=lambda piece: (saved[piece], piece))
        chosen.append(best)
        for rest, split in pieces.items():
            i = 0
            while i + 1 < len(split):
                if split[i] + split[i + 1] == best:
                    split[i:i + 2] = [best]
                i += 1
    return chosen


WORDS = ["negative", "positive", "world", "sports", "business", "technology",  # the labels
         "sentiment", "topic", "german", "french", "question", "answer", "response"]  # the words of the templates


def choose_vocabulary(texts, size, log=None, continuations=50, translated=50, sentiment=3.0):
    """Returns `size` tokens for the texts that corpus.py reads."""
    documents = {name: [words_of(text) for text, _ in texts[name]] for name in ("sentiment", "topic")}
    labels = {name: torch.tensor([label for _, label in texts[name]]) for name in documents}
    counts = {name: Counter(word for document in rows for word in document) for name, rows in documents.items()}
    captions = {"en": Counter(word for a, _ in texts["pairs"]["de"] for word in words_of(a))}
    for language, pairs in texts["pairs"].items():
        captions[language] = Counter(word for _, b in pairs for word in words_of(b))
    judged = counts["sentiment"] + counts["topic"]
    everything = judged + captions["en"] + captions["de"] + captions["fr"]

    first, inner = characters(everything, 20)
    tokens = list(dict.fromkeys(SPECIAL + WORDS + first))
    for language in ("de", "fr", "en"):
        frequent = [word for word, _ in captions[language].most_common() if word not in tokens]
        tokens += frequent[:translated if language != "en" else translated // 2]
    tail = ["##" + piece for piece in inner]
    count = size - len(tokens) - len(tail) - continuations
    tasks = [(documents["sentiment"], labels["sentiment"], 2, sentiment),
             (documents["topic"], labels["topic"], 4, 1.0)]
    tokens += choose_stems(tasks, [token for token in tokens if len(token) > 1], stems(judged, 5), count, log=log)
    pieces = choose_continuations(everything, set(tokens), continuations)
    tokens += tail + ["##" + piece for piece in pieces]
    assert len(tokens) == size == len(set(tokens))
    return tokens
