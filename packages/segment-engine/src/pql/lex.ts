import { excerpt, type Fault } from "./issue.ts";

/** One token. `word` may be a keyword or a name; `name` is a quoted name and never a keyword. */
export type Token =
  | { readonly kind: "word" | "name" | "symbol"; readonly text: string; readonly at: number }
  | { readonly kind: "string"; readonly text: string; readonly at: number }
  | {
      readonly kind: "number";
      readonly text: string;
      readonly value: number;
      readonly integer: boolean;
      readonly at: number;
    }
  | { readonly kind: "end"; readonly text: ""; readonly at: number };

/** The longest text that is read, in characters. */
export const MAX_TEXT = 500_000;

const WORD = /[\p{L}_@][\p{L}\p{N}_@]*/uy;
const NUMBER = /\d+(\.\d+)?([eE][+-]?\d+)?/y;
const BLANK = /\s+/y;
const SYMBOLS = [
  "=>",
  "!=",
  "<=",
  ">=",
  "(",
  ")",
  "[",
  "]",
  "{",
  "}",
  ",",
  ".",
  ":",
  "^",
  "=",
  "<",
  ">",
  "+",
  "-",
];
const MORE_SYMBOLS = ["*", "/", "%", "!"];
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
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  while (at < text.length) {
    const blank = match(BLANK);
    if (blank !== undefined) {
      at += blank.length;
      continue;
    }
    const start = at;
    const char = text.charAt(at);
    if (char === '"' || char === "`") {
      const quoted = readQuoted(text, at, char);
      if (quoted.end === undefined) {
        report({
          code: "pql.text",
          offset: start,
          expected: `a closing ${char}`,
          came: "the end of the text",
          advice: "Close the string.",
        });
        at = text.length;
      } else at = quoted.end;
      tokens.push({ kind: char === '"' ? "string" : "name", text: quoted.value, at: start });
      continue;
    }
    const number = match(NUMBER);
    if (number !== undefined) {
      at += number.length;
      const value = Number(number);
      if (!Number.isFinite(value)) {
        const expected = "a number below 1.8e308";
        report({
          code: "pql.text",
          offset: start,
          expected,
          came: excerpt(number),
          advice: "Write a smaller number.",
        });
      }
      tokens.push({ kind: "number", text: number, value, integer: /^\d+$/.test(number), at: start });
      continue;
    }
    const parameter = char === "$" ? /\$\d+/y : undefined;
    const word = parameter ? match(parameter) : match(WORD);
    if (word !== undefined) {
      at += word.length;
      tokens.push({ kind: "word", text: word, at: start });
      continue;
    }
    at = lexSymbol(text, start, tokens, report);
  }
  tokens.push({ kind: "end", text: "", at: text.length });
  return tokens;
}

function lexSymbol(text: string, start: number, tokens: Token[], report: (fault: Fault) => void): number {
  const two = text.slice(start, start + 2);
  const advice = FOREIGN[two];
  if (advice !== undefined) {
    report({ code: "pql.syntax", offset: start, expected: "a PQL operator", came: two, advice });
    const meant = { "==": "=", "<>": "!=", "&&": "and", "||": "or" }[two] ?? "=";
    tokens.push({ kind: meant === "and" || meant === "or" ? "word" : "symbol", text: meant, at: start });
    return start + 2;
  }
  const symbol =
    SYMBOLS.find((candidate) => text.startsWith(candidate, start)) ??
    MORE_SYMBOLS.find((candidate) => text.startsWith(candidate, start));
  if (symbol !== undefined) {
    tokens.push({ kind: "symbol", text: symbol, at: start });
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
    tokens.push({ kind: "string", text: value, at: start });
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
