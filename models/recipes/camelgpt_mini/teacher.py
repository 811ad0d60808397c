"""Soft labels from linear models over all words, beginnings of words and pairs of words, of which the small vocabulary knows few.

Each text is judged by models that did not learn it: the training set is cut into parts, and each part is judged by the model of the others.
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
    def __init__(self, texts, classes, least=2, ridge=1e-3):
        documents = [features_of(words_of(text)) for text, _ in texts]
        counts = Counter(feature for document in documents for feature in document)
        self.index = {feature: i for i, (feature, count) in enumerate(sorted(counts.items())) if count >= least}
        self.index = {feature: i for i, feature in enumerate(self.index)}
        self.weights, self.biases = logistic_regression(matrix(documents, self.index), torch.tensor([label for _, label in texts]),
                                                        classes, ridge)

    def judge(self, texts):
        """Probabilities [texts, classes]."""
        return torch.softmax(matrix([features_of(words_of(text)) for text in texts], self.index)[0] @ self.weights + self.biases, 1)


def spans(text, generator, shortest):
    """A random run of a text's words."""
    words = text.split()
    count = generator.randint(min(shortest, len(words)), len(words))
    first = generator.randint(0, len(words) - count)
    return " ".join(words[first:first + count])


def soft_labels(texts, classes, variants, parts=5, seed=1):
    """texts: [(text, label)]; variants(text) → texts beside it → [(text, label, probabilities)], and the part judged rightly."""
    generator = random.Random(seed)
    order = list(range(len(texts)))
    generator.shuffle(order)
    out, right = [], 0
    for part in range(parts):
        held = order[part::parts]
        teacher = Teacher([texts[i] for at, i in enumerate(order) if at % parts != part], classes)
        judged = teacher.judge([texts[i][0] for i in held])
        right += sum(int(p.argmax()) == texts[i][1] for i, p in zip(held, judged))
        asked = [(text, texts[i][1]) for i in held for text in [texts[i][0], *variants(texts[i][0], generator)]]
        out += [(text, label, p.tolist()) for (text, label), p in zip(asked, teacher.judge([text for text, _ in asked]))]
    return out, right / len(texts)
