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
  someChild(node, (child, deeper) => {
    found.push(deeper === 0 ? same(child) : { node: child, deeper: 1 });
    return false;
  });
  return found;
}

/** Every node of the tree, the root first. */
export function nodes(root: Pql): readonly Pql[] {
  const found: Pql[] = [];
  someNode(root, (node) => {
    found.push(node);
    return false;
  });
  return found;
}

/** Whether a node of the tree passes a test; the root is asked first, and no one after the first that does. */
export function someNode(root: Pql, test: (node: Pql) => boolean): boolean {
  const visit = (node: Pql): boolean => test(node) || someChild(node, visit);
  return visit(root);
}

type Test = (node: Pql, deeper: 0 | 1) => boolean;

/** Whether a direct part passes a test; asked in written order, and nothing is made on the way. */
function someChild(node: Pql, test: Test): boolean {
  switch (node.kind) {
    case "literal":
    case "context":
    case "parameter":
    case "variable":
    case "moment":
    case "period":
      return false;
    case "list":
    case "and":
    case "or":
      return someOf(node.items, test);
    case "object":
      return node.fields.some((field) => test(field.value, 0));
    case "field":
      return test(node.object, 0);
    case "item":
      return test(node.list, 0);
    case "not":
    case "negate":
      return test(node.operand, 0);
    case "compare":
    case "arithmetic":
      return test(node.left, 0) || test(node.right, 0);
    case "call":
      return someOf(node.args, test);
    case "lambda":
      return test(node.body, 1);
    case "if":
      return test(node.test, 0) || test(node.then, 0) || test(node.otherwise, 0);
    case "let":
      return test(node.value, 0) || test(node.body, 0);
    case "quantifier":
    case "select":
      return someDeclared(node.variables, test);
    case "aggregate":
      return someDeclared(node.variables, test) || test(node.value, 0);
    case "offset":
      return test(node.from, 0);
    case "occurs":
      return test(node.subject, 0) || someTime(node.when, test);
    case "chain":
      return (
        test(node.source, 0) ||
        node.steps.some((step) => test(step.what, 1) || step.when.some((when) => someTime(when, test)))
      );
  }
}

function someOf(items: readonly Pql[], test: Test): boolean {
  for (const item of items) if (test(item, 0)) return true;
  return false;
}

function someDeclared(variables: readonly VariableDeclaration[], test: Test): boolean {
  return variables.some(({ from, where }) => test(from, 0) || (where !== undefined && test(where, 0)));
}

function someTime(when: Occurrence, test: Test): boolean {
  switch (when.kind) {
    case "within":
      return test(when.from, 0);
    case "side":
    case "on":
      return test(when.time, 0);
    case "between":
      return test(when.start, 0) || test(when.end, 0);
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
