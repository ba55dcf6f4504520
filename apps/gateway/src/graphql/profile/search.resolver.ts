import { idsOfPerson, type SearchPlan } from "@tessera/hub";
import { compileAudiences } from "@tessera/segment-engine";
import { identityKey } from "@tessera/xdm";
import {
  Arg,
  Args,
  ArgsType,
  Ctx,
  Field,
  Float,
  Int,
  Mutation,
  ObjectType,
  Query,
  Resolver,
} from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { demandFields } from "../hidden-fields.ts";
import { IdentityInput } from "../identity/identity.type.ts";
import { cursorOf, demandFirst, pageWith, placeOfCursor } from "../page.ts";
import { PageInfo } from "../page.type.ts";
import { JsonObjectScalar } from "../scalars.ts";
import { profileOf } from "./profile.mapper.ts";
import { Profile } from "./profile.type.ts";

const LIST = "profiles";
const WHERE_MAX = 20_000;
/** Persons that a search may look at before it is worth a hint. */
const CHEAP = 500;

@ObjectType("SearchPlan", { description: "How a search was answered, and what it cost." })
class SearchPlanType {
  @Field(() => String, {
    description:
      "index: by the indexes below. scan: everyone was looked at in turn, as far as this page went.",
  })
  readonly method!: string;

  @Field(() => [String], { description: "The attributes whose indexes it went by; see searchIndexes." })
  readonly indexes!: readonly string[];

  @Field(() => [String], {
    description: "Attributes of the query an index of which is missing: with it fewer persons are looked at.",
  })
  readonly missing!: readonly string[];

  @Field(() => Boolean, {
    description: "Whether its indexes were busy with an evaluation of everyone, so that it did without.",
  })
  readonly isBusy!: boolean;

  @Field(() => Int, { description: "Its cost: persons that were read and looked at for this page." })
  readonly examined!: number;

  @Field(() => Float, {
    description: "Persons there are: what a search of everyone looks at, over all pages.",
  })
  readonly persons!: number;
}

@ObjectType({ description: "A person at their place in a list." })
class ProfileEdge {
  @Field(() => String, { description: "Give it as `after` to go on behind this person." })
  readonly cursor!: string;

  @Field(() => Profile, { description: "The person." })
  readonly node!: Profile;
}

@ObjectType({ description: "A page of persons, in order of their ids." })
class ProfileConnection {
  @Field(() => [ProfileEdge], { description: "The persons with their cursors." })
  readonly edges!: readonly ProfileEdge[];

  @Field(() => [Profile], { description: "The persons alone." })
  readonly nodes!: readonly Profile[];

  @Field(() => PageInfo, {
    description:
      "Where this page stands. A page ends early after 50,000 persons were looked at: with hasNextPage, go on behind endCursor.",
  })
  readonly pageInfo!: PageInfo;

  @Field(() => Int, { description: "Persons that were looked at for this page." })
  readonly examined!: number;

  @Field(() => String, {
    nullable: true,
    description: "How the same could be answered without looking at everyone.",
  })
  readonly hint!: string | undefined;

  @Field(() => SearchPlanType, { description: "How it was answered, and what it cost." })
  readonly plan!: SearchPlanType;
}

/** What is searched for. */
@ArgsType()
class SearchArgs {
  @Field(() => String, {
    description: 'PQL over attributes, such as person.name.lastName = "Ada", at most 20,000 characters.',
  })
  readonly where!: string;

  @Field(() => Int, { defaultValue: 20, description: "Persons on this page, 1 to 1,000." })
  readonly first!: number;

  @Field(() => String, { nullable: true, description: "Cursor to go on behind." })
  readonly after?: string;
}

