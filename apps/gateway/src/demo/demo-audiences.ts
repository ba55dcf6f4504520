/** One audience of the demo. `{Name}` in the expression stands for the id of an audience made before it. */
export interface DemoAudience {
  readonly name: string;
  readonly pql: string;
  readonly what: string;
}

const PURCHASE = 'eventType = "commerce.purchases"';
const CART = 'eventType = "commerce.productListAdds"';
const VIEW = 'eventType = "commerce.productViews"';

/** Six audiences over the made-up shop: one for each kind of question. */
export const SHOP_AUDIENCES: readonly DemoAudience[] = [
  {
    name: "Gold and platinum members",
    what: "attribute",
    pql: 'loyalty.tier in ["gold", "platinum"]',
  },
  {
    name: "Bought in the last 7 days",
    what: "event in a window",
    pql: `CHAIN(xEvent, timestamp, [A: WHAT(${PURCHASE}) WHEN(<= 7 days before now)])`,
  },
  {
    name: "At least 10 product views",
    what: "count",
    pql: `xEvent[${VIEW}].count() >= 10`,
  },
  {
    name: "Cart, then purchase",
    what: "sequence",
    pql: `CHAIN(xEvent, timestamp, [A: WHAT(${CART}), B: WHAT(${PURCHASE}) WHEN(after A)])`,
  },
  {
    name: "Recent buyers among the best members",
    what: "segment of segments",
    pql: 'inSegment("{Gold and platinum members}") and inSegment("{Bought in the last 7 days}")',
  },
  {
    name: "Put in the cart, never bought",
    what: "absence",
    pql: `xEvent.exists(${CART}) and not(xEvent.exists(${PURCHASE}))`,
  },
];

/** Six audiences over an event log in the REES46 form. */
export const EVENT_LOG_AUDIENCES: readonly DemoAudience[] = [
  { name: "Purchasers", what: "event", pql: `xEvent.exists(${PURCHASE})` },
  { name: "At least 10 views", what: "count", pql: `xEvent[${VIEW}].count() >= 10` },
  {
    name: "Cart, then purchase",
    what: "sequence",
    pql: `CHAIN(xEvent, timestamp, [A: WHAT(${CART}), B: WHAT(${PURCHASE}) WHEN(after A)])`,
  },
  {
    name: "Viewed in the last hour",
    what: "event in a window",
    pql: `CHAIN(xEvent, timestamp, [A: WHAT(${VIEW}) WHEN(<= 1 hours before now)])`,
  },
  {
    name: "Purchasers with at least 10 views",
    what: "segment of segments",
    pql: 'inSegment("{Purchasers}") and inSegment("{At least 10 views}")',
  },
  {
    name: "Put in the cart, never bought",
    what: "absence",
    pql: `xEvent.exists(${CART}) and not(xEvent.exists(${PURCHASE}))`,
  },
];
