import type { JsonSchema } from "@tessera/xdm";
import type { FieldGroup } from "./field-group.ts";

const TEXT: JsonSchema = { type: "string" };
const NUMBER: JsonSchema = { type: "number" };
const INTEGER: JsonSchema = { type: "integer" };
const TRUTH: JsonSchema = { type: "boolean" };
const TIME: JsonSchema = { type: "string", format: "date-time" };
const DAY: JsonSchema = { type: "string", format: "date" };

function object(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { type: "object", properties };
}

function list(items: JsonSchema): JsonSchema {
  return { type: "array", items };
}

const ADDRESS = object({
  street1: TEXT,
  street2: TEXT,
  postalCode: TEXT,
  city: TEXT,
  stateProvince: TEXT,
  region: TEXT,
  country: TEXT,
  countryCode: TEXT,
});
const PHONE = object({ number: TEXT, primary: TRUTH, status: TEXT });
const MEASURE = object({ value: NUMBER, id: TEXT });
const CONSENT = object({ val: TEXT, time: TIME, reason: TEXT });

/** The field groups every sandbox has: the fields of XDM that profiles and events carry most. */
export const CORE_FIELD_GROUPS: readonly FieldGroup[] = [
  {
    id: "profile-person-details",
    name: "Demographic details",
    class: "profile",
    schema: object({
      person: object({
        name: object({
          courtesyTitle: TEXT,
          firstName: TEXT,
          middleName: TEXT,
          lastName: TEXT,
          fullName: TEXT,
        }),
        birthDate: DAY,
        birthYear: INTEGER,
        gender: TEXT,
        maritalStatus: TEXT,
        nationality: TEXT,
      }),
    }),
  },
  {
    id: "profile-personal-details",
    name: "Personal contact details",
    class: "profile",
    schema: object({
      personalEmail: object({ address: TEXT, primary: TRUTH, status: TEXT }),
      mobilePhone: PHONE,
      homePhone: PHONE,
      homeAddress: ADDRESS,
      mailingAddress: ADDRESS,
      preferredLanguage: TEXT,
      timeZone: TEXT,
    }),
  },
  {
    id: "profile-work-details",
    name: "Work contact details",
    class: "profile",
    schema: object({
      workEmail: object({ address: TEXT, primary: TRUTH, status: TEXT }),
      workPhone: PHONE,
      workAddress: ADDRESS,
      organizations: list(TEXT),
    }),
  },
  {
    id: "profile-loyalty-details",
    name: "Loyalty details",
    class: "profile",
    schema: object({
      loyalty: object({ loyaltyID: list(TEXT), tier: TEXT, points: NUMBER, joinDate: TIME, status: TEXT }),
    }),
  },
  {
    id: "profile-consents",
    name: "Consents and preferences",
    class: "profile",
    schema: object({
      consents: object({
        collect: CONSENT,
        share: CONSENT,
        personalize: object({ content: CONSENT }),
        marketing: object({
          preferred: TEXT,
          any: CONSENT,
          email: CONSENT,
          push: CONSENT,
          sms: CONSENT,
          call: CONSENT,
        }),
        metadata: object({ time: TIME }),
      }),
    }),
  },
  {
    id: "event-web-details",
    name: "Web details",
    class: "event",
    schema: object({
      eventType: TEXT,
      web: object({
        webPageDetails: object({
          name: TEXT,
          URL: TEXT,
          siteSection: TEXT,
          isHomePage: TRUTH,
          isErrorPage: TRUTH,
          pageViews: MEASURE,
        }),
        webReferrer: object({ URL: TEXT, type: TEXT }),
        webInteraction: object({ name: TEXT, type: TEXT, URL: TEXT, linkClicks: MEASURE }),
      }),
    }),
  },
  {
    id: "event-commerce",
    name: "Commerce details",
    class: "event",
    schema: object({
      eventType: TEXT,
      commerce: object({
        order: object({ purchaseID: TEXT, priceTotal: NUMBER, currencyCode: TEXT }),
        purchases: MEASURE,
        productViews: MEASURE,
        productListAdds: MEASURE,
        productListRemovals: MEASURE,
        checkouts: MEASURE,
        cart: object({ cartID: TEXT }),
      }),
      productListItems: list(
        object({ SKU: TEXT, name: TEXT, quantity: NUMBER, priceTotal: NUMBER, currencyCode: TEXT }),
      ),
    }),
  },
  {
    id: "event-environment-details",
    name: "Environment details",
    class: "event",
    schema: object({
      environment: object({ type: TEXT, browserDetails: object({ userAgent: TEXT, acceptLanguage: TEXT }) }),
      device: object({
        type: TEXT,
        manufacturer: TEXT,
        model: TEXT,
        screenHeight: INTEGER,
        screenWidth: INTEGER,
      }),
      placeContext: object({
        localTime: TIME,
        geo: object({ countryCode: TEXT, stateProvince: TEXT, city: TEXT, postalCode: TEXT }),
      }),
      marketing: object({ campaignName: TEXT, campaignGroup: TEXT, trackingCode: TEXT }),
      channel: object({ typeAtSource: TEXT, mediaType: TEXT }),
    }),
  },
];
