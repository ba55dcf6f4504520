import { fromBase64, toBase64Url } from "./base64.ts";
import { isEcid } from "./ecid.ts";

/** What the identity cookie remembers of a device. Times are milliseconds since 1970. */
export interface DeviceIdentity {
  readonly ecid: string;
  readonly createdAt: number;
  /** The region that minted it, `VA6`. */
  readonly region: string;
  /** Where the ECID came from. */
  readonly source: "random" | "core" | "fpid" | "request";
  /** When the cookie was last written. */
  readonly writtenAt: number;
}

const SOURCES = ["random", "core", "fpid", "request"] as const;
const SIGNATURE_FIELD = 2047;
const UTF8 = new TextDecoder();
const LONGEST = 1024;

/** Signs and checks identity cookies: HMAC-SHA256 over the cookie's own fields, cut to 16 bytes. */
export interface CookieSigner {
  readonly sign: (bytes: Uint8Array) => Promise<Uint8Array>;
}

/** A signer for a secret of at least 16 bytes. `organisation` is part of what is signed. */
export function createSigner(secret: Uint8Array, organisation: string): CookieSigner {
  const key = crypto.subtle.importKey("raw", copy(secret), { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
  ]);
  const prefix = new TextEncoder().encode(`${organisation}\n`);
  return {
    sign: async (bytes) => {
      const message = new Uint8Array(prefix.length + bytes.length);
      message.set(prefix);
      message.set(bytes, prefix.length);
      return new Uint8Array(await crypto.subtle.sign("HMAC", await key, message)).subarray(0, 16);
    },
  };
}

function copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(bytes.length);
  out.set(bytes);
  return out;
}

/** Writes the cookie value: the protobuf form the Web SDK reads (field 1 is the ECID), in base64. */
export function writeIdentityCookie(
  identity: DeviceIdentity,
  signer?: CookieSigner,
): string | Promise<string> {
  const out = encodeFields(identity);
  return signer === undefined ? toBase64Url(written(out)) : signCookie(written(out).slice(), signer);
}

async function signCookie(bytes: Uint8Array, signer: CookieSigner): Promise<string> {
  const signature = await signer.sign(bytes);
  const out = writing();
  out.bytes.set(bytes);
  out.length = bytes.length;
  tag(out, SIGNATURE_FIELD, signature.length);
  out.bytes.set(signature, out.length);
  out.length += signature.length;
  return toBase64Url(written(out));
}

/** What reading a cookie value gave: the identity, or why it does not count. */
export type CookieOutcome =
  | { readonly kind: "identity"; readonly identity: DeviceIdentity }
  | { readonly kind: "refused"; readonly reason: "malformed" | "unsigned" | "forged" };

/** Reads a cookie value. With a signer, only values that carry its signature count. */
export function readIdentityCookie(
  value: string,
  signer?: CookieSigner,
): CookieOutcome | Promise<CookieOutcome> {
  const read = decodeCookie(value);
  if (read === undefined) return { kind: "refused", reason: "malformed" };
  return signer === undefined ? { kind: "identity", identity: read.identity } : checkSignature(read, signer);
}

async function checkSignature(read: Decoded, signer: CookieSigner): Promise<CookieOutcome> {
  if (read.signature === undefined) return { kind: "refused", reason: "unsigned" };
  const expected = await signer.sign(read.signed);
  return equalBytes(expected, read.signature)
    ? { kind: "identity", identity: read.identity }
    : { kind: "refused", reason: "forged" };
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let index = 0; index < a.length; index++) difference |= (a[index] ?? 0) ^ (b[index] ?? 0);
  return difference === 0;
}

/** Bytes being written. */
interface Writing {
  readonly bytes: Uint8Array;
  length: number;
}

/** Where cookies are written, one after the other: none is longer, and none is kept here beyond its turn. */
const SHEET: Writing = { bytes: new Uint8Array(512), length: 0 };

function writing(): Writing {
  SHEET.length = 0;
  return SHEET;
}

function written({ bytes, length }: Writing): Uint8Array {
  return bytes.subarray(0, length);
}

