/** One item of a collected body and about how long it was, or why there is none and what was there. `line` (from 1) is given for NDJSON. */
export type SplitItem =
  | { readonly kind: "value"; readonly value: unknown; readonly bytes: number; readonly line?: number }
  | {
      readonly kind: "fault";
      readonly code: string;
      readonly message: string;
      readonly text?: string;
      readonly line?: number;
    };

/** Cuts a body into items as it arrives; holds one item at most. */
export interface ItemSplitter {
  readonly push: (chunk: Uint8Array) => readonly SplitItem[];
  readonly end: () => readonly SplitItem[];
}

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const NEWLINE = 0x0a;
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Reads a JSON list, NDJSON, or JSON documents one after the other (a single object over several lines among them);
 * which of them it is shows in the first lines. An item of more than `maxItemBytes` is a fault and is not kept in memory;
 * the items after it go on.
 */
export function createItemSplitter(maxItemBytes: number): ItemSplitter {
  let head: Buffer = Buffer.alloc(0);
  let splitter: ItemSplitter | undefined;
  const begin = (atEnd: boolean): readonly SplitItem[] => {
    if (head.subarray(0, 3).equals(BYTE_ORDER_MARK)) head = head.subarray(3);
    const shape = shapeOf(head, atEnd || head.length > maxItemBytes);
    if (shape === undefined) return [];
    splitter = shape === "lines" ? splitLines(maxItemBytes) : splitValues(maxItemBytes, shape);
    const held = head;
    head = Buffer.alloc(0);
    return splitter.push(held);
  };
  return {
    push: (chunk) => {
      if (splitter !== undefined) return splitter.push(chunk);
      head = Buffer.concat([head, chunk]);
      return head.length < BYTE_ORDER_MARK.length ? [] : begin(false);
    },
    end: () => {
      const first = splitter === undefined ? begin(true) : [];
      return splitter === undefined ? first : [...first, ...splitter.end()];
    },
  };
}

type Shape = "list" | "lines" | "documents";

