import { type FileTarget, SECRET_REFERENCE, settingsIssue } from "@tessera/destinations";
import { type Issue, isObject, type JsonSchema } from "@tessera/xdm";

const SECRET_OF_CREDENTIAL = { password: "password", key: "privateKey" } as const;

/** The fields of each kind of place, and which of them must be given. */
const FIELDS: {
  readonly [kind in FileTarget["kind"]]: {
    readonly required: readonly string[];
    readonly optional: readonly string[];
  };
} = {
  local: { required: ["folder"], optional: [] },
  sftp: { required: ["host", "port", "user", "credential", "folder"], optional: ["hostKeyFingerprint"] },
  s3: { required: ["bucket", "region", "prefix", "accessKeyId", "secretAccessKey"], optional: ["endpoint"] },
  "azure-blob": { required: ["container", "prefix", "connectionString"], optional: [] },
};

/** The form of a place for files: a local folder, S3, SFTP with password or key, Azure Blob. */
export function fileTargetSchema(kinds: readonly FileTarget["kind"][]): JsonSchema {
  const text = (maxLength: number): JsonSchema => ({ type: "string", minLength: 1, maxLength });
  return {
    type: "object",
    properties: {
      kind: { type: "string", enum: kinds },
      folder: { type: "string", maxLength: 1024 },
      host: text(253),
      port: { type: "integer", minimum: 1, maximum: 65_535 },
      user: text(256),
      credential: {
        type: "object",
        properties: {
          kind: { type: "string", enum: Object.keys(SECRET_OF_CREDENTIAL) },
          password: SECRET_REFERENCE,
          privateKey: SECRET_REFERENCE,
        },
        required: ["kind"],
        additionalProperties: false,
      },
      hostKeyFingerprint: { type: "string", pattern: "^SHA256:[A-Za-z0-9+/=]{1,64}$" },
      bucket: { type: "string", pattern: "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$" },
      region: text(64),
      prefix: { type: "string", maxLength: 1024 },
      endpoint: { type: "string", format: "uri" },
      accessKeyId: text(256),
      secretAccessKey: SECRET_REFERENCE,
      container: { type: "string", pattern: "^[a-z0-9](?:[a-z0-9-]{1,61}[a-z0-9])$" },
      connectionString: SECRET_REFERENCE,
    },
    required: ["kind"],
    additionalProperties: false,
  };
}

/** What a place that fits the form still lacks, or has too much, for its kind. */
export function fileTargetIssues(target: unknown, path: readonly string[]): readonly Issue[] {
  if (!isObject(target)) return [];
  const { required, optional } = FIELDS[target["kind"] as FileTarget["kind"]];
  const missing = required.filter((field) => target[field] === undefined).map((field) => [field]);
  const { credential } = target;
  if (isObject(credential)) {
    const secret = SECRET_OF_CREDENTIAL[credential["kind"] as keyof typeof SECRET_OF_CREDENTIAL];
    if (credential[secret] === undefined) missing.push(["credential", secret]);
  }
  const known = new Set(["kind", ...required, ...optional]);
  const foreign = Object.keys(target).filter((field) => target[field] !== undefined && !known.has(field));
  return [
    ...missing.map((tail) => settingsIssue("settings.required", [...path, ...tail], "a value", undefined)),
    ...foreign.map((field) =>
      settingsIssue("settings.unknown", [...path, field], "no such setting", target[field]),
    ),
  ];
}
