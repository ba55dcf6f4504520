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
  /** How many memberships have no row, by the code of the reason. */
  readonly leftOut?: { readonly [code: string]: number };
  /** For managed services: into what the files are loaded. */
  readonly load?: ManifestLoad;
  readonly files: readonly ManifestFile[];
}

/** Into which instance and target mapping files are loaded, and whether as an audience or as updates of recipients. */
export interface ManifestLoad {
  readonly instance: string;
  readonly targetMapping: string;
  readonly syncType: "audience" | "profile";
  /** Always: Campaign owns its recipients. */
  readonly createRecipients: false;
  readonly organisationalUnit?: string;
}

/** The text of a manifest file. */
export function manifestText(manifest: Manifest): string {
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

/** Size and checksum of the text of one file. */
export type FileMeasure = Pick<ManifestFile, "contentBytes" | "contentSha256">;

/** Counts and hashes the text of one file while it is written. */
export function createMeasure(
  encoding: "utf-8" | "utf-16",
  createHash: CreateHash | undefined,
): { readonly add: (text: string) => void; readonly end: () => FileMeasure } {
  const encode = createEncoder(encoding);
  const hash = createHash?.();
  let contentBytes = 0;
  return {
    add: (text) => {
      const bytes = encode(text);
      contentBytes += bytes.length;
      hash?.update(bytes);
    },
    end: () => (hash === undefined ? { contentBytes } : { contentBytes, contentSha256: hash.digest() }),
  };
}
