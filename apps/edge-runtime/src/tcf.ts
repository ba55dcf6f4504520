import { fromBase64 } from "./base64.ts";

/** What the edge needs of an IAB TCF 2 consent string. */
export interface TcfConsent {
  /** Purposes consented to, from 1 to 24. */
  readonly purposes: ReadonlySet<number>;
  /** Whether a vendor, by its number on the global list, is consented to. */
  readonly consentsTo: (vendor: number) => boolean;
}

const PURPOSES_AT = 152;
const MAX_VENDOR_AT = 213;

/** Reads the core segment of a TCF 2 string; `undefined` when it is none. */
export function parseTcf(text: string): TcfConsent | undefined {
  const core = text.split(".", 1)[0] ?? "";
  const bytes = core.length < 4096 ? fromBase64(core) : undefined;
  if (bytes === undefined || bytes.length < 30 || bits(bytes, 0, 6) !== 2) return undefined;
  const purposes = new Set<number>();
  for (let purpose = 1; purpose <= 24; purpose++) {
    if (bits(bytes, PURPOSES_AT + purpose - 1, 1) === 1) purposes.add(purpose);
  }
  return { purposes, consentsTo: (vendor) => consentsTo(bytes, vendor) };
}

/** Looks one vendor up, in the bit field or the ranges: a list of all of them could be made to be a very long one. */
function consentsTo(bytes: Uint8Array, vendor: number): boolean {
  if (vendor < 1 || vendor > bits(bytes, MAX_VENDOR_AT, 16)) return false;
  let at = MAX_VENDOR_AT + 17;
  if (bits(bytes, MAX_VENDOR_AT + 16, 1) === 0) return bits(bytes, at + vendor - 1, 1) === 1;
  const ranges = bits(bytes, at, 12);
  at += 12;
  for (let range = 0; range < ranges && at < bytes.length * 8; range++) {
    const isRange = bits(bytes, at, 1) === 1;
    const from = bits(bytes, at + 1, 16);
    const to = isRange ? bits(bytes, at + 17, 16) : from;
    if (vendor >= from && vendor <= to) return true;
    at += isRange ? 33 : 17;
  }
  return false;
}

function bits(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let bit = at; bit < at + count; bit++) {
    value = value * 2 + (((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1);
  }
  return value;
}
