import { availableParallelism } from "node:os";
import { err, type Issue, ok, type Result } from "@tessera/xdm";
import { type EdgeAddress, parseEdgeAddresses } from "./edge/edge-address.ts";
import { parseTracesConfig, type TracesConfig } from "./observe/traces-config.ts";

/** Where persons, events and definitions are kept. */
export type StoreAddress =
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "memory" }
  | { readonly kind: "mongodb"; readonly uri: string };

/** How JSON Web Tokens are checked: the keys' address, and who must have issued them for whom. */
export interface JwtConfig {
  readonly jwksUrl: string;
  readonly issuer?: string;
  readonly audience?: string;
}

/** Limits on what one GraphQL request may ask for. */
export interface QueryLimits {
  /** Levels of nested fields. */
  readonly depth: number;
  /** Fields in one document, fragments counted wherever they are spread. */
  readonly fields: number;
  /** Fields that were given an alias. */
  readonly aliases: number;
  /** Estimated cost: one for each field, times the size of the lists it stands in. */
  readonly cost: number;
}

/** All that the gateway is told from outside, read once at the start. Sizes are bytes, times milliseconds. */
export interface GatewayConfig {
  readonly host: string;
  readonly port: number;
  readonly store: StoreAddress;
  readonly adminToken: string;
  /** Organisation id as clients send it in `x-gw-ims-org-id`. */
  readonly organisation: string;
  readonly defaultSandbox: string;
  /** Users' own fields lie under `_<tenant>`. */
  readonly tenant: string;
  /** The edges that changes are projected to. */
  readonly edges?: readonly EdgeAddress[];
  readonly jwt?: JwtConfig;
  readonly introspection: boolean;
  /** A JSON file `{ "<id or sha256>": "<document>" }`: when set, no other document is run. */
  readonly trustedDocuments?: string;
  readonly requestsPerMinute: number;
  /** Wrong credentials from one address that are looked at. */
  readonly failedLoginsPerMinute: number;
  /** Proxies in front of this gateway that add to X-Forwarded-For. */
  readonly proxies: number;
  readonly queryLimits: QueryLimits;
  readonly graphqlBodyLimit: number;
  /** Items waiting for their commit beyond which `/collect` answers 429. */
  readonly queueLimit: number;
  /** How long a change waits for the work over all persons that it brings about, before that goes on as a job. */
  readonly changeWaitMs: number;
  /** Folder that local file destinations may write to. */
  readonly filesFolder: string;
  /** Folder that copies of SQLite stores are written to. */
  readonly backupsFolder: string;
  /** File that the lines of the audit log are appended to, for good; without it the newest alone are kept. */
  readonly auditLog?: string;
  readonly roles: readonly Role[];
  /** How long a piece of work stays with a process that says nothing, on a store that several share; milliseconds. */
  readonly leaseMs: number;
  /** Which sandboxes may connect to Target: the documented rule, or the newer one that takes any. */
  readonly targetSandboxes: "default-production" | "any";
  /** Threads that evaluate batch audiences on the embedded store (one for each core, at most 8). */
  readonly batchThreads: number;
  readonly logLevel: LogLevel;
  /** How traces are exported; not at all without it. */
  readonly traces?: TracesConfig;
}

const ROLES = ["collect", "derive", "timers", "batch", "deliver"] as const;

/**
 * What a process does. `collect`: takes events and records in. `derive`: derives persons anew, in jobs (what comes in is
 * derived in the commit that takes it in). `timers`: follows persons whose windows lapse. `batch`: evaluations and files
 * by schedule. `deliver`: tells streaming destinations. GraphQL is answered by every process.
 */
export type Role = (typeof ROLES)[number];

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
type LogLevel = (typeof LOG_LEVELS)[number];

/** What `parseConfig` takes for everything that the environment does not say. */
export const DEFAULT_CONFIG: Omit<GatewayConfig, "adminToken"> = {
  host: "127.0.0.1",
  port: 4000,
  store: { kind: "sqlite", path: "./data/tessera.db" },
  organisation: "tessera@TesseraOrg",
  defaultSandbox: "prod",
  tenant: "tenant",
  introspection: true,
  requestsPerMinute: 6_000,
  failedLoginsPerMinute: 60,
  proxies: 0,
  queryLimits: { depth: 12, fields: 500, aliases: 30, cost: 20_000 },
  graphqlBodyLimit: 5_000_000,
  queueLimit: 20_000,
  changeWaitMs: 5_000,
  filesFolder: "./data/files",
  backupsFolder: "./data/backups",
  roles: ROLES,
  leaseMs: 15_000,
  targetSandboxes: "default-production",
  batchThreads: Math.min(8, availableParallelism()),
  logLevel: "info",
};

/** Tokens shorter than this can be guessed: they are taken, for a development machine, and warned of. */
const TOKEN_SAFE = 16;

/**
 * Reads the environment. All that is wrong is told at once, each with the variable's name; values are never repeated,
 * since some are secrets. Empty variables count as not set.
 */
