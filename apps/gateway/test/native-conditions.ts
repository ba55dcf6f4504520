import { registerHooks } from "node:module";

/**
 * The test runner hands its own resolve conditions to Node as well. Packages whose `module` entry is meant for bundlers
 * only (its imports have no file endings) cannot be loaded by Node that way, so Node goes without that condition.
 */
registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier, {
      ...context,
      conditions: context.conditions.filter((condition) => condition !== "module"),
    }),
});
