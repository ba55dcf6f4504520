import type { Literal } from "../ast.ts";
import type { EvaluationContext } from "./context.ts";

/** A compiled expression. */
export type Run = (context: EvaluationContext) => unknown;

/**
 * A compiled expression and its identity: two expressions with the same meaning have the same `id`, so that each is
 * worked out at most once for a person. `free` are the variables it reads; without any it is the same for the
 * whole person.
 */
export interface Code {
  readonly id: number;
  readonly run: Run;
  readonly free: ReadonlySet<number>;
}

const NONE: ReadonlySet<number> = new Set();

/** Joins what several parts read. */
export function joinFree(...parts: readonly ReadonlySet<number>[]): ReadonlySet<number> {
  let isNone = true;
  for (const part of parts) if (part.size > 0) isNone = false;
  if (isNone) return NONE;
  const filled = parts.filter((part) => part.size > 0);
  const [only] = filled;
  if (only === undefined) return NONE;
  if (filled.length === 1) return only;
  return new Set(filled.flatMap((part) => [...part]));
}

/** What is left of the variables after some are bound. */
export function without(free: ReadonlySet<number>, ...bound: readonly number[]): ReadonlySet<number> {
  if (!bound.some((slot) => free.has(slot))) return free;
  return new Set([...free].filter((slot) => !bound.includes(slot)));
}

/** Keeps compiled expressions by meaning, and gives each one that is worth it a place in the memo. */
export class CodeTable {
  readonly #codes = new Map<string, Code>();
  /** Literals by value, and fields by what they are a field of: by far the most, found without writing a key. */
  readonly #literals = new Map<Literal["type"], Map<Literal["value"], Code>>();
  readonly #fields: (Map<string, Code> | undefined)[] = [];
  #size = 0;
  #memoSlots = 0;

  /** How many results a person's evaluation may have to remember. */
  get memoSlots(): number {
    return this.#memoSlots;
  }

  /** How many distinct expressions there are. */
  get size(): number {
    return this.#size;
  }

  /** The code of a literal. */
  literal({ type, value }: Literal): Code {
    let known = this.#literals.get(type);
    if (known === undefined) this.#literals.set(type, (known = new Map()));
    let code = known.get(value);
    if (code === undefined) known.set(value, (code = { id: this.#size++, run: () => value, free: NONE }));
    return code;
  }

  /** The code of a field of what another code gives. */
  field(object: Code, name: string, make: () => Run): Code {
    const known = (this.#fields[object.id] ??= new Map<string, Code>());
    let code = known.get(name);
    if (code === undefined) known.set(name, (code = { id: this.#size++, run: make(), free: object.free }));
    return code;
  }

  /**
   * The code of a meaning. `key` names the operation and the ids of its parts. With `memo`, a code that reads no
   * variable is worked out once for a person.
   */
  intern(key: string, free: ReadonlySet<number>, make: () => Run, memo = false): Code {
    const known = this.#codes.get(key);
    if (known) return known;
    const plain = make();
    const run = memo && free.size === 0 ? remembered(plain, this.#memoSlots++) : plain;
    const code: Code = { id: this.#size++, run, free };
    this.#codes.set(key, code);
    return code;
  }
}

function remembered(run: Run, slot: number): Run {
  return (context) => {
    if (context.stamps[slot] === context.generation) return context.memo[slot];
    const value = run(context);
    context.memo[slot] = value;
    context.stamps[slot] = context.generation;
    return value;
  };
}

/** The names in scope while compiling: slots of variables, and what plain field names are looked up in. */
export interface Scope {
  readonly names: ReadonlyMap<string, number>;
  /** Slots of the surrounding items, innermost last; the person is beneath them. */
  readonly contexts: readonly number[];
  readonly next: number;
}

/** The scope of a whole definition. */
export const ROOT: Scope = { names: new Map(), contexts: [], next: 0 };

/** A scope with more variables. */
export function withNames(scope: Scope, names: readonly (readonly [string, number])[], next: number): Scope {
  return { ...scope, names: new Map([...scope.names, ...names]), next: Math.max(scope.next, next) };
}

/** A scope one item deeper; the item is in a new slot, `scope.next`. */
export function withItem(scope: Scope): Scope {
  return { ...scope, contexts: [...scope.contexts, scope.next], next: scope.next + 1 };
}