export function parseConfig(env: {
  readonly [name: string]: string | undefined;
}): Result<GatewayConfig, readonly Issue[]> {
  const issues: Issue[] = [];
  const read = <T>(
    name: string,
    fallback: T,
    parse: (text: string) => T | undefined,
    expected: string,
  ): T => {
    const text = env[name]?.trim();
    if (text === undefined || text === "") return fallback;
    const value = parse(text);
    if (value !== undefined) return value;
    issues.push({
      code: "config.invalid",
      path: [name],
      expected,
      message: `${name}: expected ${expected}. Correct it, or unset it to use the default.`,
    });
    return fallback;
  };
  const adminToken = read(
    "TESSERA_ADMIN_TOKEN",
    "",
    (text) => (/^[\x21-\x7e]+$/.test(text) ? text : undefined),
    "printable characters without blanks",
  );
  if (adminToken === "" && issues.length === 0) {
    issues.push({
      code: "config.missing",
      path: ["TESSERA_ADMIN_TOKEN"],
      message: `TESSERA_ADMIN_TOKEN: expected a secret of at least ${TOKEN_SAFE} characters, got nothing. Set it, or start with npm start, which makes one.`,
    });
  }
  const whole = (name: string, fallback: number, range: readonly [number, number]): number =>
    read(
      name,
      fallback,
      (text) => wholeNumber(text, range),
      `a whole number from ${range[0]} to ${range[1]}`,
    );
  const optional = (
    name: string,
    parse: (text: string) => string | undefined,
    expected: string,
  ): string | undefined => read<string | undefined>(name, undefined, parse, expected);
  const limits = DEFAULT_CONFIG.queryLimits;
  const jwksUrl = optional("TESSERA_JWKS_URL", secureUrl, "an https address (http for this machine only)");
  const issuer = optional("TESSERA_JWT_ISSUER", anyText, "a text");
  const audience = optional("TESSERA_JWT_AUDIENCE", anyText, "a text");
  const edges = read<readonly EdgeAddress[] | undefined>(
    "TESSERA_EDGE_URL",
    undefined,
    parseEdgeAddresses,
    "an http or https address, or one a region: va6=https://…,irl1=https://…",
  );
  const trustedDocuments = optional("TESSERA_TRUSTED_DOCUMENTS", anyText, "the path of a JSON file");
  const traces = parseTracesConfig(env);
  if (!traces.ok) issues.push(...traces.error);
  const auditLog = optional("TESSERA_AUDIT_LOG", anyText, "the path of a file");
  const config: GatewayConfig = {
    adminToken,
    host: read("TESSERA_HOST", DEFAULT_CONFIG.host, anyText, "a host name or address"),
    port: whole("PORT", DEFAULT_CONFIG.port, [0, 65_535]),
    store: read(
      "TESSERA_STORE",
      DEFAULT_CONFIG.store,
      parseStoreAddress,
      "sqlite:<path>, memory: or mongodb://…",
    ),
    organisation: read(
      "TESSERA_ORG",
      DEFAULT_CONFIG.organisation,
      (text) => (/^[A-Za-z0-9_.-]{1,100}@[A-Za-z0-9_.-]{1,100}$/.test(text) ? text : undefined),
      "an organisation id such as 97D1F3F4@AdobeOrg",
    ),
    tenant: read(
      "TESSERA_TENANT",
      DEFAULT_CONFIG.tenant,
      (text) => (/^[A-Za-z][A-Za-z0-9]{0,49}$/.test(text) ? text : undefined),
      "a letter, then up to 49 letters or digits",
    ),
    defaultSandbox: read(
      "TESSERA_SANDBOX",
      DEFAULT_CONFIG.defaultSandbox,
      sandboxName,
      "1 to 50 of a-z, 0-9 and -",
    ),
    ...(edges === undefined ? {} : { edges }),
    ...(jwksUrl === undefined
      ? {}
      : {
          jwt: {
            jwksUrl,
            ...(issuer === undefined ? {} : { issuer }),
            ...(audience === undefined ? {} : { audience }),
          },
        }),
    introspection: read("TESSERA_INTROSPECTION", true, onOrOff, "on or off"),
    ...(trustedDocuments === undefined ? {} : { trustedDocuments }),
    requestsPerMinute: whole(
      "TESSERA_REQUESTS_PER_MINUTE",
      DEFAULT_CONFIG.requestsPerMinute,
      [1, 10_000_000],
    ),
    failedLoginsPerMinute: whole(
      "TESSERA_FAILED_LOGINS_PER_MINUTE",
      DEFAULT_CONFIG.failedLoginsPerMinute,
      [1, 100_000],
    ),
    proxies: whole("TESSERA_PROXIES", DEFAULT_CONFIG.proxies, [0, 10]),
    queryLimits: {
      depth: whole("TESSERA_QUERY_DEPTH", limits.depth, [3, 50]),
      fields: whole("TESSERA_QUERY_FIELDS", limits.fields, [10, 10_000]),
      aliases: whole("TESSERA_QUERY_ALIASES", limits.aliases, [0, 1_000]),
      cost: whole("TESSERA_QUERY_COST", limits.cost, [100, 10_000_000]),
    },
    graphqlBodyLimit: whole(
      "TESSERA_GRAPHQL_BODY_LIMIT",
      DEFAULT_CONFIG.graphqlBodyLimit,
      [1_000, 100_000_000],
    ),
    queueLimit: whole("TESSERA_QUEUE_LIMIT", DEFAULT_CONFIG.queueLimit, [1_000, 10_000_000]),
    changeWaitMs: whole("TESSERA_CHANGE_WAIT_MS", DEFAULT_CONFIG.changeWaitMs, [0, 600_000]),
    backupsFolder: read("TESSERA_BACKUPS", DEFAULT_CONFIG.backupsFolder, anyText, "the path of a folder"),
    ...(auditLog === undefined ? {} : { auditLog }),
    ...(traces.ok && traces.value !== undefined ? { traces: traces.value } : {}),
    filesFolder: read("TESSERA_FILES", DEFAULT_CONFIG.filesFolder, anyText, "the path of a folder"),
    roles: read(
      "TESSERA_ROLES",
      DEFAULT_CONFIG.roles,
      rolesOf,
      `a list of ${ROLES.join(", ")}, separated by commas`,
    ),
    leaseMs: whole("TESSERA_LEASE_MS", DEFAULT_CONFIG.leaseMs, [500, 600_000]),
    targetSandboxes: read(
      "TESSERA_TARGET_SANDBOXES",
      DEFAULT_CONFIG.targetSandboxes,
      (text) => (text === "default-production" || text === "any" ? text : undefined),
      "default-production or any",
    ),
    batchThreads: whole("TESSERA_BATCH_THREADS", DEFAULT_CONFIG.batchThreads, [1, 64]),
    logLevel: read(
      "TESSERA_LOG_LEVEL",
      DEFAULT_CONFIG.logLevel,
      (text) => LOG_LEVELS.find((level) => level === text),
      `one of ${LOG_LEVELS.join(", ")}`,
    ),
  };
  return issues.length > 0 ? err(issues) : ok(config);
}

