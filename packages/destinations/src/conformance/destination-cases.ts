import { parseMarketingAction } from "@tessera/governance";
import type { ActivationBatch } from "../activation-batch.ts";
import type { DestinationDefinition, PlanContext } from "../definition.ts";
import type { DeliveryOutcome } from "../outcome.ts";
import { describeRequest, type PlannedRequest } from "../planned-request.ts";
import type { RawResponse } from "../raw-response.ts";
import { deepFreeze, expect, expectSame, replaceUnder } from "./expect.ts";

/** One case: `run` throws when the destination breaks the contract. Works with any test runner. */
export interface ConformanceCase {
  readonly name: string;
  readonly run: () => void;
}

/** What an author gives beside the definition: settings and batches that are typical of the destination. */
export interface DestinationSamples {
  readonly settings: readonly unknown[];
  /** Settings to refuse; `path` is where the issue must be reported. */
  readonly invalidSettings: readonly {
    readonly input: unknown;
    readonly path: readonly (string | number)[];
  }[];
  /** At least one batch that leads to requests; with entries and exits. */
  readonly batches: readonly ActivationBatch[];
  readonly context: PlanContext;
  /** Answers with what they must mean for every item of the first request. */
  readonly responses?: readonly { readonly response: RawResponse; readonly kind: DeliveryOutcome["kind"] }[];
}

const STATUSES = [
  200, 201, 202, 204, 301, 304, 400, 401, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504, 599, 999,
];
const BODIES = ["", "null", "{}", "[]", '"x"', "{", "<html>", '{"results":[{}]}', "\u0000", "1e999"];
const JUNK: readonly unknown[] = [undefined, null, 1, "x", [], {}, { constructor: 1 }, { name: {} }, [[[]]]];
const HOSTILE = "a b/../?x=1&y#z%2F%\"'<>\\;,\t\r\nX-Injected: 1\u0000é😀";

/** The contract as cases: `for (const { name, run } of destinationCases(definition, samples)) it(name, run)`. */
export function destinationCases<S>(
  definition: DestinationDefinition<S>,
  samples: DestinationSamples,
): readonly ConformanceCase[] {
  return [
    ...settingsCases(definition, samples),
    ...planCases(definition, samples),
    ...interpretCases(definition, samples),
  ].map(({ name, run }) => ({ name: `${definition.slug}: ${name}`, run }));
}

function settingsCases<S>(
  definition: DestinationDefinition<S>,
  samples: DestinationSamples,
): ConformanceCase[] {
  const { parseSettings } = definition;
  return [
    {
      name: "says what its use stands for, in marketing actions that policies know",
      run: () => {
        const { marketingActions } = definition.capabilities;
        expect(marketingActions.length > 0, "no marketing action: no policy could ever keep data from it");
        for (const action of marketingActions) {
          const parsed = parseMarketingAction(action);
          expect(parsed.ok, `${action}: ${parsed.ok ? "" : parsed.error.message}`);
        }
      },
    },
    {
      name: "valid settings parse, and parse again to the same after a round trip through JSON",
      run: () => {
        expect(samples.settings.length > 0, "samples.settings is empty");
        for (const input of samples.settings) {
          const first = parseSettings(deepFreeze(input));
          expect(first.ok, `refused: ${first.ok ? "" : first.error.map((i) => i.message).join(" ")}`);
          const again = parseSettings(JSON.parse(JSON.stringify(first.value)));
          expect(again.ok, "parsed settings do not parse again");
          expectSame(again.value, first.value, "settings after a round trip");
        }
      },
    },
    {
      name: "invalid settings are refused at their path, and anything at all is refused without throwing",
      run: () => {
        for (const { input, path } of samples.invalidSettings) {
          const parsed = parseSettings(input);
          expect(!parsed.ok, `accepted settings that are wrong at ${path.join(".")}`);
          const found = parsed.error.some((issue) => (issue.path ?? []).join(".") === path.join("."));
          expect(
            found,
            `no issue at ${path.join(".")}, but at ${parsed.error.map((i) => i.path?.join(".")).join(", ")}`,
          );
        }
        for (const input of JUNK) {
          const parsed = parseSettings(input);
          if (!parsed.ok) expect(parsed.error.length > 0, "refused without an issue");
        }
      },
    },
  ];
}

