import type { JsonObject, JsonValue } from "@tessera/xdm";

/** What `/collect/*` answers. */
interface CollectReport {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: readonly { readonly index: number; readonly code: string; readonly message: string }[];
}

/** Speaks to a gateway as any user would: over HTTP, with a token. */
export interface GatewayClient {
  readonly graphql: <T>(query: string, variables?: JsonObject) => Promise<T>;
  /** Sends items in parts, waiting where the gateway asks to; `sent` is told after each part. */
  readonly collect: (
    kind: "events" | "records",
    datasetId: string,
    items: readonly JsonObject[],
    sent: (done: number) => void,
  ) => Promise<CollectReport>;
}

const PART = 1_000;

/** A client of the gateway at `url`. */
export function createGatewayClient(url: string, token: string): GatewayClient {
  const headers = { authorization: `Bearer ${token}` };
  const send = async (path: string, body: string): Promise<CollectReport> => {
    for (;;) {
      const response = await fetch(`${url}${path}`, {
        method: "POST",
        headers: { ...headers, "content-type": "application/x-ndjson" },
        body,
      });
      if (response.status === 429 || response.status === 503) {
        const seconds = Number(response.headers.get("retry-after") ?? 1);
        await new Promise((resolve) => setTimeout(resolve, Math.min(seconds, 5) * 1_000));
        continue;
      }
      if (!response.ok)
        throw new Error(`${path}: HTTP ${response.status} ${(await response.text()).slice(0, 500)}`);
      return (await response.json()) as CollectReport;
    }
  };
  return {
    graphql: async <T>(query: string, variables: JsonObject = {}) => {
      const response = await fetch(`${url}/graphql`, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify({ query, variables }),
      });
      const { data, errors } = (await response.json()) as { data?: T; errors?: readonly JsonValue[] };
      if (errors !== undefined || data === undefined) throw new Error(`GraphQL: ${JSON.stringify(errors)}`);
      return data;
    },
    collect: async (kind, datasetId, items, sent) => {
      let accepted = 0;
      let duplicates = 0;
      const rejected: CollectReport["rejected"][number][] = [];
      for (let from = 0; from < items.length; from += PART) {
        const part = items.slice(from, from + PART);
        const body = part.map((item) => JSON.stringify(item)).join("\n");
        const report = await send(`/collect/${kind}?datasetId=${encodeURIComponent(datasetId)}`, body);
        accepted += report.accepted;
        duplicates += report.duplicates;
        rejected.push(...report.rejected.map((item) => ({ ...item, index: item.index + from })));
        sent(Math.min(from + PART, items.length));
      }
      return { accepted, duplicates, rejected };
    },
  };
}
