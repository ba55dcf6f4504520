import { createAudienceManager } from "./audience-manager.ts";
import type { Mounts } from "./edge.ts";
import { createDelivery, serveArtifact } from "./target-delivery.ts";

/** The protocols every edge serves beside the Edge Network's. */
export function createMounts(): Mounts {
  return { delivery: createDelivery(), artifact: serveArtifact, aam: createAudienceManager() };
}
