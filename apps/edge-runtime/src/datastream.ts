import { err, isObject, type Issue, ok, type Result } from "@tessera/xdm";

/** How much of the client's address reaches the hub. `partial` zeroes the last IPv4 octet or the last 80 IPv6 bits. */
export type IpObfuscation = "none" | "partial" | "full";

/** What the platform service of a datastream does with events. */
interface PlatformService {
  readonly eventDatasets: readonly [string, ...string[]];
  readonly profileDataset?: string;
  /** Evaluate edge audiences in the request. */
  readonly edgeSegmentation: boolean;
  /** Answer `activation:pull` for personalization destinations. */
  readonly personalizationDestinations: boolean;
}

/** One datastream: which services a request under its id reaches, and on what terms. */
export interface Datastream {
  readonly id: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly accessType: "mixed" | "authenticatedOnly";
  /** The cookie that holds the site's own device id, when the site has one. */
  readonly firstPartyIdCookie?: string;
  readonly ipObfuscation: IpObfuscation;
  readonly platform?: PlatformService;
  readonly target?: {
    readonly propertyToken?: string;
    readonly environmentId?: string;
    readonly thirdPartyIdNamespace?: string;
  };
  readonly audienceManager?: { readonly cookieDestinations: boolean; readonly urlDestinations: boolean };
}

/**
 * Reads a datastream object (`{id, name, accessType, firstPartyIdCookie, ipObfuscation, services: {platform, target,
 * audienceManager}}`). What is not given takes the product's default: enabled, mixed access, addresses kept.
 */
export function parseDatastream(input: unknown): Result<Datastream, Issue> {
  if (!isObject(input)) return err(issue([], "an object"));
  const id = input["id"];
  if (typeof id !== "string" || id === "") return err(issue(["id"], "a non-empty string"));
  const services = isObject(input["services"]) ? input["services"] : {};
  const platform = parsePlatform(services["platform"]);
  if (!platform.ok) return platform;
  const access = input["accessType"] ?? "mixed";
  if (access !== "mixed" && access !== "authenticatedOnly")
    return err(issue(["accessType"], "mixed or authenticatedOnly"));
  const obfuscation = input["ipObfuscation"] ?? "none";
  if (obfuscation !== "none" && obfuscation !== "partial" && obfuscation !== "full")
    return err(issue(["ipObfuscation"], "none, partial or full"));
  const cookie = input["firstPartyIdCookie"];
  const cookieName =
    isObject(cookie) && cookie["enabled"] !== false && typeof cookie["name"] === "string"
      ? cookie["name"]
      : undefined;
  return ok({
    id,
    name: typeof input["name"] === "string" ? input["name"] : id,
    enabled: input["enabled"] !== false,
    accessType: access,
    ipObfuscation: obfuscation,
    ...(cookieName === undefined ? {} : { firstPartyIdCookie: cookieName }),
    ...(platform.value === undefined ? {} : { platform: platform.value }),
    ...target(services["target"]),
    ...audienceManager(services["audienceManager"]),
  });
}

function parsePlatform(input: unknown): Result<PlatformService | undefined, Issue> {
  if (!isObject(input) || input["enabled"] === false) return ok(undefined);
  const datasets = Array.isArray(input["eventDatasets"])
    ? (input["eventDatasets"] as unknown[]).filter((id): id is string => typeof id === "string" && id !== "")
    : [];
  const [first, ...rest] = datasets;
  if (first === undefined)
    return err(issue(["services", "platform", "eventDatasets"], "at least one dataset id"));
  const profileDataset = input["profileDataset"];
  return ok({
    eventDatasets: [first, ...rest],
    edgeSegmentation: input["edgeSegmentation"] === true,
    personalizationDestinations: input["personalizationDestinations"] === true,
    ...(typeof profileDataset === "string" && profileDataset !== "" ? { profileDataset } : {}),
  });
}

function target(input: unknown): Pick<Datastream, "target"> {
  if (!isObject(input) || input["enabled"] === false) return {};
  const text = (name: string): Record<string, string> =>
    typeof input[name] === "string" ? { [name]: input[name] } : {};
  return {
    target: { ...text("propertyToken"), ...text("environmentId"), ...text("thirdPartyIdNamespace") },
  };
}

