import type { IdentityType } from "@tessera/xdm";
import type { Namespace } from "./namespaces.ts";

const UUID_UPPER = /^[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}$/;
const UUID_LOWER = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const SHA256 = /^[0-9a-f]{64}$/;

type Reading = Pick<Namespace, "normalise" | "pattern" | "expected">;

const sha256: Reading = {
  normalise: "trimLower",
  pattern: SHA256,
  expected: "64 hexadecimal digits (SHA-256)",
};
const plain: Reading = { normalise: "none" };

const table: readonly (readonly [string, string, IdentityType, Reading])[] = [
  [
    "ECID",
    "Experience Cloud ID",
    "COOKIE",
    { normalise: "trim", pattern: /^\d{38}$/, expected: "38 digits" },
  ],
  [
    "Email",
    "E-mail address",
    "EMAIL",
    { normalise: "trimLower", pattern: /^[^\s@]+@[^\s@]+$/, expected: "an e-mail address" },
  ],
  ["Email_LC_SHA256", "E-mail address, lower-cased and hashed", "EMAIL", sha256],
  [
    "Phone",
    "Phone number",
    "PHONE",
    { normalise: "trim", pattern: /^\+?[\d\s().\-/]{3,40}$/, expected: "a phone number" },
  ],
  [
    "Phone_E.164",
    "Phone number, E.164",
    "PHONE",
    { normalise: "phone", pattern: /^\+[1-9]\d{6,14}$/, expected: "+ and 7 to 15 digits (E.164)" },
  ],
  ["Phone_SHA256", "Phone number, hashed", "PHONE", sha256],
  ["Phone_SHA256_E.164", "Phone number, E.164, hashed", "PHONE", sha256],
  [
    "IDFA",
    "Apple advertising id",
    "DEVICE",
    { normalise: "upper", pattern: UUID_UPPER, expected: "an upper-case UUID" },
  ],
  [
    "GAID",
    "Google advertising id",
    "DEVICE",
    { normalise: "lower", pattern: UUID_LOWER, expected: "a lower-case UUID" },
  ],
  ["WAID", "Windows advertising id", "DEVICE", plain],
  ["RIDA", "Roku advertising id", "DEVICE", plain],
  ["APNS", "Apple push token", "DEVICE", plain],
  ["FCM", "Firebase push token", "DEVICE", plain],
  ["AdCloud", "Advertising Cloud id", "COOKIE", plain],
  ["AAID", "Analytics visitor id (legacy)", "COOKIE", plain],
  ["TNTID", "Target visitor id", "COOKIE", plain],
  ["CORE", "Audience Manager device id", "COOKIE", plain],
  ["FPID", "First-party device id", "COOKIE", plain],
  ["AAM", "Audience Manager segments", "NON_PEOPLE", plain],
];

/** Namespaces that nearly every sandbox has, though each may define them itself. */
const seeds: readonly (readonly [string, string, IdentityType])[] = [
  ["CRMID", "Customer id", "CROSS_DEVICE"],
  ["loyaltyId", "Loyalty id", "CROSS_DEVICE"],
  ["SESSION", "Session id", "COOKIE"],
];

/** Other names under which the same values arrive. */
export const namespaceAliases: ReadonlyMap<string, string> = new Map([
  ["MCID", "ECID"],
  ["MID", "ECID"],
]);

/** The standard namespaces by code, with the form of their values. */
export const standardNamespaces: ReadonlyMap<string, Namespace> = new Map<string, Namespace>([
  ...table.map(
    ([code, name, type, reading]) => [code, { code, name, type, custom: false, ...reading }] as const,
  ),
  ...seeds.map(([code, name, type]) => [code, { code, name, type, custom: true, ...plain }] as const),
]);