function encodeFields(identity: DeviceIdentity): Writing {
  const out = writing();
  textField(out, 1, identity.ecid);
  tag(out, 10, 0);
  const meta = out.length;
  varintField(out, 1, identity.createdAt);
  varintField(out, 3, 1);
  textField(out, 5, identity.region);
  varintField(out, 6, SOURCES.indexOf(identity.source));
  // Its length goes where it belongs, in the one byte that was left for it.
  out.bytes[meta - 1] = out.length - meta;
  varintField(out, 30, identity.writtenAt);
  return out;
}

function varint(out: Writing, value: number): void {
  let rest = value;
  while (rest > 127) {
    out.bytes[out.length++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  out.bytes[out.length++] = rest;
}

function varintField(out: Writing, number: number, value: number): void {
  varint(out, number * 8);
  varint(out, value);
}

/** The start of a field of so many bytes. */
function tag(out: Writing, number: number, length: number): void {
  varint(out, number * 8 + 2);
  varint(out, length);
}

/** A text of ASCII letters: digits of an ECID, the name of a region. */
function textField(out: Writing, number: number, text: string): void {
  tag(out, number, text.length);
  for (let index = 0; index < text.length; index++) out.bytes[out.length++] = text.charCodeAt(index);
}

interface Decoded {
  readonly identity: DeviceIdentity;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array | undefined;
}

function decodeCookie(value: string): Decoded | undefined {
  if (value.length > LONGEST) return undefined;
  const bytes = fromBase64(value);
  if (bytes === undefined) return undefined;
  const fields = decodeFields(bytes);
  const ecid = asText(fields?.get(1)?.value);
  if (fields === undefined || ecid === undefined || !isEcid(ecid)) return undefined;
  const signature = fields.get(SIGNATURE_FIELD);
  const metaBytes = fields.get(10)?.value;
  const meta = metaBytes instanceof Uint8Array ? decodeFields(metaBytes) : undefined;
  const identity: DeviceIdentity = {
    ecid,
    createdAt: asNumber(meta?.get(1)?.value),
    region: asText(meta?.get(5)?.value) ?? "",
    source: SOURCES[asNumber(meta?.get(6)?.value)] ?? "random",
    writtenAt: asNumber(fields.get(30)?.value),
  };
  const signatureBytes = signature?.value;
  return {
    identity,
    signed: signature === undefined ? bytes : bytes.subarray(0, signature.at),
    signature: signatureBytes instanceof Uint8Array ? signatureBytes : undefined,
  };
}

interface Field {
  readonly at: number;
  readonly value: number | Uint8Array;
}

/** Reads protobuf fields of the two wire types in use; the last of a repeated field counts. */
function decodeFields(bytes: Uint8Array): Map<number, Field> | undefined {
  const fields = new Map<number, Field>();
  const place = { at: 0 };
  while (place.at < bytes.length) {
    const start = place.at;
    const tag = readVarint(bytes, place);
    const wire = tag % 8;
    const size = wire === 0 || wire === 2 ? readVarint(bytes, place) : Number.NaN;
    if (!Number.isFinite(tag) || !Number.isFinite(size)) return undefined;
    if (wire === 0) fields.set(Math.floor(tag / 8), { at: start, value: size });
    else {
      const end = place.at + size;
      if (end > bytes.length) return undefined;
      fields.set(Math.floor(tag / 8), { at: start, value: bytes.subarray(place.at, end) });
      place.at = end;
    }
  }
  return fields;
}

function readVarint(bytes: Uint8Array, place: { at: number }): number {
  let value = 0;
  let scale = 1;
  for (let read = 0; read < 10; read++) {
    const byte = bytes[place.at++];
    if (byte === undefined) return Number.NaN;
    value += (byte & 127) * scale;
    if (byte < 128) return value;
    scale *= 128;
  }
  return Number.NaN;
}

function asText(value: number | Uint8Array | undefined): string | undefined {
  if (!(value instanceof Uint8Array) || value.length > 64) return undefined;
  for (const byte of value) if (byte < 32 || byte > 126) return undefined;
  return UTF8.decode(value);
}

function asNumber(value: number | Uint8Array | undefined): number {
  return typeof value === "number" && Number.isSafeInteger(value) ? value : 0;
}
