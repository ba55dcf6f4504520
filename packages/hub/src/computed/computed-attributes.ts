import { emptyCommit, type HubStore } from "@tessera/profile-store";
import { err, type Issue, type MembershipChange, ok, type Result } from "@tessera/xdm";
import { COMPUTED_ATTRIBUTE } from "../configuration.ts";
import { deriveEveryone, type Progress } from "../derive-everyone.ts";
import { saveDocument } from "../destination-lifecycle.ts";
import type { Ingestion } from "../ingest.ts";
import { type ComputedAttribute, parseComputedAttribute } from "./computed-attribute.ts";

/** Attributes that are worked out of events, kept up with every event. */
export interface ComputedAttributes {
  readonly computedAttributes: () => readonly ComputedAttribute[];
  /** A definition as it would be saved, or why it cannot be: found out at once. */
  readonly checkComputedAttribute: (input: unknown) => Result<ComputedAttribute, readonly Issue[]>;
  /** Saves a definition and works it out for everyone who is there, page by page; resolves when that is done. */
  readonly saveComputedAttribute: (
    input: unknown,
    progress?: Progress,
  ) => Promise<Result<ComputedAttribute, readonly Issue[]>>;
  readonly deleteComputedAttribute: (
    name: string,
    progress?: Progress,
  ) => Promise<Result<string, readonly Issue[]>>;
}

/** What computed attributes are made of. */
export interface ComputedAttributesOptions {
  readonly store: HubStore;
  readonly begin: () => Ingestion;
  readonly reload: () => Promise<void>;
  readonly told: (changes: readonly MembershipChange[]) => void;
}

const MOST = 25;
const CONFLICT: Issue = {
  code: "conflict",
  message: "Someone else changed this meanwhile. Read it again and repeat.",
};

/** The computed attributes of a hub. */
export function createComputedAttributes(options: ComputedAttributesOptions): ComputedAttributes {
  const { store, begin, reload } = options;
  const all = (): readonly ComputedAttribute[] =>
    begin().configuration.computed.map(({ definition }) => definition);

  const check: ComputedAttributes["checkComputedAttribute"] = (input) => {
    const { limits } = begin().configuration;
    const parsed = parseComputedAttribute(input, limits["profile.computed-lookback"].value);
    if (!parsed.ok) return parsed;
    if (all().filter(({ name }) => name !== parsed.value.name).length < MOST) return parsed;
    const message = `Expected at most ${MOST} computed attributes in a sandbox. Edit or delete one instead.`;
    return err([{ code: "computedAttribute.limit", message }]);
  };

  const workOut = async (progress?: Progress): Promise<void> => {
    await reload();
    await deriveEveryone(options, progress);
  };

  return {
    computedAttributes: all,
    checkComputedAttribute: check,
    saveComputedAttribute: async (input, progress) => {
      const parsed = check(input);
      if (!parsed.ok) return parsed;
      const { value } = parsed;
      if (!(await saveDocument(store, COMPUTED_ATTRIBUTE, value.name, value))) return err([CONFLICT]);
      await workOut(progress);
      return parsed;
    },
    deleteComputedAttribute: async (name, progress) => {
      const stored = await store.document(COMPUTED_ATTRIBUTE, name);
      if (stored === undefined)
        return err([{ code: "notFound", message: "No such computed attribute in this sandbox." }]);
      const documents = [{ kind: COMPUTED_ATTRIBUTE, id: name, expectedVersion: stored.version }];
      if (!(await store.commit({ ...emptyCommit, documents })).ok) return err([CONFLICT]);
      await workOut(progress);
      return ok(name);
    },
  };
}
