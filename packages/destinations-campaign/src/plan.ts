import {
  type ActivationBatch,
  type DeliveryOutcome,
  type FileBatch,
  type FileRequest,
  type FileTarget,
  forEveryItem,
  type PlanContext,
  type PlannedRequest,
  type RawResponse,
  unexpectedResponse,
} from "@tessera/destinations";
import { digest } from "@tessera/xdm";
import { createCsvWriter } from "./csv/csv-row.ts";
import { type CreateHash, manifestText, measure } from "./export/manifest.ts";
import { mappingFaults, type MappingDemands } from "./export/mapping-rules.ts";
import { type KnownRecipients, planRows, type RowPlan } from "./export/rows.ts";
import { fileBaseName, fileName, manifestName, MAX_FILE_NAME } from "./file-name.ts";
import type { FileSettings } from "./file-settings.ts";
import { audienceNameFault } from "./guardrails.ts";

/** What a destination is given by the platform at hand. */
export interface CampaignPorts {
  /** SHA-256 for manifests; without it they carry sizes alone. */
  readonly createHash?: CreateHash;
  /** The recipients Campaign knows, by value of the deduplication column; unknown ones are left out. */
  readonly knownRecipients?: KnownRecipients;
}

/** What the two destinations plan differently. */
export interface FilePlanRules extends CampaignPorts {
  readonly target: FileTarget;
  readonly files: FileSettings;
  readonly demands: MappingDemands;
  readonly plainAudienceNames: boolean;
}

/**
 * The files of one audience: parts of at most `rowsPerFile` rows, then the manifest. Items that have no row are
 * settled with the reason. A mapping, an audience name or a file name that is not taken refuses the whole batch.
 */
export function planFiles(
  batch: ActivationBatch,
  rules: FilePlanRules,
  context: PlanContext,
): readonly PlannedRequest[] {
  if (batch.kind !== "file") return refuseAll(batch.items, "campaign.batch.kind");
  const base = fileBaseName(rules.files.fileName, {
    destinationName: context.destinationName,
    destinationId: context.destinationId,
    audienceId: batch.audience.id,
    audienceName: batch.audience.name,
    orgId: context.orgId,
    sandbox: context.sandbox,
    at: context.now,
  });
  const refusal = refusalOf(batch, rules, base);
  if (refusal !== undefined) return refuseAll(batch.items, refusal);
  const rows = planRows(batch.items, {
    mapping: batch.mapping,
    mode: batch.mode,
    ...(rules.knownRecipients && { knownRecipients: rules.knownRecipients }),
  });
  const files = fileRequests(batch, rows, base, rules);
  const manifest =
    files.length > 0 && rules.files.manifest ? [manifestRequest(batch, files, base, { rules, context })] : [];
  return [...files.map(({ request }) => request), ...manifest, ...settled(rows.outcomes)];
}

function refusalOf(batch: FileBatch, rules: FilePlanRules, base: string): string | undefined {
  const [fault] = mappingFaults(batch.mapping, rules.demands);
  if (fault !== undefined) return fault.code;
  if (rules.plainAudienceNames && audienceNameFault(batch.audience.name)) return "campaign.name.characters";
  const longest = Math.max(
    fileName(base, 1000, rules.files.csv.compression).length,
    manifestName(base).length,
  );
  return longest > MAX_FILE_NAME ? "campaign.name.length" : undefined;
}

function refuseAll(items: Iterable<{ readonly id: string }>, code: string): readonly PlannedRequest[] {
  return settled([...items].map(({ id }): DeliveryOutcome => ({ kind: "rejected", item: id, code })));
}

function settled(outcomes: readonly DeliveryOutcome[]): readonly PlannedRequest[] {
  return outcomes.length === 0 ? [] : [{ kind: "settled", outcomes }];
}

interface PlannedFile {
  readonly request: FileRequest;
  readonly rows: number;
}

function fileRequests(
  batch: FileBatch,
  plan: RowPlan,
  base: string,
  rules: FilePlanRules,
): readonly PlannedFile[] {
  const { csv, rowsPerFile } = rules.files;
  const columns = batch.mapping.map(({ target }) => target);
  const write = createCsvWriter(csv);
  const carried = digest(`${base}\n${plan.items.length}\n${plan.items[0] ?? ""}\n${plan.items.at(-1) ?? ""}`);
  return itemsOfFiles(plan, rowsPerFile).map(({ items, rows }, index) => {
    const name = fileName(base, index + 1, csv.compression);
    function* content(): Generator<string, void, undefined> {
      let text = csv.header ? write(columns) : "";
      let row = 0;
      for (const values of plan.values()) {
        if (row >= index * rowsPerFile) text += write(values);
        row += 1;
        if (text.length >= 1 << 16) {
          yield text;
          text = "";
        }
        if (row >= (index + 1) * rowsPerFile) break;
      }
      if (text !== "") yield text;
    }
    const request: FileRequest = {
      kind: "file",
      id: digest(`${name}\n${carried}`),
      items,
      target: rules.target,
      name,
      contentType: csv.compression === "gzip" ? "application/gzip" : "text/csv",
      encoding: csv.encoding,
      compression: csv.compression,
      content: { [Symbol.iterator]: content },
    };
    return { request, rows };
  });
}

/** Cuts the rows into files. An item whose rows fall into two files stands in both. */
function itemsOfFiles(
  plan: RowPlan,
  rowsPerFile: number,
): readonly { readonly items: readonly string[]; readonly rows: number }[] {
  const files: { items: string[]; rows: number }[] = [];
  let file: { items: string[]; rows: number } | undefined;
  plan.items.forEach((id, index) => {
    for (let left = plan.rowsOfItem[index] ?? 0; left > 0;) {
      if (file === undefined || file.rows === rowsPerFile) {
        file = { items: [], rows: 0 };
        files.push(file);
      }
      const taken = Math.min(left, rowsPerFile - file.rows);
      file.items.push(id);
      file.rows += taken;
      left -= taken;
    }
  });
  return files;
}

function manifestRequest(
  batch: FileBatch,
  files: readonly PlannedFile[],
  base: string,
  { rules, context }: { readonly rules: FilePlanRules; readonly context: PlanContext },
): FileRequest {
  function* content(): Generator<string, void, undefined> {
    yield manifestText({
      destination: context.destinationName,
      audience: { id: batch.audience.id, name: batch.audience.name },
      mode: batch.mode,
      createdAt: context.now,
      columns: batch.mapping.map(({ target }) => target),
      rows: files.reduce((sum, { rows }) => sum + rows, 0),
      files: files.map(({ request, rows }) => ({
        name: request.name,
        rows,
        ...measure(request.content, request.encoding, rules.createHash),
      })),
    });
  }
  return {
    kind: "file",
    id: digest(`manifest\n${files.map(({ request }) => request.id).join("\n")}`),
    items: [],
    target: rules.target,
    name: manifestName(base),
    contentType: "application/json",
    encoding: "utf-8",
    compression: "none",
    content: { [Symbol.iterator]: content },
  };
}

/** A stored file is delivered: Campaign loads it on its own schedule. */
export function interpretFiles(request: PlannedRequest, response: RawResponse): readonly DeliveryOutcome[] {
  if (request.kind === "settled") return request.outcomes;
  if (request.kind === "http" || response.kind !== "file")
    return forEveryItem(request.items, unexpectedResponse(response));
  return forEveryItem(request.items, { kind: "delivered" });
}
