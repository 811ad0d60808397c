"""Reads the training and test sets of the data folder as plain texts. See README.md for what each is."""
import csv
import html
import json
import random
import re

SENTIMENTS = ["negative", "positive"]
TOPICS = ["world", "sports", "business", "technology"]  # classes 1 to 4 of AG News


def clean_news(text):
    """Undoes HTML escapes, those that lost their ampersand too (` #39;`), tags and the backslashes that stand for spaces."""
    text = html.unescape(text)
    text = re.sub(r" ?#(\d+);", lambda match: chr(int(match.group(1))), text)
    text = re.sub(r"</?(b|i|br|p|em|strong|a)\b[^>]*>", " ", text, flags=re.IGNORECASE)
    return re.sub(r"\s+", " ", text.replace("\\", " ")).strip()


def read_sentiment(path):
    """[(text, 0 or 1)]"""
    rows = [line.rsplit("\t", 1) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [(text.strip(), int(label)) for text, label in rows]


def read_topics(path, clean=True):
    """[(title and text, 0 to 3)]"""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(f"{title.strip()} {text.strip()}", int(label) - 1) for label, title, text in csv.reader(file)]
    return [(clean_news(text) if clean else text, label) for text, label in rows]


def read_lines(path):
    return [line.strip() for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


def read_wikitext(path):
    """Lines of WikiText, without its headings, its tokenisation undone where that is unambiguous."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r" @(.)@ ", r"\1", text)
    text = re.sub(r" ([.,;:!?)\]%]|'s\b|n't\b)", r"\1", text).replace("( ", "(")
    return [line.strip() for line in text.split("\n") if len(line) > 40 and not line.startswith(" =")]


def read_questions(path):
    """[articles], each a list of (context, question, start of the answer, answer)."""
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    return [[(paragraph["context"], qa["question"], qa["answers"][0]["answer_start"], qa["answers"][0]["text"])
             for paragraph in article["paragraphs"] for qa in paragraph["qas"]] for article in articles]


def read_instructions(path):
    """[(instruction and input, output)]"""
    pairs = []
    for line in read_lines(path):
        task = json.loads(line)
        pairs += [(f"{task['instruction']} {instance['input']}".strip(), instance["output"].strip()) for instance in task["instances"]]
    return pairs


def split(rows, part, seed=1):
    """Rows to learn from, rows held out of them."""
    rows = list(rows)
    random.Random(seed).shuffle(rows)
    count = round(len(rows) * part)
    return rows[count:], rows[:count]


def load(folder, choose):
    """The texts to learn from and those to judge by: slices of the training sets while choosing, the dev and test sets at the end."""
    sentiment, topics = read_sentiment(folder / "sst2/train.tsv"), read_topics(folder / "ag-news/train.csv")
    articles, held_articles = split(read_questions(folder / "xquad/en.json"), 1 / 6)
    pairs = {language: list(zip(read_lines(folder / "multi30k/train.en"), read_lines(folder / f"multi30k/train.{language}")))
             for language in ("de", "fr")}
    wiki = read_wikitext(folder / "wikitext2-valid.txt")
    if choose:
        sentiment, held_sentiment = split(sentiment, 0.12)
        topics, held_topics = split(topics, 0.12)
        articles, held_articles = split(articles, 0.1, seed=2)
    else:
        held_sentiment, held_topics = read_sentiment(folder / "sst2/dev.tsv"), read_topics(folder / "ag-news/dev.csv")
    name = "val" if choose else "test_2016_flickr"
    return {
        "sentiment": sentiment, "topic": topics, "pairs": pairs, "wiki": wiki, "questions": sum(articles, []),
        "instructions": read_instructions(folder / "instructions.jsonl"),
    }, {
        "sentiment": held_sentiment, "topic": held_topics, "questions": sum(held_articles, []),
        "pairs": {language: list(zip(read_lines(folder / f"multi30k/{name}.en"), read_lines(folder / f"multi30k/{name}.{language}")))
                  for language in ("de", "fr")},
        "wiki": read_wikitext(folder / "wikitext2-test.txt"),
    }
