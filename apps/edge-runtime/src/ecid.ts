import { digest } from "@tessera/xdm";

const HALF = 0x7fff_ffff_ffff_ffffn;
const ECID = /^\d{38}$/;

/** Whether a text is an Experience Cloud ID: exactly 38 digits. */
export function isEcid(text: string): boolean {
  return ECID.test(text);
}

/** Mints an ECID from 16 random bytes: two 63-bit halves, each written with 19 digits. */
export function mintEcid(random: Uint8Array): string {
  const view = new DataView(random.buffer, random.byteOffset, 16);
  return digits(view.getBigUint64(0), view.getBigUint64(8));
}

/**
 * The ECID that follows from another identifier of the device: the same seed gives the same ECID for one
 * organisation, and tells nothing about the ECID of another organisation.
 */
export function deriveEcid(organisation: string, kind: "FPID" | "CORE", seed: string): string {
  // For CORE this is the same derivation Audience Manager's side uses: one device, one ECID, whoever is asked first.
  const hex = digest(kind === "CORE" ? `${organisation}\n${seed}` : `${kind}\n${organisation}\n${seed}`);
  return digits(BigInt(`0x${hex.slice(0, 16)}`), BigInt(`0x${hex.slice(16)}`));
}

function digits(high: bigint, low: bigint): string {
  return (high & HALF).toString().padStart(19, "0") + (low & HALF).toString().padStart(19, "0");
}
