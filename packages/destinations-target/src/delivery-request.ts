import { findLimit, type LimitId } from "@tessera/guardrails";
import { err, isObject, type JsonObject, ok, type Result } from "@tessera/xdm";
import { readEventToken, type EventTokenContent } from "./event-token.ts";

/** Why a delivery request is refused: the status and message of the answer. */
export interface DeliveryRefusal {
  readonly status: 400 | 413 | 420;
  readonly message: string;
}

/** A request for one named mbox. */
export interface MboxRequest {
  readonly index: number;
  readonly name: string;
}

/** Locations a request asks for, to be shown now (`execute`) or kept for later (`prefetch`). */
export interface LocationRequest {
  readonly pageLoad: boolean;
  readonly mboxes: readonly MboxRequest[];
  /** Prefetch only; a name of `undefined` asks for all views. */
  readonly views: readonly { readonly name?: string; readonly key?: string }[];
}

/** Somebody saw or clicked something. */
export interface DeliveryNotification {
  readonly id: string;
  readonly type: "display" | "click";
  /** ISO 8601. */
  readonly at: string;
  /** Only the tokens that this package minted. */
  readonly events: readonly EventTokenContent[];
}

/** Identities of a request, as sent. */
export interface DeliveryIds {
  readonly tntId?: string;
  readonly thirdPartyId?: string;
  readonly marketingCloudVisitorId?: string;
  readonly customerIds: readonly {
    readonly id: string;
    readonly integrationCode: string;
    readonly authenticated: boolean;
  }[];
}

/** A delivery request that passed its checks. */
export interface DeliveryRequest {
  readonly requestId?: string;
  readonly ids: DeliveryIds;
  /** The ids as they came, to be given back. */
  readonly id: JsonObject;
  readonly property?: string;
  readonly execute?: LocationRequest;
  readonly prefetch?: LocationRequest;
  readonly notifications: readonly DeliveryNotification[];
}

