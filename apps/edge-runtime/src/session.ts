import { err, isObject, ok, type Result } from "@tessera/xdm";
import type { Access } from "./access.ts";
import type { CompiledSnapshot } from "./compiled-snapshot.ts";
import { applyOverrides, type Datastream } from "./datastream.ts";
import type { Edge } from "./edge.ts";
import type { EdgeError } from "./errors.ts";
import { isPlainData } from "./event.ts";
import type { BodyOutcome, EdgeContext, EdgeRequest } from "./exchange.ts";
import { MAX_BODY_BYTES, requestUnits } from "./request-units.ts";
import type { Route } from "./route.ts";
import { createSlot } from "./slot.ts";
import { type ClientState, cookiePrefix, readState } from "./state.ts";

/** A request that passed the door: who may ask, on which datastream, with which state and body. */
export interface Session {
  readonly requestId: string;
  readonly compiled: CompiledSnapshot;
  readonly datastream: Datastream;
  readonly access: Access;
  readonly body: Readonly<Record<string, unknown>>;
  readonly state: ClientState;
  readonly prefix: string;
  readonly host: string | undefined;
  readonly cookies: string | undefined;
  /** Milliseconds since 1970: the one moment this request is answered at. */
  readonly now: number;
}

const REQUEST_ID = /^[A-Za-z0-9_-]{1,128}$/;

/** The id a request goes by: its own if it brought a proper one. */
export function requestIdOf(edge: Edge, request: EdgeRequest, route: Route): string {
  const came = route.query.get("requestId") ?? request.header("x-request-id") ?? "";
  return REQUEST_ID.test(came) ? came : edge.newId();
}

/** Checks datastream, credentials, body and overrides, in this order, and reads the client's state. */
export async function openSession(
  edge: Edge,
  request: EdgeRequest,
  options: {
    readonly route: Route;
    readonly requestId: string;
    readonly context: EdgeContext;
    readonly kind: "interact" | "collect";
  },
): Promise<Result<Session, EdgeError>> {
  const now = edge.clock();
  const source = edge.snapshot.current(options.context.waitUntil);
  const compiled = source instanceof Promise ? await source : source;
  if (compiled === undefined)
    return err({
      code: "EXEG-0000",
      detail: "This edge has no definitions from its hub yet. Try again shortly.",
      retryAfterSeconds: 1,
    });
  const { query } = options.route;
  const found = findDatastream(compiled, query.get("datastreamId") ?? query.get("configId"));
  if (!found.ok) return found;
  const came = edge.authenticate(request.header);
  const proven = came instanceof Promise ? await came : came;
  const access = checkAccess(proven, { datastream: found.value, compiled });
  if (!access.ok) return access;
  const reading = readBody(request);
  const read = reading instanceof Promise ? await reading : reading;
  if (!read.ok) return read;
  const { body, bytes } = read.value;
  const wait = edge.units.take(options.kind, requestUnits(bytes, serviceCount(found.value)), now);
  if (wait > 0)
    return err({
      code: "EXEG-0429",
      detail: "The edge's request units of this second are spent. Wait and send again.",
      retryAfterSeconds: wait,
    });
  const meta = body["meta"];
  const overridden = applyOverrides(found.value, isObject(meta) ? meta["configOverrides"] : undefined);
  if (!overridden.ok) return err({ code: "EXEG-0113", detail: overridden.error });
  const prefix = prefixOf(compiled);
  const cookies = request.header("cookie");
  return ok({
    requestId: options.requestId,
    compiled,
    datastream: overridden.value,
    access: access.value,
    body,
    state: readState(meta, cookies, prefix),
    prefix,
    host: request.header("host"),
    cookies,
    now,
  });
}

const prefixes = createSlot<CompiledSnapshot, string>("cookie prefix");

function prefixOf(compiled: CompiledSnapshot): string {
  const held = prefixes.read(compiled);
  if (held !== undefined) return held;
  const prefix = cookiePrefix(compiled.snapshot.organisation);
  prefixes.put(compiled, prefix);
  return prefix;
}

