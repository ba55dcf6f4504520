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
import {
  type CreateHash,
  createMeasure,
  type FileMeasure,
  type ManifestLoad,
  manifestText,
} from "./export/manifest.ts";
import { mappingFaults, type MappingDemands } from "./export/mapping-rules.ts";
import { type KnownRecipients, planRows, type RowPlan, type RowPosition } from "./export/rows.ts";
import { fileBaseName, fileName, manifestName, MAX_FILE_NAME } from "./file-name.ts";
import type { FileSettings } from "./file-settings.ts";
import { audienceNameFault } from "./guardrails.ts";

/** What a destination is given by the platform at hand. */
export interface CampaignPorts {
  /** SHA-256 for manifests; without it they carry sizes alone. */
  readonly createHash?: CreateHash;
  /** The recipients an instance knows, by value of the deduplication column; unknown ones are left out. */
  readonly knownRecipients?: (of: RecipientList) => KnownRecipients | undefined;
}

/** Which list of recipients is asked for: of the instance, under the target mapping, by the column that is the key. */
export interface RecipientList {
  readonly instance: string;
  readonly targetMapping: string;
  readonly column: string;
}

/** What the two destinations plan differently. */
export interface FilePlanRules {
  readonly createHash?: CreateHash;
  readonly knownRecipients?: (column: string) => KnownRecipients | undefined;
  /** What the manifest tells the loader. */
  readonly load?: ManifestLoad;
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
  const key = batch.mapping.find(({ dedup }) => dedup === true)?.target;
  const knownRecipients = key === undefined ? undefined : rules.knownRecipients?.(key);
  const rows = planRows(batch.items, {
    mapping: batch.mapping,
    mode: batch.mode,
    ...(knownRecipients && { knownRecipients }),
  });
  const files = fileRequests(batch, rows, base, rules);
  const manifest =
    files.length > 0 && rules.files.manifest
      ? [manifestRequest(batch, files, base, { rules, context, leftOut: rows.report })]
      : [];
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
  /** Size and checksum of the content: from the last time it was read to its end, else by reading it. */
  readonly measured: () => FileMeasure;
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
  return itemsOfFiles(plan, rowsPerFile).map(({ items, rows, from }, index): PlannedFile => {
    const name = fileName(base, index + 1, csv.compression);
    let measured: FileMeasure | undefined;
    function* content(): Generator<string, void, undefined> {
      const measure = createMeasure(csv.encoding, rules.files.manifest ? rules.createHash : undefined);
      let text = csv.header ? write(columns) : "";
      let row = 0;
      for (const values of plan.values(from)) {
        text += write(values);
        row += 1;
        if (text.length >= 1 << 16) {
          measure.add(text);
          yield text;
          text = "";
        }
        if (row >= rows) break;
      }
      if (text !== "") {
        measure.add(text);
        yield text;
      }
      measured = measure.end();
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
    const read = (): FileMeasure => {
      for (const _ of measured === undefined ? request.content : []);
      if (measured === undefined) throw new Error("the content of a file ends");
      return measured;
    };
    return { request, rows, measured: read };
  });
}

interface FileCut {
  readonly items: readonly string[];
  readonly rows: number;
  readonly from: RowPosition;
}

/** Cuts the rows into files. An item whose rows fall into two files stands in both. */
function itemsOfFiles(plan: RowPlan, rowsPerFile: number): readonly FileCut[] {
  const files: { items: string[]; rows: number; from: RowPosition }[] = [];
  let file: { items: string[]; rows: number } | undefined;
  plan.items.forEach((id, index) => {
    const rows = plan.rowsOfItem[index] ?? 0;
    for (let left = rows; left > 0;) {
      if (file === undefined || file.rows === rowsPerFile) {
        const next = { items: [], rows: 0, from: { item: index, row: rows - left } };
        files.push(next);
        file = next;
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
  {
    rules,
    context,
    leftOut,
  }: {
    readonly rules: FilePlanRules;
    readonly context: PlanContext;
    readonly leftOut: RowPlan["report"];
  },
): FileRequest {
  function* content(): Generator<string, void, undefined> {
    yield manifestText({
      destination: context.destinationName,
      audience: { id: batch.audience.id, name: batch.audience.name },
      mode: batch.mode,
      createdAt: context.now,
      columns: batch.mapping.map(({ target }) => target),
      rows: files.reduce((sum, { rows }) => sum + rows, 0),
      leftOut,
      ...(rules.load && { load: rules.load }),
      files: files.map(({ request, rows, measured }) => ({ name: request.name, rows, ...measured() })),
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
