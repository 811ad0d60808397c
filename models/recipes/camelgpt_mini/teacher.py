"""Soft labels from linear models over words, word prefixes and word pairs, most of which the small vocabulary lacks.

The training set is split into folds, and each fold is judged by a model that was trained on the others.
"""
import random
from collections import Counter

import torch

from vocabulary import logistic_regression, sparse, words_of


def features_of(words):
    found = set(words)
    found.update(f"{a} {b}" for a, b in zip(words, words[1:]))
    found.update(word[:n] + "*" for word in words for n in (4, 5, 6) if len(word) > n)
    return found


def matrix(documents, index):
    rows, columns = [], []
    for row, document in enumerate(documents):
        known = [index[feature] for feature in document if feature in index]
        rows += [row] * len(known)
        columns += known
    return sparse(rows, columns, (len(documents), len(index)))


class Teacher:
    def __init__(self, texts, classes, min_count=2, ridge=1e-3):
        documents = [features_of(words_of(text)) for text, _ in texts]
        counts = Counter(feature for document in documents for feature in document)
        features = sorted(feature for feature, count in counts.items() if count >= min_count)
        self.index = {feature: i for i, feature in enumerate(features)}
        labels = torch.tensor([label for _, label in texts])
        self.weights, self.biases = logistic_regression(matrix(documents, self.index), labels, classes, ridge)

    def judge(self, texts):
        """Returns probabilities [texts, classes]."""
        features, _ = matrix([features_of(words_of(text)) for text in texts], self.index)
        return torch.softmax(features @ self.weights + self.biases, 1)


def random_span(text, generator, min_words):
    """Returns a random run of a text's words."""
    words = text.split()
    count = generator.randint(min(min_words, len(words)), len(words))
    first = generator.randint(0, len(words) - count)
    return " ".join(words[first:first + count])


def soft_labels(texts, classes, variants, folds=5, seed=1):
    """Judges texts [(text, label)] and their variants: [(text, label, probabilities)] and the teachers' accuracy.

    variants(text, generator) returns further texts with the same label.
    """
    generator = random.Random(seed)
    order = list(range(len(texts)))
    generator.shuffle(order)
    out, correct = [], 0
    for fold in range(folds):
        held = order[fold::folds]
        teacher = Teacher([texts[i] for at, i in enumerate(order) if at % folds != fold], classes)
        judged = teacher.judge([texts[i][0] for i in held])
        correct += sum(int(p.argmax()) == texts[i][1] for i, p in zip(held, judged))
        asked = [(text, texts[i][1]) for i in held for text in [texts[i][0], *variants(texts[i][0], generator)]]
        probabilities = teacher.judge([text for text, _ in asked])
        out += [(text, label, p.tolist()) for (text, label), p in zip(asked, probabilities)]
    return out, correct / len(texts)
