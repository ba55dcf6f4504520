import type { FileRequest, HttpRequest, RawResponse, Send, TransportFailure } from "@tessera/destinations";
import { sendHttp } from "./http-call.ts";
import { writeLocalFile } from "./local-folder.ts";

/** Performs the requests of destinations: HTTP calls and files. Secrets are put in here and nowhere before. */
export type Sender = Send;

/** What a sender is made of. */
export interface SenderOptions {
  /** The folder that local files go under. */
  readonly filesFolder: string;
  /** The value of a secret by its name. */
  readonly secret: (name: string) => string | undefined;
  readonly now: () => number;
}

/** The one way out for everything a destination plans. */
export function createSender({ filesFolder, secret, now }: SenderOptions): Sender {
  const sendFile = async (
    request: FileRequest,
    signal: AbortSignal,
  ): Promise<RawResponse | TransportFailure> => {
    switch (request.target.kind) {
      case "local":
        return writeLocalFile(request, { root: filesFolder, now, signal });
      default:
        return {
          kind: "failure",
          reason: "storage",
          detail: `no transport for ${request.target.kind} files`,
        };
    }
  };
  return (request: HttpRequest | FileRequest, signal: AbortSignal) =>
    request.kind === "http" ? sendHttp(request, { secret, now, signal }) : sendFile(request, signal);
}
