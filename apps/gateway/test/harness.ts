import { createMemoryStore, type HubStore } from "@tessera/profile-store";
import { DEFAULT_CONFIG, type GatewayConfig } from "../src/config.ts";
import { type RunningGateway, startGateway } from "../src/server.ts";

export const TOKEN = "test-token-of-enough-length";
export const NOW = Date.parse("2026-03-01T12:00:00Z");

/** What GraphQL answered. */
export interface Answer {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly {
    readonly message: string;
    readonly extensions: { readonly code: string; readonly issues?: readonly { readonly code: string }[] };
  }[];
}

/** A running gateway and the ways to speak to it. */
export interface Harness extends RunningGateway {
  readonly store: HubStore;
  readonly setNow: (ms: number) => void;
  readonly request: (path: string, init?: RequestInit) => Promise<Response>;
  readonly graphql: (query: string, variables?: object, headers?: Record<string, string>) => Promise<Answer>;
}

/** Starts a gateway in this process on a free port, with a memory store and a clock that stands still. */
export async function startHarness(
  config: Partial<GatewayConfig> = {},
  store: HubStore = createMemoryStore(),
): Promise<Harness> {
  let now = NOW;
  const gateway = await startGateway({
    config: {
      ...DEFAULT_CONFIG,
      port: 0,
      store: { kind: "memory" },
      adminToken: TOKEN,
      requestsPerMinute: 1_000_000,
      logLevel: "silent",
      ...config,
    },
    clock: () => now,
    store,
  });
  const request = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(gateway.url + path, { ...init, headers: { authorization: `Bearer ${TOKEN}`, ...init.headers } });
  return {
    ...gateway,
    store,
    setNow: (ms) => (now = ms),
    request,
    graphql: async (query, variables = {}, headers = {}) => {
      const response = await request("/graphql", {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ query, variables }),
      });
      return (await response.json()) as Answer;
    },
  };
}

/** A view of a product by a customer on a device. */
export function viewEvent(id: string, customer: string, extra: object = {}): object {
  return {
    _id: id,
    timestamp: "2026-03-01T10:00:00Z",
    eventType: "commerce.productViews",
    identityMap: { CRMID: [{ id: customer, primary: true }], ECID: [{ id: ecidOf(customer) }] },
    ...extra,
  };
}

/** A device id that belongs to a customer. */
export function ecidOf(customer: string): string {
  return `${customer.charCodeAt(0)}${customer.replace(/\D/g, "").padStart(36, "0")}`;
}

/** The data of an answer that must have some. */
export function dataOf<T>(answer: Answer): T {
  if (answer.data === undefined || answer.data === null) throw new Error(JSON.stringify(answer.errors));
  return answer.data as T;
}

/** Has everyone called Ada told to a receiver of profiles. */
export async function activateAda(harness: Harness, url: string): Promise<void> {
  const made = dataOf<{ a: { id: string }; d: { id: string } }>(
    await harness.graphql(
      `mutation($a:CreateAudienceInput!,$d:CreateDestinationInput!){a:createAudience(input:$a){id} d:createDestination(input:$d){id}}`,
      {
        a: { name: "Ada", expression: { value: 'person.name.firstName = "Ada"' } },
        d: { name: "Receiver", type: "http-profile-export", settings: { url } },
      },
    ),
  );
  const mapping = [{ source: { kind: "identity", namespace: "CRMID" }, target: "CRMID" }];
  dataOf(
    await harness.graphql(`mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){id}}`, {
      i: { destinationId: made.d.id, audienceIds: [made.a.id], mapping },
    }),
  );
}
