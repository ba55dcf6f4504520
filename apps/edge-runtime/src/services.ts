import type { Edge } from "./edge.ts";

/** The services every edge offers beside the Edge Network protocol. */
export function builtInServices(): Pick<Edge, "decide" | "mounts"> {
  return { decide: () => [], mounts: {} };
}
