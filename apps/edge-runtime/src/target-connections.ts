import { NO_DATASTREAM, workspaceReach, type WorkspaceReach } from "@tessera/destinations-target";
import { serves } from "./activation.ts";
import type { Datastream } from "./datastream.ts";
import type { EdgeSnapshot } from "./snapshot.ts";
import type { TargetConnection } from "./target-view.ts";

/** The connections a request of the Web SDK is decided by. */
interface ServingConnections {
  readonly connections: readonly TargetConnection[];
  /**
   * `edge`: of the datastream itself, with what the edge evaluates. `hub`: those without a datastream, which know what
   * the hub shared, from the next session on.
   */
  readonly memberships: "edge" | "hub";
}

/** All connections to Target of a snapshot. */
export interface TargetConnections {
  readonly all: readonly TargetConnection[];
  readonly of: (datastream: Datastream) => ServingConnections;
  readonly workspaces: WorkspaceReach;
}

/** Finds which connections serve which calls, once a snapshot. */
export function targetConnections({ destinations, datastreams }: EdgeSnapshot): TargetConnections {
  const all = destinations.flatMap((one) => (one.kind === "target" ? [one] : []));
  const free = all.filter(({ datastreamId }) => datastreamId === NO_DATASTREAM);
  const serving = new Map<string, ServingConnections>();
  for (const datastream of datastreams) {
    const own = all.filter((connection) => serves(connection, datastream));
    serving.set(
      datastream.id,
      own.length > 0 ? { connections: own, memberships: "edge" } : { connections: free, memberships: "hub" },
    );
  }
  const properties = datastreams.map(({ id, target }) => ({
    id,
    ...(target?.propertyToken !== undefined && { propertyToken: target.propertyToken }),
  }));
  return {
    all,
    of: ({ id }) => serving.get(id) ?? { connections: free, memberships: "hub" },
    workspaces: workspaceReach(all, properties),
  };
}
