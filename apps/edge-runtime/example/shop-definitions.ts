import { customPersonalization, catalogEntry } from "@tessera/destinations";
import { targetConnection } from "@tessera/destinations-target";
import { createHub, type Hub } from "@tessera/hub";
import { createMemoryStore } from "@tessera/profile-store";
import type { Result } from "@tessera/xdm";

/** The hub of the shop: one known customer, two audiences, and where they go. */
export async function createShopHub(clock: () => number, newId: () => string): Promise<Hub> {
  const hub = await createHub({
    store: createMemoryStore(),
    clock,
    newId,
    organisation: "0A1B2C3D4E5F60718293A4B5@AdobeOrg",
    sandbox: "prod",
    catalog: [catalogEntry(customPersonalization), catalogEntry(targetConnection)],
  });
  const ada = { identityMap: { CRMID: [{ id: "ada", primary: true }] }, loyalty: { tier: "gold" } };
  await hub.ingestRecords("crm", [{ ...ada, person: { name: { firstName: "Ada" } } }]);
  const campers = await audience(
    hub,
    "Looked at tents today",
    `CHAIN(xEvent, timestamp, [C0: WHAT(web.webPageDetails.name.equals("tents", false)) WHEN(<= 24 hours before now)])`,
  );
  const gold = await audience(hub, "Gold members", `loyalty.tier.equals("gold", false)`);
  const page = given(
    await hub.createDestination({
      name: "Shop pages",
      type: "custom-personalization",
      settings: { integrationAlias: "shop", datastreamId: "default" },
    }),
  );
  const target = given(
    await hub.createDestination({
      name: "Banners",
      type: "adobe-target",
      settings: { datastreamId: "default" },
    }),
  );
  for (const destinationId of [page.stored.id, target.stored.id])
    given(await hub.activateAudiences({ destinationId, audienceIds: [campers, gold] }));
  const banner = (id: number, audienceId: string, content: string): Promise<unknown> =>
    hub.saveEdgeDocument("activity", {
      id: String(id),
      name: content,
      type: "xt",
      priority: 100 - id,
      audience: { kind: "any", audiences: [audienceId] },
      experiences: [
        {
          id: 0,
          name: content,
          offers: [{ location: { kind: "mbox", name: "banner" }, offer: { kind: "html", content } }],
        },
      ],
    });
  await banner(1, gold, "Gold members sleep outside for free: <b>−50 %</b> on every tent");
  await banner(2, campers, "Still thinking about that tent? <b>−20 %</b>, today only");
  return hub;
}

async function audience(hub: Hub, name: string, value: string): Promise<string> {
  const expression = { type: "PQL", format: "pql/text", value } as const;
  return given(await hub.createAudience({ name, evaluation: "edge", expression })).id;
}

function given<T>(result: Result<T, readonly { readonly message: string }[]>): T {
  if (result.ok) return result.value;
  throw new Error(result.error.map(({ message }) => message).join("\n"));
}
