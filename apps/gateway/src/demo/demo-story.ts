import type { JsonObject } from "@tessera/xdm";
import type { DemoAudience } from "./demo-audiences.ts";
import type { GatewayClient } from "./gateway-client.ts";

/** An audience as the gateway tells it. */
export interface CountedAudience {
  readonly id: string;
  readonly name: string;
  readonly count: number;
}

type Say = (line: string) => void;

/** Makes the audiences that are not there yet, evaluates all of them, and tells their sizes. */
export async function defineAudiences(
  client: GatewayClient,
  definitions: readonly DemoAudience[],
  say: Say,
): Promise<readonly CountedAudience[]> {
  const existing = await client.graphql<{ audiences: readonly CountedAudience[] }>(
    "{ audiences { id name count } }",
  );
  const ids = new Map(existing.audiences.map(({ name, id }) => [name, id]));
  for (const { name, pql } of definitions) {
    if (ids.has(name)) continue;
    const value = pql.replaceAll(/\{([^}]+)\}/g, (_, other: string) => ids.get(other) ?? "");
    const { createAudience } = await client.graphql<{ createAudience: { id: string } }>(
      "mutation ($input: CreateAudienceInput!) { createAudience(input: $input) { id } }",
      { input: { name, expression: { type: "PQL", format: "pql/text", value } } },
    );
    ids.set(name, createAudience.id);
  }
  const { evaluateAudiences } = await client.graphql<{ evaluateAudiences: readonly CountedAudience[] }>(
    "mutation ($ids: [ID!]) { evaluateAudiences(ids: $ids) { id name count } }",
    { ids: definitions.map(({ name }) => ids.get(name) ?? "") },
  );
  say("\nAudiences");
  for (const { name, count } of evaluateAudiences) {
    const what = definitions.find((definition) => definition.name === name)?.what ?? "";
    say(`  ${String(count).padStart(7)}  ${name} (${what})`);
  }
  return evaluateAudiences;
}

interface Told {
  readonly identity: { readonly namespace: string; readonly id: string };
  readonly audiences: readonly CountedAudience[];
  readonly say: Say;
}

interface ToldProfile {
  readonly personId: string;
  readonly attributes: JsonObject;
  readonly identities: readonly { readonly namespace: string; readonly id: string }[];
  readonly eventCount: number;
}

/** Shows one person: the merged profile, the identity graph, and why the person is or is not in an audience. */
export async function tellPerson(client: GatewayClient, { identity, audiences, say }: Told): Promise<void> {
  const asked = await client.graphql<{
    profile: ToldProfile | null;
    identityGraph: { readonly links: readonly LinkLine[]; readonly removedLinks: readonly LinkLine[] } | null;
  }>(
    `query ($identity: IdentityInput!) {
      profile(identity: $identity) { personId attributes identities { namespace id } eventCount }
      identityGraph(identity: $identity) {
        links { a { namespace id } b { namespace id } count }
        removedLinks { a { namespace id } b { namespace id } count }
      }
    }`,
    { identity },
  );
  if (asked.profile === null) return;
  const { profile, identityGraph } = asked;
  say(`Person ${profile.personId} (${identity.namespace} ${identity.id}), ${profile.eventCount} events`);
  say(`  ${JSON.stringify(profile.attributes)}`);
  say("Identity graph");
  for (const link of (identityGraph?.links ?? []).slice(0, 10)) say(`  ${lineOf(link)}`);
  for (const link of (identityGraph?.removedLinks ?? []).slice(0, 5))
    say(`  ${lineOf(link)}  (no longer in force)`);
  const audience = audiences.find(({ name }) => name.startsWith("Cart")) ?? audiences[0];
  if (audience === undefined) return;
  const { explainMembership } = await client.graphql<{
    explainMembership: { member: boolean; text: string };
  }>(
    `query ($audienceId: ID!, $identity: IdentityInput!) {
      explainMembership(audienceId: $audienceId, identity: $identity) { member text }
    }`,
    { audienceId: audience.id, identity },
  );
  say(`Why ${explainMembership.member ? "in" : "not in"} "${audience.name}"?`);
  for (const line of explainMembership.text.split("\n")) say(`  ${line}`);
}

interface LinkLine {
  readonly a: { readonly namespace: string; readonly id: string };
  readonly b: { readonly namespace: string; readonly id: string };
  readonly count: number;
}

function lineOf({ a, b, count }: LinkLine): string {
  return `${a.namespace} ${a.id} — ${b.namespace} ${b.id}  seen ${count} times`;
}

/** Activates one audience to a CSV file and one to the edge, then says what to try next. */
export async function activateDemoAudiences(
  client: GatewayClient,
  {
    audiences,
    shop,
    say,
  }: { readonly audiences: readonly CountedAudience[]; readonly shop: boolean; readonly say: Say },
): Promise<void> {
  const [first, second] = audiences;
  if (first === undefined || second === undefined) return;
  const existing = await client.graphql<{ destinations: readonly { id: string; name: string }[] }>(
    "{ destinations { id name } }",
  );
  const destination = async (name: string, input: JsonObject): Promise<string> => {
    const known = existing.destinations.find((other) => other.name === name);
    if (known !== undefined) return known.id;
    const made = await client.graphql<{ createDestination: { id: string } }>(
      "mutation ($input: CreateDestinationInput!) { createDestination(input: $input) { id } }",
      { input: { name, ...input } },
    );
    return made.createDestination.id;
  };
  const file = await destination("Demo files", {
    type: "csv-local",
    settings: { target: { folder: "demo" } },
  });
  const edge = await destination("Demo shop pages", {
    type: "custom-personalization",
    settings: { integrationAlias: "shop", datastreamId: "demo" },
  });
  const mapping = [
    { source: { kind: "identity", namespace: "CRMID" }, target: "crmId" },
    ...(shop ? [{ source: { kind: "attribute", path: "personalEmail.address" }, target: "email" }] : []),
    { source: { kind: "membership-status" }, target: "segmentMembership.status" },
  ];
  const activate = (destinationId: string, audienceId: string, flow: JsonObject): Promise<ActivatedAnswer> =>
    client.graphql<ActivatedAnswer>(
      "mutation ($input: ActivateAudiencesInput!) { activateAudiences(input: $input) { dataflowId files { name rows } } }",
      { input: { destinationId, audienceIds: [audienceId], ...flow } },
    );
  const { activateAudiences } = await activate(file, first.id, { mapping });
  await activate(edge, second.id, {});
  say(`\nActivated "${first.name}" to a CSV file and "${second.name}" to the edge.`);
  for (const { name, rows } of activateAudiences.files) say(`  ${name}: ${rows} rows`);
  say(`
Try next (npm start, then POST /graphql):
  { audiences { id name status count } }
  { profile(identity: {namespace: "CRMID", id: "…"}) { attributes provenance memberships { audienceId status at } } }
  { checkAudience(expression: {type: "PQL", format: "pql/text", value: "homeAddress.country = \\"DE\\""}) { valid issues { message } } }`);
}

interface ActivatedAnswer {
  readonly activateAudiences: {
    readonly dataflowId: string;
    readonly files: readonly { readonly name: string; readonly rows: number }[];
  };
}
