import {
  checkSettings,
  type Dataflow,
  type DestinationDefinition,
  type PersonView,
  profileRequest,
  settingsIssue,
  valueAt,
} from "@tessera/destinations";
import { err, type Issue, isMember, type JsonSchema, type JsonValue, ok, type Result } from "@tessera/xdm";
import { DEFAULT_WORKSPACE, NO_DATASTREAM } from "./workspace.ts";

/** Settings of a Target connection; its name is the destination's. */
export interface TargetSettings {
  readonly description?: string;
  /** Id of the datastream, or `none` for at.js and server-side use without the Web SDK. */
  readonly datastreamId: string;
  /** One workspace a connection; attributes always go to the default one. */
  readonly workspace: string;
  /** Organisation of the Target account; that of the platform when absent, and no other is taken. */
  readonly organisation?: string;
}

const SCHEMA: JsonSchema = {
  type: "object",
  title: "Adobe Target",
  properties: {
    description: { type: "string", maxLength: 1024, title: "Description" },
    datastreamId: {
      type: "string",
      pattern: "^(none|[A-Za-z0-9][A-Za-z0-9:._-]{0,127})$",
      title: "Datastream",
    },
    workspace: { type: "string", minLength: 1, maxLength: 255, title: "Workspace" },
    organisation: { type: "string", pattern: "^[^@\\s]{1,100}@[^@\\s]{1,100}$", title: "Organisation" },
  },
  required: ["datastreamId"],
  additionalProperties: false,
};

/** Reads the settings; without a workspace it is the default one. */
function parseSettings(input: unknown): Result<TargetSettings, readonly Issue[]> {
  const issues = checkSettings(SCHEMA, input);
  return issues.length > 0
    ? err(issues)
    : ok({ workspace: DEFAULT_WORKSPACE, ...(input as Omit<TargetSettings, "workspace">) });
}

/**
 * The Target connection: a profile request. Nothing is exported; the edge answers with the mapped audiences and
 * attributes of one profile at a time (`targetProfile`).
 */
export const targetConnection: DestinationDefinition<TargetSettings> = {
  slug: "adobe-target",
  title: "Adobe Target",
  description:
    "Personalises the same page, the next page or the next session by audiences and profile attributes.",
  kind: "profile-request",
  settings: SCHEMA,
  parseSettings,
  capabilities: {
    namespaces: "any",
    batchMax: 1,
    removals: true,
    attributes: true,
    audienceDefinitions: false,
    backfill: false,
    marketingActions: ["onsitePersonalization"],
    limits: "target",
  },
  ...profileRequest,
};

/** What a connection is checked against before it is saved. */
export interface ConnectionCheck {
  /** The platform's organisation. */
  readonly orgId: string;
  readonly sandbox: {
    readonly name: string;
    readonly kind: "production" | "development";
    readonly isDefault: boolean;
  };
  /** `default-production`: the documented rule. `any`: the newer rule, for every sandbox. */
  readonly sandboxRule?: "default-production" | "any";
  readonly datastream?: {
    readonly id: string;
    readonly target: boolean;
    readonly platform: boolean;
    readonly personalizationDestinations: boolean;
  };
  /** Datastreams that other Target connections use already. */
  readonly takenDatastreams: readonly string[];
}

/** Everything that keeps a connection from being saved, at once. Codes: `target.*`. */
export function checkConnection(settings: TargetSettings, check: ConnectionCheck): readonly Issue[] {
  const { sandbox, datastream, sandboxRule = "default-production" } = check;
  const issues: Issue[] = [];
  const wrong = (code: string, field: string, expected: string, came: unknown): void => {
    issues.push(settingsIssue(`target.${code}`, [field], expected, came));
  };
  const { organisation = check.orgId } = settings;
  if (organisation !== check.orgId)
    wrong("organisation", "organisation", "a Target account of the same organisation", organisation);
  const isDefault = sandbox.isDefault && sandbox.kind === "production";
  if (sandboxRule === "default-production" && !isDefault) {
    wrong("sandbox", "sandbox", "the default production sandbox, or the rule `any`", sandbox.name);
  }
  if (settings.datastreamId === NO_DATASTREAM) return issues;
  if (!datastream || datastream.id !== settings.datastreamId)
    wrong("datastream", "datastreamId", "a datastream of this sandbox", undefined);
  else if (!datastream.target || !datastream.platform || !datastream.personalizationDestinations) {
    wrong(
      "datastream-services",
      "datastreamId",
      "a datastream with Target, Platform and personalization destinations on",
      datastream,
    );
  }
  if (check.takenDatastreams.includes(settings.datastreamId)) {
    wrong("datastream-taken", "datastreamId", "a datastream of its own", settings.datastreamId);
  }
  return issues;
}

/** What Target reads of one profile. */
export interface TargetProfile {
  readonly audiences: readonly { readonly id: string; readonly namespace: string }[];
  /** By target name; texts only, as in offers. */
  readonly attributes: { readonly [target: string]: string };
}

/** The answer to a profile request: mapped audiences the person is in, and mapped attributes with a single value. */
export function targetProfile(person: PersonView, dataflow: Dataflow, now: string): TargetProfile {
  const audiences = dataflow.audiences
    .filter(({ id, namespace, startsAt, endsAt }) => {
      const status = person.memberships[namespace]?.[id]?.status;
      const active = (startsAt ?? now) <= now && (endsAt === undefined || now < endsAt);
      return active && status !== undefined && isMember(status);
    })
    .map(({ id, namespace }) => ({ id, namespace }));
  const attributes: Record<string, string> = {};
  for (const { source, target } of dataflow.mapping) {
    if (source.kind !== "attribute") continue;
    const text = asText(valueAt(person.attributes, source.path));
    if (text !== undefined) attributes[target] = text;
  }
  return { audiences, attributes };
}

function asText(value: JsonValue | undefined): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}
