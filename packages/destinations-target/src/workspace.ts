import type { Activity } from "./activity.ts";

/** The workspace of activities and connections that name none. */
export const DEFAULT_WORKSPACE = "default";

/** What a connection names that no datastream serves: at.js and server-side SDKs. */
export const NO_DATASTREAM = "none";

/** The workspace an activity belongs to. */
export function workspaceOf({ workspace }: Pick<Activity, "workspace">): string {
  return workspace ?? DEFAULT_WORKSPACE;
}

/**
 * Which workspaces calls are served from. A call sees the activities of these, and each activity the audiences of its
 * own workspace alone. Attributes are not divided by workspace.
 */
export interface WorkspaceReach {
  /** By datastream, for the Web SDK: those of its own connections, else those of connections without a datastream. */
  readonly byDatastream: ReadonlyMap<string, readonly string[]>;
  /** By property token of a datastream, for calls that name their property. */
  readonly byProperty: ReadonlyMap<string, readonly string[]>;
  /** For calls that name no such property: the workspaces of connections without a datastream, else the default one. */
  readonly otherwise: readonly string[];
}

/** Works out which connection brings a call to which workspace. A connection without a datastream id serves every one. */
export function workspaceReach(
  connections: readonly { readonly datastreamId?: string; readonly workspace?: string }[],
  datastreams: readonly { readonly id: string; readonly propertyToken?: string }[],
): WorkspaceReach {
  const of = (wanted: string): readonly string[] => {
    const found = connections.filter(({ datastreamId = wanted }) => datastreamId === wanted);
    return [...new Set(found.map(workspaceOf))];
  };
  const free = of(NO_DATASTREAM);
  const otherwise = free.length === 0 ? [DEFAULT_WORKSPACE] : free;
  const byDatastream = new Map<string, readonly string[]>();
  const byProperty = new Map<string, readonly string[]>();
  for (const { id, propertyToken } of datastreams) {
    const bound = of(id);
    const own = bound.length === 0 ? otherwise : bound;
    byDatastream.set(id, own);
    if (propertyToken === undefined || propertyToken === "") continue;
    byProperty.set(propertyToken, [...new Set([...(byProperty.get(propertyToken) ?? []), ...own])]);
  }
  return { byDatastream, byProperty, otherwise };
}

/** The workspaces a call of this property is served from; of a call that names none without it. */
export function workspacesOfProperty(
  { byProperty, otherwise }: WorkspaceReach,
  property: string | undefined,
): readonly string[] {
  return (property === undefined ? undefined : byProperty.get(property)) ?? otherwise;
}