function audienceManager(input: unknown): Pick<Datastream, "audienceManager"> {
  if (!isObject(input) || input["enabled"] === false) return {};
  return {
    audienceManager: {
      cookieDestinations: input["cookieDestinations"] === true,
      urlDestinations: input["urlDestinations"] === true,
    },
  };
}

function issue(path: readonly string[], expected: string): Issue {
  return {
    code: "datastream.invalid",
    path,
    expected,
    message: `${path.join(".") || "datastream"}: expected ${expected}. Correct the datastream and publish it again.`,
  };
}

/**
 * The datastream with a request's `meta.configOverrides` applied: another of its own event datasets, another Target
 * property, a service switched off. What the datastream does not allow is an error, in words.
 */
export function applyOverrides(datastream: Datastream, overrides: unknown): Result<Datastream, string> {
  if (overrides === undefined) return ok(datastream);
  if (!isObject(overrides)) return err("meta.configOverrides: expected an object.");
  let out = datastream;
  const platform = overrides["com_adobe_experience_platform"];
  if (isObject(platform)) {
    const overridden = overridePlatform(out, platform);
    if (!overridden.ok) return overridden;
    out = overridden.value;
  }
  const target = overrides["com_adobe_target"];
  if (isObject(target)) {
    if (target["enabled"] === false) {
      const { target: _off, ...rest } = out;
      out = rest;
    } else if (typeof target["propertyToken"] === "string" && out.target !== undefined) {
      out = { ...out, target: { ...out.target, propertyToken: target["propertyToken"] } };
    }
  }
  const manager = overrides["com_adobe_audience_manager"];
  if (isObject(manager) && manager["enabled"] === false) {
    const { audienceManager: _off, ...rest } = out;
    out = rest;
  }
  return ok(out);
}

function overridePlatform(
  datastream: Datastream,
  override: Record<string, unknown>,
): Result<Datastream, string> {
  if (override["enabled"] === false) {
    const { platform: _off, ...rest } = datastream;
    return ok(rest);
  }
  const { platform } = datastream;
  if (platform === undefined) return ok(datastream);
  const off = (name: string): boolean => isObject(override[name]) && override[name]["enabled"] === false;
  const datasets = isObject(override["datasets"]) ? override["datasets"] : {};
  const event = isObject(datasets["event"]) ? datasets["event"]["datasetId"] : undefined;
  if (event !== undefined && (typeof event !== "string" || !platform.eventDatasets.includes(event))) {
    return err(
      "com_adobe_experience_platform.datasets.event.datasetId: expected one of the datastream's event datasets.",
    );
  }
  const profile = isObject(datasets["profile"]) ? datasets["profile"]["datasetId"] : undefined;
  if (profile !== undefined && profile !== platform.profileDataset) {
    return err(
      "com_adobe_experience_platform.datasets.profile.datasetId: expected the datastream's profile dataset.",
    );
  }
  return ok({
    ...datastream,
    platform: {
      ...platform,
      eventDatasets: event === undefined ? platform.eventDatasets : [event],
      edgeSegmentation: platform.edgeSegmentation && !off("com_adobe_edge_segmentation"),
      personalizationDestinations:
        platform.personalizationDestinations && !off("com_adobe_edge_destinations"),
    },
  });
}

/** An address as far as the datastream lets it through; `undefined` when nothing may pass. */
export function obfuscateIp(ip: string, level: IpObfuscation): string | undefined {
  if (level === "none") return ip;
  if (level === "full") return undefined;
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(ip)) return ip.replace(/\d+$/, "0");
  const groups = expandIpv6(ip);
  return groups === undefined ? undefined : `${groups.slice(0, 3).join(":")}::`;
}

function expandIpv6(ip: string): readonly string[] | undefined {
  const [head = "", tail, more] = ip.toLowerCase().split("::");
  if (more !== undefined || !/^[0-9a-f:]*$/.test(head + (tail ?? ""))) return undefined;
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const gap = 8 - left.length - right.length;
  if (tail === undefined ? gap !== 0 : gap < 1) return undefined;
  return [...left, ...Array.from({ length: tail === undefined ? 0 : gap }, () => "0"), ...right].map(
    (group) => group.replace(/^0+(?=.)/, ""),
  );
}
