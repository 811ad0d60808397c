"""Writes expressions.json: expressions of chat templates with what jinja2 makes of them in the environment that
transformers uses. `expected` is null where jinja2 raises an error.

    python make_expressions.py        (needs jinja2 3.1)
"""

import json
from pathlib import Path

from jinja_environment import render

MESSAGES = [
    {"role": "user", "content": "Hi there", "tags": ["b", "A", "c"], "n": 3, "x": 1.5, "ok": True},
    {"role": "assistant", "content": "Grüße 👍\n\n  indented\n", "empty": "", "none": None, "map": {"b": 1, "a": [1, 2]}},
    {"role": "user", "content": "  <b>it's \"quoted\"</b>  "},
]

TEXTS = ["'abc'", "messages[1].content", "messages[2].content", "''", "'a,b,,c'", "'ßtraße X1'"]
METHODS = [
    "strip()", "strip(' <b')", "lstrip('\\n ')", "rstrip('\\n')", "split()", "split(',')", "split(',', 1)", "rsplit(',', 1)",
    "splitlines()", "upper()", "lower()", "title()", "capitalize()", "replace('b', '_')", "replace('', '-', 2)",
    "startswith('a')", "endswith(('c', '  '))", "find('b')", "rfind('b')", "count('b')", "partition(',')", "isdigit()",
    "removeprefix('a')", "center(9, '*')", "zfill(9)", "join(['x', 'y'])", "isalpha()", "swapcase()", "index('b')",
]
FILTERS = [
    "length", "list", "first", "last", "reverse | list", "upper", "trim", "title", "capitalize", "tojson", "default('d')",
    "replace('b', '')", "indent", "indent(2, true)", "wordcount", "truncate(4)", "unique | list", "sort", "string", "escape",
    "int", "float", "batch(2) | list", "slice(2) | list", "join('-')",
]
VALUES = ["1", "-7", "2.5", "1e20", "0.1 + 0.2", "true", "none", "[1, 'a', none, 2.0]", "(1,)", "{'a': 1, 2: [true]}", "missing"]
TESTS = [
    "is defined", "is none", "is string", "is number", "is mapping", "is sequence", "is iterable", "is true", "is boolean",
    "is integer", "is float", "is callable",
]
OTHER = [
    "7 // 2", "-7 // 2", "-7 % 3", "7 % -3", "7 / 2", "2 ** 10", "2 ** -1", "1 + true", "'a' * 3", "[1] + [2]", "1 == 1.0",
    "true == 1", "'1' == 1", "[1, 2] < [1, 3]", "'a' < 'B'", "1 < 2 < 3", "3 > 2 > 2", "'b' in 'abc'", "2 in [1, 2]",
    "'a' in {'a': 1}", "not 0", "0 or 'x'", "1 and 'x'", "'%s-%d-%.2f-%5s|' % ('a', 3, 2.5, 'b')", "'%s' % 5",
    "'{}/{1}'.format(1)", "'{0}{1}{0}'.format('a', 'b')", "'{:>5}|{:<5}|{:^5}|{:05.1f}'.format('a', 'b', 'c', 2.25)",
    "'{a}'.format(a=1)", "[1, 2, 3][::-1]", "'héllo👍'[-1]", "'héllo👍'[1:3]", "'abc'[::2]", "[1, 2, 3][5]", "[1, 2][5:]",
    "messages | map(attribute='role') | list", "messages | selectattr('role', 'equalto', 'user') | list | length",
    "messages | rejectattr('role', 'eq', 'user') | map(attribute='content') | first",
    "[1, 2, 3, 4] | select('even') | list", "[3, 1, 2] | sort(reverse=true)", "['b', 'A'] | sort", "['b', 'A'] | sort(case_sensitive=true)",
    "{'b': 1, 'a': 2} | dictsort", "{'b': 1, 'a': 2} | items | list", "{'b': 1} | tojson(indent=2)", "messages[1].map | tojson",
    "'\\u00e9<&>' | tojson", "1.0 | tojson", "[1, 2] | sum", "[1.5, 2] | max", "['b', 'C'] | min", "2.567 | round(1)", "2.5 | round",
    "3.5 | round", "2 | round", "2.1 | round(0, 'ceil')", "'12' | int", "'x' | int(7)", "'0x1f' | int(0, 16)", "'1.5' | float", "-3 | abs",
    "range(3) | list", "range(5, 0, -2) | list", "dict(a=1).a", "messages[0].get('zz', 'd')", "messages[0].zz is defined",
    "messages[0].zz.y", "missing.x", "missing + 1", "missing | upper", "missing ~ 'a'", "missing == none", "messages.append(1)",
    "messages[0].update({})", "messages[0].items() | list | length", "messages[0]['items'] is defined", "''.__class__", "loop",
    "'a' if false", "'a' if true else 'b'", "('a', 'b')", "['x', 'y'] | join(', ') | upper", "'a' 'b'", "\"tab\\tend\"", "none | length",
    "1 | length", "'x' | nofilter", "1 is nosuchtest", "4 is divisibleby 2", "3 is odd", "3 is even", "'a' is in 'abc'", "1 is eq 1",
    "[[1, 2], [3]] | map('length') | list", "'a-b_c d' | title", "'%' ~ 5", "10000000000000000.0", "0.00001", "1_000", "1 // 0", "'abc' | list",
    "namespace(a=1).a", "cycler('a', 'b').next()", "'a\\nb' | indent(2)", "'x' ~ none ~ true ~ 1.0", "[none, true, 'it\\'s'] ~ ''",
]
STATEMENTS = [
    "{% for m in messages %}{{ loop.index }}{{ m.role }}{% if not loop.last %},{% endif %}{% endfor %}",
    "{% for a, b in {'x': 1, 'y': 2}.items() %}{{ a }}{{ b }}{% endfor %}",
    "{% for x in [] %}a{% else %}none{% endfor %}",
    "{% for x in [1, 2, 3, 4] if x is even %}{{ loop.length }}{{ x }}{% endfor %}",
    "{% for x in [1, 2, 3] %}{% if x == 2 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in [1, 2, 3] %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in [[1, [2]], [3]] recursive %}{{ loop.depth }}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}{% endif %}{% endfor %}",
    "{% for x in 'ab' %}{{ loop.previtem }}|{{ loop.nextitem }}|{{ loop.cycle('o', 'e') }}|{{ loop.changed(x) }};{% endfor %}",
    "{% set x = 1 %}{% for i in [1, 2] %}{% set x = x + i %}{% endfor %}{{ x }}",
    "{% set ns = namespace(x=1) %}{% for i in [1, 2] %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}",
    "{% macro f(a, b=2) %}{{ a }}{{ b }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1) }}{{ f(1, 3, 4) }}{{ f(a=5, c=6) }}",
    "{% macro f() %}<{{ caller() }}>{% endmacro %}{% call f() %}in{% endcall %}",
    "{% macro f() %}{{ x }}{% endmacro %}{% set x = 1 %}{{ f() }}",
    "{% set t %} a {{ 1 }} {% endset %}[{{ t }}]",
    "{% filter upper %}a{{ 'b' }}{% endfilter %}",
    "{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}",
    "{% raw %}{{ x }}{% endraw %}{# comment #}end",
    "a\n  {% if true %}\n  b\n  {% endif %}\nc\n",
    "a {%- if true -%} b {%- endif -%} c",
    "a\n  {%+ if true +%}\n  b\n{% endif %}\n",
    "  {{- 'x' -}}  y",
    "{% if missing %}a{% elif messages | length > 2 %}b{% else %}c{% endif %}",
    "{% set a, b = 1, [2] %}{{ a }}{{ b }}",
    "{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}",
    "{% for m in messages[1:] %}{{ m.content | trim }}{% endfor %}",
    "{{ raise_exception('no') }}",
    "{% include 'x' %}",
    "{% nosuchtag %}",
    "{{ 1 + }}",
    "{% if x %}",
    "{{ messages[0].role + ': ' + messages[0]['content'] }}",
    "{% for a, b in [[1, 2, 3]] %}{{ a }}{% endfor %}",
    "{%- set loop_messages = messages[1:] if messages[0].role == 'system' else messages -%}{{ loop_messages | length }}",
    "{% generation %}x{% endgeneration %}",
    "{{ '<' | safe + '<b>' + messages[2].content }}{{ '&' + ('&' | safe) }}{{ ('a' | safe) is escaped }}{{ 'a' is escaped }}",
    "{{ '<' | e + '<' | e | e }}{{ '<' | e | forceescape }}{{ '<' | safe ~ '<' }}{{ ('<' | safe) + 1 | string }}",
    "{{ messages | tojson(indent=2) }}{{ messages | tojson(sort_keys=true) }}{{ messages | tojson(ensure_ascii=true) }}",
    "{{ messages[1].map | tojson(indent='\\t', sort_keys=true) }}{{ [[], {}, [1]] | tojson(indent=1) }}",
    "{{ messages[1] | tojson(separators=(',', ':')) }}{{ [1, 'a\\u007f\\u2028'] | tojson(ensure_ascii=true, separators=[';', '=']) }}",
]


def expressions():
    for text in TEXTS:
        yield from (f"{{{{ {text}.{method} }}}}|" for method in METHODS)
    for value in ["'abc'", "messages[1].content", "messages[0].tags", "missing", "'b a'"]:
        # Jinja's indent would change a list in place.
        usable = [filter for filter in FILTERS if "tags" not in value or not filter.startswith("indent")]
        yield from (f"{{{{ {value} | {filter} }}}}|" for filter in usable)
    for value in VALUES:
        yield f"{{{{ {value} }}}}|{{{{ [{value}] }}}}"
        yield from (f"{{{{ ({value}) {test} }}}}|" for test in TESTS)
    yield from (f"{{{{ {other} }}}}|" for other in OTHER)
    yield from STATEMENTS


def main():
    cases = [[template, render(template, messages=MESSAGES)] for template in expressions()]
    path = Path(__file__).with_name("expressions.json")
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    path.write_text(f'{{"messages": {json.dumps(MESSAGES, ensure_ascii=False)},\n"cases": [\n{lines}\n]}}\n', encoding="utf-8")


main()
