import { createHash } from "node:crypto";
import type { Recipients } from "./campaign/recipients.ts";
import {
  adobeCommerce,
  type CatalogEntry,
  catalogEntry,
  csvFileDestination,
  customPersonalization,
  httpProfileExport,
  pageAddress,
  pageCookie,
} from "@tessera/destinations";
import { audienceManager } from "@tessera/destinations-aam";
import { campaignFiles, campaignManagedServices } from "@tessera/destinations-campaign";
import { targetConnection, targetOutbound } from "@tessera/destinations-target";

/** All the kinds of destinations there are, for a sandbox with these lists of recipients. Adding one is one line here. */
export function catalogOf(known?: Recipients["known"]): readonly CatalogEntry[] {
  const recipients = known === undefined ? {} : { knownRecipients: known };
  return [
    catalogEntry(customPersonalization),
    catalogEntry(adobeCommerce),
    catalogEntry(pageCookie),
    catalogEntry(pageAddress),
    catalogEntry(httpProfileExport),
    catalogEntry(csvFileDestination("local")),
    catalogEntry(csvFileDestination("sftp")),
    catalogEntry(csvFileDestination("s3")),
    catalogEntry(csvFileDestination("azure-blob")),
    catalogEntry(targetConnection),
    catalogEntry(targetOutbound),
    catalogEntry(audienceManager),
    catalogEntry(campaignManagedServices({ createHash: sha256, ...recipients })),
    catalogEntry(campaignFiles({ createHash: sha256 })),
  ];
}

/** The kinds of destinations, with no list of recipients at hand. */
export const CATALOG: readonly CatalogEntry[] = catalogOf();

function sha256(): { readonly update: (bytes: Uint8Array) => unknown; readonly digest: () => string } {
  const hash = createHash("sha256");
  return { update: (bytes) => hash.update(bytes), digest: () => hash.digest("hex") };
}