function serviceCount(datastream: Datastream): number {
  return Number(datastream.platform !== undefined) + Number(datastream.target !== undefined);
}

function findDatastream(compiled: CompiledSnapshot, id: string | null): Result<Datastream, EdgeError> {
  if (id === null || id === "")
    return err({ code: "EXEG-0002", detail: "Expected the parameter configId or datastreamId, got none." });
  const datastream = compiled.datastreams.get(id);
  if (datastream === undefined)
    return err({
      code: "EXEG-0003",
      detail: "No datastream has this id. Check the id the page is configured with.",
    });
  return datastream.enabled
    ? ok(datastream)
    : err({ code: "EXEG-0004", detail: "The datastream is switched off. Enable it or use another one." });
}

function checkAccess(
  access: Access,
  scope: { readonly datastream: Datastream; readonly compiled: CompiledSnapshot },
): Result<Access, EdgeError> {
  if (access.kind === "invalid")
    return err({
      code: "EXEG-0501",
      detail: "The access token is not known here. Send a valid bearer token.",
    });
  if (access.kind === "anonymous" && scope.datastream.accessType === "authenticatedOnly")
    return err({
      code: "EXEG-0500",
      detail: "This datastream takes authenticated calls only. Send a bearer token.",
    });
  const organisation = access.kind === "authenticated" ? access.organisation : undefined;
  if (organisation !== undefined && organisation !== scope.compiled.snapshot.organisation)
    return err({
      code: "EXEG-0503",
      detail: "x-gw-ims-org-id: expected the organisation of the datastream.",
    });
  return ok(access);
}

const MEDIA_TYPES = new Set(["application/json", "text/plain", "text/javascript"]);
/** What browsers are made to say by the Web SDK. */
const SDK_TYPE = "text/plain; charset=UTF-8";
const MEDIA_TYPE = /^\s*([a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+)\s*(;.*)?$/i;

type ReadBody = Result<
  { readonly body: Readonly<Record<string, unknown>>; readonly bytes: number },
  EdgeError
>;

/** Reads a JSON body of at most 64 KB, sent as JSON or as text (what browsers send without asking first). */
export function readBody(
  request: EdgeRequest,
  maxBytes: number = MAX_BODY_BYTES,
): ReadBody | Promise<ReadBody> {
  const type = request.header("content-type");
  if (type !== undefined && type !== SDK_TYPE) {
    const media = MEDIA_TYPE.exec(type)?.[1]?.toLowerCase();
    if (media === undefined)
      return err({
        code: "EXEG-0106",
        detail: "Content-Type: expected a media type such as application/json.",
      });
    if (!MEDIA_TYPES.has(media))
      return err({
        code: "EXEG-0111",
        detail: `Content-Type: expected one of ${[...MEDIA_TYPES].join(", ")}.`,
      });
  }
  const came = request.body(maxBytes);
  return came instanceof Promise ? came.then((read) => parseBody(read, maxBytes)) : parseBody(came, maxBytes);
}

function parseBody(read: BodyOutcome, maxBytes: number): ReadBody {
  if (read.kind === "too-large")
    return err({
      code: "EXEG-0112",
      detail: `Expected a body of at most ${maxBytes} bytes. Send fewer events at once.`,
    });
  if (read.kind === "unreadable")
    return err({ code: "EXEG-0101", detail: "Expected a complete body of UTF-8 text." });
  if (read.text.trim() === "")
    return err({ code: "EXEG-0109", detail: "Expected a JSON body, got nothing." });
  let body: unknown;
  try {
    body = JSON.parse(read.text);
  } catch {
    return err({ code: "EXEG-0101", detail: "Expected a JSON object; the body is not JSON." });
  }
  if (!isObject(body)) return err({ code: "EXEG-0102", detail: "Expected a JSON object as the body." });
  if (!isPlainData(body))
    return err({
      code: "EXEG-0101",
      detail:
        "Expected data nested at most 64 deep, without fields named __proto__, constructor or prototype.",
    });
  return ok({ body, bytes: read.bytes });
}
