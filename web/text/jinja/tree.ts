// The tree of a template, as the parser makes it.

export type Expression =
  | { type: "constant"; value: null | boolean | number | string; isFloat?: boolean }
  | { type: "name"; name: string }
  | { type: "list" | "tuple"; items: Expression[] }
  | { type: "dict"; entries: [Expression, Expression][] }
  | { type: "attribute"; object: Expression; name: string }
  | { type: "item"; object: Expression; index: Expression }
  | { type: "slice"; object: Expression; bounds: (Expression | undefined)[] }
  | { type: "call"; callee: Expression; args: CallArguments }
  | { type: "filter"; input: Expression | undefined; name: string; args: CallArguments }
  | { type: "test"; input: Expression; name: string; args: CallArguments; isNegated: boolean }
  | { type: "unary"; operator: "not" | "-" | "+"; value: Expression }
  | { type: "binary"; operator: string; left: Expression; right: Expression }
  | { type: "compare"; first: Expression; rest: [operator: string, value: Expression][] }
  | { type: "concat"; parts: Expression[] }
  | { type: "condition"; test: Expression; yes: Expression; no: Expression | undefined };

export interface CallArguments {
  positional: Expression[];
  named: [string, Expression][];
  /** Of `*args` and `**kwargs`. */
  list?: Expression;
  dict?: Expression;
}

export type Target =
  | { type: "name"; name: string }
  | { type: "tuple"; items: Target[] }
  | { type: "member"; object: string; name: string };

export interface Parameters {
  names: string[];
  /** Of the last parameters. */
  defaults: Expression[];
}

export type Statement =
  | { type: "text"; text: string }
  | { type: "output"; values: Expression[] }
  | { type: "if"; branches: [Expression, Statement[]][]; otherwise: Statement[] }
  | {
      type: "for";
      target: Target;
      over: Expression;
      condition: Expression | undefined;
      isRecursive: boolean;
      body: Statement[];
      otherwise: Statement[];
    }
  | { type: "set"; target: Target; value: Expression }
  | { type: "setBlock"; target: Target; filter: Expression | undefined; body: Statement[] }
  | { type: "macro"; name: string; parameters: Parameters; body: Statement[] }
  | { type: "callBlock"; parameters: Parameters; call: Expression; body: Statement[] }
  | { type: "filterBlock"; filter: Expression; body: Statement[] }
  | { type: "with"; values: [Target, Expression][]; body: Statement[] }
  | { type: "break" | "continue" };
