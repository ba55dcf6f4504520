import type { JsonObject, JsonValue } from "@tessera/xdm";
import type { DomAction, Offer } from "./activity.ts";

const TOKEN = /\$\{\s*aep\.([A-Za-z0-9_.@-]+)\s*(?:,?\s*default\s*=\s*(?:"([^"]*)"|'([^']*)'))?\s*\}/g;

/**
 * An offer with its `${aep.<path>}` and `${aep.<path> default="…"}` tokens replaced by the visitor's mapped attributes.
 * Only texts, numbers and booleans are inserted; without a value and a default the token becomes nothing. Values are
 * escaped for where they stand: HTML, a URL, or as they are inside JSON texts.
 */
export function fillTokens(offer: Offer, attributes: JsonObject): Offer {
  switch (offer.kind) {
    case "default":
      return offer;
    case "html":
      return { ...offer, content: fill(offer.content, attributes, escapeHtml) };
    case "redirect":
      return { ...offer, url: fill(offer.url, attributes, encodeURIComponent) };
    case "json":
      return { ...offer, content: fillJson(offer.content, attributes, (value) => value) };
    case "actions":
      return { ...offer, actions: offer.actions.map((action) => fillAction(action, attributes)) };
  }
}

/** Attribute paths that an offer's tokens name. */
export function tokenPaths(offer: Offer): readonly string[] {
  return [...JSON.stringify(offer).matchAll(TOKEN)].map(([, path = ""]) => path);
}

const PLAIN_TEXT = new Set(["setText", "setAttribute", "setStyle", "setImageSource"]);

function fillAction(action: DomAction, attributes: JsonObject): DomAction {
  const escape = PLAIN_TEXT.has(action.type) ? (value: string): string => value : escapeHtml;
  return { ...action, content: fillJson(action.content, attributes, escape) };
}

function fillJson(value: JsonValue, attributes: JsonObject, escape: (value: string) => string): JsonValue {
  if (typeof value === "string") return fill(value, attributes, escape);
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((item: JsonValue) => fillJson(item, attributes, escape));
  const entries = Object.entries(value as JsonObject);
  return Object.fromEntries(
    entries.map(([key, item]) => [key, item === undefined ? item : fillJson(item, attributes, escape)]),
  );
}

function fill(text: string, attributes: JsonObject, escape: (value: string) => string): string {
  if (!text.includes("${")) return text;
  return text.replace(TOKEN, (_, path: string, double?: string, single?: string) => {
    const value = attributeAt(attributes, path);
    const plain = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
    return plain && value !== "" ? escape(String(value)) : escape(double ?? single ?? "");
  });
}

/** Mapped attributes may stand under their dotted name or nested. */
function attributeAt(attributes: JsonObject, path: string): JsonValue | undefined {
  if (Object.hasOwn(attributes, path)) return attributes[path];
  let at: JsonValue | undefined = attributes;
  for (const field of path.split(".")) {
    if (typeof at !== "object" || at === null || Array.isArray(at) || !Object.hasOwn(at, field))
      return undefined;
    at = (at as JsonObject)[field];
  }
  return at;
}

const ENTITIES: { readonly [character: string]: string } = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeHtml(value: string): string {
  return value.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}