/** What an operator should know of a configuration that is valid; values are never repeated. */
export function configWarnings({
  adminToken,
  jwt,
  store,
  auditLog,
}: Pick<GatewayConfig, "adminToken" | "jwt" | "store" | "auditLog">): readonly string[] {
  const warnings: string[] = [];
  if (adminToken.length < TOKEN_SAFE) {
    warnings.push(
      `TESSERA_ADMIN_TOKEN has ${adminToken.length} characters and can be guessed: use at least ${TOKEN_SAFE} wherever others can reach this gateway.`,
    );
  }
  if (jwt !== undefined && jwt.audience === undefined) {
    warnings.push(
      "TESSERA_JWT_AUDIENCE is not set: tokens that the same keys signed for other services are taken as well.",
    );
  }
  if (store.kind === "mongodb" && auditLog === undefined) {
    warnings.push(
      "TESSERA_AUDIT_LOG is not set: of the audit log the newest 10,000 lines are kept, in the store; older ones are gone.",
    );
  }
  return warnings;
}

/** Reads `sqlite:<path>`, `memory:` or a MongoDB URI. */
export function parseStoreAddress(text: string): StoreAddress | undefined {
  if (text === "memory:" || text === "memory") return { kind: "memory" };
  if (/^mongodb(\+srv)?:\/\/\S+$/.test(text)) return { kind: "mongodb", uri: text };
  if (text.startsWith("sqlite:") && text.length > 7) return { kind: "sqlite", path: text.slice(7) };
  return undefined;
}

/** A sandbox name, or `undefined`: lower-case letters, digits and `-`, at most 50. */
function sandboxName(text: string): string | undefined {
  return /^[a-z0-9][a-z0-9-]{0,49}$/.test(text) ? text : undefined;
}

function rolesOf(text: string): readonly Role[] | undefined {
  const names = text.split(",").map((name) => name.trim());
  const roles = ROLES.filter((role) => names.includes(role));
  return roles.length > 0 && roles.length === new Set(names).size ? roles : undefined;
}

function anyText(text: string): string {
  return text;
}

function onOrOff(text: string): boolean | undefined {
  if (/^(on|true|1|yes)$/i.test(text)) return true;
  return /^(off|false|0|no)$/i.test(text) ? false : undefined;
}

function wholeNumber(text: string, [min, max]: readonly [number, number]): number | undefined {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : undefined;
}

function secureUrl(text: string): string | undefined {
  const url = URL.parse(text);
  const local = url?.hostname === "localhost" || url?.hostname === "127.0.0.1" || url?.hostname === "[::1]";
  return url?.protocol === "https:" || (url?.protocol === "http:" && local) ? text : undefined;
}
