import { closeSync, fdatasync, ftruncateSync, openSync, writeSync } from "node:fs";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ForwardQueue, QueuedEntry } from "../forward-queue.ts";
import type { ForwardEntry } from "../hub-link.ts";

/** A queue in files, as `openFileQueue` opens it. */
export interface FileQueue extends ForwardQueue {
  /** How many entries wait. */
  readonly size: () => number;
  readonly close: () => Promise<void>;
}

/** One file of the queue: the position of its first line, its whole lines and their bytes. */
interface Segment {
  readonly first: number;
  readonly path: string;
  count: number;
  bytes: number;
}

/** Lines on their way into the file, written together. */
interface Pending {
  lines: string;
  readonly entries: Omit<QueuedEntry, "position">[];
  readonly done: Promise<void>;
  readonly settle: (error?: unknown) => void;
}

const SEGMENT_ENTRIES = 5000;
const CURSOR = "cursor";

/**
 * A forward queue in a folder of append-only files (one JSON entry a line, named after the position of their first
 * line) with a cursor beside them. Appends of the same turn share one write; with `sync` a write is on the disk
 * itself before it counts (power loss), without it in the operating system's hands (a crash of the process). A line
 * cut off by a crash was never acknowledged and is left out; entries sent but not yet forgotten are sent again.
 */
export async function openFileQueue(
  folder: string,
  options: { readonly sync?: boolean; readonly segmentEntries?: number } = {},
): Promise<FileQueue> {
  await mkdir(folder, { recursive: true });
  const limit = options.segmentEntries ?? SEGMENT_ENTRIES;
  let dropped = await readCursor(folder);
  const segments = await readSegments(folder);
  let next = Math.max(dropped + 1, ...segments.map(endOf));
  closeSync(openSync(join(folder, CURSOR), "a"));
  const cursorFile = openSync(join(folder, CURSOR), "r+");
  let writer: { readonly file: number; readonly segment: Segment } | undefined;
  let read: { readonly segment: Segment; readonly lines: readonly string[] } | undefined;
  // The newest entries stay in memory, so that a queue that flows is never read back from its files.
  let tail: QueuedEntry[] = [];
  const tailLimit = limit * 2;
  let pending: Pending | undefined;
  let writing: Promise<void> | undefined;

  const writerFor = (): NonNullable<typeof writer> => {
    if (writer !== undefined && writer.segment.count < limit) return writer;
    if (writer !== undefined) closeSync(writer.file);
    const path = join(folder, `${String(next).padStart(16, "0")}.ndjson`);
    const segment = { first: next, path, count: 0, bytes: 0 };
    writer = { file: openSync(path, "a"), segment };
    segments.push(segment);
    return writer;
  };

  const writeOut = async ({ lines, entries }: Pending): Promise<void> => {
    const { file, segment } = writerFor();
    try {
      const bytes = Buffer.from(lines);
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
      if (options.sync === true) await onDisk(file);
      segment.bytes += bytes.length;
    } catch (error) {
      ftruncateSync(file, segment.bytes);
      throw error;
    }
    segment.count += entries.length;
    for (const entry of entries) tail.push({ position: next++, ...entry });
    if (tail.length > tailLimit * 2) tail = tail.slice(-tailLimit);
  };

  const writePending = async (): Promise<void> => {
    while (pending !== undefined) {
      const batch = pending;
      pending = undefined;
      await writeOut(batch).then(() => batch.settle(), batch.settle);
    }
    writing = undefined;
  };

  const readBack = async (from: number, max: number): Promise<readonly QueuedEntry[]> => {
    const segment = segments.find((candidate) => endOf(candidate) > from);
    if (segment === undefined) return [];
    if (read?.segment !== segment)
      read = { segment, lines: (await readFile(segment.path, "utf8")).split("\n") };
    const found: QueuedEntry[] = [];
    const end = Math.min(endOf(segment), from + max);
    for (let position = Math.max(from, segment.first); position < end; position++) {
      const { body, ...entry } = JSON.parse(read.lines[position - segment.first] ?? "") as ForwardEntry;
      found.push({ position, entry, text: JSON.stringify(body) });
    }
    return found;
  };

  return {
    append: (entries) => {
      const batch = (pending ??= newPending());
      for (const { body, kind, datasetId, orderKey, sandbox, refresh } of entries) {
        const text = JSON.stringify(body);
        const entry = {
          kind,
          datasetId,
          orderKey,
          ...(sandbox === undefined ? {} : { sandbox }),
          ...(refresh === undefined ? {} : { refresh }),
        };
        batch.lines += `${JSON.stringify(entry).slice(0, -1)},"body":${text}}\n`;
        // The body itself is let go: what waits for the hub is only text.
        batch.entries.push({ entry, text });
      }
      // After all requests that are there to be read: what they append goes out in one write.
      writing ??= thisTurnOver().then(writePending);
      return batch.done;
    },
    peek: async (max) => {
      const from = dropped + 1;
      const start = tail[0]?.position;
      return start === undefined || from < start
        ? readBack(from, Math.min(max, (start ?? next) - from))
        : tail.slice(from - start, from - start + max);
    },
    drop: async (position) => {
      dropped = position;
      const start = tail[0]?.position;
      if (start !== undefined && position >= start) tail = tail.slice(position + 1 - start);
      writeSync(cursorFile, String(position).padStart(16, "0"), 0);
      while (
        segments[0] !== undefined &&
        segments[0] !== writer?.segment &&
        endOf(segments[0]) <= dropped + 1
      ) {
        const [gone] = segments.splice(0, 1);
        if (gone !== undefined) await rm(gone.path, { force: true });
      }
    },
    size: () => next - dropped - 1,
    close: async () => {
      await writing;
      if (writer !== undefined) closeSync(writer.file);
      writer = undefined;
      closeSync(cursorFile);
    },
  };
}

function thisTurnOver(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function newPending(): Pending {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Each append hands the promise on; one that nobody waits for must not end the process.
  promise.catch(() => undefined);
  const settle = (error?: unknown): void => (error === undefined ? resolve() : reject(error));
  return { lines: "", entries: [], done: promise, settle };
}

function onDisk(file: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fdatasync(file, (error) => (error === null ? resolve() : reject(error)));
  });
}

function endOf(segment: Segment): number {
  return segment.first + segment.count;
}

async function readCursor(folder: string): Promise<number> {
  const text = await readFile(join(folder, CURSOR), "utf8").catch(() => "");
  const position = text === "" ? -1 : Number(text);
  return Number.isSafeInteger(position) ? position : -1;
}

async function readSegments(folder: string): Promise<Segment[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".ndjson")).sort();
  const segments: Segment[] = [];
  for (const name of names) {
    const path = join(folder, name);
    const lines = (await readFile(path, "utf8")).split("\n");
    let count = lines.length - 1;
    while (count > 0 && !isEntry(lines[count - 1] ?? "")) count--;
    if (count === 0) await rm(path, { force: true });
    else segments.push({ first: Number(name.slice(0, 16)), path, count, bytes: 0 });
  }
  return segments;
}

function isEntry(line: string): boolean {
  try {
    return typeof JSON.parse(line) === "object";
  } catch {
    return false;
  }
}
