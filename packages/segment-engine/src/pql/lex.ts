import { excerpt, type Fault } from "./issue.ts";

/** One token. A `word` may be a keyword or a name; a `name` is quoted and never a keyword. The `end` has no text. */
export interface Token {
  readonly kind: "word" | "name" | "symbol" | "string" | "number" | "end";
  readonly text: string;
  /** The text in lower case for a word, by which keywords are known; the text itself for all others. */
  readonly lower: string;
  readonly at: number;
  /** The value of a number, and whether it is written without point and exponent. */
  readonly value: number;
  readonly integer: boolean;
  /** How a symbol joins what stands on its sides. */
  readonly joins: Joins;
}

/** Not at all, as a sum does, as a product does, or as a comparison does. */
type Joins = 0 | 1 | 2 | 3;

/** The longest text that is read, in characters. */
export const MAX_TEXT = 500_000;

/** Words and blanks beyond ASCII; what is within is read character by character. */
const WORD = /[\p{L}_@][\p{L}\p{N}_@]*/uy;
const BLANK = /\s+/y;
const NUMBER = /\d+(\.\d+)?([eE][+-]?\d+)?/y;
const PARAMETER = /\$\d+/y;
const JOINS: ReadonlyMap<string, Joins> = new Map([
  ...["+", "-"].map((symbol) => [symbol, 1] as const),
  ...["*", "/", "%"].map((symbol) => [symbol, 2] as const),
  ...["=", "!=", "<", "<=", ">", ">="].map((symbol) => [symbol, 3] as const),
]);
const PAIRS: ReadonlySet<string> = new Set(["=>", "!=", "<=", ">="]);
const SYMBOLS = "()[]{},.:^=<>+-*/%!";
const SINGLE: readonly string[] = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));
const JOINS_OF: readonly Joins[] = SINGLE.map((symbol) => JOINS.get(symbol) ?? 0);
const IS_BLANK = 1;
const IS_DIGIT = 2;
const BEGINS_WORD = 4;
const IS_SYMBOL = 8;
/** What each ASCII character can be part of. */
const CLASSES: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) => {
  const char = String.fromCharCode(code);
  if (/\s/.test(char)) return IS_BLANK;
  if (/[A-Za-z_@]/.test(char)) return BEGINS_WORD;
  if (/\d/.test(char)) return IS_DIGIT;
  return SYMBOLS.includes(char) ? IS_SYMBOL : 0;
});
const FOREIGN: Readonly<Record<string, string>> = {
  "==": "Compare with a single =.",
  "<>": "Write != for not equal.",
  "&&": "Write and.",
  "||": "Write or.",
};
const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  b: "\b",
  f: "\f",
  '"': '"',
  "\\": "\\",
  "/": "/",
  "'": "'",
};

/** Cuts a text into tokens; what cannot be a token is reported and left out. Linear in the length of the text. */
export function lex(text: string, report: (fault: Fault) => void): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    const is = code < 128 ? CLASSES[code] : 0;
    if (is === IS_BLANK) at++;
    else if (is === BEGINS_WORD) {
      const end = endOfWord(text, at);
      tokens.push(word(text.slice(at, end), at));
      at = end;
    } else if (is === IS_DIGIT) at = lexNumber(text, at, tokens, report);
    else if (code === 34 || code === 96) at = lexQuoted(text, at, tokens, report);
    else if (is === IS_SYMBOL) {
      // Only before = or > a symbol may be one of two characters.
      const next = text.charCodeAt(at + 1);
      if (next !== 61 && next !== 62) tokens.push(single(code, at++));
      else at = lexSymbol(text, at, tokens, report);
    } else at = lexRest(text, at, tokens, report);
  }
  tokens.push(token("end", "", text.length));
  return tokens;
}

function token(kind: Token["kind"], text: string, at: number): Token {
  return { kind, text, lower: text, at, value: 0, integer: false, joins: 0 };
}

function word(text: string, at: number): Token {
  return { kind: "word", text, lower: text.toLowerCase(), at, value: 0, integer: false, joins: 0 };
}

/** The symbol of one ASCII character. */
function single(code: number, at: number): Token {
  const text = SINGLE[code] ?? "";
  return { kind: "symbol", text, lower: text, at, value: 0, integer: false, joins: JOINS_OF[code] ?? 0 };
}

function symbolOf(text: string, at: number): Token {
  return { kind: "symbol", text, lower: text, at, value: 0, integer: false, joins: JOINS.get(text) ?? 0 };
}

