// Tokens → the tree of a template. The grammar is that of Jinja 3.1.
import { type Token, tokenize } from "./lexer.js";
import type { CallArguments, Expression, Parameters, Statement, Target } from "./tree.js";
import { TemplateError } from "./values.js";

const maxDepth = 200;
const constants = new Map(
  Object.entries({ true: true, True: true, false: false, False: false, none: null, None: null }),
);
const comparisons = new Set(["==", "!=", "<", "<=", ">", ">="]);
const reserved = new Set(["true", "false", "none", "and", "or", "not", "if", "else", "elif", "in", "is"]);

export function parse(source: string): Statement[] {
  return new Parser(source).template();
}

class Parser {
  readonly #tokens: Generator<Token, never>;
  #token: Token;
  #following: Token;
  #depth = 0;
  #loops = 0;

  constructor(source: string) {
    this.#tokens = tokenize(source);
    this.#token = this.#tokens.next().value;
    this.#following = this.#tokens.next().value;
  }

  template(): Statement[] {
    return this.#statements([]);
  }

  // --- tokens ---

  #next(): Token {
    const token = this.#token;
    this.#token = this.#following;
    this.#following = this.#tokens.next().value;
    return token;
  }

  #is(kind: Token["kind"], ...values: string[]): boolean {
    return this.#token.kind === kind && (values.length === 0 || values.includes(this.#token.value));
  }

  #skip(kind: Token["kind"], ...values: string[]): boolean {
    const found = this.#is(kind, ...values);
    if (found) this.#next();
    return found;
  }

  #expect(kind: Token["kind"], ...values: string[]): Token {
    if (!this.#is(kind, ...values)) {
      const { kind: found, value } = this.#token;
      throw new TemplateError(`expected ${values.join(" or ") || kind}, got '${value || found}'`);
    }
    return this.#next();
  }

  /** Bounds the recursion, which hostile templates could drive into a stack overflow. */
  #nested<T>(read: () => T): T {
    if (++this.#depth > maxDepth) throw new TemplateError(`it nests more than ${maxDepth} levels deep`);
    const result = read();
    this.#depth--;
    return result;
  }

  // --- statements ---

  /** Statements up to a tag with one of these names, which stays the current token; without names up to the end. */
  #statements(ends: string[]): Statement[] {
    const list: Statement[] = [];
    for (;;) {
      const token = this.#next();
      if (token.kind === "text") list.push({ type: "text", text: token.value });
      else if (token.kind === "variableBegin") {
        list.push({ type: "output", values: [this.#tuple()] });
        this.#expect("variableEnd");
      } else if (token.kind === "blockBegin") {
        if (this.#is("name", ...ends) && ends.length > 0) return list;
        const statement = this.#nested(() => this.#statement());
        for (const each of statement) list.push(each);
        this.#expect("blockEnd");
      } else if (token.kind === "end") {
        if (ends.length > 0) throw new TemplateError(`unexpected end of template, expected ${ends.join(" or ")}`);
        return list;
      } else throw new TemplateError(`unexpected '${token.value}'`);
    }
  }

  /** The body of a block up to its end tag, of which the name is consumed. */
  #body(...ends: string[]): Statement[] {
    this.#skip("operator", ":");
    this.#expect("blockEnd");
    return this.#statements(ends);
  }

  #bodyTo(end: string): Statement[] {
    const body = this.#body(end);
    this.#next();
    return body;
  }

  #statement(): Statement[] {
    const { value: keyword } = this.#expect("name");
    switch (keyword) {
      case "if":
        return [this.#if()];
      case "for":
        return [this.#for()];
      case "set":
        return [this.#set()];
      case "macro": {
        const { value: name } = this.#expect("name");
        const parameters = this.#parameters();
        return [{ type: "macro", name, parameters, body: this.#outsideLoops(() => this.#bodyTo("endmacro")) }];
      }
      case "call": {
        const parameters = this.#is("operator", "(") ? this.#parameters() : { names: [], defaults: [] };
        const call = this.#expression();
        if (call.type !== "call") throw new TemplateError("expected call");
        return [{ type: "callBlock", parameters, call, body: this.#outsideLoops(() => this.#bodyTo("endcall")) }];
      }
      case "filter": {
        const filter = this.#filters(undefined, true);
        return [{ type: "filterBlock", filter, body: this.#bodyTo("endfilter") }];
      }
      case "with": {
        const values: [Target, Expression][] = [];
        while (!this.#is("blockEnd")) {
          if (values.length > 0) this.#expect("operator", ",");
          const target = this.#target(false);
          this.#expect("operator", "=");
          values.push([target, this.#expression()]);
        }
        return [{ type: "with", values, body: this.#bodyTo("endwith") }];
      }
      case "block": {
        const { value: name } = this.#expect("name");
        const body = this.#bodyTo("endblock");
        this.#skip("name", name);
        return [{ type: "with", values: [], body }]; // nothing extends it
      }
      case "print":
        return [{ type: "output", values: [this.#tuple()] }];
      case "generation": // marks answers for training; its content is printed
        return this.#bodyTo("endgeneration");
      case "break":
      case "continue":
        if (this.#loops === 0) throw new TemplateError(`'${keyword}' outside a loop`);
        return [{ type: keyword }];
      case "include":
      case "import":
      case "from":
      case "extends":
        throw new TemplateError(`it uses '${keyword}', and there are no other templates`);
      default:
        throw new TemplateError(`Encountered unknown tag '${keyword}'`);
    }
  }

  #outsideLoops<T>(read: () => T): T {
    const loops = this.#loops;
    this.#loops = 0;
    const result = read();
    this.#loops = loops;
    return result;
  }

  #if(): Statement {
    const branches: [Expression, Statement[]][] = [];
    let otherwise: Statement[] = [];
    for (;;) {
      const test = this.#tuple(false);
      branches.push([test, this.#body("elif", "else", "endif")]);
      const { value } = this.#next();
      if (value === "elif") continue;
      if (value === "else") otherwise = this.#bodyTo("endif");
      return { type: "if", branches, otherwise };
    }
  }

  #for(): Statement {
    const target = this.#target(true);
    this.#expect("name", "in");
    const over = this.#tuple(false, ["recursive", "if"]);
    const condition = this.#skip("name", "if") ? this.#expression() : undefined;
    const isRecursive = this.#skip("name", "recursive");
    this.#loops++;
    const body = this.#body("endfor", "else");
    this.#loops--;
    const otherwise = this.#next().value === "else" ? this.#bodyTo("endfor") : [];
    return { type: "for", target, over, condition, isRecursive, body, otherwise };
  }

  #set(): Statement {
    const target = this.#target(true, true);
    if (this.#skip("operator", "=")) return { type: "set", target, value: this.#tuple() };
    const filter = this.#is("operator", "|") ? this.#filters(undefined, false) : undefined;
    return { type: "setBlock", target, filter, body: this.#bodyTo("endset") };
  }

  #target(allowTuple: boolean, allowMember = false): Target {
    const single = (): Target => {
      if (this.#skip("operator", "(")) {
        const inner = this.#nested(() => this.#target(true));
        this.#expect("operator", ")");
        return inner;
      }
      const { value } = this.#expect("name");
      if (reserved.has(value.toLowerCase()) && value !== "in") throw new TemplateError(`can't assign to '${value}'`);
      if (allowMember && this.#skip("operator", ".")) {
        return { type: "member", object: value, name: this.#expect("name").value };
      }
      return { type: "name", name: value };
    };
    const first = single();
    if (!allowTuple || !this.#is("operator", ",")) return first;
    const items = [first];
    while (this.#skip("operator", ",") && (this.#is("name") || this.#is("operator", "("))) {
      if (this.#is("name", "in")) break;
      items.push(single());
    }
    return { type: "tuple", items };
  }

  #parameters(): Parameters {
    this.#expect("operator", "(");
    const parameters: Parameters = { names: [], defaults: [] };
    while (!this.#skip("operator", ")")) {
      if (parameters.names.length > 0) this.#expect("operator", ",");
      const target = this.#target(false);
      if (target.type !== "name") throw new TemplateError("a parameter is not a name");
      parameters.names.push(target.name);
      if (this.#skip("operator", "=")) parameters.defaults.push(this.#expression());
      else if (parameters.defaults.length > 0) throw new TemplateError("non-default argument follows default argument");
    }
    return parameters;
  }

  // --- expressions ---

  /** One expression, or several with commas, which make a tuple. */
  #tuple(withCondition = true, ends: string[] = []): Expression {
    const read = () => (withCondition ? this.#expression() : this.#or());
    const items: Expression[] = [];
    let hasComma = false;
    while (!this.#isTupleEnd(ends)) {
      items.push(read());
      if (!this.#skip("operator", ",")) break;
      hasComma = true;
    }
    if (!hasComma && items[0]) return items[0];
    if (!hasComma) throw new TemplateError(`Expected an expression, got '${this.#token.value || this.#token.kind}'`);
    return { type: "tuple", items };
  }

  #isTupleEnd(ends: string[]): boolean {
    return (
      this.#is("variableEnd") ||
      this.#is("blockEnd") ||
      this.#is("operator", ")") ||
      (ends.length > 0 && this.#is("name", ...ends))
    );
  }

  #expression(): Expression {
    return this.#nested(() => {
      let value = this.#or();
      while (this.#skip("name", "if")) {
        const test = this.#or();
        const no = this.#skip("name", "else") ? this.#expression() : undefined;
        value = { type: "condition", test, yes: value, no };
      }
      return value;
    });
  }

  #or(): Expression {
    return this.#chain(() => this.#and(), "name", ["or"]);
  }

  #and(): Expression {
    return this.#chain(() => this.#not(), "name", ["and"]);
  }

  #not(): Expression {
    if (!this.#skip("name", "not")) return this.#comparison();
    return { type: "unary", operator: "not", value: this.#nested(() => this.#not()) };
  }

  #comparison(): Expression {
    const first = this.#sum();
    const rest: [string, Expression][] = [];
    for (;;) {
      if (this.#token.kind === "operator" && comparisons.has(this.#token.value)) {
        const operator = this.#next().value;
        rest.push([operator, this.#sum()]);
      } else if (this.#skip("name", "in")) {
        rest.push(["in", this.#sum()]);
      } else if (this.#is("name", "not") && this.#following.value === "in") {
        this.#next();
        this.#next();
        rest.push(["not in", this.#sum()]);
      } else return rest.length > 0 ? { type: "compare", first, rest } : first;
    }
  }

  #sum(): Expression {
    return this.#chain(() => this.#concat(), "operator", ["+", "-"]);
  }

  #concat(): Expression {
    const parts = [this.#product()];
    while (this.#skip("operator", "~")) parts.push(this.#product());
    return parts.length > 1 ? { type: "concat", parts } : (parts[0] as Expression);
  }

  #product(): Expression {
    return this.#chain(() => this.#power(), "operator", ["*", "/", "//", "%"]);
  }

  #power(): Expression {
    return this.#chain(() => this.#unary(true), "operator", ["**"]);
  }

  /** Left-associative operators of one precedence. */
  #chain(read: () => Expression, kind: "name" | "operator", operators: string[]): Expression {
    let left = read();
    while (this.#is(kind, ...operators)) {
      const operator = this.#next().value;
      left = { type: "binary", operator, left, right: read() };
    }
    return left;
  }

  #unary(withFilter: boolean): Expression {
    return this.#nested(() => {
      const sign = this.#is("operator", "-", "+") ? (this.#next().value as "-" | "+") : undefined;
      const value: Expression = sign
        ? { type: "unary", operator: sign, value: this.#unary(false) }
        : this.#postfix(this.#primary());
      return withFilter ? this.#filters(this.#postfix(value), false) : this.#postfix(value);
    });
  }

  #primary(): Expression {
    const token = this.#next();
    switch (token.kind) {
      case "name": {
        const value = constants.get(token.value);
        if (value !== undefined) return { type: "constant", value };
        return { type: "name", name: token.value };
      }
      case "string": {
        let { value } = token;
        while (this.#is("string")) value += this.#next().value;
        return { type: "constant", value };
      }
      case "integer":
        return { type: "constant", value: token.number };
      case "float":
        return { type: "constant", value: token.number, isFloat: true };
    }
    if (token.kind === "operator") {
      if (token.value === "(") {
        const value = this.#is("operator", ")") ? ({ type: "tuple", items: [] } as Expression) : this.#tuple();
        this.#expect("operator", ")");
        return value;
      }
      if (token.value === "[") return { type: "list", items: this.#items("]", () => this.#expression()) };
      if (token.value === "{") {
        const entry = (): [Expression, Expression] => {
          const key = this.#expression();
          this.#expect("operator", ":");
          return [key, this.#expression()];
        };
        return { type: "dict", entries: this.#items("}", entry) };
      }
    }
    throw new TemplateError(`unexpected '${token.value || token.kind}'`);
  }

  /** Reads items with commas between them, up to a closing bracket. */
  #items<T>(close: string, read: () => T): T[] {
    const items: T[] = [];
    while (!this.#skip("operator", close)) {
      if (items.length > 0) {
        this.#expect("operator", ",");
        if (this.#skip("operator", close)) break;
      }
      items.push(read());
    }
    return items;
  }

  #postfix(start: Expression): Expression {
    let value = start;
    for (;;) {
      if (this.#skip("operator", ".")) value = this.#member(value);
      else if (this.#skip("operator", "[")) value = this.#subscript(value);
      else if (this.#is("operator", "(")) value = { type: "call", callee: value, args: this.#arguments() };
      else return value;
    }
  }

  #member(object: Expression): Expression {
    if (this.#token.kind === "integer") {
      return { type: "item", object, index: { type: "constant", value: Number(this.#next().value) } };
    }
    return { type: "attribute", object, name: this.#expect("name").value };
  }

  #subscript(object: Expression): Expression {
    const indices: Expression[] = [];
    do {
      const bounds: (Expression | undefined)[] = [];
      let isSlice = false;
      let current = this.#is("operator", ":", "]", ",") ? undefined : this.#expression();
      while (this.#skip("operator", ":")) {
        isSlice = true;
        bounds.push(current);
        current = this.#is("operator", ":", "]", ",") ? undefined : this.#expression();
      }
      if (isSlice) {
        if (bounds.length > 2) throw new TemplateError("a slice has at most three parts");
        this.#expect("operator", "]");
        return { type: "slice", object, bounds: [...bounds, current] };
      }
      if (!current) throw new TemplateError("expected subscript expression");
      indices.push(current);
    } while (this.#skip("operator", ","));
    this.#expect("operator", "]");
    const [index] = indices;
    return { type: "item", object, index: indices.length === 1 && index ? index : { type: "tuple", items: indices } };
  }

  #arguments(): CallArguments {
    this.#expect("operator", "(");
    const args: CallArguments = { positional: [], named: [] };
    let isFirst = true;
    while (!this.#skip("operator", ")")) {
      if (!isFirst) {
        this.#expect("operator", ",");
        if (this.#skip("operator", ")")) break;
      }
      isFirst = false;
      if (this.#skip("operator", "*")) args.list = this.#expression();
      else if (this.#skip("operator", "**")) args.dict = this.#expression();
      else if (this.#is("name") && this.#following.kind === "operator" && this.#following.value === "=") {
        const { value } = this.#next();
        this.#next();
        args.named.push([value, this.#expression()]);
      } else if (args.named.length > 0 || args.dict)
        throw new TemplateError("invalid syntax for function call expression");
      else args.positional.push(this.#expression());
    }
    return args;
  }

  /** Filters, tests and calls after an expression. `isBlock`: of a filter block, which has no first bar. */
  #filters(start: Expression | undefined, isBlock: boolean): Expression {
    let value = start;
    for (let isFirst = isBlock; ; isFirst = false) {
      if (isFirst || this.#skip("operator", "|")) {
        const name = this.#dottedName();
        const args = this.#is("operator", "(") ? this.#arguments() : { positional: [], named: [] };
        value = { type: "filter", input: value, name, args };
      } else if (value && start && this.#skip("name", "is")) value = this.#test(value);
      else if (value && start && this.#is("operator", "("))
        value = { type: "call", callee: value, args: this.#arguments() };
      else if (value) return value;
      else throw new TemplateError("expected a filter");
    }
  }

  #test(input: Expression): Expression {
    const isNegated = this.#skip("name", "not");
    const name = this.#dottedName();
    let args: CallArguments = { positional: [], named: [] };
    const { kind } = this.#token;
    const startsValue =
      kind === "name" || kind === "string" || kind === "integer" || kind === "float" || this.#is("operator", "[", "{");
    if (this.#is("operator", "(")) args = this.#arguments();
    else if (startsValue && !this.#is("name", "else", "or", "and")) {
      if (this.#is("name", "is")) throw new TemplateError("You cannot chain multiple tests with is");
      // As in Jinja, `if`, `in` and `not` after a test are read as its argument, and end it in practice.
      if (!this.#is("name", "if", "in", "not")) args = { positional: [this.#postfix(this.#primary())], named: [] };
    }
    return { type: "test", input, name, args, isNegated };
  }

  #dottedName(): string {
    let { value } = this.#expect("name");
    while (this.#skip("operator", ".")) value += `.${this.#expect("name").value}`;
    return value;
  }
}
