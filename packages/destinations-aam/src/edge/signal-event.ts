import { compareKeys, digest, type EventBody, type IdentityMap } from "@tessera/xdm";
import type { RuleSignal } from "../rules/compile-rules.ts";
import type { AamDevice } from "./aam-device.ts";
import type { OpenCall } from "./open-call.ts";

/** The signals of a call as an experience event for the hub. */
export type AamSignalEvent = EventBody & {
  readonly _id: string;
  readonly eventType: "audienceManager.signals";
};

const STATES = ["ambiguous", "authenticated", "loggedOut"] as const;

/**
 * The event: identities of the device and of its declared customers, and the signals. Private signals (`p_`) took
 * part in the traits and are not in it. The same call at the same moment gives the same `_id`.
 */
export function signalEvent(given: {
  readonly call: OpenCall;
  readonly device: AamDevice;
  readonly signals: readonly RuleSignal[];
  readonly realized: readonly number[];
  readonly now: string;
  readonly region: number;
}): AamSignalEvent {
  const { call, device, now } = given;
  const identityMap: { [namespace: string]: IdentityMap[string][number][] } = {
    ECID: [{ id: device.ecid, primary: true }],
    CORE: [{ id: device.uuid, primary: false }],
  };
  for (const { source, id, authState } of call.customers.ids) {
    const list = (identityMap[source.namespace] ??= []);
    if (!list.some((item) => item.id === id))
      list.push({ id, primary: false, authenticatedState: STATES[authState] });
  }
  const signals = given.signals
    .filter(({ key }) => !key.startsWith("p_"))
    .map(({ key, value, number }) => (number === undefined ? { key, value } : { key, value, number }))
    .sort((a, b) => compareKeys(a.key, b.key) || compareKeys(a.value, b.value));
  return {
    _id: digest(`${device.uuid}\n${now}\n${call.tid}`),
    timestamp: now,
    eventType: "audienceManager.signals",
    identityMap,
    audienceManager: { signals, traits: given.realized, region: given.region },
  };
}
