// The tree of a template and its variables → text. Templates come with a model and are untrusted: work, output and time
// are limited, and a template sees plain data only.
import { binary, unary } from "./arithmetic.js";
import { allocate, checkLength, spend } from "./budget.js";
import { callFilter, callTest } from "./filters.js";
import { guardOf } from "./guards.js";
import { methodOf } from "./methods.js";
import type { Runtime } from "./runtime.js";
import { characterAt, concat, plain, shared, Str } from "./strings.js";
import type { CallArguments, Expression, Parameters, Statement, Target } from "./tree.js";
import {
  type Arguments,
  Callable,
  compare,
  contains,
  Dict,
  equals,
  fail,
  Float,
  isTrue,
  iterate,
  List,
  Namespace,
  sliceOf,
  textOf,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from "./values.js";

const maxCallDepth = 100;
const maxDepth = 1000;

class Scope {
  readonly #values = new Map<string, Value>();
  constructor(readonly parent?: Scope) {}
  get(name: string): Value | undefined {
    let levels = 1;
    for (let scope: Scope | undefined = this; scope; scope = scope.parent, levels++) {
      const value = scope.#values.get(name);
      if (value === undefined) continue;
      spend(levels >> 2);
      return value;
    }
    spend(levels >> 2);
    return undefined;
  }
  set(name: string, value: Value): void {
    this.#values.set(name, value);
  }
}

/** The variable `loop`. */
class Loop extends Namespace {
  index0 = 0;
  #lastChanged: Value[] | undefined;
  constructor(
    readonly items: readonly Value[],
    readonly depth0: number,
    readonly recurse: ((over: Value) => Value) | undefined,
  ) {
    super();
  }
  override get(name: string): Value | undefined {
    const { index0, items } = this;
    switch (name) {
      case "index0":
        return index0;
      case "index":
        return index0 + 1;
      case "first":
        return index0 === 0;
      case "last":
        return index0 === items.length - 1;
      case "length":
        return items.length;
      case "revindex":
        return items.length - index0;
      case "revindex0":
        return items.length - index0 - 1;
      case "depth":
        return this.depth0 + 1;
      case "depth0":
        return this.depth0;
      case "previtem":
        return index0 > 0 ? (items[index0 - 1] as Value) : new Undefined("there is no previous item");
      case "nextitem":
        return index0 < items.length - 1 ? (items[index0 + 1] as Value) : new Undefined("there is no next item");
      case "cycle":
        return new Callable("cycle", ({ positional }) =>
          positional.length > 0
            ? (positional[index0 % positional.length] as Value)
            : fail("no items for cycling given"),
        );
      case "changed":
        return new Callable("changed", ({ positional }) => {
          const last = this.#lastChanged;
          this.#lastChanged = positional;
          return (
            !last || last.length !== positional.length || !last.every((each, i) => equals(each, positional[i] ?? null))
          );
        });
    }
    return undefined;
  }
}

class Signal {
  constructor(readonly kind: "break" | "continue") {}
}

export class Interpreter implements Runtime {
  #scope = new Scope();
  #output: Str[] = [];
  #written = 0;
  #calls = 0;
  /** Of expressions within expressions. */
  #depth = 0;

  constructor(globals: ReadonlyMap<string, Value>) {
    for (const [name, value] of globals) this.#scope.set(name, value);
    this.#scope = new Scope(this.#scope);
  }

  render(statements: readonly Statement[]): Str {
    return this.#captured(() => this.#runAll(statements));
  }

  // --- statements ---

  /** The output of `run`. */
  #captured(run: () => void): Str {
    const [output, written] = [this.#output, this.#written];
    this.#output = [];
    this.#written = 0;
    try {
      run();
      return concat(this.#output);
    } finally {
      this.#output = output;
      this.#written = written;
    }
  }

  #write(text: Str): void {
    this.#written += text.size;
    checkLength(this.#written);
    if (text.size > 0) this.#output.push(text);
  }

  #inScope<T>(parent: Scope, run: () => T): T {
    const outer = this.#scope;
    this.#scope = new Scope(parent);
    try {
      return run();
    } finally {
      this.#scope = outer;
    }
  }

  #runAll(statements: readonly Statement[]): Signal | undefined {
    for (const statement of statements) {
      const signal = this.#run(statement);
      if (signal) return signal;
    }
    return undefined;
  }

  #run(statement: Statement): Signal | undefined {
    spend(1);
    switch (statement.type) {
      case "text":
        this.#write(shared(statement.text));
        return undefined;
      case "output":
        for (const value of statement.values) this.#write(this.text(this.evaluate(value)));
        return undefined;
      case "if":
        for (const [test, body] of statement.branches) if (isTrue(this.evaluate(test))) return this.#runAll(body);
        return this.#runAll(statement.otherwise);
      case "for":
        this.#for(statement, this.evaluate(statement.over), 0);
        return undefined;
      case "set":
        this.#assign(statement.target, this.evaluate(statement.value));
        return undefined;
      case "setBlock": {
        const text = this.#captured(() => this.#inScope(this.#scope, () => this.#runAll(statement.body)));
        this.#assign(statement.target, statement.filter ? this.#filter(statement.filter, text) : text);
        return undefined;
      }
      case "filterBlock": {
        const text = this.#captured(() => this.#inScope(this.#scope, () => this.#runAll(statement.body)));
        this.#write(this.text(this.#filter(statement.filter, text)));
        return undefined;
      }
      case "macro":
        this.#scope.set(statement.name, this.#macro(statement.name, statement.parameters, statement.body));
        return undefined;
      case "callBlock": {
        const caller = this.#macro("caller", statement.parameters, statement.body);
        const { callee, args } = statement.call as Extract<Expression, { type: "call" }>;
        const given = this.#arguments(args);
        given.named.set("caller", caller);
        this.#write(this.text(this.call(this.evaluate(callee), given)));
        return undefined;
      }
      case "with": {
        const values = statement.values.map(([target, value]) => [target, this.evaluate(value)] as const);
        return this.#inScope(this.#scope, () => {
          for (const [target, value] of values) this.#assign(target, value);
          return this.#runAll(statement.body);
        });
      }
      default:
        return new Signal(statement.type);
    }
  }

  #for(statement: Extract<Statement, { type: "for" }>, over: Value, depth: number): void {
    const outer = this.#scope;
    let items = iterate(over);
    if (statement.condition) {
      const { condition } = statement;
      items = items.filter((item) =>
        this.#inScope(outer, () => {
          this.#assign(statement.target, item);
          return isTrue(this.evaluate(condition));
        }),
      );
    }
    const recurse = (inner: Value) =>
      this.#nested(() => this.#captured(() => this.#inScope(outer, () => this.#for(statement, inner, depth + 1))));
    const loop = new Loop(items, depth, statement.isRecursive ? recurse : undefined);
    const guard = guardOf(statement);
    for (const item of items) {
      if (guard && !isTrue(this.evaluate(guard))) break;
      const signal = this.#inScope(outer, () => {
        this.#scope.set("loop", loop);
        this.#assign(statement.target, item);
        return this.#runAll(statement.body);
      });
      if (signal?.kind === "break") break;
      loop.index0++;
    }
    if (items.length === 0) this.#inScope(outer, () => this.#runAll(statement.otherwise));
  }

  #assign(target: Target, value: Value): void {
    if (target.type === "name") this.#scope.set(target.name, value);
    else if (target.type === "member") {
      const object = this.#scope.get(target.object);
      if (!(object instanceof Namespace) || object instanceof Loop) {
        fail("cannot assign attribute on non-namespace object");
      }
      object.set(target.name, value);
    } else {
      const items = iterate(value);
      if (items.length !== target.items.length)
        fail(`expected ${target.items.length} values to unpack, got ${items.length}`);
      target.items.forEach((each, i) => this.#assign(each, items[i] ?? null));
    }
  }

  #macro(name: string, { names, defaults }: Parameters, body: readonly Statement[]): Callable {
    const definition = this.#scope;
    allocate(600); // also keeps its scope
    const call = ({ positional, named }: Arguments): Value => {
      const rest = new Map(named);
      const values = names.map((parameter, i): Value | undefined => {
        const value = i < positional.length ? positional[i] : rest.get(parameter);
        if (i < positional.length && rest.has(parameter))
          fail(`macro '${name}' got multiple values for '${parameter}'`);
        rest.delete(parameter);
        return value;
      });
      const caller = rest.get("caller");
      rest.delete("caller");
      return this.#nested(() =>
        this.#captured(() =>
          this.#inScope(definition, () => {
            if (caller !== undefined) this.#scope.set("caller", caller);
            this.#scope.set("varargs", new Tuple(positional.slice(names.length)));
            this.#scope.set("kwargs", new Dict([...rest].map(([key, value]) => [plain(key), value])));
            names.forEach((parameter, i) => {
              const byDefault = defaults[i - names.length + defaults.length];
              const missing = () => new Undefined(`parameter '${parameter}' was not provided`);
              const value = values[i] === undefined && byDefault ? this.evaluate(byDefault) : values[i];
              this.#scope.set(parameter, value === undefined ? missing() : value);
            });
            this.#runAll(body);
          }),
        ),
      );
    };
    const attributes = new Map<string, Value>([
      ["name", plain(name)],
      ["arguments", new Tuple(names.map(plain))],
    ]);
    return new Callable(name, call, attributes);
  }

  #nested<T>(run: () => T): T {
    if (++this.#calls > maxCallDepth) throw new Error(`it calls itself more than ${maxCallDepth} levels deep`);
    try {
      return run();
    } finally {
      this.#calls--;
    }
  }

  // --- expressions ---

  evaluate(expression: Expression): Value {
    spend(1);
    if (++this.#depth > maxDepth) fail(`it nests more than ${maxDepth} levels deep`);
    const value = this.#evaluated(expression);
    this.#depth--;
    return value;
  }

  #evaluated(expression: Expression): Value {
    switch (expression.type) {
      case "constant": {
        const { value } = expression;
        if (typeof value === "string") return shared(value);
        return expression.isFloat ? new Float(value as number) : value;
      }
      case "name":
        return this.#variable(expression.name);
      case "list":
        return new List(expression.items.map((item) => this.evaluate(item)));
      case "tuple":
        return new Tuple(expression.items.map((item) => this.evaluate(item)));
      case "dict":
        return new Dict(expression.entries.map(([key, value]) => [this.evaluate(key), this.evaluate(value)]));
      case "attribute":
        return this.attribute(this.evaluate(expression.object), expression.name);
      case "item":
        return this.item(this.evaluate(expression.object), this.evaluate(expression.index));
      case "slice": {
        const object = this.evaluate(expression.object);
        const [start, stop, step] = expression.bounds.map((bound) => (bound ? this.evaluate(bound) : null));
        if (object instanceof Undefined) fail(object.message);
        return sliceOf(object, start ?? null, stop ?? null, step ?? null);
      }
      case "call":
        return this.call(this.evaluate(expression.callee), this.#arguments(expression.args));
      case "filter":
        return this.#filter(expression, undefined);
      case "test": {
        const input = this.evaluate(expression.input);
        return callTest(this, expression.name, input, this.#arguments(expression.args)) !== expression.isNegated;
      }
      case "unary": {
        const value = this.evaluate(expression.value);
        return expression.operator === "not" ? !isTrue(value) : unary(expression.operator, value);
      }
      case "binary": {
        const left = this.evaluate(expression.left);
        if (expression.operator === "and") return isTrue(left) ? this.evaluate(expression.right) : left;
        if (expression.operator === "or") return isTrue(left) ? left : this.evaluate(expression.right);
        return binary(this, expression.operator, left, this.evaluate(expression.right));
      }
      case "compare": {
        let left = this.evaluate(expression.first);
        for (const [operator, value] of expression.rest) {
          const right = this.evaluate(value);
          if (!this.#compare(operator, left, right)) return false;
          left = right;
        }
        return true;
      }
      case "concat":
        return concat(expression.parts.map((part) => this.text(this.evaluate(part))));
      case "condition":
        if (isTrue(this.evaluate(expression.test))) return this.evaluate(expression.yes);
        return expression.no
          ? this.evaluate(expression.no)
          : new Undefined("the inline if-expression evaluated to false and no else section was defined.");
    }
  }

  #variable(name: string): Value {
    const value = this.#scope.get(name);
    return value === undefined ? new Undefined(`'${name}' is undefined`) : value;
  }

  #compare(operator: string, left: Value, right: Value): boolean {
    if (operator === "==") return equals(left, right);
    if (operator === "!=") return !equals(left, right);
    if (operator === "in" || operator === "not in") return contains(right, left) === (operator === "in");
    const order = compare(left, right, operator);
    if (operator === "<") return order < 0;
    if (operator === "<=") return order <= 0;
    return operator === ">" ? order > 0 : order >= 0;
  }

  #filter(expression: Expression, start: Value | undefined): Value {
    if (expression.type !== "filter") return fail("expected a filter");
    const { input, name } = expression;
    const value =
      input === undefined
        ? (start ?? null)
        : start !== undefined && input.type === "filter"
          ? this.#filter(input, start)
          : this.evaluate(input);
    return callFilter(this, name, value, this.#arguments(expression.args));
  }

  #arguments({ positional, named, list, dict }: CallArguments): Arguments {
    const args: Arguments = {
      positional: positional.map((each) => this.evaluate(each)),
      named: new Map(named.map(([name, value]) => [name, this.evaluate(value)])),
    };
    if (list) args.positional = args.positional.concat(iterate(this.evaluate(list)));
    allocate(8 * args.positional.length);
    if (dict) {
      const values = this.evaluate(dict);
      if (!(values instanceof Dict)) fail("argument after ** must be a mapping");
      for (const [key, value] of values.entries()) args.named.set(this.text(key).text, value);
    }
    return args;
  }

  call(callee: Value, args: Arguments): Value {
    if (callee instanceof Undefined) fail(callee.message);
    if (callee instanceof Callable) return callee.call(args);
    if (callee instanceof Loop && callee.recurse) return callee.recurse(args.positional[0] ?? null);
    return fail(`'${typeName(callee)}' object is not callable`);
  }

  text(value: Value): Str {
    return textOf(value);
  }

  attribute(object: Value, name: string): Value {
    spend(1);
    if (object instanceof Undefined) fail(object.message);
    if (!name.startsWith("_")) {
      const method = methodOf(this, object, name);
      if (method !== undefined) return method;
      if (object instanceof Namespace) {
        const value = object.get(name);
        if (value !== undefined) return value;
      }
      if (object instanceof Callable && object.attributes.has(name)) return object.attributes.get(name) as Value;
      // A group of the filter groupby.
      if (object instanceof Tuple && object.items.length === 2 && (name === "grouper" || name === "list")) {
        return object.items[name === "list" ? 1 : 0] as Value;
      }
    }
    const item = object instanceof Dict ? object.named(name) : undefined;
    return item === undefined ? new Undefined(`'${typeName(object)} object' has no attribute '${name}'`) : item;
  }

  item(object: Value, index: Value): Value {
    spend(1);
    if (object instanceof Undefined) fail(object.message);
    if (object instanceof Dict) {
      const value = index instanceof List || index instanceof Dict ? undefined : object.get(index);
      if (value !== undefined) return value;
    }
    if (typeof index === "number" || typeof index === "boolean") {
      if (object instanceof Str || object instanceof List || object instanceof Tuple) {
        const at = Number(index);
        const found = object instanceof Str ? characterAt(object, at) : object.items.at(at);
        if (found !== undefined) return found;
      }
    }
    if (index instanceof Str && !(object instanceof Dict && object.has(index))) {
      return object instanceof Dict && methodOf(this, object, index.text) === undefined
        ? new Undefined(`'dict object' has no attribute '${index.text}'`)
        : this.attribute(object, index.text);
    }
    return new Undefined(`'${typeName(object)} object' has no element ${this.text(index).text}`);
  }
}
