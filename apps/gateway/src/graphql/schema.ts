import "reflect-metadata";
import type { GraphQLSchema } from "graphql";
import { buildSchemaSync, type NonEmptyArray, type PubSub } from "type-graphql";
import { AccessResolver } from "./access/access.resolver.ts";
import { AudienceResolver } from "./audience/audience.resolver.ts";
import { SavedCompositionResolver } from "./audience/saved-composition.resolver.ts";
import { EligibilityResolver } from "./audience/eligibility.resolver.ts";
import { DatasetResolver } from "./dataset/dataset.resolver.ts";
import { QuarantineResolver } from "./dataset/quarantine.resolver.ts";
import { TotalsResolver } from "./dataset/totals.resolver.ts";
import { AudienceManagerResolver } from "./destination/audience-manager.resolver.ts";
import { CampaignResolver } from "./destination/campaign.resolver.ts";
import { DataflowResolver } from "./destination/dataflow.resolver.ts";
import { DeadLetterResolver } from "./destination/dead-letter.resolver.ts";
import { DestinationResolver } from "./destination/destination.resolver.ts";
import { RemovalResolver } from "./destination/removal.resolver.ts";
import { TargetResolver } from "./destination/target.resolver.ts";
import { GovernanceResolver } from "./governance/governance.resolver.ts";
import { GuardrailsResolver } from "./guardrails/guardrails.resolver.ts";
import { DecisionResolver } from "./identity/decision.resolver.ts";
import { IdentityResolver } from "./identity/identity.resolver.ts";
import { LinkingResolver } from "./identity/linking.resolver.ts";
import { NamespaceResolver } from "./identity/namespace.resolver.ts";
import { IngestionResolver } from "./ingestion/ingestion.resolver.ts";
import { JobResolver } from "./job/job.resolver.ts";
import { PrivacyResolver } from "./privacy/privacy.resolver.ts";
import { ProfileResolver } from "./profile/profile.resolver.ts";
import { AudienceScheduleResolver } from "./audience/schedule.resolver.ts";
import { SandboxResolver } from "./sandbox/sandbox.resolver.ts";
import { SchemaResolver } from "./dataset/schema.resolver.ts";
import { SearchResolver } from "./profile/search.resolver.ts";
import { SearchIndexResolver } from "./profile/search-index.resolver.ts";
import { SimulationResolver } from "./identity/simulation.resolver.ts";
import { ImportResolver } from "./dataset/import.resolver.ts";
import { ConnectionResolver } from "./connection.resolver.ts";
import { auditMutations } from "./audited-mutations.ts";
import { CompositionResolver } from "./audience/composition.resolver.ts";
import { BackupResolver } from "./sandbox/backup.resolver.ts";
import { listsAsConnections } from "./lists-as-connections.ts";
import { mutationsAsResults } from "./mutations-as-results.ts";
import { Refusal } from "./refusal.type.ts";
import { SubscriptionResolver } from "./subscription/subscription.resolver.ts";

const RESOLVERS = [
  AccessResolver,
  AudienceResolver,
  AudienceManagerResolver,
  CampaignResolver,
  SavedCompositionResolver,
  EligibilityResolver,
  DataflowResolver,
  DatasetResolver,
  DeadLetterResolver,
  DecisionResolver,
  DestinationResolver,
  TargetResolver,
  RemovalResolver,
  GovernanceResolver,
  GuardrailsResolver,
  IdentityResolver,
  IngestionResolver,
  JobResolver,
  LinkingResolver,
  NamespaceResolver,
  PrivacyResolver,
  ProfileResolver,
  AudienceScheduleResolver,
  SandboxResolver,
  SchemaResolver,
  SearchResolver,
  SearchIndexResolver,
  SimulationResolver,
  ImportResolver,
  ConnectionResolver,
  SubscriptionResolver,
  BackupResolver,
  CompositionResolver,
  QuarantineResolver,
  TotalsResolver,
] as const satisfies NonEmptyArray<unknown>;

/** Every subscription brings its own source; type-graphql asks for topics nevertheless. */
const NO_TOPICS: PubSub = {
  publish: () => undefined,
  subscribe: () => {
    throw new Error("There are no topics: a subscription follows its own source.");
  },
};

let schema: GraphQLSchema | undefined;

/** The one schema of the gateway. Inputs are parsed by the domain's own parsers, never by decorators. */
export function gatewaySchema(): GraphQLSchema {
  schema ??= mutationsAsResults(
    auditMutations(
      listsAsConnections(
        buildSchemaSync({
          resolvers: [...RESOLVERS],
          orphanedTypes: [Refusal],
          validate: false,
          pubSub: NO_TOPICS,
        }),
      ),
    ),
  );
  return schema;
}
