import { type FieldLabels, labelsOfRoles, redact, visibleFields } from "@tessera/governance";
import type { HubStore } from "@tessera/profile-store";
import { isObject, type JsonObject } from "@tessera/xdm";
import type { Principal } from "./principal.ts";

/** The labels on fields of persons and events of a sandbox, and who may see what under them. */
export interface LabelledFields {
  readonly all: () => FieldLabels;
  /** Reads them anew, after they were changed. */
  readonly reload: () => Promise<void>;
  /** The data without the fields that the principal may not see. */
  readonly visibleTo: (principal: Principal, data: JsonObject) => JsonObject;
  /** The paths that are closed to the principal. */
  readonly hiddenFrom: (principal: Principal) => readonly string[];
}

/** Reads the labels of a sandbox from its store. */
export async function openLabelledFields(store: HubStore, sandbox: string): Promise<LabelledFields> {
  let labels: FieldLabels = {};
  const reload = async (): Promise<void> => {
    const stored = (await store.document("fieldLabels", "current"))?.body["labels"];
    labels = isObject(stored) ? (stored as FieldLabels) : {};
  };
  await reload();
  return {
    all: () => labels,
    reload,
    visibleTo: (principal, data) => redact(data, labels, labelsOfRoles(principal.roles, sandbox)).value,
    hiddenFrom: (principal) => visibleFields(labels, labelsOfRoles(principal.roles, sandbox)).hidden,
  };
}
