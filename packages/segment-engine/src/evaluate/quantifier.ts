import type { Aggregation, Pql, Quantifier, VariableDeclaration } from "../ast.ts";
import { type Code, joinFree, type Scope, without } from "./code.ts";
import type { Compiler, Declared } from "./compile.ts";
import type { EvaluationContext } from "./context.ts";
import { fold } from "./list.ts";
import { itemsOf, truth } from "./values.ts";

type Found = (context: EvaluationContext) => boolean;

interface Nested {
  readonly declared: readonly Declared[];
  readonly key: string;
  readonly free: (inner: ReadonlySet<number>) => ReadonlySet<number>;
  readonly scope: Scope;
}

function declareAll(compiler: Compiler, variables: readonly VariableDeclaration[], scope: Scope): Nested {
  const declared: Declared[] = [];
  let inner = scope;
  for (const variable of variables) {
    const one = compiler.declare(variable, inner);
    declared.push(one);
    inner = one.inner;
  }
  const slots = declared.map((one) => one.slot);
  const own = joinFree(...declared.flatMap((one) => [one.from.free, one.where?.free ?? new Set<number>()]));
  return {
    declared,
    key: declared.map((one) => `${one.slot} ${one.from.id} ${one.where?.id ?? "-"}`).join(", "),
    free: (more) => without(joinFree(own, more), ...slots),
    scope: inner,
  };
}

/** Runs over the combinations whose conditions all hold; `visit` answers whether to stop. */
function combinations(
  declared: readonly Declared[],
  context: EvaluationContext,
  visit: Found,
  depth = 0,
): boolean {
  const one = declared[depth];
  if (one === undefined) return visit(context);
  for (const item of itemsOf(one.from.run(context)) ?? []) {
    context.env[one.slot] = item;
    if (one.where && !truth(one.where.run(context))) continue;
    if (combinations(declared, context, visit, depth + 1)) return true;
  }
  return false;
}

/** Whether every item of every list fulfils its condition. */
function everywhere(declared: readonly Declared[], context: EvaluationContext, depth = 0): boolean {
  const one = declared[depth];
  if (one === undefined) return true;
  for (const item of itemsOf(one.from.run(context)) ?? []) {
    context.env[one.slot] = item;
    if (one.where && !truth(one.where.run(context))) return false;
    if (!everywhere(declared, context, depth + 1)) return false;
  }
  return true;
}

/** `exists`, `forall`, `none`, `one`. Over an empty or missing list `exists` is false and `forall` true. */
export function compileQuantifier(
  compiler: Compiler,
  node: Pql & { readonly kind: "quantifier" },
  scope: Scope,
): Code {
  const nested = declareAll(compiler, node.variables, scope);
  const holds = quantified(node.quantifier, nested.declared);
  const key = `${node.quantifier} ${nested.key}`;
  return compiler.table.intern(key, nested.free(new Set()), () => holds, true);
}

function quantified(quantifier: Quantifier, declared: readonly Declared[]): Found {
  switch (quantifier) {
    case "exists":
      return (context) => combinations(declared, context, () => true);
    case "forall":
      return (context) => everywhere(declared, context);
    case "none":
      return (context) => !combinations(declared, context, () => true);
    case "one":
      return (context) => {
        let count = 0;
        combinations(declared, context, () => ++count > 1);
        return count === 1;
      };
  }
}

/** `select`: the items of the first variable for which the rest can be found. */
export function compileSelect(
  compiler: Compiler,
  variables: readonly VariableDeclaration[],
  scope: Scope,
): Code {
  const nested = declareAll(compiler, variables, scope);
  const [first, ...rest] = nested.declared;
  return compiler.table.intern(
    `select ${nested.key}`,
    nested.free(new Set()),
    () => (context) => {
      if (first === undefined) return [];
      return (itemsOf(first.from.run(context)) ?? []).filter((item) => {
        context.env[first.slot] = item;
        if (first.where && !truth(first.where.run(context))) return false;
        return combinations(rest, context, () => true);
      });
    },
    true,
  );
}

/** `sum X.price over X from …`: the value for each combination, folded. */
export function compileAggregate(
  compiler: Compiler,
  node: Pql & { readonly kind: "aggregate" },
  scope: Scope,
): Code {
  const nested = declareAll(compiler, node.variables, scope);
  const value = compiler.compile(node.value, nested.scope);
  const fn: Aggregation = node.fn;
  return compiler.table.intern(
    `aggregate ${fn} ${value.id} ${nested.key}`,
    nested.free(value.free),
    () => (context) => {
      const values: unknown[] = [];
      combinations(nested.declared, context, () => {
        values.push(value.run(context));
        return false;
      });
      return fold(fn, values);
    },
    true,
  );
}
