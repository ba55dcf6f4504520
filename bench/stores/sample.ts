import type { HubCommit, PersonState, StoredEvent, StoredRecord } from "@tessera/profile-store";

const NOON = 1_772_323_200_000;

/** A generator of numbers in [0, 1) that gives the same ones each time. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

export const NOTHING: HubCommit = {
  persons: [],
  events: [],
  records: [],
  memberships: [],
  outbox: [],
  quarantine: [],
  documents: [],
  counters: {},
};

/** The two identities of person `number`. */
export function identitiesOf(number: number): readonly string[] {
  return [`CRMID:C${String(number).padStart(9, "0")}`, `ECID:${ecid(number)}`];
}

/** A person with three fragments, five memberships and a state of the usual size. */
export function personOf(number: number, records: readonly StoredRecord[]): PersonState {
  const identities = identitiesOf(number);
  return {
    personId: `p-${ecid(number).slice(0, 20)}`,
    version: 1,
    identities,
    graph: {
      nodes: identities.map((key) => [key, NOON]),
      links: [[0, 1, NOON, `r${number}`]],
      anchor: identities[0] ?? "",
    },
    fragments: records.map(({ datasetId, owner, body, at }) => ({ datasetId, owner, body, at })),
    memberships: Array.from({ length: 5 }, (_, index) => ({
      namespace: "ups",
      audienceId: `audience-${(number + index * 37) % 200}`,
      status: "realized",
      at: NOON,
      version: 1,
    })),
    eventState: new Uint8Array(120).fill(number % 251),
    eventCount: 0,
    evaluatedAt: NOON,
    nextChangeAt: NOON + (number % 100_000) * 1000,
  };
}

/** The person after `added` more events. */
export function afterEvents(person: PersonState, added: number, random: () => number): PersonState {
  return {
    ...person,
    version: person.version + 1,
    eventCount: person.eventCount + added,
    eventState: new Uint8Array(120).fill(Math.floor(random() * 256)),
    evaluatedAt: person.evaluatedAt + 1000,
    nextChangeAt: (person.nextChangeAt ?? 0) + 1000,
  };
}

/** The three records that a person's attributes come from, about 700 bytes together. */
export function recordsOf(number: number): readonly StoredRecord[] {
  const owner = identitiesOf(number)[0] ?? "";
  const bodies = [
    {
      person: {
        name: { firstName: `First${number % 1000}`, lastName: `Last${number % 5000}` },
        birthYear: 1950 + (number % 50),
      },
      homeAddress: {
        city: `City ${number % 300}`,
        countryCode: "DE",
        postalCode: String(10000 + (number % 80000)),
      },
      mobilePhone: { number: `+49${1_500_000_000 + number}` },
    },
    {
      loyalty: {
        tier: ["bronze", "silver", "gold"][number % 3] ?? "gold",
        points: number % 10_000,
        joined: "2024-03-01",
      },
    },
    {
      consents: {
        marketing: { email: { val: number % 4 === 0 ? "n" : "y" }, push: { val: "y" } },
        share: { val: "n" },
      },
    },
  ];
  return bodies.map((body, index) => ({
    id: `r${number}-${index}`,
    datasetId: ["crm", "loyalty", "consent"][index] ?? "crm",
    owner,
    identities: [owner],
    operation: "upsert",
    body,
    at: NOON,
    ordinal: number,
  }));
}

/** An event of about 300 bytes of JSON. */
export function eventOf(serial: number, number: number): StoredEvent {
  const owner = identitiesOf(number)[1] ?? "";
  const id = digestLike(serial);
  const at = NOON + serial * 7;
  return {
    id,
    datasetId: "web",
    owner,
    identities: [owner],
    at,
    ingestedAt: at + 500,
    body: {
      _id: id,
      timestamp: new Date(at).toISOString(),
      eventType: "commerce.productViews",
      identityMap: { ECID: [{ id: owner.slice(5), primary: true }] },
      web: { webPageDetails: { URL: `https://shop.example/p/${serial % 9999}` } },
      productListItems: [{ SKU: `SKU-${serial % 9999}`, priceTotal: (serial % 500) + 0.99, quantity: 1 }],
    },
  };
}

function ecid(number: number): string {
  return (
    digits(number, 0x9e3779b1) +
    digits(number, 0x85ebca6b) +
    digits(number, 0xc2b2ae35) +
    digits(number, 0x27d4eb2f)
  ).slice(0, 38);
}

function digits(number: number, factor: number): string {
  return String(Math.imul(number + 1, factor) >>> 0).padStart(10, "0");
}

function digestLike(number: number): string {
  return [0x9e3779b1, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f]
    .map((factor) => (Math.imul(number + 1, factor) >>> 0).toString(16).padStart(8, "0"))
    .join("");
}
