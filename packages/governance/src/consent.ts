import { type Identity, isObject } from "@tessera/xdm";

/** The codes of an XDM consent (`val`). */
export const CONSENT_CODES = {
  y: { meaning: "Yes", stands: "granted" },
  n: { meaning: "No", stands: "refused" },
  p: { meaning: "Pending verification", stands: "undecided" },
  u: { meaning: "Unknown", stands: "undecided" },
  li: { meaning: "Legitimate interest", stands: "granted" },
  ct: { meaning: "Contract", stands: "granted" },
  cp: { meaning: "Compliance with a legal obligation", stands: "granted" },
  vi: { meaning: "Vital interest of a person", stands: "granted" },
  pi: { meaning: "Public interest", stands: "granted" },
  dy: { meaning: "Default of yes: no answer yet, consent assumed", stands: "granted" },
  dn: { meaning: "Default of no: no answer yet, no consent assumed", stands: "refused" },
} as const;

/** A consent code, lower case. */
export type ConsentCode = keyof typeof CONSENT_CODES;

/** What data is to be used for. */
export type ConsentPurpose = "collect" | "share" | "adID" | "personalize" | "marketing";

/** A use of a person's data: a purpose, and for marketing the channel (`email`, `push`, `sms`, `call` …). */
export interface ConsentUse {
  readonly purpose: ConsentPurpose;
  readonly channel?: string;
}

/** A use, and the identity it goes to: one address may be refused while another is granted. */
export interface ConsentQuestion extends ConsentUse {
  readonly identity?: Identity;
  /** What an undecided or missing answer means; `permit` (opt-out) when absent, `refuse` where opt-in is the law. */
  readonly undecided?: "permit" | "refuse";
}

/** Whether a use is permitted, and the answer that decided. `because` is a path in `consents`, or `none`. */
export interface ConsentDecision {
  readonly permitted: boolean;
  readonly because: string;
  readonly code?: ConsentCode;
}

type Answer = { readonly because: string; readonly code: ConsentCode };

/**
 * Asks the `consents` of a profile about one use.
 *
 * - An explicit `n` for the whole person stands, whatever `idSpecific` says; else the answer for the identity counts first.
 * - `marketing.any` = `n` refuses every channel; `y` grants every channel without an explicit `n` of its own. Otherwise
 *   the channel's own answer counts, and `any` where it has none.
 * - Codes are read in any case. An answer of no known code counts as undecided; a shape that cannot be read, too.
 */
export function consentDecision(consents: unknown, question: ConsentQuestion): ConsentDecision {
  const { undecided = "permit", identity } = question;
  const person = answerOf(consents, question);
  if (person?.code === "n") return decision(person, false);
  const specific = identity && answerOf(specificConsents(consents, identity), question);
  const answer = specific
    ? { ...specific, because: `idSpecific.${identity.namespace}.${specific.because}` }
    : person;
  if (!answer) return { permitted: undecided === "permit", because: "none" };
  const { stands } = CONSENT_CODES[answer.code];
  return decision(answer, stands === "granted" || (stands === "undecided" && undecided === "permit"));
}

/**
 * Whether a person is out of every audience that excludes opt-outs (`dataGovernancePolicy.excludeOptOut`): refused
 * to have data collected at all. `purposes` widens that, for organisations whose audiences serve one purpose only
 * (`["collect", "share"]` leaves out those who refuse sharing).
 */
export function isOptedOut(consents: unknown, purposes: readonly ConsentPurpose[] = ["collect"]): boolean {
  if (!isObject(consents)) return false;
  return purposes.some((purpose) => {
    const answer = answerOf(consents, { purpose });
    return answer !== undefined && CONSENT_CODES[answer.code].stands === "refused";
  });
}

/** The code of an answer in any case; `undefined` when it is none. */
export function parseConsentCode(input: unknown): ConsentCode | undefined {
  if (typeof input !== "string") return undefined;
  const code = input.toLowerCase();
  return Object.hasOwn(CONSENT_CODES, code) ? (code as ConsentCode) : undefined;
}

function decision({ because, code }: Answer, permitted: boolean): ConsentDecision {
  return { permitted, because, code };
}

function answerOf(consents: unknown, { purpose, channel }: ConsentUse): Answer | undefined {
  if (!isObject(consents)) return undefined;
  switch (purpose) {
    case "collect":
    case "share":
    case "adID":
      return answerAt(consents, purpose, purpose);
    case "personalize": {
      const personalize = consents["personalize"];
      return isObject(personalize) ? answerAt(personalize, "content", "personalize.content") : undefined;
    }
    case "marketing":
      return isObject(consents["marketing"]) ? marketingAnswer(consents["marketing"], channel) : undefined;
  }
}

function marketingAnswer(
  marketing: { readonly [field: string]: unknown },
  channel: string | undefined,
): Answer | undefined {
  const any = answerAt(marketing, "any", "marketing.any");
  if (channel === undefined || channel === "any" || any?.code === "n") return any;
  const own = answerAt(marketing, channel, `marketing.${channel}`);
  return any?.code === "y" && own?.code !== "n" ? any : (own ?? any);
}

function answerAt(
  object: { readonly [field: string]: unknown },
  field: string,
  because: string,
): Answer | undefined {
  const answer = Object.hasOwn(object, field) ? object[field] : undefined;
  const code = isObject(answer) ? parseConsentCode(answer["val"]) : undefined;
  return code === undefined ? undefined : { because, code };
}

/** The answers for one identity. Namespace codes are compared in any case, as profiles write `email` and `Email`. */
function specificConsents(consents: unknown, { namespace, id }: Identity): unknown {
  if (!isObject(consents) || !isObject(consents["idSpecific"])) return undefined;
  const wanted = namespace.toLowerCase();
  for (const [code, ids] of Object.entries(consents["idSpecific"])) {
    if (code.toLowerCase() === wanted && isObject(ids) && Object.hasOwn(ids, id)) return ids[id];
  }
  return undefined;
}