/** Thrown inside the reader alone, and caught where the reader is entered. */
class Refused {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/** Reads the body of a delivery request by the documented limits; the first violation refuses it with status 400. */
export function parseDeliveryRequest(input: unknown): Result<DeliveryRequest, DeliveryRefusal> {
  try {
    return ok(read(object(input, "request")));
  } catch (thrown) {
    if (thrown instanceof Refused) return err({ status: 400, message: thrown.message });
    throw thrown;
  }
}

function read(body: Record<string, unknown>): DeliveryRequest {
  const context = object(body["context"], "context");
  if (context["channel"] !== "web" && context["channel"] !== "mobile")
    refuse("context.channel must be web or mobile");
  checkAddress(context["address"], "context.address");
  const id = body["id"] === undefined ? {} : object(body["id"], "id");
  const requestId = optionalText(body["requestId"], "requestId", 128);
  const property =
    body["property"] === undefined
      ? undefined
      : text(object(body["property"], "property")["token"], "property.token", 128);
  const execute = locations(body["execute"], "execute");
  const prefetch = locations(body["prefetch"], "prefetch");
  return {
    ids: readIds(id),
    id: id as JsonObject,
    notifications: list(body["notifications"], "notifications").map(notification),
    ...(requestId !== undefined && { requestId }),
    ...(property !== undefined && { property }),
    ...(execute && { execute }),
    ...(prefetch && { prefetch }),
  };
}

function readIds(id: Record<string, unknown>): DeliveryIds {
  const max = findLimit("target.visitor-id").value;
  const customerIds = list(id["customerIds"], "id.customerIds").map((entry, index) => {
    const path = `id.customerIds[${index}]`;
    const customer = object(entry, path);
    const state = customer["authenticatedState"] ?? "unknown";
    if (state !== "unknown" && state !== "authenticated" && state !== "logged_out") {
      refuse(`${path}.authenticatedState must be unknown, authenticated or logged_out`);
    }
    return {
      id: text(customer["id"], `${path}.id`, max),
      integrationCode: text(
        customer["integrationCode"],
        `${path}.integrationCode`,
        findLimit("target.integration-code").value,
      ),
      authenticated: state === "authenticated",
    };
  });
  const ids: { tntId?: string; thirdPartyId?: string; marketingCloudVisitorId?: string } = {};
  for (const field of ["tntId", "thirdPartyId", "marketingCloudVisitorId"] as const) {
    const value = optionalText(id[field], `id.${field}`, max);
    if (value !== undefined) ids[field] = value;
  }
  return { ...ids, customerIds };
}

function locations(input: unknown, path: "execute" | "prefetch"): LocationRequest | undefined {
  if (input === undefined || input === null) return undefined;
  const given = object(input, path);
  const mboxes = list(given["mboxes"], `${path}.mboxes`);
  const max = findLimit("target.mboxes-per-request").value;
  if (mboxes.length > max) refuse(`${path}.mboxes: size must be between 0 and ${max}`);
  const pageLoad = given["pageLoad"] !== undefined && given["pageLoad"] !== null;
  if (pageLoad) checkDetails(object(given["pageLoad"], `${path}.pageLoad`), `${path}.pageLoad`);
  return {
    pageLoad,
    mboxes: mboxes.map((entry, position) => mbox(entry, `${path}.mboxes[${position}]`, position)),
    views: path === "prefetch" ? list(given["views"], "prefetch.views").map(view) : [],
  };
}

function mbox(input: unknown, path: string, position: number): MboxRequest {
  const given = object(input, path);
  checkDetails(given, path);
  const { index = position } = given;
  if (typeof index !== "number" || !Number.isInteger(index) || index < 0)
    refuse(`${path}.index must be a whole number from 0`);
  return { index: index as number, name: text(given["name"], `${path}.name`, limit("target.mbox-name")) };
}

function view(input: unknown, position: number): { readonly name?: string; readonly key?: string } {
  const path = `prefetch.views[${position}]`;
  const given = object(input, path);
  checkDetails(given, path);
  const name = optionalText(given["name"], `${path}.name`, limit("target.view-name"));
  const key = optionalText(given["key"], `${path}.key`, limit("target.view-key"));
  return { ...(name !== undefined && { name }), ...(key !== undefined && { key }) };
}

function checkDetails(details: Record<string, unknown>, path: string): void {
  checkAddress(details["address"], `${path}.address`);
  const name = limit("target.parameter-name");
  checkParameters(details["parameters"], `${path}.parameters`, [
    limit("target.mbox-parameters"),
    name,
    limit("target.parameter-value"),
  ]);
  checkParameters(details["profileParameters"], `${path}.profileParameters`, [
    limit("target.profile-parameters"),
    name,
    limit("target.profile-parameter-value"),
  ]);
  if (details["order"] !== undefined) {
    optionalText(
      object(details["order"], `${path}.order`)["id"],
      `${path}.order.id`,
      limit("target.order-id"),
    );
  }
}

function checkParameters(
  input: unknown,
  path: string,
  [most, name, value]: readonly [number, number, number],
): void {
  if (input === undefined || input === null) return;
  const entries = Object.entries(object(input, path));
  if (entries.length > most) refuse(`${path}: size must be between 0 and ${most}`);
  for (const [key, item] of entries) {
    if (key === "" || key.length > name) refuse(`${path}: a name must have 1 to ${name} characters`);
    if (typeof item === "object" && item !== null) refuse(`${path}: a value must be a text`);
    if (String(item).length > value) refuse(`${path}: a value must have at most ${value} characters`);
  }
}

function checkAddress(input: unknown, path: string): void {
  if (input === undefined || input === null) return;
  const address = object(input, path);
  for (const field of ["url", "referringUrl"])
    optionalText(address[field], `${path}.${field}`, limit("target.url"));
}

function notification(input: unknown, position: number): DeliveryNotification {
  const path = `notifications[${position}]`;
  const given = object(input, path);
  const { type, timestamp } = given;
  if (type !== "display" && type !== "click") refuse(`${path}.type must be display or click`);
  if (typeof timestamp !== "number" || !(timestamp >= 0) || timestamp > 8_640_000_000_000_000) {
    refuse(`${path}.timestamp must be milliseconds since 1970`);
  }
  const tokens = list(given["tokens"], `${path}.tokens`).map((token, index) =>
    text(token, `${path}.tokens[${index}]`, 4096),
  );
  return {
    id: text(given["id"], `${path}.id`, 200),
    type: type as "display" | "click",
    at: new Date(timestamp as number).toISOString(),
    events: tokens.flatMap((token) => readEventToken(token) ?? []),
  };
}

function limit(id: LimitId): number {
  return findLimit(id).value;
}

function refuse(message: string): never {
  throw new Refused(message);
}

function object(input: unknown, path: string): Record<string, unknown> {
  return isObject(input) ? input : refuse(`${path} must be an object`);
}

function list(input: unknown, path: string): readonly unknown[] {
  if (input === undefined || input === null) return [];
  return Array.isArray(input) ? input : refuse(`${path} must be a list`);
}

function text(input: unknown, path: string, max: number): string {
  if (typeof input !== "string" || input === "") refuse(`${path} must not be blank`);
  const value = input as string;
  return value.length <= max ? value : refuse(`${path}: size must be between 1 and ${max}`);
}

function optionalText(input: unknown, path: string, max: number): string | undefined {
  if (input === undefined || input === null || input === "") return undefined;
  if (typeof input !== "string") refuse(`${path} must be a text`);
  return text(input, path, max);
}
