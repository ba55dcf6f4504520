import { createHash } from "node:crypto";
import {
  adobeCommerce,
  type CatalogEntry,
  catalogEntry,
  csvFileDestination,
  customPersonalization,
  httpProfileExport,
} from "@tessera/destinations";
import { audienceManager } from "@tessera/destinations-aam";
import { campaignFiles, campaignManagedServices } from "@tessera/destinations-campaign";
import { targetConnection, targetOutbound } from "@tessera/destinations-target";

/** All the kinds of destinations there are. Adding one is one line here. */
export const CATALOG: readonly CatalogEntry[] = [
  catalogEntry(customPersonalization),
  catalogEntry(adobeCommerce),
  catalogEntry(httpProfileExport),
  catalogEntry(csvFileDestination("local")),
  catalogEntry(csvFileDestination("sftp")),
  catalogEntry(csvFileDestination("s3")),
  catalogEntry(csvFileDestination("azure-blob")),
  catalogEntry(targetConnection),
  catalogEntry(targetOutbound),
  catalogEntry(audienceManager),
  catalogEntry(campaignManagedServices({ createHash: sha256 })),
  catalogEntry(campaignFiles({ createHash: sha256 })),
];

function sha256(): { readonly update: (bytes: Uint8Array) => unknown; readonly digest: () => string } {
  const hash = createHash("sha256");
  return { update: (bytes) => hash.update(bytes), digest: () => hash.digest("hex") };
}
