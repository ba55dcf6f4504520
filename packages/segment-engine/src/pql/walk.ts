import { type Occurrence, type Pql, positionOf, setPosition, type VariableDeclaration } from "../ast.ts";

/** A part of an expression, and whether its `context` counts one level more (it is worked out for each item). */
export interface Child {
  readonly node: Pql;
  readonly deeper: 0 | 1;
}

const same = (node: Pql): Child => ({ node, deeper: 0 });

/** The direct parts of an expression in written order. */
export function children(node: Pql): readonly Child[] {
  const found: Child[] = [];
  mapChildren(node, (child, deeper) => {
    found.push(deeper === 0 ? same(child) : { node: child, deeper: 1 });
    return child;
  });
  return found;
}

/** Every node of the tree, the root first. */
export function* nodes(root: Pql): Generator<Pql> {
  const open: Pql[] = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    yield node;
    const parts = children(node);
    for (let index = parts.length - 1; index >= 0; index--) {
      const part = parts[index];
      if (part) open.push(part.node);
    }
  }
}

type Change = (node: Pql, deeper: 0 | 1) => Pql;

/** The expression with each direct part replaced; the position is kept. */
export function mapChildren(node: Pql, change: Change): Pql {
  const made = rebuilt(node, change);
  const at = positionOf(node);
  if (at !== undefined && made !== node) setPosition(made, at);
  return made;
}

function rebuilt(node: Pql, change: Change): Pql {
  const keep = (part: Pql): Pql => change(part, 0);
  switch (node.kind) {
    case "literal":
    case "context":
    case "parameter":
    case "variable":
    case "moment":
    case "period":
      return node;
    case "list":
    case "and":
    case "or":
      return { ...node, items: node.items.map(keep) };
    case "object":
      return {
        ...node,
        fields: node.fields.map((field) => ({ name: field.name, value: keep(field.value) })),
      };
    case "field":
      return { ...node, object: keep(node.object) };
    case "item":
      return { ...node, list: keep(node.list) };
    case "not":
    case "negate":
      return { ...node, operand: keep(node.operand) };
    case "compare":
    case "arithmetic":
      return { ...node, left: keep(node.left), right: keep(node.right) };
    case "call":
      return { ...node, args: node.args.map(keep) };
    case "lambda":
      return { ...node, body: change(node.body, 1) };
    case "if":
      return { ...node, test: keep(node.test), then: keep(node.then), otherwise: keep(node.otherwise) };
    case "let":
      return { ...node, value: keep(node.value), body: keep(node.body) };
    case "quantifier":
    case "select":
      return { ...node, variables: declarations(node.variables, keep) };
    case "aggregate":
      return { ...node, variables: declarations(node.variables, keep), value: keep(node.value) };
    case "offset":
      return { ...node, from: keep(node.from) };
    case "occurs":
      return { ...node, subject: keep(node.subject), when: mapOccurrence(node.when, keep) };
    case "chain":
      return {
        ...node,
        source: keep(node.source),
        steps: node.steps.map((step) => ({
          ...step,
          what: change(step.what, 1),
          when: step.when.map((when) => mapOccurrence(when, keep)),
        })),
      };
  }
}

function declarations(
  variables: readonly VariableDeclaration[],
  keep: (part: Pql) => Pql,
): readonly VariableDeclaration[] {
  return variables.map((variable) => {
    const from = keep(variable.from);
    return variable.where
      ? { name: variable.name, from, where: keep(variable.where) }
      : { name: variable.name, from };
  });
}

function mapOccurrence(when: Occurrence, keep: (part: Pql) => Pql): Occurrence {
  switch (when.kind) {
    case "within":
      return { ...when, from: keep(when.from) };
    case "side":
    case "on":
      return { ...when, time: keep(when.time) };
    case "between":
      return { ...when, start: keep(when.start), end: keep(when.end) };
  }
}
