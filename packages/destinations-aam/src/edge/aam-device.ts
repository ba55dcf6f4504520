import { digest } from "@tessera/xdm";

/** What is remembered of one browser or app, keyed by its Audience Manager id. Plain JSON data. */
export interface AamDevice {
  /** 38 digits. */
  readonly uuid: string;
  /** The device's ECID: declared by the client, or derived from `uuid`. */
  readonly ecid: string;
  /** Realisations of each trait in milliseconds since 1970, oldest first, at most the latest 200. */
  readonly traits: { readonly [sid: string]: readonly number[] };
  /** Ids of cookie destinations the page was last told a value for. */
  readonly cookies: readonly number[];
  readonly optedOut: boolean;
}

/** Realisations remembered for one trait at most. */
const MAX_REALISATIONS = 200;

/** A device that was never seen before. */
export function newAamDevice(uuid: string, ecid: string): AamDevice {
  return { uuid, ecid, traits: {}, cookies: [], optedOut: false };
}

/**
 * The ECID that belongs to an Audience Manager id within an organisation: always the same, 38 digits, two halves of
 * 63 bits. Deriving it keeps a device's ECID when only its third-party cookie survives.
 */
export function ecidOfUuid(orgId: string, uuid: string): string {
  const bits = digest(`${orgId}\n${uuid}`);
  const half = (hex: string): string =>
    (BigInt(`0x${hex}`) & 0x7fff_ffff_ffff_ffffn).toString().padStart(19, "0");
  return half(bits.slice(0, 16)) + half(bits.slice(16));
}

/** Adds realisations at `now`, forgets what is older than each trait's lifetime, takes removed traits out. */
export function realise(
  device: AamDevice,
  change: {
    readonly realized: readonly number[];
    readonly removed: readonly number[];
    readonly now: number;
    /** In days; 0 for ever. */
    readonly lifetime: (sid: number) => number;
  },
): AamDevice {
  const traits: Record<string, readonly number[]> = {};
  const removed = new Set(change.removed.map(String));
  for (const [sid, times] of Object.entries(device.traits)) {
    if (removed.has(sid)) continue;
    const days = change.lifetime(Number(sid));
    const kept = days === 0 ? times : times.filter((at) => change.now - at <= days * 86_400_000);
    if (kept.length > 0) traits[sid] = kept;
  }
  for (const sid of change.realized) {
    if (!removed.has(String(sid)))
      traits[sid] = [...(traits[sid] ?? []), change.now].slice(-MAX_REALISATIONS);
  }
  return { ...device, traits };
}
