import type { SandboxContent } from "@tessera/governance";
import { emptyCommit, type DocumentWrite, type HubStore } from "@tessera/profile-store";
import type { JsonObject } from "@tessera/xdm";

/** The documents that each kind of configuration stands in. */
const DOCUMENTS: { readonly [what in SandboxContent]?: readonly string[] } = {
  schemas: ["fieldGroup", "schema"],
  "linking-rules": ["linkingRules", "identityNamespaces"],
  datasets: ["dataset", "rowMapping"],
  labels: ["fieldLabels"],
  "merge-policies": ["mergePolicy"],
  "computed-attributes": ["computedAttribute"],
  audiences: ["audience", "audienceSchedule", "composition", "externalAudience"],
  policies: ["policy", "consentPolicy", "governance"],
  destinations: ["destination"],
  dataflows: ["dataflow"],
  datastreams: ["datastream", "activity"],
  limits: ["guardrails", "eligibility"],
};

/**
 * Copies configuration from one sandbox's store into another's, in one commit: documents of the same id are replaced.
 * Copied dataflows are switched off. Gives how many documents were copied, or undefined when someone else changed
 * the target meanwhile.
 */
export async function copyConfiguration(
  from: HubStore,
  to: HubStore,
  what: readonly SandboxContent[],
): Promise<number | undefined> {
  const writes: DocumentWrite[] = [];
  for (const kind of what.flatMap((content) => DOCUMENTS[content] ?? [])) {
    const there = new Map((await to.documents(kind)).map(({ id, version }) => [id, version]));
    for (const { id, body } of await from.documents(kind)) {
      // What is being removed there does not begin anew here.
      if (body["removal"] !== undefined || body["removedAt"] !== undefined) continue;
      const copied = copyOf(kind, body);
      writes.push({ kind, id, expectedVersion: there.get(id) ?? 0, body: copied });
    }
  }
  if (writes.length > 0 && !(await to.commit({ ...emptyCommit, documents: writes })).ok) return undefined;
  return writes.length;
}

function copyOf(kind: string, body: JsonObject): JsonObject {
  if (kind === "dataflow") return { ...body, enabled: false };
  if (kind !== "audience") return body;
  // How far persons of the other sandbox have been brought says nothing here.
  const { switched: _switched, evaluatedAt: _evaluatedAt, ...audience } = body;
  return audience;
}
