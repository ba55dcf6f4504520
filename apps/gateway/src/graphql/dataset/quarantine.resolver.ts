import type { RowMapping } from "@tessera/hub";
import { formatInstant, isObject, type JsonObject, type JsonValue, parseJson } from "@tessera/xdm";
import {
  Arg,
  Args,
  ArgsType,
  Ctx,
  Field,
  ID,
  InputType,
  Int,
  Mutation,
  ObjectType,
  Query,
  Resolver,
} from "type-graphql";
import { savedMapping } from "../../http/rows-route.ts";
import type { GatewayContext } from "../context.ts";
import { demand, failure } from "../failure.ts";
import { IngestReport } from "../ingestion/ingestion.type.ts";
import { cursorOf, demandFirst, pageWith, placeOfCursor } from "../page.ts";
import { PageArgs, PageInfo } from "../page.type.ts";
import { DateTime, Json } from "../scalars.ts";

const ITEMS_MAX = 1_000;
/** Items that one page looks at for those that pass a filter; it goes on behind the cursor. */
const LOOKED_AT_MAX = 50_000;
const LIST = "quarantine";

@ObjectType({ description: "Something that could not be taken, kept with its reason." })
class QuarantinedItem {
  @Field(() => ID, { description: "Stable id." })
  readonly id!: string;

  @Field(() => String, { description: "Dataset it was sent to." })
  readonly datasetId!: string;

  @Field(() => String, { description: "event or record." })
  readonly kind!: string;

  @Field(() => String, { nullable: true, description: "merge or delete, when a record was to do that." })
  readonly operation?: string;

  @Field(() => Boolean, {
    description: "Whether the body is a row of a file, before its columns are mapped.",
  })
  readonly isRow!: boolean;

  @Field(() => String, { description: "Stable code." })
  readonly code!: string;

  @Field(() => String, { description: "What was expected, what came and what to do." })
  readonly message!: string;

  @Field(() => DateTime, { description: "When it came." })
  readonly at!: string;

  @Field(() => Json, { description: "The item as it came, without fields whose labels you do not hold." })
  readonly body!: unknown;
}

@ObjectType({ description: "A quarantined item at its place in the list." })
class QuarantineEdge {
  @Field(() => String, { description: "Give it as `after` to go on behind this one." })
  readonly cursor!: string;

  @Field(() => QuarantinedItem, { description: "The item." })
  readonly node!: QuarantinedItem;
}

@ObjectType({ description: "A page of what could not be taken. How many there are in all is not counted." })
class QuarantineConnection {
  @Field(() => [QuarantineEdge], { description: "The items with their cursors." })
  readonly edges!: readonly QuarantineEdge[];

  @Field(() => [QuarantinedItem], { description: "The items alone." })
  readonly nodes!: readonly QuarantinedItem[];

  @Field(() => PageInfo, {
    description:
      "Where this page stands. With a filter a page ends early after 50,000 items were looked at: with hasNextPage, go on behind endCursor.",
  })
  readonly pageInfo!: PageInfo;
}

@ArgsType()
class QuarantinePageArgs extends PageArgs {
  @Field(() => String, { nullable: true, description: "Only what was sent to this dataset." })
  readonly datasetId?: string;

  @Field(() => [String], { nullable: true, description: "Only with these codes." })
  readonly codes?: readonly string[];
}

@InputType({ description: "A quarantined item, mended." })
class QuarantineFixInput {
  @Field(() => ID, { description: "Id of the quarantined item." })
  readonly id!: string;

  @Field(() => Json, { description: "What is sent in its place." })
  readonly body!: unknown;
}

@Resolver()
export class QuarantineResolver {
  @Query(() => [QuarantinedItem], {
    description: "What could not be taken, in id order, at most 1,000 at a time. Permission: Manage Sources.",
  })
  async quarantine(
    @Arg("first", () => Int, { defaultValue: 100, description: "At most so many, 1 to 1,000." })
    first: number,
    @Arg("after", () => ID, { nullable: true, description: "Id to go on behind." }) after: string | undefined,
    @Ctx() context: GatewayContext,
  ): Promise<QuarantinedItem[]> {
    demand(context, "manage-sources");
    const items = await context.sandbox.hub.quarantined(
      Math.min(Math.max(first, 1), ITEMS_MAX),
      after ?? undefined,
    );
    return items.map(await quarantineFor(context));
  }

  @Query(() => QuarantineConnection, {
    description: "What could not be taken, page by page, in id order. Permission: Manage Sources.",
  })
  async quarantineConnection(
    @Args(() => QuarantinePageArgs) { first, after, datasetId, codes }: QuarantinePageArgs,
    @Ctx() context: GatewayContext,
  ): Promise<QuarantineConnection> {
    demand(context, "manage-sources");
    demandFirst(first);
    const found: Quarantined[] = [];
    const [behind] = after ? placeOfCursor(after, LIST) : [];
    let last = behind === undefined ? undefined : String(behind);
    let [looked, hasMore] = [0, true];
    while (hasMore && found.length < first && looked < LOOKED_AT_MAX) {
      const read = await context.sandbox.hub.quarantined(ITEMS_MAX, last);
      hasMore = read.length === ITEMS_MAX;
      for (const [index, item] of read.entries()) {
        looked += 1;
        last = item.id;
        if ((!datasetId || item.datasetId === datasetId) && (!codes || codes.includes(item.code)))
          found.push(item);
        if (found.length < first) continue;
        hasMore ||= index < read.length - 1;
        break;
      }
    }
    const edges = found.map(await quarantineFor(context)).map((node) => ({
      cursor: cursorOf(LIST, [node.id]),
      node,
    }));
    return pageWith(edges, {
      hasNextPage: hasMore,
      hasPreviousPage: Boolean(after),
      endCursor: last === undefined ? undefined : cursorOf(LIST, [last]),
    });
  }

