import type { DocumentWrite, HubStore } from "@tessera/profile-store";
import { type JsonObject, parseJson } from "@tessera/xdm";
import { newestOf } from "./audience-lifecycle.ts";
import type { StoredAudience, WaitingVersion } from "./configuration.ts";

/** One version of an audience as it was saved. */
export type AudienceVersion = WaitingVersion["definition"] & { readonly audienceId: string };

const KIND = "audienceVersion";

/** The document that keeps the newest version of an audience. */
export function versionWrite(audience: StoredAudience): DocumentWrite {
  const { id, name, description, expression, evaluation, mergePolicyId, excludeOptOut, version, updatedAt } =
    newestOf(audience);
  const kept: AudienceVersion = {
    audienceId: id,
    name,
    ...(description === undefined ? {} : { description }),
    expression,
    evaluation,
    ...(mergePolicyId === undefined ? {} : { mergePolicyId }),
    ...(excludeOptOut === undefined ? {} : { excludeOptOut }),
    version,
    updatedAt,
  };
  const json = parseJson(kept);
  if ("badPath" in json) throw new Error("A version of an audience is JSON data.");
  return { kind: KIND, id: `${id} ${version}`, expectedVersion: 0, body: json.value as JsonObject };
}

/** All versions of an audience that were saved, the newest first. */
export async function audienceVersions(
  store: HubStore,
  audienceId: string,
): Promise<readonly AudienceVersion[]> {
  return (await store.documents(KIND))
    .map(({ body }) => body as unknown as AudienceVersion)
    .filter((kept) => kept.audienceId === audienceId)
    .sort((a, b) => b.version - a.version);
}
