// Loops whose remaining passes do nothing. Templates search with `{% if not found.it %}…{% endif %}` as the whole body
// of a loop: once the condition is false, it stays so, since only the body could change it.
import type { Expression, Statement, Target } from "./tree.js";

type For = Extract<Statement, { type: "for" }>;

const known = new WeakMap<For, { guard: Expression | undefined }>();

/** The condition without which a pass of the loop does nothing, and which no pass that does nothing changes. */
export function guardOf(statement: For): Expression | undefined {
  let found = known.get(statement);
  if (!found) known.set(statement, (found = { guard: findGuard(statement) }));
  return found.guard;
}

function findGuard({ body, target }: For): Expression | undefined {
  const [only, ...others] = body.filter((each) => each.type !== "text" || each.text !== "");
  if (only?.type !== "if" || others.length > 0) return undefined;
  const [branch, ...more] = only.branches;
  if (!branch || more.length > 0 || only.otherwise.length > 0) return undefined;
  const changing = new Set(["loop"]);
  addNames(target, changing);
  return isFixed(branch[0], changing) ? branch[0] : undefined;
}

function addNames(target: Target, names: Set<string>): void {
  if (target.type === "name") names.add(target.name);
  else if (target.type === "member") names.add(target.object);
  else for (const each of target.items) addNames(each, names);
}

/** Whether an expression reads none of these names, calls nothing, and so has the same value until the body runs. */
function isFixed(expression: Expression, changing: ReadonlySet<string>): boolean {
  const fixed = (each: Expression) => isFixed(each, changing);
  switch (expression.type) {
    case "constant":
      return true;
    case "name":
      return !changing.has(expression.name);
    case "attribute":
      return fixed(expression.object);
    case "item":
      return fixed(expression.object) && fixed(expression.index);
    case "unary":
      return fixed(expression.value);
    case "binary":
      return fixed(expression.left) && fixed(expression.right);
    case "compare":
      return fixed(expression.first) && expression.rest.every(([, each]) => fixed(each));
    default:
      return false;
  }
}
