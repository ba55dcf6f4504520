import { err, type Issue, ok, type Result } from "@tessera/xdm";
import { DCS_REGIONS } from "../regions.ts";
import { compileRules, type CompiledRules } from "../rules/compile-rules.ts";

/** A data source that calls may declare ids of, and the identity namespace those ids become. */
export interface AamDataSource {
  readonly dpid: number;
  readonly integrationCode?: string;
  /** Namespace code in identity maps: `CRMID`, `IDFA`, … */
  readonly namespace: string;
  readonly blocked?: boolean;
  readonly blockedIds?: ReadonlySet<string>;
}

/** A trait: realised when its rule holds for the signals of a call, forgotten `ttlDays` after (0: never; default 120). */
export interface AamTrait {
  readonly sid: number;
  readonly rule: string;
  readonly ttlDays?: number;
}

/** A segment over traits. */
export interface AamSegment {
  readonly id: number;
  readonly rule: string;
}

/** A cookie that tells the page the device's segments: `name` = `key=value,value`, or the values alone. */
export interface AamCookieDestination {
  readonly id: number;
  readonly cookieName: string;
  readonly domain: string;
  readonly ttlDays: number;
  readonly key?: string;
  readonly values: readonly { readonly segmentId: number; readonly value: string }[];
}

/**
 * An address the page calls when the device is in a segment. Macros: `%did%` Audience Manager id, `%mcid%` ECID,
 * `%timestamp%` seconds, `%http_proto%`.
 */
export interface AamUrlDestination {
  readonly id: number;
  readonly segmentId: number;
  readonly url: string;
  readonly secureUrl?: string;
  readonly tag: "img" | "iframe";
  readonly hideReferrer?: boolean;
}

/** An id synchronisation that the page performs with a partner, once per `ttlMinutes`. */
export interface AamIdSync {
  readonly id: string;
  readonly tag: "img" | "iframe";
  readonly urls: readonly string[];
  readonly ttlMinutes: number;
  readonly fireURLSync?: boolean;
  readonly syncOnPage?: boolean;
}

/** What answers `/event` and `/id` for one organisation. */
export interface AamEdgeConfig {
  readonly orgId: string;
  /** `acme` of `acme.demdex.net`; the `subdomain` of answers. */
  readonly domainAlias: string;
  /** The DCS region this edge stands for. */
  readonly region: number;
  readonly dataSources: readonly AamDataSource[];
  readonly traits: readonly AamTrait[];
  readonly segments: readonly AamSegment[];
  readonly cookieDestinations?: readonly AamCookieDestination[];
  readonly urlDestinations?: readonly AamUrlDestination[];
  readonly idSyncs?: readonly AamIdSync[];
  /** Host names that are served; any when absent. */
  readonly hosts?: readonly string[];
  /** Host names of pages that may call; any when absent. */
  readonly allowedReferers?: readonly string[];
  /** ISO country codes whose requests the organisation blocks. */
  readonly blockedCountries?: readonly string[];
  /** Domain of the `demdex` cookie; the answering host's own when absent. */
  readonly cookieDomain?: string;
}

/** A configuration checked and made ready to answer. */
export interface AamEdge {
  readonly config: AamEdgeConfig;
  readonly rules: CompiledRules;
  readonly sources: {
    readonly byNumber: ReadonlyMap<number, AamDataSource>;
    readonly byCode: ReadonlyMap<string, AamDataSource>;
  };
  readonly hosts: ReadonlySet<string> | undefined;
  readonly referers: ReadonlySet<string> | undefined;
  readonly blockedCountries: ReadonlySet<string>;
}

/** Checks and compiles a configuration; every violation at once. */
export function compileAamEdge(config: AamEdgeConfig): Result<AamEdge, readonly Issue[]> {
  const issues: Issue[] = [];
  const report = (path: readonly (string | number)[], expected: string): void => {
    issues.push({
      code: "aam.edge.config",
      path,
      expected,
      message: `${path.join(".")}: expected ${expected}. Correct the configuration and load it again.`,
    });
  };
  if (!DCS_REGIONS.some(({ id }) => id === config.region)) report(["region"], "the number of a DCS region");
  const segmentIds = new Set(config.segments.map(({ id }) => id));
  unique(
    config.traits.map(({ sid }) => sid),
    (index) => report(["traits", index, "sid"], "a number used once"),
  );
  unique(
    config.segments.map(({ id }) => id),
    (index) => report(["segments", index, "id"], "a number used once"),
  );
  config.cookieDestinations?.forEach((cookie, index) => {
    const path = ["cookieDestinations", index];
    if (!/^[A-Za-z0-9_.-]{1,100}$/.test(cookie.cookieName))
      report([...path, "cookieName"], "a plain cookie name");
    if (cookie.values.some(({ segmentId }) => !segmentIds.has(segmentId)))
      report([...path, "values"], "known segments");
  });
  config.urlDestinations?.forEach((destination, index) => {
    const path = ["urlDestinations", index];
    if (!segmentIds.has(destination.segmentId)) report([...path, "segmentId"], "a known segment");
    for (const url of new Set([destination.url, destination.secureUrl ?? destination.url]))
      if (!/^(https?:)?\/\//.test(url)) report([...path, "url"], "an http or https address");
  });
  const rules = compileRules(config.traits, config.segments);
  if (!rules.ok) issues.push(...rules.error);
  if (!rules.ok || issues.length > 0) return err(issues);
  return ok({
    config,
    rules: rules.value,
    sources: {
      byNumber: new Map(config.dataSources.map((source) => [source.dpid, source])),
      byCode: new Map(
        config.dataSources.flatMap((source): [string, AamDataSource][] =>
          source.integrationCode === undefined ? [] : [[source.integrationCode, source]],
        ),
      ),
    },
    hosts: config.hosts && new Set(config.hosts.map((host) => host.toLowerCase())),
    referers: config.allowedReferers && new Set(config.allowedReferers.map((host) => host.toLowerCase())),
    blockedCountries: new Set(config.blockedCountries),
  });
}

function unique(ids: readonly number[], report: (index: number) => void): void {
  const seen = new Set<number>();
  ids.forEach((id, index) => {
    if (seen.has(id) || !Number.isSafeInteger(id) || id < 0) report(index);
    seen.add(id);
  });
}
