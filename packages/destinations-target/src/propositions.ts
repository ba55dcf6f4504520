import { digest, type JsonObject } from "@tessera/xdm";
import type { Location } from "./activity.ts";
import type { ActivityIndex, Decision } from "./decide.ts";

/** The scope that stands for the page, and for all views of a single-page app. */
export const VIEW_SCOPE = "__view__";

/** The locations that decision scopes of a Web SDK request ask for. */
export function locationsOfScopes(scopes: readonly string[], index: ActivityIndex): readonly Location[] {
  return scopes.flatMap((scope): readonly Location[] => {
    if (scope !== VIEW_SCOPE) return [{ kind: "mbox", name: scope }];
    return [{ kind: "page-load" }, ...index.views.map((name): Location => ({ kind: "view", name }))];
  });
}

const SCHEMA = "https://ns.adobe.com/personalization/";

/** Decisions as items of a Web SDK `personalization:decisions` payload. */
export function toPropositions(decisions: readonly Decision[]): readonly JsonObject[] {
  return decisions.map((decision) => {
    const { location, activity, experience, eventToken } = decision;
    const [activityId, experienceId] = [String(activity.id), String(experience.id)];
    const characteristics = {
      eventToken,
      ...(location.kind !== "mbox" && { scopeType: location.kind === "view" ? "view" : "page" }),
    };
    return {
      id: `AT:${btoa(JSON.stringify({ activityId, experienceId }))}`,
      scope: location.kind === "page-load" ? VIEW_SCOPE : location.name,
      scopeDetails: {
        decisionProvider: "TGT",
        activity: { id: activityId },
        experience: { id: experienceId },
        strategies: [{ algorithmID: "0", trafficType: "0" }],
        characteristics,
        correlationID: `${activityId}:${experienceId}:0`,
      },
      items: itemsOf(decision),
    };
  });
}

function itemsOf({ offer, clicks, activity, experience }: Decision): readonly JsonObject[] {
  const meta: JsonObject = {
    "activity.id": String(activity.id),
    "activity.name": activity.name,
    "experience.id": String(experience.id),
    "experience.name": experience.name,
  };
  const measurements = clicks.map(({ selector, eventToken }): JsonObject => {
    const id = digest(eventToken);
    const data = { id, type: "click", format: "application/vnd.adobe.target.metric", selector, eventToken };
    return { id, schema: `${SCHEMA}measurement`, meta, data };
  });
  return [...contentItems(offer, meta), ...measurements];
}

function contentItems(offer: Decision["offer"], meta: JsonObject): readonly JsonObject[] {
  const item = (schema: string, data: JsonObject): JsonObject => {
    const id = digest(JSON.stringify([schema, data, meta["activity.id"] ?? "", meta["experience.id"] ?? ""]));
    return { id, schema: `${SCHEMA}${schema}`, meta, data: { id, ...data } };
  };
  switch (offer.kind) {
    case "html":
      return [item("html-content-item", { format: "text/html", content: offer.content })];
    case "json":
      return [item("json-content-item", { format: "application/json", content: offer.content })];
    case "redirect":
      return [item("redirect-item", { type: "redirect", format: "text/uri-list", content: offer.url })];
    case "actions":
      return offer.actions.map((action) =>
        item("dom-action", {
          type: action.type,
          format: "application/vnd.adobe.target.dom-action",
          content: action.content,
          selector: action.selector,
          prehidingSelector: action.prehidingSelector ?? action.selector,
        }),
      );
    case "default":
      return [{ id: "0", schema: `${SCHEMA}default-content-item`, meta: {} }];
  }
}
