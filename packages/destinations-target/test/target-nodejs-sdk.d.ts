/** The part of Adobe's SDK that the tests call; the package has no types of its own. */
declare module "@adobe/target-nodejs-sdk" {
  namespace TargetClient {
    interface SdkAnswer {
      readonly response: {
        readonly status: number;
        readonly id?: { readonly tntId?: string };
        readonly edgeHost?: string;
        readonly execute?: SdkLocations;
        readonly prefetch?: SdkLocations;
        readonly notifications?: readonly { readonly id: string }[];
      };
      readonly targetCookie?: { readonly value: string };
      readonly targetLocationHintCookie?: { readonly value: string };
      readonly meta?: { readonly decisioningMethod: string; readonly remoteMboxes?: readonly string[] };
    }
    interface SdkLocations {
      readonly pageLoad?: { readonly options: readonly SdkOption[] };
      readonly mboxes?: readonly {
        readonly index: number;
        readonly name: string;
        readonly options?: readonly SdkOption[];
        readonly state?: string;
        readonly metrics?: readonly { readonly eventToken: string }[];
      }[];
      readonly views?: readonly { readonly name: string; readonly options: readonly SdkOption[] }[];
    }
    interface SdkOption {
      readonly type: string;
      readonly content: unknown;
      readonly eventToken?: string;
      readonly responseTokens?: Record<string, unknown>;
    }
    interface TargetClientInstance {
      getOffers(options: object): Promise<SdkAnswer>;
      sendNotifications(options: object): Promise<SdkAnswer>;
    }
  }
  const TargetClient: { create(options: object): TargetClient.TargetClientInstance };
  export = TargetClient;
}
