import type { JsonSchema } from "@tessera/xdm";
import type { FileTarget } from "./planned-request.ts";
import { SECRET_REFERENCE } from "./settings.ts";

const FOLDER: JsonSchema = {
  type: "string",
  maxLength: 512,
  pattern: "^(?!.*(^|/)\\.\\.(/|$))[^\\\\\\x00-\\x1f]*$",
  title: "Folder",
};

/** The settings schema of each place a file can go to; `kind` is not part of it. */
export const FILE_TARGET_SCHEMAS: { readonly [kind in FileTarget["kind"]]: JsonSchema } = {
  local: {
    type: "object",
    title: "Local folder",
    properties: { folder: { ...FOLDER, minLength: 1 } },
    required: ["folder"],
    additionalProperties: false,
  },
  sftp: {
    type: "object",
    title: "SFTP",
    properties: {
      host: { type: "string", pattern: "^[A-Za-z0-9.:-]{1,253}$", title: "Host" },
      port: { type: "integer", minimum: 1, maximum: 65_535, title: "Port" },
      user: { type: "string", minLength: 1, maxLength: 128, title: "User" },
      credential: {
        type: "object",
        title: "Password or private key",
        properties: {
          kind: { type: "string", enum: ["password", "key"] },
          password: SECRET_REFERENCE,
          privateKey: SECRET_REFERENCE,
        },
        required: ["kind"],
        additionalProperties: false,
      },
      hostKeyFingerprint: {
        type: "string",
        pattern: "^SHA256:[A-Za-z0-9+/]{43}=?$",
        title: "Host key (SHA256)",
      },
      folder: FOLDER,
    },
    required: ["host", "port", "user", "credential", "folder"],
    additionalProperties: false,
  },
  s3: {
    type: "object",
    title: "Amazon S3",
    properties: {
      bucket: { type: "string", pattern: "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", title: "Bucket" },
      region: { type: "string", pattern: "^[a-z0-9-]{2,32}$", title: "Region" },
      prefix: { ...FOLDER, title: "Folder path" },
      endpoint: { type: "string", format: "uri", title: "Endpoint of an S3-compatible server" },
      accessKeyId: { type: "string", pattern: "^[A-Za-z0-9_-]{3,128}$", title: "Access key id" },
      secretAccessKey: { ...SECRET_REFERENCE, title: "Secret access key" },
    },
    required: ["bucket", "region", "prefix", "accessKeyId", "secretAccessKey"],
    additionalProperties: false,
  },
  "azure-blob": {
    type: "object",
    title: "Azure Blob Storage",
    properties: {
      container: {
        type: "string",
        pattern: "^[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){2,62}$",
        title: "Container",
      },
      prefix: { ...FOLDER, title: "Folder path" },
      connectionString: { ...SECRET_REFERENCE, title: "Connection string" },
    },
    required: ["container", "prefix", "connectionString"],
    additionalProperties: false,
  },
};