function planCases<S>(definition: DestinationDefinition<S>, samples: DestinationSamples): ConformanceCase[] {
  return [
    {
      name: "plan is deterministic and leaves frozen arguments alone",
      run: () =>
        eachPlan(definition, samples, (batch, plan) => {
          expectSame(readable(plan(batch)), readable(plan(batch)), "the second plan of one batch");
        }),
    },
    {
      name: "every item is carried or settled, none is invented, batches keep to batchMax",
      run: () =>
        eachPlan(definition, samples, (batch, plan) => {
          const ids = new Set([...batch.items].map(({ id }) => id));
          const seen = new Set<string>();
          for (const request of plan(batch)) {
            const items = itemsOf(request);
            expectSame(new Set(items).size, items.length, "distinct items in one request");
            for (const item of items) {
              expect(ids.has(item), `a request carries the unknown item ${item}`);
              seen.add(item);
            }
            if (request.kind === "http") {
              expect(
                items.length <= definition.capabilities.batchMax,
                `${items.length} items in one request`,
              );
            }
          }
          expectSame(seen.size, ids.size, "items in requests or settled");
        }),
    },
    {
      name: "an empty batch gives no request that carries items",
      run: () =>
        eachPlan(definition, samples, (batch, plan) => {
          for (const request of plan({ ...batch, items: [] } as ActivationBatch)) {
            expectSame(itemsOf(request).length, 0, "items of an empty batch");
          }
        }),
    },
    {
      name: "exits are sent, or refused with a code, never dropped",
      run: () =>
        eachPlan(definition, samples, (batch, plan) => {
          if (batch.kind === "audiences" || definition.capabilities.removals) return;
          const exits = new Set(
            [...batch.items].filter((i) => i.changes.some((c) => c.status === "exited")).map(({ id }) => id),
          );
          for (const request of plan(batch)) {
            if (request.kind === "settled") continue;
            for (const item of request.items) {
              expect(!exits.has(item), `an exit is sent by a destination that says it cannot remove`);
            }
          }
        }),
    },
    {
      name: "hostile values stay values: addresses, headers and JSON bodies keep their shape",
      run: () =>
        eachPlan(definition, samples, (batch, plan) => {
          const hosts = new Set(plan(batch).flatMap((r) => (r.kind === "http" ? [new URL(r.url).host] : [])));
          for (const request of plan(hostile(batch))) {
            if (request.kind === "http") checkHttp(request, hosts);
            if (request.kind === "file") expect(isFileName(request.name), "a file name with a path in it");
          }
        }),
    },
    {
      name: "logs and reasons show no identity, no attribute and no secret",
      run: () =>
        eachPlan(definition, samples, (batch, plan) => {
          const marked = replaceUnder(
            asData(batch),
            PERSONAL,
            () => "zqpersonal0marker9z",
          ) as ActivationBatch;
          for (const request of plan(marked)) {
            const said = JSON.stringify([
              describeRequest(request),
              request.kind === "settled" ? request.outcomes : [],
            ]);
            expect(!said.includes("zqpersonal0marker9z"), `shows personal data: ${describeRequest(request)}`);
          }
        }),
    },
  ];
}

function interpretCases<S>(
  definition: DestinationDefinition<S>,
  samples: DestinationSamples,
): ConformanceCase[] {
  const eachRequest = (use: (request: PlannedRequest, batch: ActivationBatch) => void): void =>
    eachPlan(definition, samples, (batch, plan) => {
      for (const request of plan(batch)) if (request.kind !== "settled") use(request, batch);
    });
  return [
    {
      name: "every answer gives exactly one outcome an item, whatever its status and body, without throwing",
      run: () =>
        eachRequest((request) => {
          for (const response of answers()) {
            const outcomes = definition.interpret(request, deepFreeze(response));
            const told = outcomes.map(({ item }) => item).sort();
            expectSame(told, [...itemsOf(request)].sort(), `items with an outcome after ${label(response)}`);
          }
        }),
    },
    {
      name: "an error status never counts as delivered, an unknown one is retryable or rejected",
      run: () =>
        eachRequest((request, batch) => {
          // A definition that is there already, or gone already, is as good as told.
          const done = batch.kind === "audiences" ? [404, 409, 410] : [];
          for (const status of STATUSES.filter((s) => s >= 300 && !done.includes(s))) {
            for (const outcome of definition.interpret(request, answer(status, ""))) {
              const failed = outcome.kind === "retryable" || outcome.kind === "rejected";
              expect(failed || request.kind === "file", `status ${status} gave ${outcome.kind}`);
            }
          }
        }),
    },
    {
      name: "429 and 503 are retryable",
      run: () =>
        eachRequest((request) => {
          for (const status of [429, 503]) {
            for (const { kind } of definition.interpret(request, answer(status, ""))) {
              expectSame(kind, "retryable", `outcome of status ${status}`);
            }
          }
        }),
    },
    {
      name: "the author's answers mean what the author says",
      run: () => {
        for (const { response, kind } of samples.responses ?? []) {
          let used = false;
          eachRequest((request) => {
            if (used || (request.kind === "file") !== (response.kind === "file")) return;
            used = true;
            for (const outcome of definition.interpret(request, response)) {
              expectSame(outcome.kind, kind, `outcome of ${label(response)}`);
            }
          });
          expect(used, `no request fits the sample response ${label(response)}`);
        }
      },
    },
    {
      name: "reasons never repeat what the destination echoed",
      run: () =>
        eachRequest((request) => {
          const echo = JSON.stringify({
            error: "zqecho0marker9z",
            message: "zqecho0marker9z",
            code: "zqecho0marker9z",
          });
          for (const status of [200, 400, 500]) {
            const said = JSON.stringify(
              definition
                .interpret(request, answer(status, echo))
                .map((o) => ("detail" in o ? [o.code, o.detail] : [])),
            );
            expect(!said.includes("zqecho0marker9z"), `an outcome of ${status} repeats the body`);
          }
        }),
    },
  ];
}