@Resolver()
export class SearchResolver {
  @Query(() => ProfileConnection, {
    description:
      "Persons by their attributes, in order of their ids. Goes by the indexes of searchIndexes where they can tell, else looks at everyone in turn; `plan` says which it was, what index is missing and what it cost. Permission: View Profiles, and all labels on the attributes asked for.",
  })
  async searchProfiles(
    @Args(() => SearchArgs) { where, first, after }: SearchArgs,
    @Ctx() context: GatewayContext,
  ): Promise<ProfileConnection> {
    demand(context, "view-profiles");
    demandFirst(first);
    if (where.length > WHERE_MAX)
      throw failure("TOO_MUCH", `where: expected at most ${WHERE_MAX} characters, got ${where.length}.`);
    const { gateway, sandbox, principal } = context;
    demandAttributes(where, context);
    gateway.audit(context, { action: "profile.search", subject: "attributes" });
    const [behind = ""] = after ? placeOfCursor(after, LIST) : [];
    const asked = { where, after: String(behind), limit: first };
    const turn = await sandbox.searches.take(() => sandbox.hub.searchPersons(asked));
    if (turn === undefined)
      throw failure("UNAVAILABLE", "Too many searches wait already. Try again in a few seconds.");
    const { views, examined, last, hasMore, plan } = valueOf(turn.value);
    const hidden = sandbox.labels.hiddenFrom(principal);
    const edges = views.map((view) => {
      const attributes = sandbox.labels.visibleTo(principal, view.attributes);
      return { cursor: cursorOf(LIST, [view.personId]), node: profileOf({ ...view, attributes }, hidden) };
    });
    const { persons } = await sandbox.store.totals();
    return {
      ...pageWith(edges, {
        hasNextPage: hasMore,
        hasPreviousPage: Boolean(after),
        endCursor: last === "" ? undefined : cursorOf(LIST, [last]),
      }),
      examined,
      plan: { ...plan, examined, persons },
      hint: examined > CHEAP ? hintOf(plan) : undefined,
    };
  }

  @Mutation(() => JsonObjectScalar, {
    description:
      "Everything that is kept about one person, nothing merged: identities, records, events, memberships, what waits and what was told. Permission: Manage Profiles, and all labels.",
  })
  async exportPerson(
    @Arg("identity", () => IdentityInput, { description: "Any identity of the person." })
    identity: IdentityInput,
    @Ctx() context: GatewayContext,
  ): Promise<object> {
    demand(context, "manage-profiles");
    const { gateway, sandbox, principal } = context;
    if (sandbox.labels.hiddenFrom(principal).length > 0) {
      throw failure("FORBIDDEN", "All labels are needed for this: an export leaves nothing out.");
    }
    gateway.audit(context, { action: "profile.export", person: identityKey(identity) });
    const access = await sandbox.hub.accessPerson([{ ...identity }], { expandIds: true });
    if (access.persons.length === 0) throw failure("NOT_FOUND", "No such person in this sandbox.");
    const personIds = access.persons.flatMap((one) => idsOfPerson(one.personId, one.identities));
    const deliveries = await gateway.delivery(sandbox.name).store.deliveries({ personIds, limit: 10_000 });
    return { ...access, deliveries };
  }
}

/** How the same could be answered with less. */
function hintOf({ method, missing, isBusy }: SearchPlan): string {
  const audience =
    "An audience with this query keeps its members at hand; a person of whom an identity is known is found at once by profile(identity).";
  if (isBusy) return "Its indexes were busy with an evaluation of everyone. Ask again in a while.";
  if (missing.length > 0) return `Index ${missing.join(", ")} with createSearchIndex. ${audience}`;
  return method === "scan"
    ? `No index can answer this: they find equal texts and truths, and numbers by size. ${audience}`
    : audience;
}

/** Refuses a query that asks for events, or for what is hidden from the caller. */
function demandAttributes(where: string, context: GatewayContext): void {
  const definition = {
    id: "search",
    name: "search",
    expression: { type: "PQL", format: "pql/text", value: where },
    evaluation: "batch",
    version: 1,
    excludeOptOut: false,
  } as const;
  const plan = valueOf(compileAudiences([definition]));
  if (plan.fields.readsEvents || where.includes("inSegment")) {
    throw failure(
      "BAD_USER_INPUT",
      "where: expected a query over attributes only. Make an audience for others.",
    );
  }
  demandFields(context, plan.fields);
}
