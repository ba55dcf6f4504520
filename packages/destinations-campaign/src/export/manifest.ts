import { createEncoder } from "../csv/encode.ts";

/** A running checksum. `digest` gives lower-case hex and may be called once. */
export interface Hasher {
  readonly update: (bytes: Uint8Array) => unknown;
  readonly digest: () => string;
}

/** Makes hashers (SHA-256); given by the platform at hand. */
export type CreateHash = () => Hasher;

/** One file of an export. Size and checksum are those of the CSV text, before compression. */
export interface ManifestFile {
  readonly name: string;
  readonly rows: number;
  readonly contentBytes: number;
  readonly contentSha256?: string;
}

/** What an export wrote: stored last, so that whoever finds it finds every file it names. */
export interface Manifest {
  readonly destination: string;
  readonly audience: { readonly id: string; readonly name: string };
  readonly mode: "full" | "incremental";
  readonly createdAt: string;
  readonly columns: readonly string[];
  readonly rows: number;
  readonly files: readonly ManifestFile[];
}

/** The text of a manifest file. */
export function manifestText(manifest: Manifest): string {
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

/** Counts and hashes the text of one file. */
export function measure(
  text: Iterable<string>,
  encoding: "utf-8" | "utf-16",
  createHash: CreateHash | undefined,
): { readonly contentBytes: number; readonly contentSha256?: string } {
  const encode = createEncoder(encoding);
  const hash = createHash?.();
  let contentBytes = 0;
  for (const piece of text) {
    const bytes = encode(piece);
    contentBytes += bytes.length;
    hash?.update(bytes);
  }
  return hash === undefined ? { contentBytes } : { contentBytes, contentSha256: hash.digest() };
}
