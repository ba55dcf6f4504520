import { describe, err, isObject, type Issue, ok, type Result } from "@tessera/xdm";
import { isPrivacyProduct, type PrivacyProduct } from "./privacy-plan.ts";

/** The laws under which a request may stand (experience-platform-apis privacy-service.yaml). */
export const REGULATIONS = [
  "apa_aus",
  "ccpa",
  "cpa_co_usa",
  "cpra_ca_usa",
  "ctdpa_ct_usa",
  "dpdpa_de_usa",
  "fdbr_fl_usa",
  "gdpr",
  "hipaa_usa",
  "icdpa_ia_usa",
  "lgpd_bra",
  "mcdpa_mn_usa",
  "mcdpa_mt_usa",
  "mhmda_wa_usa",
  "ndpa_ne_usa",
  "nhpa_nh_usa",
  "njdpa_nj_usa",
  "nzpa_nzl",
  "ocpa_or_usa",
  "pdpa_tha",
  "ql25_qc_can",
  "tdpsa_tx_usa",
  "tipa_tn_usa",
  "ucpa_ut_usa",
  "vcdpa_va_usa",
] as const;

/** A law under which a request stands. */
export type Regulation = (typeof REGULATIONS)[number];

/** What a person may ask for. */
export type PrivacyAction = "access" | "delete";

/** One identifier of a person in a privacy request. `type` tells how the namespace is meant. */
export interface PrivacyUserId {
  readonly namespace: string;
  readonly value: string;
  readonly type: string;
}

/** One person of a request. `key` is the caller's own name for them. */
export interface PrivacyUser {
  readonly key: string;
  readonly action: readonly PrivacyAction[];
  readonly userIDs: readonly PrivacyUserId[];
}

/** A privacy request that passed the door. */
export interface PrivacyRequest {
  readonly organization: string;
  readonly users: readonly PrivacyUser[];
  readonly include: readonly PrivacyProduct[];
  /** Whether identities that the graph links to the given ones are meant too. */
  readonly expandIds: boolean;
  readonly priority: "normal" | "low";
  readonly regulation: Regulation;
  readonly mergePolicyId?: string;
}

/** The most identifiers of one person. */
const MOST_IDS = 9;

/**
 * Reads the body of `POST /data/core/privacy/jobs`. What concerns the whole request must be right. A person who
 * cannot be used is left out and reported in `issues`, and the others live; with none left the request is refused.
 */
export function parsePrivacyRequest(
  input: unknown,
): Result<{ readonly request: PrivacyRequest; readonly issues: readonly Issue[] }, readonly Issue[]> {
  if (!isObject(input)) return err([wrong("privacy.shape", [], "an object", input)]);
  const issues: Issue[] = [];
  const organization = parseOrganization(input["companyContexts"]);
  if (organization === undefined) {
    issues.push(
      wrong(
        "privacy.shape",
        ["companyContexts"],
        "a list with the namespace imsOrgID",
        input["companyContexts"],
      ),
    );
  }
  const include = parseProducts(input["include"], issues);
  const { expandIds = false, priority = "normal", mergePolicyId } = input;
  const regulation = REGULATIONS.find((known) => known === input["regulation"]);
  if (regulation === undefined) {
    issues.push(wrong("privacy.regulation", ["regulation"], REGULATIONS.join(", "), input["regulation"]));
  }
  if (typeof expandIds !== "boolean")
    issues.push(wrong("privacy.shape", ["expandIds"], "a boolean", expandIds));
  if (priority !== "normal" && priority !== "low") {
    issues.push(wrong("privacy.shape", ["priority"], "normal or low", priority));
  }
  if (mergePolicyId !== undefined && typeof mergePolicyId !== "string") {
    issues.push(wrong("privacy.shape", ["mergePolicyId"], "a string", mergePolicyId));
  }
  const { users, issues: userIssues } = parseUsers(input["users"]);
  if (issues.length > 0 || users.length === 0 || organization === undefined || regulation === undefined) {
    return err([...issues, ...userIssues]);
  }
  const request: PrivacyRequest = {
    organization,
    users,
    include,
    expandIds: expandIds === true,
    priority: priority === "low" ? "low" : "normal",
    regulation,
    ...(typeof mergePolicyId === "string" ? { mergePolicyId } : {}),
  };
  return ok({ request, issues: userIssues });
}

