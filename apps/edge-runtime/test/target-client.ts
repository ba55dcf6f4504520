import TargetClient from "@adobe/target-nodejs-sdk";
import { vi } from "vitest";
import { TOKEN } from "./definitions.ts";
import { startEdgeProcess } from "./real-gateway.ts";

/** The organisation that Target's clients name. */
const ORG = "tessera@TesseraOrg";

/** Adobe's own client, asking the edge at `domain`. */
export function targetClient(domain: string, options: object = {}): TargetClient.TargetClientInstance {
  return TargetClient.create({
    client: "tessera",
    organizationId: ORG,
    serverDomain: domain,
    secure: false,
    fetchApi: fetch,
    ...options,
  });
}

/** Starts an edge beside a gateway; resolves, with the way to stop it, once it serves Target's clients. */
export async function startTargetEdge(
  port: number,
  { hub, data }: { readonly hub: string; readonly data: string },
): Promise<() => Promise<void>> {
  const edge = await startEdgeProcess({
    EDGE_PORT: String(port),
    TESSERA_HUB_URL: hub,
    TESSERA_ADMIN_TOKEN: TOKEN,
    TESSERA_EDGE_DATA: data,
    TESSERA_EDGE_LOOKUP_MS: "2000",
  });
  const rules = `http://127.0.0.1:${port}/tessera/production/v1/rules.json`;
  await vi.waitUntil(async () => (await fetch(rules)).ok, { timeout: 10_000, interval: 50 });
  return edge.stop;
}
