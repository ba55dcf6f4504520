import type { Principal } from "../access/principal.ts";
import type { Gateway } from "../gateway.ts";
import type { Sandbox } from "../sandbox.ts";
import type { Loaders } from "./loaders.ts";

/** What every resolver is given: who asks, in which sandbox, and what the gateway is made of. */
export interface GatewayContext {
  readonly principal: Principal;
  readonly sandbox: Sandbox;
  readonly gateway: Gateway;
  readonly loaders: Loaders;
  readonly requestId: string;
  /** Aborted when the caller is gone or the gateway stops. */
  readonly signal: AbortSignal;
}
