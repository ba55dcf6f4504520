import {
  type Activity,
  decisioningArtifact,
  indexActivities,
  readActivities,
  type WorkspaceReach,
} from "@tessera/destinations-target";
import { type AudiencePlan, compileAudiences } from "@tessera/segment-engine";
import type { AudienceDefinition, Issue } from "@tessera/xdm";
import { serves } from "./activation.ts";
import type { CompiledSnapshot } from "./compiled-snapshot.ts";
import type { Datastream } from "./datastream.ts";
import type { EdgeNotice } from "./edge.ts";
import { createFollower } from "./follow-audiences.ts";
import { type EdgeDestination, type EdgeSnapshot, parseSnapshot } from "./snapshot.ts";
import { targetConnections } from "./target-connections.ts";

const DAY = 24 * 3600 * 1000;
/** Edge audiences look back a day at most by the documented rule; one without a limit gets this much. */
const LONGEST_LOOK_BACK = 2 * DAY;

/**
 * Makes a snapshot ready to answer requests; `undefined` when it is none. An audience that cannot be compiled is left
 * out and reported; the others work.
 */
export function compileSnapshot(
  json: unknown,
  notice: (notice: EdgeNotice) => void,
): CompiledSnapshot | undefined {
  const parsed = parseSnapshot(json);
  if (!parsed.ok) {
    notice({ level: "error", event: "snapshot.invalid", detail: parsed.error.message });
    return undefined;
  }
  const { snapshot } = parsed.value;
  const compiled = compileEach(snapshot.audiences);
  const { plan, audiences } = compiled;
  const read = readActivities(snapshot.activities);
  const issues = [...parsed.value.issues, ...compiled.issues, ...read.issues];
  for (const { path = [], message } of issues)
    notice({ level: "warn", event: "snapshot.part", detail: `${path.join(".")} ${message}` });
  const target = targetConnections(snapshot);
  return {
    snapshot,
    datastreams: new Map(snapshot.datastreams.map((datastream) => [datastream.id, datastream])),
    audiences,
    edgeAudiences: new Map(audiences.map(({ id, version }) => [id, String(version)])),
    destinationsOf: destinationIndex(snapshot),
    evaluate: (person, now) => plan.evaluate(person, now).members,
    follow: createFollower(plan),
    eventFields: topFields(plan.fields.events),
    lookBackMs: Math.min(Math.max(plan.fields.lookBack ?? LONGEST_LOOK_BACK, DAY), LONGEST_LOOK_BACK),
    activities: indexActivities(read.activities),
    target,
    artifact: artifacts(snapshot, read.activities, target.workspaces),
    issues,
  };
}

/** Compiles all audiences together; when that fails, finds the ones that are wrong and compiles the others. */
function compileEach(audiences: readonly AudienceDefinition[]): {
  readonly plan: AudiencePlan;
  readonly audiences: readonly AudienceDefinition[];
  readonly issues: readonly Issue[];
} {
  const whole = compileAudiences(audiences);
  if (whole.ok) return { plan: whole.value, audiences, issues: [] };
  const good = audiences.filter((audience) => compileAudiences([audience]).ok);
  const rest = compileAudiences(good);
  if (rest.ok) return { plan: rest.value, audiences: good, issues: whole.error };
  const none = compileAudiences([]);
  if (!none.ok) throw new Error("No audience at all cannot be wrong.");
  return { plan: none.value, audiences: [], issues: [...whole.error, ...rest.error] };
}

/** The fields of events that are kept: those beneath which something is read. */
function topFields(paths: readonly string[]): ReadonlySet<string> | undefined {
  if (paths.includes("*")) return undefined;
  return new Set(["eventType", ...paths.map((path) => path.split(".", 1)[0] ?? path)]);
}

function destinationIndex(snapshot: EdgeSnapshot): (datastream: Datastream) => readonly EdgeDestination[] {
  const byDatastream = new Map<string, readonly EdgeDestination[]>();
  for (const datastream of snapshot.datastreams) {
    byDatastream.set(
      datastream.id,
      snapshot.destinations.filter((destination) => serves(destination, datastream)),
    );
  }
  return ({ id }) => byDatastream.get(id) ?? [];
}

/** Artifacts, each made when it is first asked for. A property that leads nowhere in particular has that of all calls. */
function artifacts(
  { targetClient: client }: EdgeSnapshot,
  activities: readonly Activity[],
  workspaces: WorkspaceReach,
): CompiledSnapshot["artifact"] {
  const made = new Map<string | undefined, string>();
  return (asked) => {
    const property = asked !== undefined && workspaces.byProperty.has(asked) ? asked : undefined;
    let artifact = made.get(property);
    if (artifact === undefined) {
      const own = property === undefined ? {} : { property };
      artifact = JSON.stringify(decisioningArtifact({ client, activities, workspaces, ...own }));
      made.set(property, artifact);
    }
    return artifact;
  };
}
