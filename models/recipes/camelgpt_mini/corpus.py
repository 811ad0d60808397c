"""Reads the training and test sets in the data folder, which README.md describes, as plain texts."""
import csv
import html
import json
import random
import re

SENTIMENTS = ["negative", "positive"]
TOPICS = ["world", "sports", "business", "technology"]  # classes 1 to 4 of AG News


def clean_news(text):
    """Decodes HTML escapes, including those that lost their ampersand (` #39;`), removes tags, and turns backslashes
    into spaces."""
    text = html.unescape(text)
    text = re.sub(r" ?#(\d+);", lambda match: chr(int(match.group(1))), text)
    text = re.sub(r"</?(b|i|br|p|em|strong|a)\b[^>]*>", " ", text, flags=re.IGNORECASE)
    return re.sub(r"\s+", " ", text.replace("\\", " ")).strip()


def read_sentiment(path):
    """Returns [(text, 0 or 1)]."""
    rows = [line.rsplit("\t", 1) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [(text.strip(), int(label)) for text, label in rows]


def read_topics(path, clean=True):
    """Returns [(title and text, 0 to 3)]."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(f"{title.strip()} {text.strip()}", int(label) - 1) for label, title, text in csv.reader(file)]
    return [(clean_news(text) if clean else text, label) for text, label in rows]


def read_lines(path):
    return [line.strip() for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


def read_wikitext(path):
    """Returns the lines of a WikiText file without headings. Undoes its tokenisation where that is unambiguous."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r" @(.)@ ", r"\1", text)
    text = re.sub(r" ([.,;:!?)\]%]|'s\b|n't\b)", r"\1", text).replace("( ", "(")
    return [line.strip() for line in text.split("\n") if len(line) > 40 and not line.startswith(" =")]


def read_questions(path):
    """Returns a list of articles, each a list of (context, question, start of the answer, answer)."""
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    return [[(paragraph["context"], qa["question"], qa["answers"][0]["answer_start"], qa["answers"][0]["text"])
             for paragraph in article["paragraphs"] for qa in paragraph["qas"]] for article in articles]


def read_instructions(path):
    """Returns [(instruction and input, output)]."""
    pairs = []
    for line in read_lines(path):
        task = json.loads(line)
        for instance in task["instances"]:
            pairs.append((f"{task['instruction']} {instance['input']}".strip(), instance["output"].strip()))
    return pairs


def read_captions(folder, name):
    """Returns {language: [(English caption, translation)]} for one split of Multi30k."""
    captions = {language: read_lines(folder / f"multi30k/{name}.{language}") for language in ("en", "de", "fr")}
    return {language: list(zip(captions["en"], captions[language])) for language in ("de", "fr")}


def split(rows, fraction, seed=1):
    """Returns (training rows, held-out rows), at random."""
    rows = list(rows)
    random.Random(seed).shuffle(rows)
    count = round(len(rows) * fraction)
    return rows[count:], rows[:count]


def load(folder, choose):
    """Returns (training texts, evaluation texts).

    The evaluation texts are held out of the training sets if `choose` is set; otherwise they are the dev and test sets.
    """
    sentiment, topics = read_sentiment(folder / "sst2/train.tsv"), read_topics(folder / "ag-news/train.csv")
    articles, held_articles = split(read_questions(folder / "xquad/en.json"), 1 / 6)
    pairs = read_captions(folder, "train")
    wiki = read_wikitext(folder / "wikitext2-valid.txt")
    if choose:
        sentiment, held_sentiment = split(sentiment, 0.12)
        topics, held_topics = split(topics, 0.12)
        articles, held_articles = split(articles, 0.1, seed=2)
    else:
        held_sentiment, held_topics = read_sentiment(folder / "sst2/dev.tsv"), read_topics(folder / "ag-news/dev.csv")
    return {
        "sentiment": sentiment, "topic": topics, "pairs": pairs, "wiki": wiki, "questions": sum(articles, []),
        "instructions": read_instructions(folder / "instructions.jsonl"),
    }, {
        "sentiment": held_sentiment, "topic": held_topics, "questions": sum(held_articles, []),
        "pairs": read_captions(folder, "val" if choose else "test_2016_flickr"),
        "wiki": read_wikitext(folder / "wikitext2-test.txt"),
    }
