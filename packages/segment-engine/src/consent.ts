import { isObject, type JsonObject } from "@tessera/xdm";

/**
 * Whether a person's consents refuse being put into audiences: collecting data, personalising content, or any
 * marketing was answered with no (`n`, or `dn`: no by default). A refused channel alone (`marketing.email`) does not
 * count: it is honoured when the audience is activated on that channel. Without an answer a person does not refuse.
 */
export function refuses(attributes: JsonObject): boolean {
  const consents = attributes["consents"];
  if (!isObject(consents)) return false;
  return (
    saidNo(consents["collect"]) ||
    saidNo(within(consents["personalize"], "content")) ||
    saidNo(within(consents["marketing"], "any"))
  );
}

function within(value: unknown, field: string): unknown {
  return isObject(value) ? value[field] : undefined;
}

function saidNo(choice: unknown): boolean {
  const value = within(choice, "val");
  return value === "n" || value === "dn";
}
