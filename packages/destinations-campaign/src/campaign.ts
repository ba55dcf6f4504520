import type { DestinationDefinition } from "@tessera/destinations";
import { FILE_DEMANDS, managedDemands } from "./export/mapping-rules.ts";
import { type CampaignPorts, interpretFiles, planFiles } from "./plan.ts";
import {
  CAMPAIGN_FILE_SETTINGS,
  CAMPAIGN_SETTINGS,
  type CampaignFileSettings,
  type CampaignSettings,
  parseCampaignFileSettings,
  parseCampaignSettings,
} from "./settings.ts";

/**
 * Campaign v8 managed services: files in the landing zone that Campaign loads as audiences, or as updates of
 * recipients it has. It owns its recipients: none is created, and with the known ones given, unknown ones are left out.
 */
export function campaignManagedServices(ports: CampaignPorts = {}): DestinationDefinition<CampaignSettings> {
  return {
    slug: "adobe-campaign-managed-services",
    title: "Adobe Campaign Managed Cloud Services",
    description:
      "Audience sync and profile sync (update only) with Campaign v8, as files in its landing zone.",
    kind: "batch-file",
    settings: CAMPAIGN_SETTINGS,
    parseSettings: parseCampaignSettings,
    capabilities: {
      namespaces: "any",
      batchMax: 1,
      removals: true,
      attributes: true,
      audienceDefinitions: false,
      backfill: true,
      marketingActions: ["emailTargeting"],
      limits: "campaign",
    },
    plan: (batch, settings, context) =>
      planFiles(
        batch,
        {
          ...(ports.createHash && { createHash: ports.createHash }),
          knownRecipients: (column) =>
            ports.knownRecipients?.({
              instance: settings.instance,
              targetMapping: settings.targetMapping,
              column,
            }),
          load: {
            instance: settings.instance,
            targetMapping: settings.targetMapping,
            syncType: settings.syncType,
            createRecipients: false,
            ...(settings.organisationalUnit !== undefined && {
              organisationalUnit: settings.organisationalUnit,
            }),
          },
          target: settings.landingZone,
          files: settings,
          demands: managedDemands(settings),
          plainAudienceNames: true,
        },
        context,
      ),
    interpret: interpretFiles,
  };
}

/** Campaign as plain files on S3, SFTP or Azure Blob, imported there by a workflow of its own. */
export function campaignFiles(
  ports: Pick<CampaignPorts, "createHash"> = {},
): DestinationDefinition<CampaignFileSettings> {
  return {
    slug: "adobe-campaign",
    title: "Adobe Campaign (files)",
    description: "CSV files for Campaign on S3, SFTP or Azure Blob.",
    kind: "batch-file",
    settings: CAMPAIGN_FILE_SETTINGS,
    parseSettings: parseCampaignFileSettings,
    capabilities: {
      namespaces: "any",
      batchMax: 1,
      removals: true,
      attributes: true,
      audienceDefinitions: false,
      backfill: true,
      marketingActions: ["emailTargeting"],
    },
    plan: (batch, settings, context) =>
      planFiles(
        batch,
        {
          ...ports,
          target: settings.storage,
          files: settings,
          demands: FILE_DEMANDS,
          plainAudienceNames: false,
        },
        context,
      ),
    interpret: interpretFiles,
  };
}