  @Mutation(() => IngestReport, {
    description:
      "Sends quarantined items again, as they are (after a dataset or a mapping was mended) or mended by `fixes`; at most 1,000. Those that fail again stay, with their new reason; notices name items by their place, `ids` before `fixes`. Permission: Manage Sources.",
  })
  async replayQuarantine(
    @Arg("ids", () => [ID], { defaultValue: [], description: "Items that are sent as they are." })
    ids: string[],
    @Arg("fixes", () => [QuarantineFixInput], {
      defaultValue: [],
      description: "Items with what takes their place.",
    })
    fixes: QuarantineFixInput[],
    @Ctx() context: GatewayContext,
  ): Promise<IngestReport> {
    demand(context, "manage-sources");
    const all = [...ids, ...fixes.map(({ id }) => id)];
    demandFew(all);
    const { gateway, sandbox } = context;
    const mended = new Map(fixes.map(({ id, body }) => [id, jsonOf(body)]));
    const mappings = await mappingsOf(context);
    const report = await sandbox.hub.replayQuarantined(all, {
      fix: (item) => mended.get(item.id) ?? item.body,
      mappingOf: (datasetId) => mappings.get(datasetId),
    });
    gateway.audit(context, { action: "quarantine.replay", subject: String(all.length) });
    return report;
  }

  @Mutation(() => Int, {
    description:
      "Throws quarantined items away for good, at most 1,000; gives how many there were. Permission: Manage Sources.",
  })
  async discardQuarantine(
    @Arg("ids", () => [ID], { description: "Ids of quarantined items." }) ids: string[],
    @Ctx() context: GatewayContext,
  ): Promise<number> {
    demand(context, "manage-sources");
    demandFew(ids);
    const discarded = await context.sandbox.hub.discardQuarantined(ids);
    context.gateway.audit(context, { action: "quarantine.discard", subject: String(discarded) });
    return discarded;
  }
}

type Quarantined = Awaited<ReturnType<GatewayContext["sandbox"]["hub"]["quarantined"]>>[number];

/**
 * Quarantined items as the caller may see them. Who may not see all fields sees, of a row that is not mapped yet, the columns
 * that become fields they may see, and nothing of a text that nobody could read.
 */
async function quarantineFor(context: GatewayContext): Promise<(item: Quarantined) => QuarantinedItem> {
  const { sandbox, principal } = context;
  const hidden = sandbox.labels.hiddenFrom(principal);
  const mappings = hidden.length === 0 ? undefined : await mappingsOf(context);
  const shown = ({ body, isRow, datasetId }: Quarantined): JsonValue => {
    if (typeof body === "string" && mappings !== undefined)
      return `${body.length} characters that may hold fields whose labels you do not hold`;
    if (!isObject(body)) return body;
    return isRow === true && mappings !== undefined
      ? openColumns(body as JsonObject, mappings.get(datasetId), hidden)
      : sandbox.labels.visibleTo(principal, body as JsonObject);
  };
  return (item) => ({
    ...item,
    isRow: item.isRow === true,
    at: formatInstant(item.at),
    body: shown(item),
  });
}

/** The columns of a row that a mapping makes identities, or fields outside of `hidden`. */
function openColumns(
  row: JsonObject,
  mapping: RowMapping | undefined,
  hidden: readonly string[],
): JsonObject {
  const isHidden = (path: string): boolean =>
    hidden.some((field) => `${path}.`.startsWith(`${field}.`) || `${field}.`.startsWith(`${path}.`));
  const rules = mapping?.fields ?? [];
  const isOpen = (column: string): boolean => {
    const from = rules.filter((rule) => "from" in rule && rule.from === column);
    return from.length > 0 && from.every((rule) => !("to" in rule) || !isHidden(rule.to));
  };
  return Object.fromEntries(Object.entries(row).filter(([column]) => isOpen(column)));
}

function demandFew(ids: readonly string[]): void {
  if (ids.length > ITEMS_MAX)
    throw failure("TOO_MUCH", `Expected at most ${ITEMS_MAX} items, got ${ids.length}. Send them in parts.`);
}

async function mappingsOf({ sandbox }: GatewayContext): Promise<ReadonlyMap<string, RowMapping>> {
  const mappings = new Map<string, RowMapping>();
  for (const { id } of await sandbox.store.documents("rowMapping")) {
    const mapping = await savedMapping(sandbox, id);
    if (mapping !== undefined) mappings.set(id, mapping);
  }
  return mappings;
}

function jsonOf(input: unknown): JsonValue {
  const json = parseJson(input);
  if ("badPath" in json) throw failure("BAD_USER_INPUT", `${json.badPath.join(".")}: expected JSON data.`);
  return json.value;
}
