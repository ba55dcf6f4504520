import { importThirdParty, type ThirdPartySource } from "@tessera/destinations-aam";
import { formatInstant } from "@tessera/xdm";
import type { Context } from "hono";
import type { Gateway } from "../gateway.ts";
import type { Sandbox } from "../sandbox.ts";
import { decoded } from "./collect.ts";
import { refuse, type RouteEnv } from "./request-scope.ts";
import { refusedImport } from "./rows-route.ts";

const PAGE = 500;
const LINE_MAX = 200_000;
/** Refused lines that are told one by one; the rest is counted. */
const TOLD_MAX = 100;

/**
 * `POST /collect/third-party?dataSource=1234&namespace=CRMID&traits=24:gold,25&mode=sync`: an inbound file of Audience Manager
 * (user id, tab, traits) as memberships of namespace `AAM`, to be used in batch audiences by `inSegment("24", "AAM")`.
 * They hold for 30 days. `overwrite`: what a line does not list is left.
 */
export function thirdPartyRoute(gateway: Gateway): (context: Context<RouteEnv>) => Promise<Response> {
  return async (context) => {
    const refused = refusedImport(gateway, context);
    if (refused !== undefined) return refused;
    const asked = (name: string): string => context.req.query(name) ?? "";
    const dataSourceId = Number(asked("dataSource"));
    const [namespace, mode] = [asked("namespace"), asked("mode") || "sync"];
    const traits = traitsOf(asked("traits"));
    const body = decoded(context.env.incoming);
    const isMode = mode === "sync" || mode === "overwrite";
    if (
      !Number.isInteger(dataSourceId) ||
      dataSourceId < 1 ||
      namespace === "" ||
      traits === undefined ||
      !isMode
    ) {
      const message =
        "Expected ?dataSource=<number>, &namespace=<of the user ids>, &traits=<number[:integration code]>, separated by commas, and &mode=sync or overwrite.";
      return refuse(context, 400, { code: "BAD_REQUEST", message });
    }
    if (body === undefined) {
      const message = "Expected Content-Encoding gzip, deflate, br or none.";
      return refuse(context, 400, { code: "BAD_REQUEST", message });
    }
    const at = formatInstant(gateway.clock());
    const source: ThirdPartySource = { dataSourceId, namespace, traits, mode, at };
    return context.json(await importLines(context.var.sandbox, source, linesOf(body)));
  };
}

/** `24:gold,25` as traits; undefined when that cannot be read. */
function traitsOf(text: string): ThirdPartySource["traits"] | undefined {
  const traits = text.split(",").map((part) => {
    const [sid = "", ...code] = part.split(":");
    return { sid: Number(sid), ...(code.length > 0 && { integrationCode: code.join(":") }) };
  });
  return traits.every(({ sid }) => Number.isInteger(sid) && sid > 0) ? traits : undefined;
}

interface LinesImport {
  readonly lines: number;
  readonly accepted: number;
  readonly unknownTraits: number;
  readonly refusedCount: number;
  readonly refused: readonly { readonly line: number; readonly code: string; readonly message: string }[];
}

async function importLines(
  { hub }: Sandbox,
  source: ThirdPartySource,
  lines: AsyncIterable<string>,
): Promise<LinesImport> {
  let told: LinesImport = { lines: 0, accepted: 0, unknownTraits: 0, refusedCount: 0, refused: [] };
  const refuseLines = (more: LinesImport["refused"]): void => {
    const refused = [...told.refused, ...more].slice(0, TOLD_MAX);
    told = { ...told, refusedCount: told.refusedCount + more.length, refused };
  };
  let page: string[] = [];
  const take = async (): Promise<void> => {
    const first = told.lines;
    const found = [...importThirdParty(source, page)];
    told = { ...told, lines: first + page.length };
    page = [];
    refuseLines(
      found.flatMap((one) =>
        one.kind === "refused"
          ? [{ line: first + one.line, code: one.issue.code, message: one.issue.message }]
          : [],
      ),
    );
    const memberships = found.flatMap((one) => (one.kind === "membership" ? [one.membership] : []));
    const records = memberships.map(({ namespace, id, segmentMembership }) => ({
      identityMap: { [namespace]: [{ id, primary: true }] },
      segmentMembership,
    }));
    if (records.length === 0) return;
    // A dataset for each source: what one partner says never overwrites what another one said.
    const operation = source.mode === "overwrite" ? "upsert" : "merge";
    const report = await hub.ingestRecords(`aam-${source.dataSourceId}`, records, operation);
    const unknown = memberships.reduce((sum, { unknownTraits }) => sum + unknownTraits, 0);
    told = {
      ...told,
      accepted: told.accepted + report.accepted,
      unknownTraits: told.unknownTraits + unknown,
    };
    refuseLines(report.rejected.map(({ code, message }) => ({ line: 0, code, message })));
  };
  for await (const line of lines) {
    page.push(line);
    if (page.length === PAGE) await take();
  }
  if (page.length > 0) await take();
  return told;
}

/** The lines of a text as it arrives; empty ones are passed over, and one without end is cut. */
async function* linesOf(body: NodeJS.ReadableStream): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body as AsyncIterable<Buffer>) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n/);
    rest = (parts.pop() ?? "").slice(0, LINE_MAX);
    for (const line of parts) if (line !== "") yield line;
  }
  rest += decoder.decode();
  if (rest !== "") yield rest;
}
