import { type JsonObject } from "@tessera/xdm";

/** What the demo ingests: two datasets of records, one of events. Deterministic for a seed and a clock. */
export interface RetailData {
  readonly crm: readonly JsonObject[];
  readonly loyalty: readonly JsonObject[];
  readonly events: readonly JsonObject[];
}

/** How much to make, and as of when (ms). */
export interface RetailSize {
  readonly persons: number;
  readonly now: number;
  readonly seed: number;
}

const COUNTRIES = ["DE", "US", "FR", "GB", "ES", "NL"] as const;
const TIERS = ["bronze", "silver", "gold", "platinum"] as const;
const FIRST = [
  "Ada",
  "Ben",
  "Cleo",
  "Dana",
  "Emil",
  "Fay",
  "Gus",
  "Hana",
  "Ivo",
  "Jana",
  "Kim",
  "Leo",
] as const;
const LAST = ["Abel", "Brandt", "Costa", "Dahl", "Evans", "Fuchs", "Grant", "Hale", "Ito", "Jung"] as const;
const PRODUCTS = ["shoes", "jacket", "backpack", "tent", "lamp", "bottle", "map", "rope"] as const;
const DAY = 86_400_000;

/**
 * A shop's data: customers known to the CRM, some in the loyalty programme, web sessions that begin anonymous under an
 * ECID and in part log in later, and tablets that two customers of a household share.
 */
export function makeRetailData({ persons, now, seed }: RetailSize): RetailData {
  const random = mulberry32(seed);
  const pick = <T>(items: readonly [T, ...T[]]): T => items[Math.floor(random() * items.length)] ?? items[0];
  const crm: JsonObject[] = [];
  const loyalty: JsonObject[] = [];
  const events: JsonObject[] = [];
  for (let index = 0; index < persons; index += 1) {
    const crmId = `C${String(index).padStart(6, "0")}`;
    const email = `customer${index}@shop.example`;
    const first = pick(FIRST);
    const last = pick(LAST);
    crm.push({
      _id: crmId,
      identityMap: { CRMID: [{ id: crmId, primary: true }], Email: [{ id: email }] },
      person: { name: { firstName: first, lastName: last }, birthDate: birthDate(random) },
      personalEmail: { address: email },
      homeAddress: { country: pick(COUNTRIES), city: `City ${Math.floor(random() * 40)}` },
      consents: { collect: { val: "y" }, marketing: { email: { val: random() < 0.8 ? "y" : "n" } } },
    });
    if (random() < 0.5) {
      loyalty.push({
        _id: `L${index}`,
        identityMap: { loyaltyId: [{ id: `L${index}`, primary: true }], Email: [{ id: email }] },
        loyalty: { tier: pick(TIERS), points: Math.floor(random() * 5_000) },
      });
    }
    // A household's tablet: this customer and the one before use the same browser.
    const tablet = index % 40 === 39 ? ecid(index - 1) : ecid(index);
    addVisits({ random, events, crmId, ecid: tablet, now });
  }
  events.sort((a, b) => (String(a["timestamp"]) < String(b["timestamp"]) ? -1 : 1));
  return { crm, loyalty, events };
}

interface Visitor {
  readonly random: () => number;
  readonly events: JsonObject[];
  readonly crmId: string;
  readonly ecid: string;
  readonly now: number;
}

function addVisits({ random, events, crmId, ecid: cookie, now }: Visitor): void {
  const visits = random() < 0.25 ? 0 : 1 + Math.floor(random() * 4);
  for (let visit = 0; visit < visits; visit += 1) {
    let at = now - Math.floor(random() * 30 * DAY) - 3_600_000;
    const login = random() < 0.6 ? 1 + Math.floor(random() * 3) : Infinity;
    const steps = 2 + Math.floor(random() * 6);
    const product = PRODUCTS[Math.floor(random() * PRODUCTS.length)] ?? PRODUCTS[0];
    let carted = false;
    for (let step = 0; step < steps; step += 1) {
      at += 5_000 + Math.floor(random() * 90_000);
      const chance = random();
      const kind: string =
        carted && chance < 0.4
          ? "commerce.purchases"
          : chance < 0.25
            ? "commerce.productListAdds"
            : "commerce.productViews";
      carted ||= kind === "commerce.productListAdds";
      const price = 5 + Math.floor(random() * 19_500) / 100;
      events.push({
        _id: `web-${cookie.slice(-8)}-${visit}-${step}-${crmId}`,
        timestamp: new Date(Math.min(at, now)).toISOString(),
        eventType: kind,
        identityMap: {
          ECID: [{ id: cookie, primary: step < login }],
          ...(step >= login
            ? { CRMID: [{ id: crmId, primary: true, authenticatedState: "authenticated" }] }
            : {}),
        },
        productListItems: [{ SKU: product, name: product, quantity: 1, priceTotal: price }],
        ...(kind === "commerce.purchases"
          ? { commerce: { order: { priceTotal: price, currencyCode: "EUR" } } }
          : {}),
        web: { webPageDetails: { name: product, URL: `https://shop.example/${product}` } },
      });
    }
  }
}

function birthDate(random: () => number): string {
  return new Date(
    Date.UTC(1950 + Math.floor(random() * 55), Math.floor(random() * 12), 1 + Math.floor(random() * 28)),
  )
    .toISOString()
    .slice(0, 10);
}

/** A 38-digit ECID for a number. */
function ecid(index: number): string {
  return `1${String(index * 7_919 + 11).padStart(37, "3")}`;
}

/** A small seeded generator (mulberry32): the demo's data is the same on every machine. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
