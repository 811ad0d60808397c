// Source code, markup, tables, numbers and mathematics, written for this purpose. No character of it is escaped.
export const code = `import argparse
import os
from collections import Counter
from pathlib import Path


class Inventory:
    """Keeps the number of items by name."""

    def __init__(self, items=None):
        self._items = Counter(items or {})
        self.total = sum(self._items.values())

    def add(self, name: str, count: int = 1) -> int:
        if count <= 0:
            raise ValueError(f"count must be positive, not {count}")
        self._items[name] += count
        self.total += count
        return self._items[name]

    def most_common(self, n=10):
        return [(name, count) for name, count in self._items.most_common(n) if count > 1]


def read_lines(path, encoding="utf-8"):
    with open(path, "r", encoding=encoding) as file:
        for number, line in enumerate(file, start=1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            yield number, line


def main(argv=None):
    parser = argparse.ArgumentParser(description="Count the words of files.")
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--verbose", action="store_true", help="print each file")
    args = parser.parse_args(argv)
    words = {}
    for path in args.paths:
        if not path.exists():
            print("missing:", path)
            return 1
        for _, line in read_lines(path):
            for word in line.lower().split():
                words[word] = words.get(word, 0) + 1
    for word, count in sorted(words.items(), key=lambda item: -item[1])[:20]:
        print(word.ljust(24), count)
    # Errors of the operating system are reported by the caller.
    return os.EX_OK


if __name__ == "__main__":
    main()

import { readFile } from "@acme/storage";

/** Returns the rows of a table as objects. */
export async function readTable(path, { separator = ",", limit = Infinity } = {}) {
  const text = await readFile(path, "utf8");
  const [header, ...lines] = text.trim().split("/n");
  const names = header.split(separator).map((name) => name.trim());
  const rows = [];
  for (const line of lines.slice(0, limit)) {
    const cells = line.split(separator);
    if (cells.length !== names.length) throw new Error("expected " + names.length + " cells");
    rows.push(Object.fromEntries(names.map((name, i) => [name, cells[i] ?? null])));
  }
  return rows;
}

const cache = new Map();
async function fetchJson(url, options = {}) {
  if (cache.has(url)) return cache.get(url);
  const response = await fetch(url, { ...options, headers: { accept: "application/json" } });
  if (!response.ok) {
    console.error("failed:", response.status);
    return undefined;
  }
  const data = await response.json();
  cache.set(url, data);
  return data;
}

interface Shape { kind: "circle" | "square"; size: number }
const area = (shape: Shape): number => (shape.kind === "circle" ? Math.PI * shape.size ** 2 : shape.size ** 2);

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
    int key;
    struct node *left, *right;
};

static struct node *insert(struct node *root, int key)
{
    if (root == NULL) {
        struct node *n = malloc(sizeof(*n));
        if (n == NULL)
            exit(EXIT_FAILURE);
        n->key = key;
        n->left = n->right = NULL;
        return n;
    }
    if (key < root->key)
        root->left = insert(root->left, key);
    else if (key > root->key)
        root->right = insert(root->right, key);
    return root;
}

int main(int argc, char **argv)
{
    struct node *root = NULL;
    for (int i = 1; i < argc; i++)
        root = insert(root, atoi(argv[i]));
    printf("%d keys", argc - 1);
    return 0;
}

template <typename T>
T clamp_to(const T& value, const T& low, const T& high) {
  return value < low ? low : (high < value ? high : value);
}

public class Account {
    private final String owner;
    private double balance = 0.0;

    public Account(String owner) { this.owner = owner; }

    public void deposit(double amount) {
        if (amount < 0) throw new IllegalArgumentException("negative amount");
        balance += amount;
    }
}

fn longest<'a>(words: &'a [&'a str]) -> Option<&'a str> {
    words.iter().copied().max_by_key(|word| word.len())
}

CREATE TABLE orders (
  id INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL REFERENCES customers(id),
  total DECIMAL(10, 2) DEFAULT 0,
  created_at TIMESTAMP
);
SELECT c.name, COUNT(o.id) AS orders, SUM(o.total) AS revenue
FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id
WHERE o.created_at >= '2023-01-01' AND c.country IN ('DE', 'FR')
GROUP BY c.name HAVING SUM(o.total) > 1000 ORDER BY revenue DESC LIMIT 20;
UPDATE products SET price = price * 1.05 WHERE category = 'books';

<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Opening hours</title>
  <style>
    body { margin: 0 auto; max-width: 40rem; font-family: sans-serif; color: #333; }
    .note { border-left: 4px solid #c00; padding: 0.5em 1em; }
  </style>
</head>
<body>
  <h1 id="top">Opening hours</h1>
  <p class="note">We are closed on <strong>public holidays</strong>.</p>
  <ul>
    <li><a href="/visit">Plan a visit</a></li>
    <li><a href="/contact">Contact us</a></li>
  </ul>
</body>
</html>

{
  "name": "weather-station",
  "version": "2.4.1",
  "sensors": [
    { "id": 7, "type": "temperature", "unit": "C", "values": [12.5, 12.7, 13.1] },
    { "id": 8, "type": "humidity", "unit": "%", "values": [71, 70, 68], "active": false }
  ],
  "location": { "lat": 48.137, "lon": 11.575, "altitude": null }
}
{"name": "get_weather", "arguments": {"city": "Oslo", "days": 3}}

#!/bin/sh
set -eu
for file in *.log; do
  [ -e "$file" ] || continue
  echo "compressing $file"
  gzip -9 "$file" && mv "$file.gz" archive/
done
find . -name '*.tmp' -mtime +7 -delete
git checkout -b fix/login && git commit -am "Fix the login form" && git push origin HEAD
docker run --rm -p 8080:80 -v "$PWD":/srv nginx:1.25

services:
  web:
    image: example/web:latest
    ports: ["8080:80"]
    environment:
      LOG_LEVEL: info
      DATABASE_URL: postgres://user@db:5432/app

## Installation

Requires **Node 20** or later.

- [x] Download the archive
- [ ] Run the tests
- See the *user guide* for details.

| Option | Default | Meaning |
| --- | ---: | --- |
| --port | 3000 | Port to listen on |
| --cache | 64 | Size of the cache in MB |
| --quiet | false | Print errors only |

| Year | Population | Change |
| --- | --- | --- |
| 1990 | 1,204,300 | +2.1 % |
| 2000 | 1,317,850 | +9.4 % |
| 2010 | 1,298,112 | -1.5 % |

Solve the equation 3x + 7 = 22. Subtract 7 from both sides: 3x = 15. Divide by 3: x = 5. Check: 3 * 5 + 7 = 22.
The area of a circle with radius r is A = πr². For r = 2.5 m, A = 3.14159 × 6.25 ≈ 19.63 m².
f(x) = x^2 - 4x + 3 = (x - 1)(x - 3), so f'(x) = 2x - 4 and the minimum is f(2) = -1.
Let n be even, n = 2k. Then n² = 4k² = 2(2k²), hence n² is even. ∎ Σ 1/k² = π²/6, ∫ x dx = x²/2 + C, P(A|B) = P(B|A)P(A)/P(B)
Tom has 24 apples. He gives a third of them to Anna and half of the rest to Ben. How many are left? 24 / 3 = 8, 24 - 8 = 16, 16 / 2 = 8, so 8 apples are left.
0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377
Mon 09:00-17:30, Tue 09:00-17:30, Wed closed, Thu 10:00-20:00
2024-03-18T09:41:07Z INFO server started on 127.0.0.1:8080 (pid 4312)
2024-03-18T09:41:09Z WARN retrying request 3 of 5 after 250 ms
Traceback (most recent call last): File "app.py", line 42, in <module> KeyError: 'user_id'
https://example.org/articles/2021/05/how-to-grow-tomatoes?lang=en&page=2#soil +49 30 901820 info@example.org ISBN 978-3-16-148410-0
1. Flour 500 g 2. Water 320 ml 3. Salt 10 g 4. Yeast 7 g
Paris - France, Rome - Italy, Madrid - Spain, Vienna - Austria, Warsaw - Poland, Athens - Greece
H2O: water, NaCl: salt, CO2: carbon dioxide, C6H12O6: glucose, O2: oxygen, N2: nitrogen
`;
