import { idsOfPerson } from "@tessera/hub";
import { compileAudiences } from "@tessera/segment-engine";
import { identityKey, identityOfKey, type JsonObject } from "@tessera/xdm";
import { Arg, Args, ArgsType, Ctx, Field, Int, Mutation, ObjectType, Query, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { demandFields } from "../hidden-fields.ts";
import { IdentityInput } from "../identity/identity.type.ts";
import { PageInfo } from "../page.type.ts";
import { JsonObjectScalar } from "../scalars.ts";
import { profileOf } from "./profile.mapper.ts";
import { Profile } from "./profile.type.ts";

const FIRST_MAX = 1_000;
const SCAN_PAGE = 500;
/** Persons that one search looks at; it goes on behind the cursor. */
const LOOKED_AT_MAX = 50_000;

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
}

/** What is searched for. */
@ArgsType()
class SearchArgs {
  @Field(() => String, { description: 'PQL over attributes, such as person.name.lastName = "Ada".' })
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
      "Persons by their attributes. Looks at everyone in turn: for what is asked often, make an audience. Permission: View Profiles, and all labels on the attributes asked for.",
  })
  async searchProfiles(
    @Args(() => SearchArgs) { where, first, after }: SearchArgs,
    @Ctx() context: GatewayContext,
  ): Promise<ProfileConnection> {
    demand(context, "view-profiles");
    if (first < 1 || first > FIRST_MAX) throw failure("BAD_USER_INPUT", `first: expected 1 to ${FIRST_MAX}.`);
    const { gateway, sandbox, loaders, principal } = context;
    const matches = predicateOf(where, context);
    gateway.audit(context, { action: "profile.search", subject: "attributes" });
    const hidden = sandbox.labels.hiddenFrom(principal);
    const edges: ProfileEdge[] = [];
    let cursor = after ? Buffer.from(after, "base64url").toString() : "";
    let examined = 0;
    let more = true;
    while (more && edges.length < first && examined < LOOKED_AT_MAX) {
      const page = await sandbox.store.scan(cursor, SCAN_PAGE);
      more = page.length === SCAN_PAGE;
      for (const person of page) {
        if (edges.length === first) {
          more = true;
          break;
        }
        cursor = person.personId;
        examined += 1;
        const [key] = person.identities;
        if (key === undefined || person.fragments.length === 0) continue;
        const view = await loaders.profile(identityOfKey(key));
        if (view === undefined || !matches(view.attributes)) continue;
        const attributes = sandbox.labels.visibleTo(principal, view.attributes);
        edges.push({ cursor: cursorOf(cursor), node: profileOf({ ...view, attributes }, hidden) });
      }
    }
    return {
      edges,
      nodes: edges.map(({ node }) => node),
      pageInfo: {
        hasNextPage: more,
        hasPreviousPage: Boolean(after),
        startCursor: edges[0]?.cursor,
        endCursor: cursor === "" ? undefined : cursorOf(cursor),
      },
      examined,
      hint:
        examined > SCAN_PAGE
          ? "An audience with this query keeps its members at hand; a person of whom an identity is known is found at once by profile(identity)."
          : undefined,
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

/** The query as a question to attributes; refused when it asks for events, or for what is hidden from the caller. */
function predicateOf(where: string, context: GatewayContext): (attributes: JsonObject) => boolean {
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
  const now = context.gateway.clock();
  return (attributes) => plan.evaluate({ attributes, events: [] }, now).members.size > 0;
}

function cursorOf(id: string): string {
  return Buffer.from(id).toString("base64url");
}
