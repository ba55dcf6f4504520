import { type Pql, setPosition } from "../ast.ts";
import { excerpt, type Fault } from "./issue.ts";
import type { Token } from "./lex.ts";

/** How deep expressions may be nested. */
export const MAX_DEPTH = 200;

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
  readonly #report: (fault: Fault) => void;
  readonly #depths = new WeakMap<object, number>();
  #position = 0;
  #nesting = 0;
  /** Names bound by lambdas, quantifiers, let and steps, innermost last. */
  readonly variables: string[] = [];
  /** How many list items surround the place: what `^` may go up. */
  contexts = 0;
  /** Whether `in` here ends a `let` and is no operator. */
  letPending = false;

  constructor(tokens: readonly Token[], report: (fault: Fault) => void) {
    this.#tokens = tokens;
    this.#report = report;
  }

  /** The token `ahead` places on. */
  peek(ahead = 0): Token {
    const token = this.#tokens[this.#position + ahead] ?? this.#tokens[this.#tokens.length - 1];
    return token ?? { kind: "end", text: "", at: 0 };
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
    return token.kind === "word" && token.text.toLowerCase() === word;
  }

  /** Takes the symbol when it is there. */
  takeSymbol(text: string): boolean {
    const there = this.isSymbol(text);
    if (there) this.next();
    return there;
  }

  takeWord(word: string): boolean {
    const there = this.isWord(word);
    if (there) this.next();
    return there;
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
  nested<T>(read: () => T): T {
    if (++this.#nesting > MAX_DEPTH) this.tooDeep();
    try {
      return read();
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
    let depth = 0;
    for (const part of parts) if (part) depth = Math.max(depth, this.#depths.get(part) ?? 0);
    if (depth >= MAX_DEPTH) this.tooDeep();
    this.#depths.set(node, depth + 1);
    setPosition(node, at);
    return node;
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
  binding<T>(names: readonly string[], read: () => T): T {
    const before = this.variables.length;
    this.variables.push(...names);
    try {
      return read();
    } finally {
      this.variables.length = before;
    }
  }

  /** Runs `read` inside one more list item. */
  inItem<T>(read: () => T): T {
    this.contexts++;
    try {
      return read();
    } finally {
      this.contexts--;
    }
  }
}
