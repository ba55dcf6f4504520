import {
  type FieldLabels,
  type Label,
  labelsOfRoles,
  parseLabel,
  redact,
  visibleFields,
} from "@tessera/governance";
import type { HubStore } from "@tessera/profile-store";
import { err, isObject, type Issue, type JsonObject, ok, type Result } from "@tessera/xdm";
import { writeDocuments } from "../documents.ts";
import type { Principal } from "./principal.ts";

/** The labels on fields of persons and events of a sandbox, and who may see what under them. */
export interface LabelledFields {
  readonly all: () => FieldLabels;
  /** Sets the labels of a field; none removes them. */
  readonly label: (path: string, labels: readonly string[]) => Promise<Result<FieldLabels, readonly Issue[]>>;
  /** The data without the fields that the principal may not see. */
  readonly visibleTo: (principal: Principal, data: JsonObject) => JsonObject;
  /** The paths that are closed to the principal. */
  readonly hiddenFrom: (principal: Principal) => readonly string[];
}

const PATH = /^[A-Za-z_$][\w$:-]*(\.[A-Za-z_$][\w$:-]*){0,20}$/;

/** Reads the labels of a sandbox from its store. */
export async function openLabelledFields(store: HubStore, sandbox: string): Promise<LabelledFields> {
  const stored = (await store.document("fieldLabels", "current"))?.body["labels"];
  let labels: FieldLabels = isObject(stored) ? (stored as FieldLabels) : {};
  return {
    all: () => labels,
    label: async (path, given) => {
      if (!PATH.test(path)) {
        return err([
          {
            code: "label.path",
            path: ["path"],
            message: "path: expected a dotted path such as person.name.",
          },
        ]);
      }
      const issues: Issue[] = [];
      const parsed: Label[] = [];
      given.forEach((label, index) => {
        const read = parseLabel(label);
        if (read.ok) parsed.push(read.value);
        else issues.push({ ...read.error, path: ["labels", index] });
      });
      if (issues.length > 0) return err(issues);
      const { [path]: _before, ...others } = labels;
      const next: FieldLabels = parsed.length === 0 ? others : { ...others, [path]: parsed };
      const written = await writeDocuments(store, [
        { kind: "fieldLabels", id: "current", body: { labels: next } },
      ]);
      if (!written)
        return err([{ code: "conflict", message: "Someone else labelled meanwhile. Try again." }]);
      labels = next;
      return ok(labels);
    },
    visibleTo: (principal, data) => redact(data, labels, labelsOfRoles(principal.roles, sandbox)).value,
    hiddenFrom: (principal) => visibleFields(labels, labelsOfRoles(principal.roles, sandbox)).hidden,
  };
}
