import { type FileTarget, SECRET_REFERENCE } from "@tessera/destinations";
import type { JsonSchema } from "@tessera/xdm";

/** The settings of a place for files, for forms; what each kind requires is in `REQUIRED_BY_KIND`. */
export const FILE_TARGET_SETTINGS: JsonSchema = {
  type: "object",
  description: "Where batch files are put.",
  properties: {
    kind: { type: "string", enum: ["local", "sftp", "s3", "azure-blob"] },
    folder: { type: "string", maxLength: 1024 },
    host: { type: "string", minLength: 1, maxLength: 253 },
    port: { type: "integer", minimum: 1, maximum: 65_535 },
    user: { type: "string", minLength: 1, maxLength: 256 },
    credential: {
      type: "object",
      properties: {
        kind: { type: "string", enum: ["password", "key"] },
        password: SECRET_REFERENCE,
        privateKey: SECRET_REFERENCE,
      },
      required: ["kind"],
      additionalProperties: false,
    },
    hostKeyFingerprint: { type: "string", maxLength: 256 },
    bucket: { type: "string", minLength: 3, maxLength: 63 },
    region: { type: "string", minLength: 1, maxLength: 64 },
    prefix: { type: "string", maxLength: 1024 },
    endpoint: { type: "string", format: "uri" },
    accessKeyId: { type: "string", minLength: 1, maxLength: 256 },
    secretAccessKey: SECRET_REFERENCE,
    container: { type: "string", minLength: 3, maxLength: 63 },
    connectionString: SECRET_REFERENCE,
  },
  required: ["kind"],
  additionalProperties: false,
};

const REQUIRED_BY_KIND: { readonly [kind in FileTarget["kind"]]: readonly string[] } = {
  local: ["folder"],
  sftp: ["host", "port", "user", "credential", "folder"],
  s3: ["bucket", "region", "prefix", "accessKeyId", "secretAccessKey"],
  "azure-blob": ["container", "prefix", "connectionString"],
};

const OPTIONAL_BY_KIND: { readonly [kind in FileTarget["kind"]]: readonly string[] } = {
  local: [],
  sftp: ["hostKeyFingerprint"],
  s3: ["endpoint"],
  "azure-blob": [],
};

/** The fields that a checked target of a kind lacks, and those that do not belong to it. */
export function fileTargetFields(target: { readonly [field: string]: unknown }): {
  readonly missing: readonly (readonly string[])[];
  readonly foreign: readonly string[];
} {
  const kind = target["kind"] as FileTarget["kind"];
  const required = REQUIRED_BY_KIND[kind];
  const missing: string[][] = required.filter((field) => target[field] === undefined).map((field) => [field]);
  const credential = target["credential"] as { readonly [field: string]: unknown } | undefined;
  if (kind === "sftp" && credential !== undefined) {
    const secret = credential["kind"] === "key" ? "privateKey" : "password";
    if (credential[secret] === undefined) missing.push(["credential", secret]);
  }
  const known = new Set(["kind", ...required, ...OPTIONAL_BY_KIND[kind]]);
  return {
    missing,
    foreign: Object.keys(target).filter((field) => target[field] !== undefined && !known.has(field)),
  };
}
