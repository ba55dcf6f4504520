import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, realpath, rename, rm, stat } from "node:fs/promises";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { FileRequest, RawResponse, TransportFailure } from "@tessera/destinations";
import { encodedContent } from "./encoded-content.ts";

/**
 * Writes files into folders under `root` and nowhere else: a folder that leads out of it, by `..` or by a link, is
 * refused. A file appears under its name only when it is whole.
 */
export async function writeLocalFile(
  request: FileRequest,
  { root, now, signal }: { readonly root: string; readonly now: () => number; readonly signal: AbortSignal },
): Promise<RawResponse | TransportFailure> {
  if (request.target.kind !== "local") return storage("this is no local target");
  const name = request.name;
  if (name === "" || name === "." || name === ".." || /[/\\\0]/.test(name))
    return storage("the file name is not one");
  const base = resolve(root);
  const folder = resolve(base, request.target.folder);
  if (leaves(base, folder)) return storage("the folder is outside the folder for files");
  const partial = join(folder, `.${name}.${randomBytes(6).toString("hex")}.partial`);
  try {
    await mkdir(folder, { recursive: true });
    if (leaves(await realpath(base), await realpath(folder))) {
      return storage("the folder is outside the folder for files");
    }
    await pipeline(
      Readable.from(encodedContent(request)),
      createWriteStream(partial, { flags: "wx", flush: true }),
      {
        signal,
      },
    );
    const location = join(folder, name);
    const { size } = await stat(partial);
    await rename(partial, location);
    return { kind: "file", location, bytes: size, receivedAt: new Date(now()).toISOString() };
  } catch (error) {
    await rm(partial, { force: true });
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    return storage(`writing failed (${code})`);
  }
}

function leaves(base: string, folder: string): boolean {
  const path = relative(base, folder);
  return path === ".." || path.startsWith(`..${sep}`) || isAbsolute(path);
}

function storage(detail: string): TransportFailure {
  return { kind: "failure", reason: "storage", detail };
}