const PERSONAL = new Set(["identities", "attributes"]);

function eachPlan<S>(
  definition: DestinationDefinition<S>,
  samples: DestinationSamples,
  use: (batch: ActivationBatch, plan: (batch: ActivationBatch) => readonly PlannedRequest[]) => void,
): void {
  expect(samples.batches.length > 0, "samples.batches is empty");
  for (const input of samples.settings) {
    const settings = definition.parseSettings(input);
    expect(settings.ok, "a sample setting is refused");
    for (const batch of samples.batches) {
      use(deepFreeze(asData(batch)), (b) =>
        definition.plan(deepFreeze(b), deepFreeze(settings.value), deepFreeze(samples.context)),
      );
    }
  }
}

/** The batch with its items as a list, so that it can be frozen, compared and changed. */
function asData(batch: ActivationBatch): ActivationBatch {
  return batch.kind === "file" ? { ...batch, items: [...batch.items] } : batch;
}

function hostile(batch: ActivationBatch): ActivationBatch {
  const fields = new Set(["attributes", "name", "description"]);
  const values = replaceUnder(asData(batch), fields, () => HOSTILE);
  if (values.kind === "audiences") return values;
  const items = [...values.items].map((item) => ({
    ...item,
    identities: item.identities.map((identity) => ({ ...identity, id: HOSTILE })),
  }));
  return { ...values, items };
}

function itemsOf(request: PlannedRequest): readonly string[] {
  return request.kind === "settled" ? request.outcomes.map(({ item }) => item) : request.items;
}

function readable(requests: readonly PlannedRequest[]): unknown {
  return requests.map((r) => (r.kind === "file" ? { ...r, content: [...r.content] } : r));
}

function checkHttp(request: Extract<PlannedRequest, { kind: "http" }>, hosts: ReadonlySet<string>): void {
  expect(/^https?:\/\/[\x21-\x7e]+$/.test(request.url), "an address with characters that are not encoded");
  const url = new URL(request.url);
  expect(hosts.size === 0 || hosts.has(url.host), "a value changed the host of the address");
  expect(!/%2e%2e|\/\.\.(\/|$)/i.test(url.pathname), "a value climbs in the path");
  expect(url.hash === "", "a value became a fragment of the address");
  for (const [name, value] of Object.entries(request.headers)) {
    const text = typeof value === "string" ? value : (value.prefix ?? "");
    expect(/^[\x21-\x7e]+$/.test(name) && isPrintable(text), `header ${name} is broken by a value`);
  }
  const type = request.headers["content-type"] ?? request.headers["Content-Type"];
  if (typeof type === "string" && /json/i.test(type)) JSON.parse(request.body ?? "null");
}

function answers(): RawResponse[] {
  const http = STATUSES.flatMap((status) => BODIES.map((body) => answer(status, body)));
  return [...http, { kind: "file", location: "x", bytes: 1, receivedAt: AT }];
}

const AT = "2026-01-31T12:00:00.000Z";

function answer(status: number, body: string): RawResponse {
  return { kind: "http", status, headers: {}, body, receivedAt: AT };
}

function label(response: RawResponse): string {
  return response.kind === "http" ? `status ${response.status}` : "a stored file";
}

/** No control character: one would end a header or a line early. */
function isPrintable(text: string): boolean {
  return [...text].every((character) => character >= " ");
}

function isFileName(name: string): boolean {
  return (
    isPrintable(name) && !name.includes("/") && !name.includes("\\") && name !== "" && name.length <= 255
  );
}
