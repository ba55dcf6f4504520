import { err, type Issue, ok, type Result } from "@tessera/xdm";
import { writeDocuments } from "./documents.ts";
import type { Sandbox } from "./sandbox.ts";

/** An audience whose members come in files. */
interface ExternalAudience {
  readonly id: string;
  /** Where its members are taken in. */
  readonly datasetId: string;
  /** The field that says when a person was last in a file. */
  readonly field: string;
}

/** Documents that say which audiences are external, by audience id. */
const EXTERNAL_AUDIENCE = "externalAudience";

/** Days that a member stays after the last file that named them (experience-platform.en segmentation/faq.md). */
const DAYS = 30;

/** The audiences whose members come in files. */
export async function externalAudiences(store: Sandbox["store"]): Promise<readonly ExternalAudience[]> {
  return (await store.documents(EXTERNAL_AUDIENCE)).map(({ body }) => body as unknown as ExternalAudience);
}

/** Ids of the audiences whose members come in files. */
export async function externalAudienceIds(store: Sandbox["store"]): Promise<ReadonlySet<string>> {
  return new Set((await externalAudiences(store)).map(({ id }) => id));
}

/** The external audience of a name; it is made when there is none. An audience that was made here keeps its name. */
export async function externalAudience(
  { hub, store }: Sandbox,
  { name, newId }: { readonly name: string; readonly newId: () => string },
): Promise<Result<ExternalAudience, readonly Issue[]>> {
  const there = [...hub.configuration().audiences.values()].find(
    (audience) => audience.name === name && audience.status !== "deleted",
  );
  if (there !== undefined) {
    const known = (await store.document(EXTERNAL_AUDIENCE, there.id))?.body;
    if (known !== undefined) return ok(known as unknown as ExternalAudience);
    const message = "An audience of this name was made here. Choose another name.";
    return err([{ code: "audience.name.taken", path: ["name"], message }]);
  }
  const key = `a${newId().replace(/[^A-Za-z0-9]/g, "")}`;
  const field = `externalAudiences.${key}.importedAt`;
  const value = `${field} occurs <= ${DAYS} days before now`;
  const made = await hub.createAudience({
    name,
    description: "Its members come in files.",
    expression: { type: "PQL", format: "pql/text", value },
  });
  if (!made.ok) return made;
  const audience: ExternalAudience = { id: made.value.id, datasetId: `external-audience-${key}`, field };
  await writeDocuments(store, [{ kind: EXTERNAL_AUDIENCE, id: audience.id, body: audience }]);
  return ok(audience);
}