/** Tells the shape from the first lines; `undefined` while more must be seen. */
function shapeOf(head: Buffer, whole: boolean): Shape | undefined {
  const text = head.toString("utf8");
  const start = text.search(/\S/);
  if (start < 0) return whole ? "lines" : undefined;
  if (text[start] === "[") return "list";
  if (text[start] !== "{") return "lines";
  const lines = text.slice(start).split("\n");
  const complete = (whole ? lines : lines.slice(0, -1)).filter((line) => line.trim() !== "");
  const [first, second] = complete;
  if (first === undefined) return undefined;
  if (isJson(first)) return "lines";
  if (second === undefined) return whole ? "documents" : undefined;
  return isJson(second) ? "lines" : "documents";
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The bytes of the item that is under way, over chunk borders. */
function createCarry(maxItemBytes: number): {
  readonly add: (piece: Buffer) => void;
  /** The item with its last piece, or `undefined` when it was too large. */
  readonly take: (piece: Buffer) => string | undefined;
} {
  let pieces: Buffer[] = [];
  let size = 0;
  const add = (piece: Buffer): void => {
    size += piece.length;
    if (size > maxItemBytes) pieces = [];
    else if (piece.length > 0) pieces.push(Buffer.from(piece));
  };
  return {
    add,
    take: (piece) => {
      if (size === 0) {
        return piece.length > maxItemBytes ? undefined : piece.toString("utf8");
      }
      add(piece);
      const text = size > maxItemBytes ? undefined : Buffer.concat(pieces).toString("utf8");
      pieces = [];
      size = 0;
      return text;
    },
  };
}

function splitLines(maxItemBytes: number): ItemSplitter {
  const carry = createCarry(maxItemBytes);
  let line = 0;
  const read = (text: string | undefined, items: SplitItem[]): void => {
    line += 1;
    if (text === undefined) items.push({ ...tooLarge(maxItemBytes), line });
    else if (text.trim() !== "") items.push({ ...parse(text), line });
  };
  return {
    push: (chunk) => {
      const items: SplitItem[] = [];
      const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      let start = 0;
      for (let end = buffer.indexOf(NEWLINE); end >= 0; end = buffer.indexOf(NEWLINE, start)) {
        read(carry.take(buffer.subarray(start, end)), items);
        start = end + 1;
      }
      carry.add(buffer.subarray(start));
      return items;
    },
    end: () => {
      const items: SplitItem[] = [];
      read(carry.take(Buffer.alloc(0)), items);
      return items;
    },
  };
}

/** Cuts at depth 0: at the commas of a list, or after each document. */
function splitValues(maxItemBytes: number, shape: "list" | "documents"): ItemSplitter {
  const carry = createCarry(maxItemBytes);
  let depth = 0;
  let inString = false;
  let escaped = false;
  let opened = shape === "documents";
  let closed = false;
  let afterComma = false;

  const read = (text: string | undefined, items: SplitItem[]): void => {
    if (text === undefined) items.push(tooLarge(maxItemBytes));
    else items.push(parse(text));
  };
  /** Looks at one byte; says whether an item ends before it (`cut`), with it (`with`), or not. */
  const step = (byte: number): "cut" | "with" | undefined => {
    if (inString) {
      if (escaped) escaped = false;
      else if (byte === BACKSLASH) escaped = true;
      else if (byte === QUOTE) inString = false;
      return undefined;
    }
    switch (byte) {
      case QUOTE:
        inString = true;
        return undefined;
      case OPEN_LIST:
      case OPEN_OBJECT:
        depth += 1;
        return undefined;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        if (depth > 0) {
          depth -= 1;
          return shape === "documents" && depth === 0 ? "with" : undefined;
        }
        if (shape === "list" && byte === CLOSE_LIST) {
          closed = true;
          return "cut";
        }
        return undefined;
      case COMMA:
        return shape === "list" && depth === 0 ? "cut" : undefined;
      default:
        return undefined;
    }
  };
  return {
    push: (chunk) => {
      const items: SplitItem[] = [];
      const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      let start = 0;
      let at = 0;
      if (!opened) {
        at = buffer.indexOf(OPEN_LIST) + 1;
        start = at;
        opened = true;
      }
      for (; at < buffer.length && !closed; at += 1) {
        const end = step(buffer[at] ?? 0);
        if (end === undefined) continue;
        const text = carry.take(buffer.subarray(start, end === "cut" ? at : at + 1));
        start = at + 1;
        const lastAndEmpty = closed && !afterComma && text?.trim() === "";
        if (!lastAndEmpty) read(text, items);
        afterComma = end === "cut";
      }
      carry.add(buffer.subarray(closed ? at : start));
      return items;
    },
    end: () => {
      const rest = carry.take(Buffer.alloc(0));
      const items: SplitItem[] = [];
      if (rest === undefined) items.push(tooLarge(maxItemBytes));
      else if (closed && rest.trim() !== "") {
        items.push(fault("json.trailing", "After the end of the list there is more text. It was left out."));
      } else if (!closed && shape === "list") {
        items.push(
          fault(
            "json.unfinished",
            "The list does not end with ]: what follows its last whole item was left out.",
          ),
        );
      } else if (!closed && rest.trim() !== "") read(rest, items);
      return items;
    },
  };
}

function parse(text: string): SplitItem {
  try {
    return { kind: "value", value: JSON.parse(text) as unknown, bytes: text.length };
  } catch {
    return fault(
      "json.syntax",
      `Expected one JSON value, got ${text.length} characters that are not JSON. Correct it and send it again.`,
      text,
    );
  }
}

function tooLarge(maxItemBytes: number): SplitItem {
  return fault(
    "item.tooLarge",
    `Expected at most ${maxItemBytes} bytes for one item, got more. Split it or drop fields.`,
  );
}

function fault(code: string, message: string, text?: string): SplitItem {
  return { kind: "fault", code, message, ...(text === undefined ? {} : { text }) };
}