/** Where a word that begins at `start` with an ASCII letter ends. */
function endOfWord(text: string, start: number): number {
  let at = start + 1;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 128) return start + (match(WORD, text, start)?.length ?? 1);
    if (((CLASSES[code] ?? 0) & (BEGINS_WORD | IS_DIGIT)) === 0) break;
  }
  return at;
}

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

function lexNumber(text: string, at: number, tokens: Token[], report: (fault: Fault) => void): number {
  const number = match(NUMBER, text, at) ?? "";
  const value = Number(number);
  if (!Number.isFinite(value)) {
    report({
      code: "pql.text",
      offset: at,
      expected: "a number below 1.8e308",
      came: excerpt(number),
      advice: "Write a smaller number.",
    });
  }
  const integer = /^\d+$/.test(number);
  tokens.push({ kind: "number", text: number, lower: number, at, value, integer, joins: 0 });
  return at + number.length;
}

function lexQuoted(text: string, at: number, tokens: Token[], report: (fault: Fault) => void): number {
  const char = text.charAt(at);
  const quoted = readQuoted(text, at, char);
  if (quoted.end === undefined) {
    report({
      code: "pql.text",
      offset: at,
      expected: `a closing ${char}`,
      came: "the end of the text",
      advice: "Close the string.",
    });
  }
  tokens.push(token(char === '"' ? "string" : "name", quoted.value, at));
  return quoted.end ?? text.length;
}

/** A place where no ASCII word, number, string or operator begins. */
function lexRest(text: string, at: number, tokens: Token[], report: (fault: Fault) => void): number {
  const blank = match(BLANK, text, at);
  if (blank !== undefined) return at + blank.length;
  const found = match(text.charAt(at) === "$" ? PARAMETER : WORD, text, at);
  if (found === undefined) return lexSymbol(text, at, tokens, report);
  tokens.push(word(found, at));
  return at + found.length;
}

function lexSymbol(text: string, start: number, tokens: Token[], report: (fault: Fault) => void): number {
  const two = text.slice(start, start + 2);
  const advice = FOREIGN[two];
  if (advice !== undefined) {
    report({ code: "pql.syntax", offset: start, expected: "a PQL operator", came: two, advice });
    const meant = { "==": "=", "<>": "!=", "&&": "and", "||": "or" }[two] ?? "=";
    tokens.push(meant === "and" || meant === "or" ? word(meant, start) : symbolOf(meant, start));
    return start + 2;
  }
  const symbol = PAIRS.has(two) ? two : two.slice(0, 1);
  if (symbol.length === 2 || SYMBOLS.includes(symbol)) {
    tokens.push(symbolOf(symbol, start));
    return start + symbol.length;
  }
  const char = String.fromCodePoint(text.codePointAt(start) ?? 32);
  if (char === "'") {
    const end = text.indexOf("'", start + 1);
    const value = text.slice(start + 1, end < 0 ? undefined : end);
    report({
      code: "pql.text",
      offset: start,
      expected: "a string in double quotes",
      came: "a single quote",
      advice: `Write "${excerpt(value)}".`,
    });
    tokens.push(token("string", value, start));
    return end < 0 ? text.length : end + 1;
  }
  report({
    code: "pql.text",
    offset: start,
    expected: "a name, a value or an operator",
    came: `the character ${char}`,
    advice: "Remove it, or put it into a string.",
  });
  return start + char.length;
}

function readQuoted(
  text: string,
  start: number,
  quote: string,
): { readonly value: string; readonly end: number | undefined } {
  const plain = text.indexOf(quote, start + 1);
  const whole = plain < 0 ? "\\" : text.slice(start + 1, plain);
  if (!whole.includes("\\")) return { value: whole, end: plain + 1 };
  let value = "";
  let from = start + 1;
  for (let at = from; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === quote) return { value: value + text.slice(from, at), end: at + 1 };
    if (char !== "\\") continue;
    const next = text.charAt(at + 1);
    const hex = next === "u" ? text.slice(at + 2, at + 6) : "";
    const known = next === quote ? quote : ESCAPES[next];
    value += text.slice(from, at);
    if (/^[0-9a-fA-F]{4}$/.test(hex)) {
      value += String.fromCharCode(Number.parseInt(hex, 16));
      at += 5;
    } else if (known !== undefined) {
      value += known;
      at += 1;
    } else value += "\\";
    from = at + 1;
  }
  return { value: value + text.slice(from), end: undefined };
}