function parseOrganization(contexts: unknown): string | undefined {
  if (!Array.isArray(contexts)) return undefined;
  for (const context of contexts) {
    if (!isObject(context)) continue;
    const { namespace, value } = context;
    if (namespace === "imsOrgID" && typeof value === "string" && value !== "") return value;
  }
  return undefined;
}

function parseProducts(include: unknown, issues: Issue[]): readonly PrivacyProduct[] {
  if (!Array.isArray(include) || include.length === 0) {
    issues.push(wrong("privacy.product", ["include"], "a list of products", include));
    return [];
  }
  const products = new Set<PrivacyProduct>();
  include.forEach((product: unknown, index) => {
    if (isPrivacyProduct(product)) products.add(product);
    else issues.push(wrong("privacy.product", ["include", index], "the name of a product", product));
  });
  return [...products];
}

function parseUsers(input: unknown): {
  readonly users: readonly PrivacyUser[];
  readonly issues: readonly Issue[];
} {
  if (!Array.isArray(input) || input.length === 0) {
    return { users: [], issues: [wrong("privacy.shape", ["users"], "a list of persons", input)] };
  }
  const users: PrivacyUser[] = [];
  const issues: Issue[] = [];
  const keys = new Set<string>();
  input.forEach((item: unknown, index) => {
    const user = parseUser(item, ["users", index]);
    if (!user.ok) issues.push(user.error);
    else if (keys.has(user.value.key)) {
      issues.push(wrong("privacy.user", ["users", index, "key"], "a key of its own", user.value.key));
    } else {
      keys.add(user.value.key);
      users.push(user.value);
    }
  });
  return { users, issues };
}

function parseUser(input: unknown, path: readonly (string | number)[]): Result<PrivacyUser, Issue> {
  const fail = (field: string, expected: string, came: unknown): Result<PrivacyUser, Issue> =>
    err(wrong("privacy.user", [...path, field], expected, came));
  if (!isObject(input)) return err(wrong("privacy.user", path, "an object", input));
  const { key, action, userIDs } = input;
  if (typeof key !== "string" || key === "") return fail("key", "a non-empty string", key);
  if (!Array.isArray(action) || action.length === 0) return fail("action", "access, delete or both", action);
  const actions = new Set<PrivacyAction>();
  for (const one of action) {
    if (one !== "access" && one !== "delete") return fail("action", "access, delete or both", one);
    actions.add(one);
  }
  if (!Array.isArray(userIDs) || userIDs.length === 0 || userIDs.length > MOST_IDS) {
    return fail("userIDs", `1 to ${MOST_IDS} identifiers`, userIDs);
  }
  const ids: PrivacyUserId[] = [];
  for (const id of userIDs) {
    const { namespace, value, type = "standard" } = isObject(id) ? id : {};
    if (typeof namespace !== "string" || namespace === "" || typeof type !== "string") {
      return fail("userIDs", "identifiers with namespace, value and type", id);
    }
    if (typeof value !== "string" || value === "") {
      return fail("userIDs", "identifiers with namespace, value and type", id);
    }
    ids.push({ namespace, value, type });
  }
  return ok({ key, action: [...actions], userIDs: ids });
}

function wrong(code: string, path: readonly (string | number)[], expected: string, came: unknown): Issue {
  const message = `${path.join(".") || "request"}: expected ${expected}, got ${describe(came)}. Correct it and send the request again.`;
  return { code, path, expected, came: describe(came), message };
}
