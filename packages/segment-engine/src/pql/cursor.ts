import { type Pql, setPosition } from "../ast.ts";
import { excerpt, type Fault } from "./issue.ts";
import type { Token } from "./lex.ts";

/** How deep expressions may be nested. */
export const MAX_DEPTH = 200;
/** No token becomes more nodes than these: a name is a field of what surrounds it, and may be the value of a lambda. */
const NODES_A_TOKEN = 4;
const HERE: Pql = { kind: "context", levels: 0 };
const NOTHING: Token = { kind: "end", text: "", lower: "", at: 0, value: 0, integer: false, joins: 0 };

/** Thrown to leave a broken operand, caught where reading can go on; never leaves the parser. */
export class Broken {
  readonly fatal: boolean;
  constructor(fatal: boolean) {
    this.fatal = fatal;
  }
}

/** The place in the tokens, the names in scope, and the faults so far. */
export class Cursor {
  readonly #tokens: readonly Token[];
  readonly #end: Token;
  readonly #report: (fault: Fault) => void;
  readonly #places: boolean;
  /** How deep the nodes made so far are; `undefined` for a text too short to be nested too deep. */
  readonly #depths: WeakMap<object, number> | undefined;
  #position = 0;
  #nesting = 0;
  /** Names bound by lambdas, quantifiers, let and steps, innermost last. */
  readonly variables: string[] = [];
  /** How many list items surround the place: what `^` may go up. */
  contexts = 0;
  /** Whether `in` here ends a `let` and is no operator. */
  letPending = false;

  /** With `places` it is remembered where each node began (`positionOf`). */
  constructor(tokens: readonly Token[], report: (fault: Fault) => void, places: boolean) {
    this.#tokens = tokens;
    this.#end = tokens[tokens.length - 1] ?? NOTHING;
    this.#report = report;
    this.#places = places;
    this.#depths = tokens.length * NODES_A_TOKEN < MAX_DEPTH ? undefined : new WeakMap();
  }

  /** The token `ahead` places on. */
  peek(ahead = 0): Token {
    return this.#tokens[this.#position + ahead] ?? this.#end;
  }

  next(): Token {
    const token = this.peek();
    if (token.kind !== "end") this.#position++;
    return token;
  }

  isSymbol(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === "symbol" && token.text === text;
  }

  isWord(word: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === "word" && token.lower === word;
  }

  /** Takes the symbol when it is there. */
  takeSymbol(text: string): boolean {
    const token = this.#tokens[this.#position] ?? this.#end;
    if (token.text !== text || token.kind !== "symbol") return false;
    this.#position++;
    return true;
  }

  takeWord(word: string): boolean {
    const token = this.#tokens[this.#position] ?? this.#end;
    if (token.lower !== word || token.kind !== "word") return false;
    this.#position++;
    return true;
  }

  expectSymbol(text: string, advice: string): void {
    if (!this.takeSymbol(text)) this.broken(text, advice);
  }

  expectName(expected: string): string {
    const token = this.peek();
    if (token.kind !== "word" && token.kind !== "name") return this.broken(expected, "Write a name.");
    this.next();
    return token.text;
  }

  /** Reports that something else was expected at the present token and leaves the operand. */
  broken(expected: string, advice: string): never {
    this.fault("pql.syntax", expected, advice);
    throw new Broken(false);
  }

  /** Reports without leaving. `offset` defaults to the present token. */
  fault(
    code: string,
    expected: string,
    advice: string,
    came?: { readonly text: string; readonly at: number },
  ): void {
    const token = came ?? this.peek();
    this.#report({
      code,
      offset: token.at,
      expected,
      came: token.text === "" ? "the end of the text" : excerpt(token.text),
      advice,
    });
  }

  /** Runs `read` one level deeper; nesting beyond the limit ends the reading of the text. */
  nested<T>(read: (cursor: Cursor) => T): T {
    if (++this.#nesting > MAX_DEPTH) this.tooDeep();
    try {
      return read(this);
    } finally {
      this.#nesting--;
    }
  }

  tooDeep(): never {
    this.fault(
      "pql.size",
      `nesting of at most ${MAX_DEPTH} levels`,
      "Split the definition into several audiences.",
    );
    throw new Broken(true);
  }

  /** Finishes a node: remembers where it began and guards the depth of trees that grow to the left. */
  make<N extends Pql>(node: N, at: number, parts: readonly (Pql | undefined)[]): N {
    if (this.#depths !== undefined) {
      let depth = 0;
      for (const part of parts) if (part) depth = Math.max(depth, this.#depths.get(part) ?? 0);
      if (depth >= MAX_DEPTH) this.tooDeep();
      this.#depths.set(node, depth + 1);
    }
    if (this.#places) setPosition(node, at);
    return node;
  }

  /** What field names here are looked up in. One node stands for all where places and depths do not matter. */
  here(at: number): Pql {
    if (!this.#places && this.#depths === undefined) return HERE;
    return this.make({ kind: "context", levels: 0 }, at, []);
  }

  /** Skips to where an expression can go on: a connective, a comma, a closing bracket or the end. */
  recover(): void {
    let open = 0;
    for (;;) {
      const token = this.peek();
      if (token.kind === "end") return;
      if (token.kind === "symbol") {
        if (token.text === "(" || token.text === "[" || token.text === "{") open++;
        else if (token.text === ")" || token.text === "]" || token.text === "}") {
          if (open === 0) return;
          open--;
        } else if (open === 0 && token.text === ",") return;
      } else if (open === 0 && (this.isWord("and") || this.isWord("or"))) return;
      this.next();
    }
  }

  /** How many tokens ahead the bracket that opens at `from` closes; `undefined` when it does not. */
  closing(from: number): number | undefined {
    let open = 0;
    for (let ahead = from; this.peek(ahead).kind !== "end"; ahead++) {
      const token = this.peek(ahead);
      if (token.kind !== "symbol") continue;
      if (token.text === "(" || token.text === "[" || token.text === "{") open++;
      if (token.text === ")" || token.text === "]" || token.text === "}") {
        open--;
        if (open === 0) return ahead;
      }
    }
    return undefined;
  }

  /** How many tokens ahead a word stands at this level of brackets. */
  findWord(word: string): number | undefined {
    for (let ahead = 0; this.peek(ahead).kind !== "end"; ahead++) {
      const token = this.peek(ahead);
      if (token.kind === "symbol" && (token.text === "(" || token.text === "[" || token.text === "{")) {
        const close = this.closing(ahead);
        if (close === undefined) return undefined;
        ahead = close;
      } else if (
        token.kind === "symbol" &&
        (token.text === ")" || token.text === "]" || token.text === ",")
      ) {
        return undefined;
      } else if (this.isWord(word, ahead)) return ahead;
    }
    return undefined;
  }

  /** Runs `read` with more names bound. */
  binding<T>(names: readonly string[], read: (cursor: Cursor) => T): T {
    const before = this.variables.length;
    this.variables.push(...names);
    try {
      return read(this);
    } finally {
      this.variables.length = before;
    }
  }

  /** Runs `read` inside one more list item. */
  inItem<T>(read: (cursor: Cursor) => T): T {
    this.contexts++;
    try {
      return read(this);
    } finally {
      this.contexts--;
    }
  }
}
