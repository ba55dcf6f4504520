import { Field, ID, ObjectType } from "type-graphql";

@ObjectType({
  description: "How Target works for one kind of client: which mode applies, why, and what works.",
})
export class TargetMode {
  @Field(() => String, { description: "web-sdk (or the Edge API), at.js, or server (a server-side SDK)." })
  readonly client!: string;

  @Field(() => Boolean, { description: "Audiences that a request itself brings about count in its answer." })
  readonly samePage!: boolean;

  @Field(() => Boolean, { description: "They count on the next page." })
  readonly nextPage!: boolean;

  @Field(() => Boolean, { description: "Audiences that the hub evaluated count from the next session on." })
  readonly nextSession!: boolean;

  @Field(() => Boolean, { description: "Mapped attributes can stand in offers as ${aep.path}." })
  readonly attributes!: boolean;

  @Field(() => Boolean, { description: "A visitor is recognised by the ECID alone." })
  readonly ecidOnly!: boolean;

  @Field(() => Boolean, { description: "Audiences are evaluated on the edge, in the request." })
  readonly edgeSegmentation!: boolean;

  @Field(() => String, {
    description:
      "Why: edge-segmentation, no-edge-segmentation, no-datastream, unknown-datastream, no-target-service or delivery-api.",
  })
  readonly reason!: string;

  @Field(() => String, { description: "Why in words, with what to do where something is missing." })
  readonly explanation!: string;
}

@ObjectType({ description: "What a destination is to Target." })
export class TargetSetup {
  @Field(() => String, { description: "The workspace whose activities it serves." })
  readonly workspace!: string;

  @Field(() => ID, { description: "Its datastream; none for at.js and server-side SDKs." })
  readonly datastreamId!: string;

  @Field(() => [ID], { description: "Activities of its workspace that are live." })
  readonly liveActivityIds!: readonly string[];

  @Field(() => [TargetMode], { description: "What works, by kind of client." })
  readonly modes!: readonly TargetMode[];
}
