import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Server } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import type { HubStore } from "@tessera/profile-store";
import { openAccessRegistry } from "./access/access-registry.ts";
import { createAuthenticator } from "./access/authenticator.ts";
import { limitFailedLogins } from "./access/failed-logins.ts";
import { createJwtReader } from "./access/jwt-reader.ts";
import { secretDigest } from "./access/principal.ts";
import { createRateLimit } from "./access/rate-limit.ts";
import type { GatewayConfig } from "./config.ts";
import type { Gateway } from "./gateway.ts";
import { createApollo } from "./graphql/apollo.ts";
import { createQueryGuard, readTrustedDocuments } from "./graphql/query-guard.ts";
import { createApp } from "./http/app.ts";
import { createJobs } from "./jobs.ts";
import { serveWebSockets } from "./http/web-socket.ts";
import { openAuditPages } from "./observe/audit-pages.ts";
import { AUDIT_KEPT, auditFileOf, openAuditLog } from "./observe/audit.ts";
import { createLogger } from "./observe/logger.ts";
import { createMetrics } from "./observe/metrics.ts";
import { createSandboxes } from "./sandboxes.ts";
import { ACCESS_KINDS, followConfiguration } from "./workers/follow-configuration.ts";

/** What a gateway is started with. Clock, ids and store can be given by tests and demonstrations. */
export interface GatewayOptions {
  readonly config: GatewayConfig;
  /** Milliseconds since 1970; the machine's clock without it. */
  readonly clock?: () => number;
  readonly newId?: () => string;
  /** The store of the default sandbox, already open; `config.store` is opened without it. */
  readonly store?: HubStore;
  /** Secrets by name; `TESSERA_SECRET_<NAME>` of the environment without it. */
  readonly secret?: (name: string) => string | undefined;
}

/** A gateway that answers. */
export interface RunningGateway {
  readonly url: string;
  /** Finishes what is under way, then stops. */
  readonly close: () => Promise<void>;
}

const DRAIN_MS = 10_000;

/** Starts a gateway and resolves when it answers. */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const { config, clock = Date.now, newId = randomUUID, secret = secretOfEnvironment } = options;
  const log = createLogger(config.logLevel);
  const metrics = createMetrics();
  const jobs = createJobs({
    clock,
    newId,
    onError: (kind, error) => log.error({ err: error, kind }, "a job failed"),
  });
  const privacySalt = secret("privacy-salt");
  const sandboxes = createSandboxes(
    { config, clock, newId, log, metrics, jobs, secret, privacySalt },
    options.store,
  );
  const { defaultSandbox } = config;
  const { store, shared } = await sandboxes.open(defaultSandbox);
  const pages =
    shared &&
    openAuditPages(shared, {
      processId: newId(),
      kept: AUDIT_KEPT,
      onError: (error) => log.error({ err: error }, "writing the audit log failed"),
    });
  const auditLog = await openAuditLog(auditFileOf(config), pages);
  const access = await openAccessRegistry(store, { clock, newId, defaultSandbox });
  const following =
    shared &&
    followConfiguration(shared, {
      kinds: ACCESS_KINDS,
      reload: access.reload,
      onError: (what, error) => log.error({ err: error }, `${what} failed`),
    });
  const gateway: Gateway = {
    config,
    clock,
    newId,
    log,
    metrics,
    auditLog,
    access,
    audit: ({ principal, sandbox, requestId }, what) =>
      auditLog.add({
        at: new Date(clock()).toISOString(),
        principal: `${principal.kind}:${principal.id}`,
        sandbox: sandbox.name,
        requestId,
        action: what.action,
        subject: "person" in what ? secretDigest(what.person) : what.subject,
      }),
    sandbox: async (name) =>
      access.sandboxes().some((sandbox) => sandbox.name === name) ? sandboxes.open(name) : undefined,
    openSandboxes: sandboxes.running,
    dropSandbox: sandboxes.drop,
    delivery: sandboxes.delivery,
    privacy: sandboxes.privacy,
    evaluations: sandboxes.evaluations,
    jobRecords: sandboxes.jobRecords,
    jobs,
  };
  const trusted =
    config.trustedDocuments === undefined
      ? undefined
      : readTrustedDocuments(await readFile(config.trustedDocuments, "utf8"));
  const apollo = createApollo({ introspection: config.introspection, log });
  await apollo.start();
  let ready = true;
  const guard = createQueryGuard(config.queryLimits, trusted);
  const authenticate = limitFailedLogins(
    createAuthenticator(config.adminToken, [
      access.readKey,
      ...(config.jwt === undefined ? [] : [createJwtReader(config.jwt, access.roles)]),
    ]),
    { perMinute: config.failedLoginsPerMinute, now: () => performance.now() },
  );
  const rateLimit = createRateLimit(config.requestsPerMinute);
  const streams = new Set<AbortController>();
  const app = createApp({
    gateway,
    apollo,
    guard,
    streams,
    authenticate,
    rateLimit,
    ready: () => ready,
  });
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server;
  server.headersTimeout = 15_000;
  server.requestTimeout = 3_600_000;
  const webSockets = serveWebSockets(server, { gateway, authenticate, rateLimit, guard });
  const url = await listen(server, config);
  log.info({ url }, "listening");
  return {
    url,
    close: async () => {
      if (!ready) return;
      ready = false;
      for (const stream of streams) stream.abort();
      await webSockets.close();
      await stopServer(server);
      await apollo.stop();
      await following?.close();
      sandboxes.leaveEvaluations();
      await jobs.close();
      await auditLog.close();
      await sandboxes.close();
    },
  };
}

function listen(server: Server, { host, port }: GatewayConfig): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      const address = server.address();
      const bound = typeof address === "object" && address !== null ? address.port : port;
      const name =
        host === "0.0.0.0" || host === "::" ? "localhost" : host.includes(":") ? `[${host}]` : host;
      resolve(`http://${name}:${bound}`);
    });
  });
}

/** No new requests; those under way have their time to end, then their connections are cut. */
async function stopServer(server: Server): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(cut);
}

/** `TESSERA_SECRET_<NAME>` of the environment. */
export function secretOfEnvironment(name: string): string | undefined {
  return process.env[`TESSERA_SECRET_${name.replace(/[^A-Za-z0-9]/g, "_").toUpperCase()}`];
}
